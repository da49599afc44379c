//! The promises that must hold at every moment. Each is checked at the call that would break it.
//!
//! These checks are written from what Kiln promises and share no code with the rules, so that a wrong rule is found.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::events::outbound::{Envelope, Event};
use kiln_core::inventory::{Image, ImageState, NewInstance};
use kiln_core::model::{ImageId, ImageName, InstanceId, RecipeName, Region, SnapshotId, Tags, tags};
use serde_json::Value;

use super::account::Account;
use super::channels::Approvals;
use super::conflicts_come::Conflict;
use super::contents::ContentsSeen;
use super::excuses::{Excuse, Excuses};
use super::faults::MOST_LAG;
use super::history::History;
use super::lambda::{Function, Invocation};
use super::recalls::Recalled;
use super::regions_leave::RegionChanges;
use super::releases::Releases;

/// What a recipe promises.
#[derive(Debug, Clone)]
pub struct Promised {
    /// How many of the newest releases it keeps.
    pub newest: usize,
    /// It keeps images younger than this.
    pub younger_than: TimeDelta,
    /// The Regions beside the home Region.
    pub regions: Vec<Region>,
    /// The Regions of these that a release waits for; the others are best effort.
    pub required: Vec<Region>,
    /// How these Regions changed.
    pub changes: RegionChanges,
    /// Whether one of its Regions never answers: then nothing is let go.
    pub is_blind: bool,
    /// Whether all Regions move to a release together.
    pub all_regions: bool,
    /// The parameter that names the newest release.
    pub parameter: Option<String>,
    /// Whether the same parameter of each account that images are shared with names it too.
    pub is_followed: bool,
    /// Whether its images bear a watermark.
    pub is_marked: bool,
    /// The launch template that follows the releases.
    pub template: Option<PromisedTemplate>,
    /// The accounts that may launch published images.
    pub accounts: Vec<String>,
    /// Whether these accounts may also use the snapshots.
    pub snapshots: bool,
    /// Whether an image that is the same as the newest release is not published.
    pub skips_unchanged: bool,
}

/// What a recipe promises of its launch template.
#[derive(Debug, Clone)]
pub struct PromisedTemplate {
    /// Its name, the same in each Region.
    pub name: String,
    /// Whether it follows by its default version, or by its latest.
    pub default: bool,
}

/// The kinds of events with which a bake ends.
const ENDS: [&str; 5] =
    ["Bake Refused", "Bake Failed", "Image Rejected", "Image Unchanged", "Image Released"];

/// The state of one bake.
#[derive(Debug, Clone, Default)]
pub struct Bake {
    /// A builder was launched for it, or a long-lived builder was stopped for it.
    pub begun: bool,
    /// At least one subnet had no room for its builder.
    pub found_no_room: bool,
    /// When the invocation began that launched a builder for it.
    pub launched_by: Option<DateTime<Utc>>,
    /// The subnets in which builders were launched for it.
    pub subnets: BTreeSet<String>,
    /// Its script succeeded on at least one builder.
    pub passed: bool,
    /// A person changed its builder or its home image.
    pub changed_by_hand: bool,
    /// Its home image was created.
    pub has_image: bool,
    /// Kiln disabled or deregistered its home image.
    pub retired: bool,
    /// An event reported that it failed.
    pub reported_failed: bool,
    /// How it ended, by its events: of its home image, or that there is none.
    pub ends: BTreeSet<&'static str>,
    /// The Regions in which a person changed its replica.
    pub replicas_changed_by_hand: BTreeSet<Region>,
    /// The Regions for which an event reported that they get no replica.
    pub given_up: BTreeSet<Region>,
}

impl Bake {
    /// What was refused begins with a later sweep or call, once nothing stands in its way: that was no end.
    fn begin(&mut self) {
        self.begun = true;
        self.ends.remove("Bake Refused");
    }
}

/// The checks of one run, and what they need to remember.
#[derive(Debug, Default)]
pub struct Invariants {
    /// Every broken promise.
    pub broken_promises: Vec<String>,
    /// Why promises were not asked for, and how often.
    pub excuses: Excuses,
    /// The images that somebody gave with a version that is another image's, or of the future.
    pub mistaken: BTreeSet<ImageId>,
    /// What Kiln made, and what a person gave it. Kept here, so that no rule of Kiln's says what is its own.
    pub own: BTreeSet<ImageId>,
    /// What each recipe promises.
    pub recipes: BTreeMap<RecipeName, Promised>,
    /// When two recipes named one parameter.
    pub conflicts: Vec<Conflict>,
    /// The state of each bake.
    pub bakes: BTreeMap<ImageName, Bake>,
    /// What the checks of releases remember.
    pub releases: Releases,
    /// What the checks of contents remember.
    pub contents: ContentsSeen,
    /// Whether some Region never answers: no recall comes to its end then.
    pub is_one_away: bool,
    /// What somebody recalled, and did not bring back since.
    pub recalled: Recalled,
    /// The images of which that is written in their description, and since when.
    pub recalled_images: BTreeMap<(Region, ImageId), DateTime<Utc>>,
    /// When somebody approved what.
    pub approvals: Approvals,
    /// How many calls of Kiln changed something.
    pub changes: u64,
    /// How many events of each type Kiln sent.
    pub news: BTreeMap<&'static str, u32>,
    /// How often each event was sent, by its id, and what it is.
    pub said: BTreeMap<String, (&'static str, u32)>,
    /// The recipes of which too much would have gone at once, and a person was told.
    pub blocked: BTreeSet<RecipeName>,
    /// Every event that was delivered to a function.
    pub delivered: Vec<(Function, Value)>,
    /// What sweeps woke functions with.
    pub wakes: Vec<Value>,
    /// How many events became dead letters.
    pub dead_letters: u32,
    /// How many of them were for bakes.
    pub dead_bakes: u32,
    /// The calls that each invocation of each function made.
    pub calls: BTreeMap<Function, Vec<Vec<&'static str>>>,
}

impl Invariants {
    /// The state of a bake.
    pub fn bake(&mut self, name: &ImageName) -> &mut Bake {
        self.bakes.entry(name.clone()).or_default()
    }

    /// Registers an invocation and returns its number among those of its function.
    pub fn invocation(&mut self, function: Function) -> u32 {
        let calls = self.calls.entry(function).or_default();
        calls.push(Vec::new());
        u32::try_from(calls.len() - 1).unwrap_or(u32::MAX)
    }

    /// Records which calls an invocation made.
    pub fn record_calls(&mut self, function: Function, number: u32, calls: Vec<&'static str>) {
        if let Some(made) = self.calls.get_mut(&function).and_then(|all| all.get_mut(number as usize)) {
            *made = calls;
        }
    }

    pub(super) fn broken_promise(&mut self, what: String) {
        self.broken_promises.push(what);
    }

    /// Kiln launched a builder.
    pub fn builder_launched(
        &mut self,
        account: &Account,
        by: &Invocation,
        new: &NewInstance,
        id: &InstanceId,
        name: &ImageName,
    ) {
        self.changes += 1;
        let machine = account.regions.get(&new.region).and_then(|ec2| ec2.machines.get(id)?.now());
        let marked = machine.is_some_and(|machine| {
            [tags::RECIPE, tags::VERSION, tags::ROLE, tags::DEADLINE]
                .iter()
                .all(|key| machine.instance.tags.has(key))
        });
        if !marked {
            self.broken_promise(format!("builder {id} lacked its tags at its launch"));
        }
        self.baked_from(account, by, new, name);
        // A client token works within one zone: two concurrent invocations may each launch a builder, in different
        // zones. Only one of the two builders becomes an image.
        let context = new.subnet.as_ref().map_or(String::new(), ToString::to_string);
        if !self.bake(name).subnets.insert(context) {
            self.broken_promise(format!("{name} got a second builder in the same place, {id}"));
        }
        let bake = self.bake(name);
        bake.begin();
        bake.launched_by = Some(by.began);
    }

    /// Kiln stops a long-lived builder.
    pub fn builder_stop_requested(&mut self, account: &Account, region: &Region, id: &InstanceId) {
        self.changes += 1;
        let Some(machine) = account.regions.get(region).and_then(|ec2| ec2.machines.get(id)?.now()) else {
            return;
        };
        let of = &machine.instance.tags;
        if !of.has(tags::RECIPE) || of.has(tags::ROLE) {
            self.broken_promise(format!("{id}, which is no long-lived builder, was stopped"));
        }
        if let (Some(recipe), Some(version)) = (of.read(tags::RECIPE), of.read(tags::VERSION)) {
            let bake = self.bake(&ImageName { recipe, version });
            bake.begin();
            bake.passed = true;
        }
    }

    /// Kiln terminates an instance.
    pub fn builder_terminated(
        &mut self,
        account: &Account,
        region: &Region,
        id: &InstanceId,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(machine) = ec2.machines.get(id).and_then(History::now) else { return };
        let of = &machine.instance.tags;
        if !of.has(tags::ROLE) || !of.has(tags::RECIPE) {
            self.broken_promise(format!("{now}: {id}, which Kiln did not launch, was terminated"));
        }
        let pending =
            ec2.images.values().filter_map(History::now).find(|image| {
                image.source_instance.as_ref() == Some(id) && image.state == ImageState::Pending
            });
        if let Some(image) = pending {
            self.broken_promise(format!(
                "{now}: {id} was terminated while {} was being made of it",
                image.id
            ));
        }
    }

    /// Kiln created an image or a replica.
    pub fn image_created(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(image) = ec2.images.get(id).and_then(History::now) else { return };
        self.own.insert(id.clone());
        let marked = |of: &Tags| [tags::RECIPE, tags::VERSION, tags::STAGE].iter().all(|key| of.has(key));
        let snapshots = image.snapshots.iter().filter_map(|snapshot| ec2.snapshots.get(snapshot)?.now());
        if !marked(&image.tags) || !snapshots.into_iter().all(|snapshot| marked(&snapshot.tags)) {
            self.broken_promise(format!(
                "{now}: {id} in {region}, or a snapshot of it, lacked its tags when it was made"
            ));
            return;
        }
        if let Some(since) = self.was_recalled(by, image) {
            self.broken_promise(format!(
                "{now}: {id} in {region} was copied, though it is recalled since {since}"
            ));
        }
        let Ok(record) = image.record() else { return };
        let home = record.copied.is_none();
        let same = ec2.images.values().filter_map(History::now).filter(|other| {
            other.record().is_ok_and(|its| its.name == record.name && its.copied.is_none() == home)
                && (home || other.state != ImageState::Failed)
        });
        // If a person deregistered the home image, a function that was killed and retried may create it again.
        if same.count() > 1 && !self.bake(&record.name).changed_by_hand {
            self.broken_promise(format!("{now}: {} has a second image in {region}: {id}", record.name));
        }
        if home {
            self.bake(&record.name).has_image = true;
            // What was copied back was made of an image, which may have been adopted.
            if record.copied_back.is_none() && !self.bake(&record.name).passed {
                self.broken_promise(format!(
                    "{now}: {id} was made of a builder whose script had not succeeded"
                ));
            }
        }
    }

    /// Kiln deletes a snapshot without its image.
    pub fn snapshot_deleted(&mut self, account: &Account, by: &Invocation, region: &Region, id: &SnapshotId) {
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(snapshot) = ec2.snapshots.get(id).and_then(History::now) else { return };
        self.changes += 1;
        let seen = by.began - MOST_LAG;
        let uses = |image: Option<&Image>| image.is_some_and(|image| image.snapshots.contains(id));
        let user = ec2.images.values().find(|history| uses(history.at(seen)) && uses(history.now()));
        if let Some(user) = user.and_then(History::now) {
            self.broken_promise(format!("{id} in {region} was to be deleted, and {} stands on it", user.id));
        }
        if !snapshot.tags.has(tags::RECIPE) || !snapshot.tags.has(tags::VERSION) {
            self.broken_promise(format!("{id} in {region}, which is not Kiln's, was deleted"));
        }
    }

    /// Kiln disables or deregisters an image that is not yet disabled or gone.
    pub fn image_removed(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
        now: DateTime<Utc>,
    ) {
        let Some(image) = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now()) else {
            return;
        };
        self.changes += 1;
        if !self.own.contains(id) {
            self.broken_promise(format!("{now}: {id} in {region}, which is not Kiln's, was let go"));
        }
        let Ok(record) = image.record() else {
            self.broken_promise(format!(
                "{now}: {id} in {region}, which does not bear Kiln's record, was let go"
            ));
            return;
        };
        if record.copied.is_none() {
            self.bake(&record.name).retired = true;
        }
        if image.state == ImageState::Failed {
            return;
        }
        if let Err(why) = self.may_be_removed(account, by, image, now) {
            let function = by.function;
            self.broken_promise(format!(
                "{now}: {function:?} let {id} ({}) go in {region}: {why}",
                record.name
            ));
        }
    }

    /// Kiln sent an event.
    pub fn event_sent(&mut self, envelope: &Envelope, home: &Region, now: DateTime<Utc>) {
        let kind = envelope.detail_type();
        *self.news.entry(kind).or_default() += 1;
        self.said.entry(envelope.id(now).to_string()).or_insert((kind, 0)).1 += 1;
        let is_mistaken =
            matches!(&envelope.news, Event::ImageRejected { image, .. } if self.mistaken.contains(image));
        // Of two invocations at once one has launched the builder, and the other found something in the way.
        let begun = self.bake(&envelope.name).launched_by;
        let is_begun_meanwhile =
            kind == "Bake Refused" && begun.is_some_and(|began| now - began < TimeDelta::minutes(1));
        if is_begun_meanwhile {
            self.excuses.count(Excuse::RefusedByOneOfTwo);
        } else if envelope.region == *home && ENDS.contains(&kind) && !is_mistaken {
            self.bake(&envelope.name).ends.insert(kind);
        }
        match &envelope.news {
            Event::ExpiryBlocked { .. } => {
                self.blocked.insert(envelope.name.recipe.clone());
            }
            Event::BakeFailed { .. } => self.bake(&envelope.name).reported_failed = true,
            Event::ImageRejected { image, instance, .. } => {
                let image = (envelope.region.clone(), image.clone());
                self.releases.failed_tests.extend(instance.as_ref().map(|_| image.clone()));
                self.releases.rejected.insert(image);
            }
            Event::ImageUnchanged { image, same_as, .. } => {
                self.told_unchanged(&envelope.region, &envelope.name, image, *same_as);
            }
            Event::ReplicationFailed { .. } => {
                self.bake(&envelope.name).given_up.insert(envelope.region.clone());
            }
            _ => {}
        }
    }
}
