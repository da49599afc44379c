//! Regions that leave a recipe and come to it: how a person changes the recipe, and what is promised then.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::inventory::{Image, ImageState, Instance};
use kiln_core::model::{ImageId, ImageRecord, RecipeName, Region, Stage, Tags, tags};

use super::account::Account;
use super::beginning::{FURTHER, region};
use super::excuses::Excuse;
use super::faults::MOST_LAG;
use super::history::History;
use super::invariants::{Invariants, Promised};
use super::lambda::Invocation;
use super::promised_templates::is_unused;
use super::releases::changed_by_hand;
use super::world::World;

/// How a recipe's Regions changed.
#[derive(Debug, Clone, Default)]
pub struct RegionChanges {
    /// When each Region left that is not back.
    pub left: BTreeMap<Region, DateTime<Utc>>,
    /// When each Region came that is still there.
    pub came: BTreeMap<Region, DateTime<Utc>>,
    /// The Regions that came and did not name the same as the home Region since.
    pub catching_up: BTreeSet<Region>,
    last: Option<DateTime<Utc>>,
}

impl Promised {
    /// Whether a person changed the Regions since a function began, so that it may have read the recipe before.
    pub(super) fn regions_changed_since(&self, began: DateTime<Utc>) -> bool {
        self.changes.last.is_some_and(|last| last >= began)
    }

    /// Whether a Region came after a bake began: then only the newest release is copied there.
    pub(super) fn came_after(&self, region: &Region, bake: DateTime<Utc>) -> bool {
        self.changes.came.get(region).is_some_and(|came| *came >= bake)
    }

    fn leave(&mut self, region: &Region, now: DateTime<Utc>) {
        self.regions.retain(|one| one != region);
        self.required.retain(|one| one != region);
        self.changes.came.remove(region);
        self.changes.catching_up.remove(region);
        self.changes.left.insert(region.clone(), now);
        self.changes.last = Some(now);
    }

    fn come(&mut self, region: &Region, is_required: bool, now: DateTime<Utc>) {
        self.regions.push(region.clone());
        self.required.extend(is_required.then(|| region.clone()));
        self.changes.left.remove(region);
        self.changes.came.insert(region.clone(), now);
        self.changes.catching_up.insert(region.clone());
        self.changes.last = Some(now);
    }
}

/// A person takes a Region out of a recipe, and may put it back later; or adds one.
pub fn changes_the_regions(world: &Rc<World>) {
    let recipes: Vec<RecipeName> = world.invariants.borrow().recipes.keys().cloned().collect();
    let Some(recipe) = world.whims.borrow_mut().choice(recipes) else { return };
    let which = region(world.whims.borrow_mut().choice(FURTHER).unwrap_or(FURTHER[0]));
    if world.troubles.borrow().away() == Some(&which) {
        return;
    }
    if !world.invariants.borrow().recipes[&recipe].regions.contains(&which) {
        return comes(world, &recipe, &which);
    }
    leaves(world, &recipe, &which);
    if world.whim(0.7) {
        let minutes = world.whims.borrow_mut().i64(5..400);
        let world = Rc::clone(world);
        world.clone().spawn(async move {
            world.clock.sleep(TimeDelta::minutes(minutes)).await;
            if world.faults.get().operator > 0.0
                && world.invariants.borrow().recipes[&recipe].changes.left.contains_key(&which)
            {
                comes(&world, &recipe, &which);
            }
        });
    }
}

fn leaves(world: &World, recipe: &RecipeName, which: &Region) {
    world.note(|| format!("somebody takes {which} out of {recipe}"));
    let without = |mut listed: Vec<String>| {
        listed.retain(|code| code != which.as_str());
        listed
    };
    edit(world, recipe, |regions, best_effort| (without(regions), without(best_effort)));
    let now = world.now();
    world.invariants.borrow_mut().recipes.get_mut(recipe).unwrap().leave(which, now);
}

fn comes(world: &World, recipe: &RecipeName, which: &Region) {
    let is_required = world.whim(0.8);
    world.note(|| format!("somebody adds {which} to {recipe}, required: {is_required}"));
    let code = || which.to_string();
    edit(world, recipe, |mut regions, mut best_effort| {
        regions.push(code());
        best_effort.extend((!is_required).then(code));
        (regions, best_effort)
    });
    let now = world.now();
    world.invariants.borrow_mut().recipes.get_mut(recipe).unwrap().come(which, is_required, now);
}

/// Changes two lines of a recipe: its Regions, and those of best effort.
fn edit(
    world: &World,
    recipe: &RecipeName,
    change: impl FnOnce(Vec<String>, Vec<String>) -> (Vec<String>, Vec<String>),
) {
    world.edit_recipe(recipe, |document| {
        let listed = |field: &str| -> Vec<String> {
            let line = document.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("[]");
            serde_json::from_str(line).unwrap_or_default()
        };
        let (regions, best_effort) = change(listed("regions = "), listed("best_effort = "));
        let lines = document.lines().map(|line| match line {
            line if line.starts_with("regions = ") => format!("regions = {regions:?}\n"),
            line if line.starts_with("best_effort = ") => format!("best_effort = {best_effort:?}\n"),
            line => format!("{line}\n"),
        });
        lines.collect()
    });
}

impl Invariants {
    /// Whether an image may come to a Region, or be named there: its recipe names the Region.
    pub(super) fn is_region_of(
        &self,
        by: &Invocation,
        region: &Region,
        record: &ImageRecord,
    ) -> Result<(), String> {
        let Some(promised) = self.recipes.get(&record.name.recipe) else { return Ok(()) };
        if *region == by.home || !promised.changes.left.contains_key(region) {
            return Ok(());
        }
        if promised.regions_changed_since(by.began - MOST_LAG) {
            self.excuses.count(Excuse::RegionsJustChanged);
            return Ok(());
        }
        Err(format!("its recipe no longer names {region}"))
    }

    /// Kiln copied an image to a Region.
    pub(super) fn image_copied(&mut self, account: &Account, by: &Invocation, region: &Region, id: &ImageId) {
        let image = account.regions.get(region).and_then(|ec2| ec2.images.get(id)?.now());
        let Some(record) = image.and_then(|image| image.record().ok()) else { return };
        if let Err(why) = self.is_region_of(by, region, &record) {
            self.broken_promise(format!("{} was copied as {id}: {why}", record.name));
        }
    }

    /// Whether the rules of its recipe do not keep an image: its Region left the recipe, and use alone keeps it.
    pub(super) fn is_kept_by_use_alone(&self, by: &Invocation, image: &Image, promised: &Promised) -> bool {
        if image.region == by.home {
            return false;
        }
        let left = promised.changes.left.contains_key(&image.region);
        // The function had read the recipe before the Region came back.
        let is_just_back = promised.came_after(&image.region, by.began - MOST_LAG);
        if is_just_back {
            self.excuses.count(Excuse::RegionsJustChanged);
        }
        left || is_just_back
    }

    /// Forgets that a Region came, once it names the same as the home Region.
    pub(super) fn catch_up(&mut self, account: &Account, home: &Region) {
        for promised in self.recipes.values_mut() {
            let Some(parameter) = promised.parameter.clone() else { continue };
            let version = |region: &Region| {
                let ec2 = account.regions.get(region)?;
                let named = ec2.parameters_shown.get(&parameter)?.now()?;
                Some(ec2.images.get(named)?.now()?.record().ok()?.name.version)
            };
            let at_home = version(home);
            promised.changes.catching_up.retain(|region| at_home.is_none() || version(region) != at_home);
        }
    }
}

/// Whether an event is about an image or a tester in a Region that its recipe no longer names.
pub fn is_about_what_left(world: &World, payload: &serde_json::Value) -> bool {
    let account = world.account.borrow();
    let text = |key: &str| payload["detail"][key].as_str();
    let image = text("image")
        .or(text("ImageId"))
        .and_then(|id| account.images().find(|image| image.id.as_str() == id));
    let machines = || account.regions.values().flat_map(|ec2| ec2.machines.values()).filter_map(History::now);
    let tester = text("instance-id")
        .and_then(|id| machines().map(|machine| &machine.instance).find(|one| one.id.as_str() == id));
    let invariants = world.invariants.borrow();
    let has_left = |tags: &Tags, region: &Region| {
        let recipe = tags.read::<RecipeName>(tags::RECIPE);
        let promised = recipe.and_then(|recipe| invariants.recipes.get(&recipe));
        promised.is_some_and(|promised| promised.changes.left.contains_key(region))
    };
    image.is_some_and(|image| has_left(&image.tags, &image.region))
        || tester.is_some_and(|tester| is_left_tester(&invariants, tester))
}

/// Whether no sweep looks at a tester any more: no recipe names its Region since its own recipe's Region left.
pub fn is_left_tester(invariants: &Invariants, tester: &Instance) -> bool {
    let recipe = tester.tags.read::<RecipeName>(tags::RECIPE);
    let promised = recipe.and_then(|recipe| invariants.recipes.get(&recipe));
    let has_left = promised.is_some_and(|promised| promised.changes.left.contains_key(&tester.region));
    has_left && invariants.recipes.values().all(|promised| !promised.regions.contains(&tester.region))
}

/// What is left in a Region that a recipe no longer names begins to go, unless something uses it.
pub fn broken_promises(account: &Account, invariants: &Invariants, now: DateTime<Utc>) -> Vec<String> {
    let mut broken = Vec::new();
    for image in account.images().filter(|image| image.state == ImageState::Available) {
        let Ok(record) = image.record() else { continue };
        let promised = invariants.recipes.get(&record.name.recipe);
        let left = promised.and_then(|promised| promised.changes.left.get(&image.region));
        let is_long_ago = left.is_some_and(|left| *left + TimeDelta::hours(3) < now);
        if !is_long_ago || image.unused_since().is_some() || record.stage == Stage::Disabled {
            continue;
        }
        let is_kept = !changed_by_hand(invariants, image, &record) && is_unused(account, image);
        if is_kept && !invariants.is_blocked(&record.name.recipe) {
            broken.push(format!(
                "{} ({}) in {}, which its recipe no longer names, is kept, though nothing uses it",
                image.id, record.name, image.region
            ));
        }
    }
    broken
}
