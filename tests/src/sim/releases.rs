//! The promises on tests, permissions, parameters and rollbacks: those that hold at every moment, checked at the call
//! that would break one, and those that hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState, NewInstance, PermissionChange};
use kiln_core::model::{
    ImageId, ImageName, ImageRecord, InstanceId, RecipeName, Region, Stage, Tags, Version, tags,
};

use super::account::Account;
use super::ec2::Ec2;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::history::History;
use super::invariants::{Invariants, Promised};
use super::lambda::Invocation;

/// What the checks of releases remember.
#[derive(Debug, Default)]
pub struct Releases {
    /// The images whose test passed.
    tested: BTreeSet<(Region, ImageId)>,
    /// The images that an event reported as rejected.
    pub rejected: BTreeSet<(Region, ImageId)>,
    /// The last rollback of each recipe.
    rollbacks: BTreeMap<RecipeName, Rollback>,
    /// The recipes with `release = "together"` whose Regions name different releases now, and since when.
    half: BTreeMap<RecipeName, DateTime<Utc>>,
    /// The longest time for which the Regions of such a recipe named different releases.
    pub half_longest: TimeDelta,
}

impl Releases {
    /// Whether somebody rolled this release's recipe back to an older one.
    pub fn was_rolled_back_from(&self, name: &ImageName) -> bool {
        let from = |rollback: &Rollback| rollback.to < name.version && name.version <= rollback.over;
        self.rollbacks.get(&name.recipe).is_some_and(from)
    }
}

#[derive(Debug, Clone, Copy)]
struct Rollback {
    at: DateTime<Utc>,
    to: Version,
    over: Version,
}

fn now_or(history: Option<&History<Image>>, seen: DateTime<Utc>) -> impl Iterator<Item = &Image> {
    history.into_iter().flat_map(move |history| [history.now(), history.at(seen)]).flatten()
}

fn stage(image: &Image) -> Option<Stage> {
    image.tags.read(tags::STAGE)
}

pub(super) fn is_published(image: &Image) -> bool {
    image.state == ImageState::Available && matches!(stage(image), Some(Stage::Published | Stage::Released))
}

/// Whether an image is published, or was and had its stage set back. EC2 has no compare-and-swap: an invocation that
/// read an old state may write an earlier stage over a later one. The image can still be launched, and a sweep repairs
/// its stage.
fn is_or_was_published(image: &Image) -> bool {
    let again = || stage(image) == Some(Stage::Verified) && image.tags.has(tags::PUBLISHED_AS);
    is_published(image) || image.state == ImageState::Available && again()
}

/// The images of a release in a Region, by their current or their observed state.
fn member<'a>(
    account: &'a Account,
    home: &Region,
    of: &ImageId,
    region: &Region,
    seen: DateTime<Utc>,
) -> impl Iterator<Item = &'a History<Image>> {
    let (at_home, of) = (region == home, of.clone());
    let images = account.regions.get(region).into_iter().flat_map(|ec2| ec2.images.iter());
    images
        .filter(move |(id, history)| {
            let copied = || now_or(Some(history), seen).next()?.record().ok()?.copied;
            if at_home { **id == of } else { copied().is_some_and(|copied| copied.origin.image == of) }
        })
        .map(|(_, history)| history)
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
        if let (Some(over), Some(record)) = (written.read(tags::PINNED_OVER), record) {
            let rollback = Rollback { at: now, to: record.name.version, over };
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
        let history = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
        let replica = |image: &Image| image.tags.has(tags::ORIGIN);
        let may = |image: &Image| match stage(image).filter(|_| image.record().is_ok()) {
            Some(Stage::Verified | Stage::Published | Stage::Released) => true,
            Some(Stage::Captured) => replica(image),
            _ => false,
        };
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
        if let Err(why) = self.parameter_may_name(account, by, region, id, now) {
            let function = by.function;
            self.broken_promise(format!("{now}: {function:?} let {name} in {region} name {id}: {why}"));
        }
    }

    fn parameter_may_name(
        &self,
        account: &Account,
        by: &Invocation,
        region: &Region,
        id: &ImageId,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let seen = by.began - MOST_LAG;
        let history = account.regions.get(region).and_then(|ec2| ec2.images.get(id));
        let record = history.and_then(History::now).and_then(|image| image.record().ok());
        let promised = record.as_ref().and_then(|record| self.recipes.get(&record.name.recipe));
        if let Some((record, promised)) = record.as_ref().zip(promised) {
            self.may_move(account, by, promised, id, record)?;
        }
        // The same invocation may have published it, so its current state counts too.
        if !now_or(history, seen).any(is_or_was_published) {
            return Err("it is not one that may be launched there".into());
        }
        let Some(record) = record else { return Ok(()) };
        let Some(rollback) = self.releases.rollbacks.get(&record.name.recipe) else { return Ok(()) };
        let known = rollback.at < seen - MOST_SKEW;
        let version = record.name.version;
        if known
            && version <= rollback.over
            && version != rollback.to
            && pin_holds(account, by, rollback, &record, seen)
        {
            return Err(format!(
                "somebody had rolled back to {} at {}, and it is {now}",
                rollback.to, rollback.at
            ));
        }
        Ok(())
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
        let origin = record.copied.as_ref().map_or(id, |copied| &copied.origin.image);
        let at_home = account.regions.get(&by.home).and_then(|ec2| ec2.images.get(origin));
        let released = |image: &Image| stage(image) == Some(Stage::Released);
        if !promised.all_regions || now_or(at_home, seen).any(released) {
            return Ok(());
        }
        let lacks = promised.required.iter().find(|region| {
            !member(account, &by.home, origin, region, seen)
                .any(|history| now_or(Some(history), seen).any(is_or_was_published))
        });
        match lacks {
            Some(region) => Err(format!("it moved before the last Region was ready: {region}")),
            None => Ok(()),
        }
    }

    /// A parameter has a new value.
    pub fn parameter_changed(&mut self, account: &Account, home: &Region, name: &str, now: DateTime<Utc>) {
        let names = |of: &Promised| of.all_regions && of.parameter.as_deref() == Some(name);
        let Some((recipe, promised)) = self.recipes.iter().find(|(_, of)| names(of)) else { return };
        let version = |ec2: &Ec2, shown: &History<ImageId>| {
            let image = ec2.images.get(shown.now()?)?.now()?;
            Some(image.record().ok()?.name.version)
        };
        // A Region without a value yet does not count; it gets one once its replica is there.
        let regions = promised.required.iter().chain([home]).filter_map(|region| account.regions.get(region));
        let shown: BTreeSet<Option<Version>> =
            regions.filter_map(|ec2| Some(version(ec2, ec2.parameters_shown.get(name)?))).collect();
        if shown.len() > 1 {
            self.releases.half.entry(recipe.clone()).or_insert(now);
        } else if let Some(since) = self.releases.half.remove(recipe) {
            self.releases.half_longest = self.releases.half_longest.max(now - since);
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
        if shown.is_some_and(|history| names(history.at(seen)) && names(history.now())) {
            return Err("a parameter named it".into());
        }
        Ok(())
    }
}

/// Whether the image of a rollback is still pinned, and no newer release has come since.
fn pin_holds(
    account: &Account,
    by: &Invocation,
    rollback: &Rollback,
    record: &ImageRecord,
    seen: DateTime<Utc>,
) -> bool {
    let at_home = account.regions.get(&by.home).into_iter().flat_map(|ec2| ec2.images.values());
    let homes: Vec<&History<Image>> = at_home
        .filter(|history| {
            history
                .now()
                .and_then(|image| image.record().ok())
                .is_some_and(|its| its.copied.is_none() && its.name.recipe == record.name.recipe)
        })
        .collect();
    let version = |image: &Image| image.record().ok().map(|its| its.name.version);
    let pinned = homes.iter().any(|history| {
        let own = |image: &Image| {
            version(image) == Some(rollback.to) && image.tags.has(tags::PINNED) && is_published(image)
        };
        history.at(seen).is_some_and(own) && history.now().is_some_and(own)
    });
    let newer = homes.iter().any(|history| {
        now_or(Some(history), seen)
            .any(|image| is_published(image) && version(image).is_some_and(|its| its > rollback.over))
    });
    pinned && !newer
}

/// Every promise on releases that is broken at the end.
pub fn broken_promises(account: &Account, invariants: &Invariants, home: &Region) -> Vec<String> {
    let mut broken = super::permissions::broken_promises(account, invariants);
    for (recipe, promised) in &invariants.recipes {
        if let Some(parameter) = &promised.parameter {
            broken.extend(parameters(account, invariants, home, recipe, promised, parameter));
        }
    }
    broken
}

pub(super) fn changed_by_hand(invariants: &Invariants, image: &Image, record: &ImageRecord) -> bool {
    invariants.bakes.get(&record.name).is_some_and(|bake| {
        bake.changed_by_hand
            || record.copied.is_some() && bake.replicas_changed_by_hand.contains(&image.region)
    })
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
    let touched = invariants.bakes.iter().any(|(name, bake)| {
        name.recipe == *recipe && (bake.changed_by_hand || !bake.replicas_changed_by_hand.is_empty())
    });
    let mut broken = Vec::new();
    for region in promised.regions.iter().chain([home]) {
        let Some(ec2) = account.regions.get(region) else { continue };
        let Some(named) = ec2.parameters_shown.get(parameter).and_then(History::now) else { continue };
        let image = ec2.images.get(named).and_then(History::now);
        if !touched && !image.is_some_and(is_published) {
            broken
                .push(format!("{parameter} in {region} names {named}, which cannot be launched: {image:?}"));
        }
    }
    if touched || !promised.all_regions {
        return broken;
    }
    let released = of_recipe()
        .filter(|(image, record)| record.copied.is_none() && stage(image) == Some(Stage::Released));
    let released = released.filter(|(image, _)| image.state == ImageState::Available);
    let homes: BTreeMap<Version, ImageId> =
        released.map(|(image, record)| (record.name.version, image.id.clone())).collect();
    let Some((newest, _)) = homes.last_key_value() else { return broken };
    let back = invariants.releases.rollbacks.get(recipe);
    let back = back.filter(|back| *newest <= back.over && homes.contains_key(&back.to));
    let shall = back.map_or(newest, |back| &back.to);
    for region in promised.required.iter().chain([home]) {
        let wanted = member(account, home, &homes[shall], region, DateTime::<Utc>::MAX_UTC)
            .filter_map(History::now)
            .find(|image| is_published(image));
        let named = account.regions.get(region).and_then(|ec2| ec2.parameters_shown.get(parameter)?.now());
        if let Some(wanted) = wanted
            && named != Some(&wanted.id)
        {
            broken.push(format!("{parameter} in {region} names {named:?}, not {} of {shall}", wanted.id));
        }
    }
    broken
}
