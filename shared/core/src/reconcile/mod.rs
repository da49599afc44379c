//! What a sweep repairs: what an event that never came, or a function that died, left undone.
//!
//! It has no rules of its own. It looks at everything there is at once, asks [`capture`], [`onward`] and [`leftovers`]
//! what they still want, and keeps what is more than to leave things alone.

pub mod observed;
pub mod pipeline;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::capture;
use crate::inventory::{Image, ImageState, Instance, InstanceState, Purpose};
use crate::model::script_outcome::{Verdict, tail};
use crate::model::user_data::verdict_nonce;
use crate::model::{ImageName, ImageRecord, InstanceId, Region, Role};
use crate::orphans::{self, Suspect};
use crate::plan::reason::ScriptReason;
use crate::plan::{Action, Chain, Reason, Subject};
use crate::recipe::BadRecipe;

use observed::{Closer, Seen};

/// The builders that must be looked at more closely, with the names of their bakes.
pub fn closer_looks(seen: &Seen, now: DateTime<Utc>) -> Vec<(InstanceId, ImageName)> {
    builders(seen)
        .filter(|(instance, name)| capture::wants_console(instance, &seen.named(name), now))
        .map(|(instance, name)| (instance.id.clone(), name))
        .collect()
}

/// The snapshots of a Region that no image of Kiln's uses: those for which all other images must be asked.
pub fn suspects<'a>(seen: &'a Seen, region: &Region, now: DateTime<Utc>) -> Vec<Suspect<'a>> {
    match (seen.images.get(region), seen.snapshots.get(region)) {
        (Some(Ok(images)), Some(Ok(snapshots))) => {
            orphans::suspects(snapshots, images, seen.recipes.values(), now)
        }
        _ => Vec::new(),
    }
}

/// Everything that is still wanted, each chain with the time since which it may have been so.
pub fn decide(seen: &Seen, now: DateTime<Utc>) -> Vec<Chain> {
    let mut chains = blind(seen);
    chains.extend(bad_recipes(seen));
    if seen.home_images().is_some() {
        chains.extend(of_builders(seen, now));
        chains.extend(of_failed_images(seen));
        let onward = pipeline::decide(seen, now).into_iter();
        chains.extend(onward.filter_map(|(chain, since)| wanted(chain, since)));
    }
    chains.extend(of_snapshots(seen, now));
    chains
}

/// The builders that belong to a bake.
fn builders(seen: &Seen) -> impl Iterator<Item = (&Instance, ImageName)> {
    let instances = seen.instances.as_deref().unwrap_or_default();
    instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Gone)
        .filter_map(|instance| Some((instance, capture::bake_of(instance).ok()?)))
}

fn of_builders(seen: &Seen, now: DateTime<Utc>) -> Vec<Chain> {
    let mut chains = Vec::new();
    for (instance, name) in builders(seen) {
        let mut images = seen.named(&name);
        let (verdict, console_tail) = match seen.closer.get(&instance.id) {
            Some(Ok(Closer { console, named })) => {
                if images.is_empty() {
                    images.clone_from(named);
                }
                (Verdict::read(console, &verdict_nonce(Role::Builder, &name)), tail(console))
            }
            Some(Err(error)) => {
                chains.push(vec![Subject::instance(instance).unseen(error)]);
                continue;
            }
            None => (Verdict::Unread, String::new()),
        };
        let since = match (images.first(), instance.deadline()) {
            (Some(image), _) => image.created,
            (None, Some(deadline)) if deadline < now => Some(deadline),
            (None, _) => instance.launched,
        };
        if seen.bad.iter().any(|bad| bad.name == name.recipe.as_str()) && images.is_empty() {
            // Its recipe may be corrected before the deadline passes; then it is as one that is gone. A person's own
            // instance does not wait.
            let waits = instance.deadline().is_none_or(|deadline| deadline >= now);
            if waits && instance.purpose() == Purpose::Builder {
                continue;
            }
        }
        let recipe = seen.recipes.get(&name.recipe);
        let observed = capture::Seen { instance: instance.clone(), images, verdict, console_tail };
        chains.extend(wanted(capture::decide(&name, recipe, &observed, now), since));
    }
    chains
}

/// Failed images whose builder is gone, or went on to another bake.
fn of_failed_images(seen: &Seen) -> Vec<Chain> {
    // Without the instances nobody knows whether the builder is there.
    if seen.instances.is_err() {
        return Vec::new();
    }
    let at_work: BTreeSet<ImageName> = builders(seen).map(|(_, name)| name).collect();
    homes(seen)
        .filter(|(image, record)| image.state == ImageState::Failed && !at_work.contains(&record.name))
        .filter_map(|(image, record)| wanted(capture::failed_image(image, &record), image.created))
        .collect()
}

fn of_snapshots(seen: &Seen, now: DateTime<Utc>) -> Vec<Chain> {
    let mut chains: Vec<Chain> = seen
        .snapshots
        .iter()
        .filter_map(|(region, snapshots)| {
            let images = seen.images.get(region)?.as_ref().ok()?;
            Some(orphans::rescued(snapshots.as_ref().ok()?, images))
        })
        .flatten()
        .collect();
    for (region, needs) in &seen.needs {
        let suspects = suspects(seen, region, now);
        match needs {
            Ok(needs) => {
                let decided = orphans::decide(&suspects, needs, now);
                let since = suspects.iter().map(|suspect| suspect.snapshot.started);
                chains
                    .extend(decided.into_iter().zip(since).filter_map(|(chain, since)| wanted(chain, since)));
            }
            Err(error) => chains.push(vec![Subject::region(region).unseen(error)]),
        }
    }
    chains
}

/// The home images that bear a whole record.
fn homes(seen: &Seen) -> impl Iterator<Item = (&Image, ImageRecord)> {
    seen.home_images()
        .unwrap_or_default()
        .iter()
        .filter_map(|image| Some((image, image.record().ok()?)))
        .filter(|(_, record)| record.copied.is_none())
}

/// A chain that is more than to leave things alone, or to wait for what the next sweep sees anyway.
fn wanted(mut chain: Chain, since: Option<DateTime<Utc>>) -> Option<Chain> {
    // What a whole Region did not tell is told once, for all.
    let told = |because: &Reason| match because {
        Reason::LookUpFailed(error) => ["DescribeImages", "DescribeInstances"].contains(&error.operation),
        because => *because == Reason::Script(ScriptReason::NoVerdictYet),
    };
    chain.retain(|decision| match decision.action {
        Action::Leave => false,
        Action::LookAgain => !told(&decision.because),
        _ => true,
    });
    for decision in &mut chain {
        decision.since = since;
    }
    (!chain.is_empty()).then_some(chain)
}

/// What could not be seen, each once.
fn blind(seen: &Seen) -> Vec<Chain> {
    let images = seen.images.iter().filter_map(|(region, images)| Some((region, images.as_ref().err()?)));
    let snapshots = seen.snapshots.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let instances = seen.instances.as_ref().err().map(|error| (&seen.home, error));
    let further = seen.further.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    images
        .chain(snapshots)
        .chain(instances)
        .chain(further)
        .map(|(region, error)| vec![Subject::region(region).unseen(error)])
        .collect()
}

/// A recipe with mistakes fails its bake every night; a sweep only mentions it.
fn bad_recipes(seen: &Seen) -> Vec<Chain> {
    let mention = |bad: &BadRecipe| {
        vec![Subject::bad_recipe(bad, &seen.home).so(Action::Leave, Reason::BadRecipe(bad.clone()))]
    };
    seen.bad.iter().map(mention).collect()
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
