//! People who recall releases and bring them back, and the promises on it: what is recalled is never named, shared, copied or
//! tested again, and nobody else may launch it in the end.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use kiln_core::inventory::{Image, ImageState};
use kiln_core::model::{Anchor, AnchoredEnd, ImageName, Region, tags};
use serde_json::json;

use super::account::Account;
use super::faults::{MOST_LAG, MOST_SKEW};
use super::invariants::Invariants;
use super::lambda::{self, Function, Invocation};
use super::world::World;

/// How often such a person comes, beside the others.
const OF_THOSE: f64 = 0.25;

/// The releases that are recalled, and since when.
pub type Recalled = BTreeMap<ImageName, DateTime<Utc>>;

/// Somebody recalls a release, or brings one back, by one invocation without retries; or nobody does.
pub fn act(world: &Rc<World>) {
    let often = world.faults.get().operator * OF_THOSE;
    if often <= 0.0 || !world.quirk(often) {
        return;
    }
    let recalled: Vec<ImageName> = world.invariants.borrow().recalled.keys().cloned().collect();
    let back = if world.quirk(0.4) { world.quirks.borrow_mut().choice(recalled) } else { None };
    let name = back.clone().or_else(|| one_release(world));
    let Some(name) = name else { return };
    let ImageName { recipe, version } = &name;
    let asked = match back {
        Some(_) => json!({ "reinstate": recipe, "version": version, "dry_run": false }),
        None => json!({ "recall": recipe, "version": version, "reason": "CVE-1", "dry_run": false }),
    };
    world.note(|| format!("somebody asks for {asked}"));
    let world = Rc::clone(world);
    world.clone().spawn(async move {
        let answer = lambda::run(&world, Function::Publish, &asked).await;
        world.note(|| format!("       {asked} answers {:?}", answer.err()));
    });
}

/// Any release or image on its way, as the home Region shows it.
fn one_release(world: &World) -> Option<ImageName> {
    let account = world.account.borrow();
    let homes = account.images().filter(|image| {
        image.region == world.context.home && image.state == ImageState::Available && !image.is_out()
    });
    let names: Vec<ImageName> = homes.filter_map(|image| Some(image.record().ok()?.name)).collect();
    world.quirks.borrow_mut().choice(names)
}

impl Invariants {
    /// Kiln wrote the description of a home image.
    pub(super) fn recall_anchored(&mut self, image: &Image, anchor: &Anchor, now: DateTime<Utc>) {
        let Ok(record) = image.record() else { return };
        let one = (image.region.clone(), image.id.clone());
        if anchor.end == Some(AnchoredEnd::Recalled) {
            self.recalled_images.entry(one).or_insert(now);
        } else {
            self.recalled_images.remove(&one);
        }
        if record.copied.is_some() {
            return;
        }
        match anchor.end {
            Some(AnchoredEnd::Recalled) => {
                self.recalled.entry(record.name).or_insert(now);
            }
            end => {
                let was_recalled = self.recalled.remove(&record.name).is_some();
                // What was no release begins anew, and may end otherwise than before.
                if was_recalled && end != Some(AnchoredEnd::Released) {
                    self.bake(&record.name).ends.clear();
                }
            }
        }
    }

    /// Since when an image's release is recalled, if a function that does something with it must have known.
    pub(super) fn was_recalled(&self, by: &Invocation, image: &Image) -> Option<DateTime<Utc>> {
        let record = image.record().ok()?;
        let since = *self.recalled.get(&record.name)?;
        (since < by.began - MOST_LAG - MOST_SKEW).then_some(since)
    }

    /// The same of this one image, which is marked by itself.
    pub(super) fn was_marked(&self, by: &Invocation, image: &Image) -> Option<DateTime<Utc>> {
        let since = *self.recalled_images.get(&(image.region.clone(), image.id.clone()))?;
        (since < by.began - MOST_LAG - MOST_SKEW).then_some(since)
    }

    /// Every recall that is not whole in the end.
    pub(super) fn broken_recalls(&self, account: &Account, home: &Region) -> Vec<String> {
        let mut broken = Vec::new();
        for image in account.images().filter(|image| image.state == ImageState::Available) {
            let Ok(record) = image.record() else { continue };
            let changed = self.bakes.get(&record.name).is_some_and(|bake| {
                bake.changed_by_hand || bake.replicas_changed_by_hand.contains(&image.region)
            });
            let has_left = self.recipes.get(&record.name.recipe).is_none_or(|promised| {
                promised.is_blind || promised.changes.left.contains_key(&image.region)
            });
            if !self.recalled.contains_key(&record.name) || changed || has_left {
                continue;
            }
            let ec2 = &account.regions[&image.region];
            if ec2.launch_permissions.get(&image.id).is_some_and(|may| !may.is_empty()) {
                broken.push(format!("{} ({}) is recalled, and shared", image.id, record.name));
            }
            if record.copied.is_none()
                && !self.is_one_away
                && image.region == *home
                && image.tags.time(tags::RECALLED_AT).is_none()
            {
                broken.push(format!("the recall of {} did not come to its end", record.name));
            }
        }
        broken
    }
}
