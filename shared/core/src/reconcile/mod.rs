//! Repairs what a lost event, or a function that died, left undone.
//!
//! It has no rules of its own: from what one sweep observed, it collects the decisions of [`capture`], [`pipeline`]
//! and [`orphans`], and drops those that change nothing.

pub mod observed;
pub mod pipeline;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::capture;
use crate::inventory::{Image, ImageState, Instance, InstanceRole, InstanceState};
use crate::model::{ImageName, ImageRecord, InstanceId, Region, ScriptOutcome};
use crate::orphans::{self, Candidate};
use crate::plan::reason::ScriptReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::BadRecipe;

use observed::{BuilderDetail, Observed};

/// The builders for which a [`BuilderDetail`] must be read, with the names of their bakes.
pub fn builders_to_inspect(observed: &Observed, now: DateTime<Utc>) -> Vec<(InstanceId, ImageName)> {
    builders(observed)
        .filter(|(instance, name)| capture::wants_console(instance, &observed.named(name), now))
        .map(|(instance, name)| (instance.id.clone(), name))
        .collect()
}

/// The snapshots of a Region that no managed image uses; all other images must be searched for them.
pub fn candidates<'a>(observed: &'a Observed, region: &Region, now: DateTime<Utc>) -> Vec<Candidate<'a>> {
    match (observed.images.get(region), observed.snapshots.get(region)) {
        (Some(Ok(images)), Some(Ok(snapshots))) => {
            orphans::candidates(snapshots, images, observed.recipes.values(), now)
        }
        _ => Vec::new(),
    }
}

/// Everything that must still be done, each decision with the time since which it may have been due.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences = unobservable(observed);
    sequences.extend(bad_recipes(observed));
    if observed.home_images().is_some() {
        sequences.extend(builder_sequences(observed, now));
        sequences.extend(failed_image_sequences(observed));
        let pipeline_steps = pipeline::decide(observed, now).into_iter();
        sequences.extend(pipeline_steps.filter_map(|(sequence, since)| repairs(sequence, since)));
    }
    sequences.extend(snapshot_sequences(observed, now));
    sequences
}

/// The builders that still exist and belong to a bake, with the name of that bake.
fn builders(observed: &Observed) -> impl Iterator<Item = (&Instance, ImageName)> {
    let instances = observed.instances.as_deref().unwrap_or_default();
    instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Terminated)
        .filter_map(|instance| Some((instance, capture::bake_of(instance).ok()?)))
}

fn builder_sequences(observed: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (instance, name) in builders(observed) {
        let mut images = observed.named(&name);
        let (verdict, console_tail) = match observed.closer.get(&instance.id) {
            Some(Ok(BuilderDetail { console, named })) => {
                if images.is_empty() {
                    images.clone_from(named);
                }
                (console.verdict.clone(), console.tail.clone())
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
        if observed.bad.iter().any(|bad| bad.name == name.recipe.as_str()) && images.is_empty() {
            // The recipe may be corrected before the builder's deadline; after it, the recipe counts as deleted. A
            // user's own instance does not wait.
            let waiting = instance.deadline().is_none_or(|deadline| deadline >= now);
            if waiting && instance.purpose() == InstanceRole::Builder {
                continue;
            }
        }
        let recipe = observed.recipes.get(&name.recipe);
        let input = capture::Observed { instance: instance.clone(), images, verdict, console_tail };
        sequences.extend(repairs(capture::decide(&name, recipe, &input, now), since));
    }
    sequences
}

/// Failed images whose builder no longer exists, or works on another bake.
fn failed_image_sequences(observed: &Observed) -> Vec<Sequence> {
    // If the instances could not be read, the builder may still exist.
    if observed.instances.is_err() {
        return Vec::new();
    }
    let with_builder: BTreeSet<ImageName> = builders(observed).map(|(_, name)| name).collect();
    homes(observed)
        .filter(|(image, record)| image.state == ImageState::Failed && !with_builder.contains(&record.name))
        .filter_map(|(image, record)| repairs(capture::failed_image(image, &record), image.created))
        .collect()
}

fn snapshot_sequences(observed: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> = observed
        .snapshots
        .iter()
        .filter_map(|(region, snapshots)| {
            let images = observed.images.get(region)?.as_ref().ok()?;
            Some(orphans::reclaimed(snapshots.as_ref().ok()?, images))
        })
        .flatten()
        .collect();
    for (region, needs) in &observed.needs {
        let candidates = candidates(observed, region, now);
        match needs {
            Ok(needs) => {
                let decided = orphans::decide(&candidates, needs, now);
                let since = candidates.iter().map(|candidate| candidate.snapshot.started);
                sequences.extend(
                    decided.into_iter().zip(since).filter_map(|(sequence, since)| repairs(sequence, since)),
                );
            }
            Err(error) => sequences.push(vec![Subject::region(region).retry_later(error)]),
        }
    }
    sequences
}

/// The home images with a complete record.
fn homes(observed: &Observed) -> impl Iterator<Item = (&Image, ImageRecord)> {
    observed
        .home_images()
        .unwrap_or_default()
        .iter()
        .filter_map(|image| Some((image, image.record().ok()?)))
        .filter(|(_, record)| record.copied.is_none())
}

/// The decisions of a sequence that change something, with the time since which they are due; `None` if there are
/// none. Retries for what the next sweep reads anyway are dropped.
fn repairs(mut sequence: Sequence, since: Option<DateTime<Utc>>) -> Option<Sequence> {
    // A Region that could not be read is reported once, by [`unobservable`].
    let reported = |reason: &Reason| match reason {
        Reason::LookUpFailed(error) => ["DescribeImages", "DescribeInstances"].contains(&error.operation),
        reason => *reason == Reason::Script(ScriptReason::NoVerdictYet),
    };
    sequence.retain(|decision| match decision.action {
        Action::Keep => false,
        Action::Retry => !reported(&decision.reason),
        _ => true,
    });
    for decision in &mut sequence {
        decision.since = since;
    }
    (!sequence.is_empty()).then_some(sequence)
}

/// One retry for each list of images, snapshots or instances that could not be read.
fn unobservable(observed: &Observed) -> Vec<Sequence> {
    let images = observed.images.iter().filter_map(|(region, images)| Some((region, images.as_ref().err()?)));
    let snapshots =
        observed.snapshots.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let instances = observed.instances.as_ref().err().map(|error| (&observed.home, error));
    let further = observed.further.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    images
        .chain(snapshots)
        .chain(instances)
        .chain(further)
        .map(|(region, error)| vec![Subject::region(region).retry_later(error)])
        .collect()
}

/// Mentions each invalid recipe. The sweep does not fail because of it: the recipe's own bake does, every night.
fn bad_recipes(observed: &Observed) -> Vec<Sequence> {
    let report = |bad: &BadRecipe| {
        vec![Subject::bad_recipe(bad, &observed.home).decide(Action::Keep, Reason::BadRecipe(bad.clone()))]
    };
    observed.bad.iter().map(report).collect()
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
