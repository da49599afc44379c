//! The promises on tests, permissions and parameters: those that hold at every moment, checked at the call
//! that would break one, and those that hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState, NewInstance, PermissionChange};
use kiln_core::model::{
    Anchor, ImageId, ImageName, ImageRecord, InstanceId, RecipeName, Region, Stage, Tags, Version, tags,
};

use super::account::Account;
use super::channels;
use super::excuses::Excuse;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::invariants::{Invariants, Promised};
use super::lambda::Invocation;
use super::members::{home_of, is_in_all, member};
use super::rollbacks::Rollback;
use super::together::HalfMoved;

/// What the checks of releases remember.
#[derive(Debug, Default)]
pub struct Releases {
    /// The images whose test passed.
    tested: BTreeSet<(Region, ImageId)>,
    /// The images that an event reported as rejected.
    pub rejected: BTreeSet<(Region, ImageId)>,
    /// Those of them that had failed their test, and that nobody asked for anew since.
    pub failed_tests: BTreeSet<(Region, ImageId)>,
    /// The last rollback of each recipe.
    pub(super) rollbacks: BTreeMap<RecipeName, Rollback>,
    /// What was ever rolled back from, and not rolled back to since: it is not named in place of what is lost.
    pub(super) left: BTreeSet<ImageName>,
    /// The recipes with `release = "together"` whose Regions name different releases now.
    pub(super) half: BTreeMap<RecipeName, HalfMoved>,
    /// The longest time for which the Regions of such a recipe named different releases.
    pub half_longest: TimeDelta,
}

pub(super) fn now_or(history: Option<&History<Image>>, seen: DateTime<Utc>) -> impl Iterator<Item = &Image> {
    history.into_iter().flat_map(move |history| [history.now(), history.at(seen)]).flatten()
}

fn stage(image: &Image) -> Option<Stage> {
    image.tags.read(tags::STAGE)
}

pub(super) fn is_published(image: &Image) -> bool {
    image.state == ImageState::Available && matches!(stage(image), Some(Stage::Published | Stage::Released))
}

/// Whether an image is published, or was and had its stage set back. EC2 has no compare-and-swap: an invocation that
/// read an old state may write an earlier stage over a later one; and what was to be disabled bears that stage before EC2
/// disables it. The image can still be launched, and a sweep repairs its stage.
fn is_or_was_published(image: &Image) -> bool {
    let earlier = [Some(Stage::Verified), Some(Stage::Disabled)];
    let again = || earlier.contains(&stage(image)) && image.tags.has(tags::PUBLISHED_AS);
    is_published(image) || image.state == ImageState::Available && again()
}

impl Invariants {
    /// Kiln launched a tester.
    pub fn tester_launched(
        &mut self,
        account: &Account,
        new: &NewInstance,
        id: &InstanceId,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let Some(ec2) = account.regions.get(&new.region) else { return };
        let zone =
            ec2.machines.get(id).and_then(History::now).and_then(|machine| machine.instance.zone.clone());
        let image = ec2.images.get(&new.image).and_then(History::now);
        let builders = image.and_then(|image| image.tags.get(tags::ZONE).map(str::to_owned));
        if builders.is_some() && builders == zone {
            self.broken_promise(format!("{now}: {id} tests {} in its builder's zone", new.image));
        }
        if [tags::RECIPE, tags::VERSION, tags::IMAGE, tags::DEADLINE].iter().any(|key| !new.tags.has(key)) {
            self.broken_promise(format!("{now}: tester {id} lacked its tags at its launch"));
        }
    }

    /// The script of a tester succeeded.
    pub fn test_passed(&mut self, account: &Account, region: &Region, id: &InstanceId) {
        let machine = account.regions.get(region).and_then(|ec2| ec2.machines.get(id)?.now());
        let image = machine.and_then(|machine| machine.instance.image.clone());
        self.releases.tested.extend(image.map(|image| (region.clone(), image)));
    }

    /// Kiln tagged an image.
    pub fn image_tagged(
        &mut self,
        account: &Account,
        region: &Region,
        id: &ImageId,
        written: &Tags,
        now: DateTime<Utc>,
    ) {
        let tested = self.releases.tested.contains(&(region.clone(), id.clone()));
        if written.get(tags::STAGE) == Some(Stage::Verified.word()) && !tested {
            self.broken_promise(format!(
                "{now}: {id} in {region} is verified, though no test of it had passed"
            ));
        }
        let image = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now());
        let record = image.and_then(|image| image.record().ok());
        if let Some(record) = &record {
            if record.name.version.time() > now + TimeDelta::minutes(1) + MOST_SKEW {
                self.broken_promise(format!("{now}: {id} became {}, which lies in the future", record.name));
            }
            let same = |other: &&Image| {
                other.id != *id
                    && other.region == *region
                    && other.state != ImageState::Failed
                    && other.record().is_ok_and(|its| its.name == record.name && its.copied.is_none())
            };
            if record.copied.is_none()
                && let Some(other) = account.images().find(same)
            {
                self.broken_promise(format!(
                    "{now}: {id} became {}, which {} is already",
                    record.name, other.id
                ));
            }
        }
    }

    /// Kiln wrote the description of an image.
    pub fn image_anchored(&mut self, image: &Image, anchor: &Anchor, now: DateTime<Utc>) {
        self.recall_anchored(image, anchor, now);
        if anchor.asked_again != image.anchor().asked_again {
            self.releases.failed_tests.remove(&(image.region.clone(), image.id.clone()));
        }
        if let Ok(record) = image.record() {
            if anchor.is_rolled_back_from() {
                self.releases.left.insert(record.name);
            } else {
                self.releases.left.remove(&record.name);
            }
        }
        if let (Some(pin), Ok(record)) =
            (anchor.pin.filter(|_| image.anchor().pin != anchor.pin), image.record())
        {
            let rollback = Rollback { at: now, to: record.name.version, over: pin.over };
            self.releases.rollbacks.insert(record.name.recipe, rollback);
        }
    }

    /// Kiln changes the launch permissions of an image.
    pub fn image_shared(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
        change: &PermissionChange,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        if !self.own.contains(id) {
            self.broken_promise(format!("{now}: {id} in {region}, which is not Kiln's, was shared"));
        }
        let history = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
        let replica = |image: &Image| image.tags.has(tags::ORIGIN);
        let may = |image: &Image| match stage(image).filter(|_| image.record().is_ok()) {
            Some(Stage::Verified | Stage::Published | Stage::Released) => true,
            Some(Stage::Captured) => replica(image),
            _ => false,
        };
        let image = history.and_then(History::now);
        if let Some(since) =
            image.and_then(|image| self.was_marked(by, image)).filter(|_| !change.add.is_empty())
        {
            self.broken_promise(format!(
                "{now}: {id} in {region} was shared, though it is recalled since {since}"
            ));
        }
        if !change.add.is_empty() && self.was_unchanged(region, id) && !self.is_set_back(account, region, id)
        {
            self.broken_promise(format!("{now}: {id} in {region}, which has nothing new, was shared"));
        }
        if !change.add.is_empty() && self.releases.failed_tests.contains(&(region.clone(), id.clone())) {
            self.broken_promise(format!("{now}: {id} in {region}, which was rejected, was shared"));
        }
        if !change.add.is_empty() && !now_or(history, by.began - MOST_LAG).any(may) {
            self.broken_promise(format!("{now}: {id} in {region} was shared, though nothing had proved it"));
        }
    }

    /// Kiln writes an image into a parameter.
    pub fn parameter_put(
        &mut self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        name: &str,
        id: &ImageId,
        now: DateTime<Utc>,
    ) {
        self.changes += 1;
        let may = self.may_be_named(account, by, region, id);
        let may = may.and_then(|()| match channels::is_of_channel(name) {
            true => self.may_come(account, by, (region, name), id, now),
            false => self.was_not_rolled_back_from(account, by, region, id, now),
        });
        if let Err(why) = may {
            let function = by.function;
            self.broken_promise(format!("{now}: {function:?} let {name} in {region} name {id}: {why}"));
        }
    }

    /// Whether somebody changed an image by hand.
    fn is_set_back(&self, account: &Account, region: &Region, id: &ImageId) -> bool {
        let image = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now());
        let record = image.and_then(|image| image.record().ok());
        record.and_then(|its| self.bakes.get(&its.name)).is_some_and(|bake| bake.changed_by_hand)
    }

    /// Whether an image can be named: it may be launched there, and its release may move.
    pub(super) fn may_be_named(
        &self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
    ) -> Result<(), String> {
        let seen = by.began - MOST_LAG;
        let history = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
        let record = history.and_then(History::now).and_then(|image| image.record().ok());
        let promised = record.as_ref().and_then(|record| self.recipes.get(&record.name.recipe));
        if let Some((record, promised)) = record.as_ref().zip(promised) {
            self.is_not_refused(by, &record.name.recipe)?;
            self.is_region_of(by, region, record)?;
            self.may_move(account, by, promised, id, record)?;
        }
        if let Some(since) = history.and_then(History::now).and_then(|image| self.was_recalled(by, image)) {
            return Err(format!("it is recalled since {since}"));
        }
        if self.was_unchanged(region, id) && !self.is_set_back(account, region, id) {
            return Err("which has nothing new".into());
        }
        if self.releases.failed_tests.contains(&(region.clone(), id.clone())) {
            return Err("which was rejected".into());
        }
        // The same invocation may have published it, so its current state counts too.
        if !now_or(history, seen).any(is_or_was_published) {
            return Err("it is not one that may be launched there".into());
        }
        Ok(())
    }

    /// Whether nobody had rolled back from the release of an image to another one.
    pub(super) fn was_not_rolled_back_from(
        &self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let image = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now());
        let Some(record) = image.and_then(|image| image.record().ok()) else { return Ok(()) };
        match self.rollback_in_force(account, by, &record) {
            Some(rollback)
                if record.name.version <= rollback.over
                    && record.name.version != rollback.to
                    && self.is_whole(
                        account,
                        &by.home,
                        region,
                        &ImageName { version: rollback.to, ..record.name },
                        by.began - MOST_LAG,
                    ) =>
            {
                Err(format!(
                    "somebody had rolled back to {} at {}, and it is {now}",
                    rollback.to, rollback.at
                ))
            }
            _ => Ok(()),
        }
    }

    /// With `release = "together"`, every required Region has the release now, or had it when the function read.
    fn may_move(
        &self,
        account: &Account,
        by: &Invocation,
        promised: &Promised,
        id: &ImageId,
        record: &ImageRecord,
    ) -> Result<(), String> {
        let seen = by.began - MOST_LAG;
        let origin = home_of(account, &by.home, id, record);
        let at_home = account.regions.get(&by.home).and_then(|ec2| ec2.images.get(&origin));
        let released = |image: &Image| stage(image) == Some(Stage::Released);
        if !promised.all_regions || now_or(at_home, seen).any(released) {
            return Ok(());
        }
        let lacks = promised.required.iter().find(|region| {
            !member(account, &by.home, &origin, region, seen)
                .any(|history| now_or(Some(history), seen).any(is_or_was_published))
        });
        match lacks {
            Some(region) if promised.came_after(region, seen) => {
                self.excuses.count(Excuse::RegionsJustChanged);
                Ok(())
            }
            Some(region) => Err(format!("it moved before the last Region was ready: {region}")),
            None => Ok(()),
        }
    }

    /// Checks that no parameter names an image that is to be removed.
    pub(crate) fn unnamed_by_parameter(
        &self,
        account: &Account,
        by: &Invocation,
        image: &Image,
        promised: &Promised,
    ) -> Result<(), String> {
        let seen = by.began - MOST_LAG;
        let shown = account.regions.get(&image.region).zip(promised.parameter.as_ref());
        let shown = shown.and_then(|(ec2, name)| ec2.parameters_shown.get(name));
        let names = |value: Option<&ImageId>| value == Some(&image.id);
        if shown.is_none_or(|history| !names(history.now())) {
            return Ok(());
        }
        if shown.is_some_and(|history| names(history.at(seen))) {
            return Err("a parameter named it".into());
        }
        self.excuses.count(Excuse::ParameterJustBefore);
        Ok(())
    }
}

/// The release that every Region of a recipe shall name in the end, and its home image: the newest one, or the one that
/// was rolled back to; or where somebody took one of its images, the newest before it that is whole.
pub(super) fn shall_be_named(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    recipe: &RecipeName,
) -> Option<(Version, ImageId)> {
    let released = account.images().filter(|image| image.state == ImageState::Available);
    let released = released.filter(|image| stage(image) == Some(Stage::Released));
    let released = released.filter_map(|image| Some((image, image.record().ok()?)));
    let mut homes: BTreeMap<Version, ImageId> = released
        .filter(|(_, record)| record.copied.is_none() && record.name.recipe == *recipe)
        .map(|(image, record)| (record.name.version, image.id.clone()))
        .collect();
    let newest = *homes.last_key_value()?.0;
    let back = invariants.releases.rollbacks.get(recipe);
    let back = back.filter(|back| newest <= back.over && homes.contains_key(&back.to));
    let shall = back.map_or(newest, |back| back.to);
    let required = invariants.recipes.get(recipe).map(|promised| promised.required.clone())?;
    // In a Region that came to the recipe later it may never be: its copy may be rejected there, and no other Region goes
    // back for that.
    let is_whole = |of: &ImageId| {
        let listed = |region: &Region| {
            let image = account.regions.get(home)?.images.get(of)?.now()?;
            image.tags.lists(tags::RELEASED_IN, region.as_str())
        };
        let was_in = required.iter().filter(|region| listed(region).unwrap_or(true));
        is_in_all(account, home, of, &was_in.cloned().collect::<Vec<Region>>())
    };
    let was_left = |version: &Version| {
        let name = ImageName { recipe: recipe.clone(), version: *version };
        invariants.releases.left.contains(&name)
    };
    let older = homes.range(..=shall).rev().filter(|(version, _)| !was_left(version));
    let whole = older.filter(|(_, of)| is_whole(of)).map(|(version, _)| *version).next();
    homes.remove_entry(&whole.unwrap_or(shall))
}

/// Every promise on releases that is broken at the end.
pub fn broken_promises(account: &Account, invariants: &Invariants, home: &Region) -> Vec<String> {
    let mut broken = super::permissions::broken_promises(account, invariants);
    for (recipe, promised) in &invariants.recipes {
        if let Some(parameter) = &promised.parameter {
            broken.extend(parameters(account, invariants, home, recipe, promised, parameter));
        }
        broken.extend(channels::broken_promises(account, invariants, home, recipe, promised));
    }
    broken
}

/// Whether somebody changed this image by hand, or what it was made of.
pub(super) fn changed_by_hand(invariants: &Invariants, image: &Image, record: &ImageRecord) -> bool {
    let Some(bake) = invariants.bakes.get(&record.name) else { return false };
    let replica = record.copied.is_some() && bake.replicas_changed_by_hand.contains(&image.region);
    if bake.changed_by_hand {
        invariants.excuses.count(Excuse::BakeChanged);
    } else if replica {
        invariants.excuses.count(Excuse::ReplicaChanged);
    }
    bake.changed_by_hand || replica
}

/// Whether somebody took the home image that was rolled back to, and one that was rolled back from.
fn is_forgotten(invariants: &Invariants, recipe: &RecipeName) -> bool {
    let Some(back) = invariants.releases.rollbacks.get(recipe) else { return false };
    let changed =
        invariants.bakes.iter().filter(|(name, bake)| name.recipe == *recipe && bake.changed_by_hand);
    let changed: BTreeSet<Version> = changed.map(|(name, _)| name.version).collect();
    changed.contains(&back.to) && changed.iter().any(|version| back.to < *version && *version <= back.over)
}

/// The parameter of every Region names the newest release, or the one that was rolled back to.
fn parameters(
    account: &Account,
    invariants: &Invariants,
    home: &Region,
    recipe: &RecipeName,
    promised: &Promised,
    parameter: &str,
) -> Vec<String> {
    let of_recipe = || account.images().filter_map(|image| Some((image, image.record().ok()?)));
    let of_recipe = || of_recipe().filter(|(_, record)| record.name.recipe == *recipe);
    let mut broken = Vec::new();
    let is_one = invariants.is_one_launchable_everywhere(account, home, recipe, promised);
    for region in promised.regions.iter().chain([home]) {
        let Some(ec2) = account.regions.get(region) else { continue };
        let Some(named) = ec2.parameters_shown.get(parameter).and_then(History::now) else { continue };
        let image = ec2.images.get(named).and_then(History::now);
        if image.is_some_and(is_published) {
            continue;
        }
        if image.is_some_and(|image| image.state == ImageState::Available) {
            invariants.excuses.count(Excuse::NamedIsRetagged);
        } else if !is_one {
            invariants.excuses.count(Excuse::NothingToName);
        } else if !promised.required.contains(region)
            && !of_recipe().any(|(image, _)| image.region == *region && is_published(image))
        {
            // A Region of best effort in which nothing can be launched.
            invariants.excuses.count(Excuse::NothingToName);
        } else {
            broken
                .push(format!("{parameter} in {region} names {named}, which cannot be launched: {image:?}"));
        }
    }
    if !promised.all_regions {
        return broken;
    }
    if !is_one {
        invariants.excuses.count(Excuse::NothingToName);
        return broken;
    }
    let Some((shall, of)) = shall_be_named(account, invariants, home, recipe) else { return broken };
    for region in promised.required.iter().chain([home]) {
        let wanted = member(account, home, &of, region, DateTime::<Utc>::MAX_UTC)
            .filter_map(History::now)
            .find(|image| is_published(image));
        let named = account.regions.get(region).and_then(|ec2| ec2.parameters_shown.get(parameter)?.now());
        if let Some(wanted) = wanted
            && named != Some(&wanted.id)
        {
            if is_forgotten(invariants, recipe) {
                invariants.excuses.count(Excuse::RollbackForgotten);
                return broken;
            }
            broken.push(format!("{parameter} in {region} names {named:?}, not {} of {shall}", wanted.id));
        }
    }
    broken
}
