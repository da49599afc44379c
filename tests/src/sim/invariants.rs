//! The promises that must hold at every moment, checked at the very call that would break one.
//!
//! The rules here are written anew, from what Kiln promises, and share nothing with the decisions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::events::outbound::{Envelope, Event};
use kiln_core::inventory::{Image, ImageState, InstanceState, NewInstance};
use kiln_core::model::{ImageId, ImageName, InstanceId, RecipeName, Region, SnapshotId, Stage, Tags, tags};
use serde_json::Value;

use super::account::Account;
use super::ec2::Ec2;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::lambda::{Function, Invocation};
use super::other_accounts::REPORT_LAG;
use super::releases::Releases;

/// What a recipe promises to keep.
#[derive(Debug, Clone)]
pub struct Keeps {
    /// How many of the newest releases.
    pub newest: usize,
    /// What is younger than this.
    pub younger_than: TimeDelta,
    /// The further Regions.
    pub regions: Vec<Region>,
    /// Those of them that a release waits for.
    pub required: Vec<Region>,
    /// Whether all Regions move at once.
    pub coalesce: bool,
    /// The parameter that names the newest release.
    pub parameter: Option<String>,
    /// The accounts that may launch what was published.
    pub accounts: Vec<String>,
    /// Whether these may copy it too.
    pub snapshots: bool,
}

/// What became of one bake.
#[derive(Debug, Clone, Default)]
pub struct Bake {
    /// It has a builder, or a long-lived one was stopped for it.
    pub begun: bool,
    /// Where builders were launched for it.
    pub scope: BTreeSet<String>,
    /// Its script succeeded, on one of its builders at least.
    pub passed: bool,
    /// A person meddled with its builder or its home image.
    pub meddled: bool,
    /// Its home image was made.
    pub imaged: bool,
    /// Kiln retired or deregistered its home image.
    pub retired: bool,
    /// It was said to have failed.
    pub said_failed: bool,
    /// The Regions in which a person meddled with its replica.
    pub replicas_meddled: BTreeSet<Region>,
    /// The Regions of which it was said that they get no replica.
    pub given_up: BTreeSet<Region>,
}

/// Watches one run.
#[derive(Debug, Default)]
pub struct Invariants {
    /// What was broken, if anything.
    pub broken_promises: Vec<String>,
    /// What each recipe promises.
    pub recipes: BTreeMap<RecipeName, Keeps>,
    /// What became of each bake.
    pub bakes: BTreeMap<ImageName, Bake>,
    /// What was seen of tests, permissions, parameters and rollbacks.
    pub releases: Releases,
    /// How many calls of Kiln's changed anything.
    pub changes: u64,
    /// How many pieces of news of each kind were said.
    pub news: BTreeMap<&'static str, u32>,
    /// Every event that reached a function.
    pub delivered: Vec<(Function, Value)>,
    /// How many events were given up.
    pub dead_letters: u32,
    /// For each function, how many calls each of its invocations made.
    pub calls: BTreeMap<Function, Vec<u32>>,
}

impl Invariants {
    /// What became of a bake.
    pub fn bake(&mut self, name: &ImageName) -> &mut Bake {
        self.bakes.entry(name.clone()).or_default()
    }

    /// Another invocation; its number among those of its function.
    pub fn invocation(&mut self, function: Function) -> u32 {
        let calls = self.calls.entry(function).or_default();
        calls.push(0);
        u32::try_from(calls.len() - 1).unwrap_or(u32::MAX)
    }

    /// How many calls an invocation made.
    pub fn made_calls(&mut self, function: Function, number: u32, calls: u32) {
        if let Some(made) = self.calls.get_mut(&function).and_then(|all| all.get_mut(number as usize)) {
            *made = calls;
        }
    }

    fn breaks(&mut self, what: String) {
        self.broken_promises.push(what);
    }

    /// Kiln launched a builder.
    pub fn builder_made(
        &mut self,
        account: &Account,
        new: &NewInstance,
        id: &InstanceId,
        name: &ImageName,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let machine = account.regions.get(&new.region).and_then(|ec2| ec2.machines.get(id)?.now());
        let marked = machine.is_some_and(|machine| {
            [tags::RECIPE, tags::VERSION, tags::ROLE, tags::DEADLINE]
                .iter()
                .all(|key| machine.instance.tags.has(key))
        });
        if !marked {
            self.breaks(format!("{now}: builder {id} lacked its tags at its launch"));
        }
        // A token holds within its zone: two runs at once may each find room in another one. Of their builders one alone
        // becomes an image.
        let context = new.subnet.as_ref().map_or(String::new(), ToString::to_string);
        if !self.bake(name).scope.insert(context) {
            self.breaks(format!("{now}: {name} got a second builder in the same place, {id}"));
        }
        self.bake(name).begun = true;
    }

    /// Kiln asks a long-lived builder to stop.
    pub fn builder_stops(&mut self, account: &Account, region: &Region, id: &InstanceId) {
        self.changes += 1;
        let Some(machine) = account.regions.get(region).and_then(|ec2| ec2.machines.get(id)?.now()) else {
            return;
        };
        let of = &machine.instance.tags;
        if !of.has(tags::RECIPE) || of.has(tags::ROLE) {
            self.breaks(format!("{id}, which is no long-lived builder, was stopped"));
        }
        if let (Some(recipe), Some(version)) = (of.read(tags::RECIPE), of.read(tags::VERSION)) {
            let bake = self.bake(&ImageName { recipe, version });
            bake.begun = true;
            bake.passed = true;
        }
    }

    /// Kiln terminates an instance.
    pub fn builder_goes(&mut self, account: &Account, region: &Region, id: &InstanceId, now: DateTime<Utc>) {
        self.changes += 1;
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(machine) = ec2.machines.get(id).and_then(History::now) else { return };
        let of = &machine.instance.tags;
        if !of.has(tags::ROLE) || !of.has(tags::RECIPE) {
            self.breaks(format!("{now}: {id}, which Kiln did not launch, was terminated"));
        }
        let pending =
            ec2.images.values().filter_map(History::now).find(|image| {
                image.source_instance.as_ref() == Some(id) && image.state == ImageState::Pending
            });
        if let Some(image) = pending {
            self.breaks(format!("{now}: {id} was terminated while {} was being made of it", image.id));
        }
    }

    /// Kiln made an image or a replica.
    pub fn image_made(&mut self, account: &Account, region: &Region, id: &ImageId, now: DateTime<Utc>) {
        self.changes += 1;
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(image) = ec2.images.get(id).and_then(History::now) else { return };
        let marked = |of: &Tags| [tags::RECIPE, tags::VERSION, tags::STAGE].iter().all(|key| of.has(key));
        let snapshots = image.snapshots.iter().filter_map(|snapshot| ec2.snapshots.get(snapshot)?.now());
        if !marked(&image.tags) || !snapshots.into_iter().all(|snapshot| marked(&snapshot.tags)) {
            self.breaks(format!(
                "{now}: {id} in {region}, or a snapshot of it, lacked its tags when it was made"
            ));
            return;
        }
        let Ok(record) = image.record() else { return };
        let home = record.copied.is_none();
        let same = ec2.images.values().filter_map(History::now).filter(|other| {
            other.record().is_ok_and(|its| its.name == record.name && its.copied.is_none() == home)
                && (home || other.state != ImageState::Failed)
        });
        // Whoever takes a home image away may get it again, should a function die at the wrong moment.
        if same.count() > 1 && !self.bake(&record.name).meddled {
            self.breaks(format!("{now}: {} has a second image in {region}: {id}", record.name));
        }
        if home {
            self.bake(&record.name).imaged = true;
            if !self.bake(&record.name).passed {
                self.breaks(format!("{now}: {id} was made of a builder whose script had not succeeded"));
            }
        }
    }

    /// Kiln deletes a snapshot by itself.
    pub fn snapshot_goes(&mut self, account: &Account, by: &Invocation, region: &Region, id: &SnapshotId) {
        let Some(ec2) = account.regions.get(region) else { return };
        let Some(snapshot) = ec2.snapshots.get(id).and_then(History::now) else { return };
        self.changes += 1;
        let seen = by.began - MOST_LAG;
        let uses = |image: Option<&Image>| image.is_some_and(|image| image.snapshots.contains(id));
        let user = ec2.images.values().find(|held| uses(held.at(seen)) && uses(held.now()));
        if let Some(user) = user.and_then(History::now) {
            self.breaks(format!("{id} in {region} was to be deleted, and {} stands on it", user.id));
        }
        if !snapshot.tags.has(tags::RECIPE) || !snapshot.tags.has(tags::VERSION) {
            self.breaks(format!("{id} in {region}, which is not Kiln's, was deleted"));
        }
    }

    /// Kiln disables or deregisters an image, which is more than it is already.
    pub fn image_goes(
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
        let Ok(record) = image.record() else {
            self.breaks(format!("{now}: {id} in {region}, which does not bear Kiln's record, was let go"));
            return;
        };
        if record.copied.is_none() {
            self.bake(&record.name).retired = true;
        }
        if image.state == ImageState::Failed {
            return;
        }
        if let Err(why) = self.may_go(account, by, image, now) {
            let function = by.function;
            self.breaks(format!("{now}: {function:?} let {id} ({}) go in {region}: {why}", record.name));
        }
    }

    /// Whether an image that can be launched may go now. What changed after the function looked may have been missed,
    /// but no more than that.
    fn may_go(
        &self,
        account: &Account,
        by: &Invocation,
        image: &Image,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let record = image.record().map_err(|error| error.to_string())?;
        let Some(keeps) = self.recipes.get(&record.name.recipe) else {
            return Err("its recipe is unknown".into());
        };
        let seen = by.began - MOST_LAG;
        let Some(ec2) = account.regions.get(&image.region) else { return Ok(()) };
        let before = |held: &History<Image>| held.at(seen).is_some_and(|image| image.tags.has(tags::HOLD));
        if ec2.images.get(&image.id).is_some_and(before) {
            return Err("somebody held it".into());
        }
        let looked = by.looked.borrow().get(&image.region).copied().unwrap_or_default();
        if looked.failed || !looked.instances || !looked.templates {
            return Err("a look-up of its use failed, or was not made".into());
        }
        let user = ec2.machines.values().filter_map(|held| Some((held.at(seen)?, held.now()?))).find(
            |(then, since)| {
                let living = |state| state != InstanceState::Terminated;
                then.instance.image.as_ref() == Some(&image.id)
                    && living(then.instance.state)
                    && living(since.instance.state)
            },
        );
        if let Some((machine, _)) = user {
            return Err(format!("{} used it", machine.instance.id));
        }
        let named = ec2.templates.values().filter_map(|held| held.at(seen));
        if let Some(template) = named.into_iter().find(|template| template.versions.contains(&image.id)) {
            return Err(format!("{} named it", template.id));
        }
        self.nobody_else_uses(ec2, by, image)?;
        let age = now + MOST_SKEW - record.name.version.time();
        if age < keeps.younger_than {
            return Err(format!(
                "it was {age} old, and the recipe keeps images younger than {}",
                keeps.younger_than
            ));
        }
        self.nothing_names(account, by, image, keeps)?;
        let newer = |at: DateTime<Utc>| {
            let home = account.regions.get(&by.home).into_iter().flat_map(|ec2| ec2.images.values());
            home.filter_map(|held| held.at(at))
                .filter(|other| other.state == ImageState::Available)
                .filter_map(|other| other.record().ok())
                .filter(|its| its.copied.is_none() && its.name.recipe == record.name.recipe)
                .filter(|its| matches!(its.stage, Stage::Released | Stage::Disabled))
                .filter(|its| its.name.version > record.name.version)
                .count()
        };
        let most = newer(seen).max(newer(by.began)).max(newer(now));
        if most < keeps.newest {
            return Err(format!(
                "only {most} newer releases were there, and the recipe keeps {}",
                keeps.newest
            ));
        }
        Ok(())
    }

    /// What other accounts do is reported late. A second verdict rests on a report that was asked for after the first, so it
    /// knows whatever had begun long enough before that.
    fn nobody_else_uses(&self, ec2: &Ec2, by: &Invocation, image: &Image) -> Result<(), String> {
        let shared = ec2.launchers.get(&image.id).is_some_and(|with| !with.is_empty());
        let Some(first) = image.unused_since().filter(|_| shared && image.state == ImageState::Available)
        else {
            return Ok(());
        };
        let reported = first - REPORT_LAG - MOST_SKEW - MOST_LAG;
        match ec2.others.user_since(&image.id, reported, by.began) {
            Some(stay) => Err(format!("account {} used it since {}", stay.account, stay.since)),
            None => Ok(()),
        }
    }

    /// Kiln said something.
    pub fn said(&mut self, envelope: &Envelope) {
        *self.news.entry(envelope.detail_type()).or_default() += 1;
        match &envelope.news {
            Event::BakeFailed { .. } => self.bake(&envelope.name).said_failed = true,
            Event::ImageRejected { image, .. } => {
                self.releases.rejected.insert((envelope.region.clone(), image.clone()));
            }
            Event::ReplicationFailed { .. } => {
                self.bake(&envelope.name).given_up.insert(envelope.region.clone());
            }
            _ => {}
        }
    }
}
