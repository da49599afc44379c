//! What a sweep repairs: what an event that never came, or a function that died, left undone.
//!
//! It has no rules of its own. It looks at everything there is at once, asks [`capture`], [`pipeline_steps`] and [`leftovers`]
//! what they still want, and keeps what is more than to leave things alone.

pub mod observed;
pub mod pipeline;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::capture;
use crate::inventory::{Image, ImageState, Instance, InstanceRole, InstanceState};
use crate::model::script_outcome::{ScriptOutcome, tail};
use crate::model::user_data::verdict_nonce;
use crate::model::{ImageName, ImageRecord, InstanceId, Region, Role};
use crate::orphans::{self, Candidate};
use crate::plan::reason::ScriptReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::BadRecipe;

use observed::{BuilderDetail, Observed};

/// The builders that must be looked at more closely, with the names of their bakes.
pub fn builders_to_inspect(seen: &Observed, now: DateTime<Utc>) -> Vec<(InstanceId, ImageName)> {
    builders(seen)
        .filter(|(instance, name)| capture::wants_console(instance, &seen.named(name), now))
        .map(|(instance, name)| (instance.id.clone(), name))
        .collect()
}

/// The snapshots of a Region that no image of Kiln's uses: those for which all other images must be asked.
pub fn candidates<'a>(seen: &'a Observed, region: &Region, now: DateTime<Utc>) -> Vec<Candidate<'a>> {
    match (seen.images.get(region), seen.snapshots.get(region)) {
        (Some(Ok(images)), Some(Ok(snapshots))) => {
            orphans::candidates(snapshots, images, seen.recipes.values(), now)
        }
        _ => Vec::new(),
    }
}

/// Everything that is still wanted, each chain with the time since which it may have been so.
pub fn decide(seen: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences = unobservable(seen);
    sequences.extend(bad_recipes(seen));
    if seen.home_images().is_some() {
        sequences.extend(of_builders(seen, now));
        sequences.extend(of_failed_images(seen));
        let pipeline_steps = pipeline::decide(seen, now).into_iter();
        sequences.extend(pipeline_steps.filter_map(|(sequence, since)| wanted(sequence, since)));
    }
    sequences.extend(of_snapshots(seen, now));
    sequences
}

/// The builders that belong to a bake.
fn builders(seen: &Observed) -> impl Iterator<Item = (&Instance, ImageName)> {
    let instances = seen.instances.as_deref().unwrap_or_default();
    instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Terminated)
        .filter_map(|instance| Some((instance, capture::bake_of(instance).ok()?)))
}

fn of_builders(seen: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (instance, name) in builders(seen) {
        let mut images = seen.named(&name);
        let (verdict, console_tail) = match seen.closer.get(&instance.id) {
            Some(Ok(BuilderDetail { console, named })) => {
                if images.is_empty() {
                    images.clone_from(named);
                }
                (ScriptOutcome::read(console, &verdict_nonce(Role::Builder, &name)), tail(console))
            }
            Some(Err(error)) => {
                sequences.push(vec![Subject::instance(instance).retry_later(error)]);
                continue;
            }
            None => (ScriptOutcome::Unread, String::new()),
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
            if waits && instance.purpose() == InstanceRole::Builder {
                continue;
            }
        }
        let recipe = seen.recipes.get(&name.recipe);
        let observed = capture::Observed { instance: instance.clone(), images, verdict, console_tail };
        sequences.extend(wanted(capture::decide(&name, recipe, &observed, now), since));
    }
    sequences
}

/// Failed images whose builder is gone, or went on to another bake.
fn of_failed_images(seen: &Observed) -> Vec<Sequence> {
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

fn of_snapshots(seen: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> = seen
        .snapshots
        .iter()
        .filter_map(|(region, snapshots)| {
            let images = seen.images.get(region)?.as_ref().ok()?;
            Some(orphans::reclaimed(snapshots.as_ref().ok()?, images))
        })
        .flatten()
        .collect();
    for (region, needs) in &seen.needs {
        let candidates = candidates(seen, region, now);
        match needs {
            Ok(needs) => {
                let decided = orphans::decide(&candidates, needs, now);
                let since = candidates.iter().map(|candidate| candidate.snapshot.started);
                sequences.extend(
                    decided.into_iter().zip(since).filter_map(|(sequence, since)| wanted(sequence, since)),
                );
            }
            Err(error) => sequences.push(vec![Subject::region(region).retry_later(error)]),
        }
    }
    sequences
}

/// The home images that bear a whole record.
fn homes(seen: &Observed) -> impl Iterator<Item = (&Image, ImageRecord)> {
    seen.home_images()
        .unwrap_or_default()
        .iter()
        .filter_map(|image| Some((image, image.record().ok()?)))
        .filter(|(_, record)| record.copied.is_none())
}

/// A chain that is more than to leave things alone, or to wait for what the next sweep sees anyway.
fn wanted(mut sequence: Sequence, since: Option<DateTime<Utc>>) -> Option<Sequence> {
    // What a whole Region did not tell is told once, for all.
    let told = |reason: &Reason| match reason {
        Reason::LookUpFailed(error) => ["DescribeImages", "DescribeInstances"].contains(&error.operation),
        reason => *reason == Reason::Script(ScriptReason::NoVerdictYet),
    };
    sequence.retain(|decision| match decision.action {
        Action::Keep => false,
        Action::Retry => !told(&decision.reason),
        _ => true,
    });
    for decision in &mut sequence {
        decision.since = since;
    }
    (!sequence.is_empty()).then_some(sequence)
}

/// What could not be seen, each once.
fn unobservable(seen: &Observed) -> Vec<Sequence> {
    let images = seen.images.iter().filter_map(|(region, images)| Some((region, images.as_ref().err()?)));
    let snapshots = seen.snapshots.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let instances = seen.instances.as_ref().err().map(|error| (&seen.home, error));
    let further = seen.further.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    images
        .chain(snapshots)
        .chain(instances)
        .chain(further)
        .map(|(region, error)| vec![Subject::region(region).retry_later(error)])
        .collect()
}

/// A recipe with mistakes fails its bake every night; a sweep only mentions it.
fn bad_recipes(seen: &Observed) -> Vec<Sequence> {
    let mention = |bad: &BadRecipe| {
        vec![Subject::bad_recipe(bad, &seen.home).decide(Action::Keep, Reason::BadRecipe(bad.clone()))]
    };
    seen.bad.iter().map(mention).collect()
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
