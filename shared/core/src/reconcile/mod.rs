//! Finds what a lost event, or a function that died, left undone, and which function's work that is.
//!
//! It has no rules of its own, and changes nothing: from what one sweep observed, it collects the decisions of
//! [`capture`], [`pipeline`] and [`orphans`]. Where one of them changes something, the function whose work it is is
//! woken, and decides again from what it observes itself.

pub mod freshness;
pub mod observed;
pub mod pipeline;
pub mod wakes;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::bake::{self, BakeRequest, layers, room};
use crate::capture;
use crate::events::wake::Wake;
use crate::inventory::{Image, ImageState, Instance, InstanceState};
use crate::model::{ImageName, ImageRecord, Region, ScriptOutcome, Tags, tags};
use crate::orphans::{self, Candidate};
use crate::plan::reason::BakeReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::BadRecipe;

use observed::{BuilderDetail, Observed};
use wakes::Due;

/// The builders for which a [`BuilderDetail`] must be read, with the names of their bakes.
pub fn builders_to_inspect(observed: &Observed, now: DateTime<Utc>) -> Vec<(&Instance, ImageName)> {
    builders(observed)
        .filter(|(instance, name)| capture::wants_console(instance, &observed.named(name), now))
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

/// The functions to wake, for everything that must still be done, and what stands in the way.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences = unobservable(observed);
    sequences.extend(bad_recipes(observed));
    sequences.extend(wakes::of(due(observed, now), now));
    sequences
}

/// Everything that must still be done, as the functions that it belongs to will decide it.
fn due(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let mut due = Vec::new();
    if observed.home_images().is_some() {
        due.extend(builders_due(observed, now));
        due.extend(failed_images(observed));
        due.extend(pipeline::decide(observed, now));
        due.extend(pipeline::recalls(observed));
        due.extend(pipeline::releases(observed, now));
        due.extend(missed_layers(observed, now));
    }
    due.extend(waiting_bakes(observed, now));
    due.extend(snapshots_due(observed, now));
    due
}

/// The builders that still exist and belong to a bake, with the name of that bake.
fn builders(observed: &Observed) -> impl Iterator<Item = (&Instance, ImageName)> {
    let instances = observed.instances.as_deref().unwrap_or_default();
    instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Terminated)
        .filter_map(|instance| Some((instance, capture::bake_of(instance).ok()?)))
}

/// The builders that somebody terminated, so that nobody would hear of their bakes.
fn lost_builders(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let of = |instance: &Instance| {
        let name = capture::bake_of(instance).ok()?;
        let images = observed.named(&name);
        let is_alone = !builders(observed).any(|(_, other)| other == name);
        let input = capture::Observed {
            instance: instance.clone(),
            images,
            verdict: ScriptOutcome::Unread,
            console_tail: String::new(),
        };
        let recipe = observed.recipes.get(&name.recipe);
        (is_alone && capture::is_untold(instance, &input.images)).then(|| Due {
            wake: Wake::Builder(observed.home.clone(), instance.id.clone()),
            sequence: capture::decide(&name, recipe, &input, now),
            since: instance.launched,
        })
    };
    observed.instances.iter().flatten().filter_map(of).collect()
}

fn builders_due(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let mut due = lost_builders(observed, now);
    for (instance, name) in builders(observed) {
        let wake = Wake::Builder(observed.home.clone(), instance.id.clone());
        let mut images = observed.named(&name);
        let (verdict, console_tail) = match observed.closer.get(&instance.id) {
            Some(Ok(BuilderDetail { console, named })) => {
                if images.is_empty() {
                    images.clone_from(named);
                }
                (console.verdict.clone(), console.tail.clone())
            }
            Some(Err(error)) => {
                let sequence = vec![Subject::instance(instance).retry_later(error)];
                due.push(Due { wake, sequence, since: None });
                continue;
            }
            None => (ScriptOutcome::Unread, String::new()),
        };
        let since = match (images.first(), instance.deadline()) {
            (Some(image), _) => image.created,
            (None, Some(deadline)) if deadline < now => Some(deadline),
            (None, _) => instance.launched,
        };
        let bad = observed.bad.iter().any(|bad| bad.name == name.recipe.as_str());
        if bad && images.is_empty() && capture::awaits_its_recipe(instance, now) {
            continue;
        }
        let recipe = observed.recipes.get(&name.recipe);
        let input = capture::Observed { instance: instance.clone(), images, verdict, console_tail };
        due.push(Due { wake, sequence: capture::decide(&name, recipe, &input, now), since });
    }
    due
}

/// Failed images whose builder no longer exists, or works on another bake.
fn failed_images(observed: &Observed) -> Vec<Due> {
    // If the instances could not be read, the builder may still exist.
    if observed.instances.is_err() {
        return Vec::new();
    }
    let with_builder: BTreeSet<ImageName> = builders(observed).map(|(_, name)| name).collect();
    homes(observed)
        .filter(|(image, record)| image.state == ImageState::Failed && !with_builder.contains(&record.name))
        .map(|(image, record)| Due {
            wake: Wake::FailedImage(observed.home.clone(), image.id.clone()),
            sequence: capture::failed_image(image, &record),
            since: image.created,
        })
        .collect()
}

/// The bakes of layers that a release of their base should have started.
fn missed_layers(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let (Ok(instances), Some(images)) = (&observed.instances, observed.home_images()) else {
        return Vec::new();
    };
    let due = layers::due(observed.recipes.values(), None, images, instances, now).into_iter();
    due.filter_map(|(recipe, version)| {
        let base = recipe.base_recipe()?.clone();
        let name = ImageName { recipe: recipe.name.clone(), version };
        let wake = Wake::Layers(base.clone());
        let has_failed = room::has_failed(observed.waiting.as_deref().unwrap_or_default(), &name);
        let request = BakeRequest { name, home: observed.home.clone(), now, has_failed };
        let of_recipe = |tags: &Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let instances: Vec<Instance> = instances.iter().filter(|one| of_recipe(&one.tags)).cloned().collect();
        let images: Vec<Image> = images.iter().filter(|one| of_recipe(&one.tags)).cloned().collect();
        // One that is under way, or that is refused, needs no base to be known for it.
        let decision = bake::without_base(&request, recipe, &instances, &images).unwrap_or_else(|| {
            let subject = Subject::name(&request.name, &request.home);
            subject.decide(Action::Wake(wake.clone()), BakeReason::BaseReleased(base))
        });
        Some(Due { wake, sequence: vec![decision], since: None })
    })
    .collect()
}

/// The bakes that found no room for their builder.
fn waiting_bakes(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let noted = observed.waiting.as_deref().unwrap_or_default();
    let of = |name: &ImageName| {
        let wake = Wake::Bake(name.clone());
        let subject = Subject::name(name, &observed.home);
        let decision = subject.decide(Action::Wake(wake.clone()), BakeReason::RoomAgain);
        Due { wake, sequence: vec![decision], since: None }
    };
    room::due(noted, &observed.home, now).map(of).collect()
}

fn snapshots_due(observed: &Observed, now: DateTime<Utc>) -> Vec<Due> {
    let mut due: Vec<Due> = Vec::new();
    let of =
        |region: &Region, sequence, since| Due { wake: Wake::Snapshots(region.clone()), sequence, since };
    for (region, snapshots) in &observed.snapshots {
        if let (Some(Ok(images)), Ok(snapshots)) = (observed.images.get(region), snapshots) {
            let reclaimed = orphans::reclaimed(snapshots, images).into_iter();
            due.extend(reclaimed.map(|sequence| of(region, sequence, None)));
        }
    }
    for (region, needs) in &observed.needs {
        let candidates = candidates(observed, region, now);
        match needs {
            Ok(needs) => {
                let decided = orphans::decide(&candidates, needs, now).into_iter();
                let since = candidates.iter().map(|candidate| candidate.snapshot.started);
                due.extend(decided.zip(since).map(|(sequence, since)| of(region, sequence, since)));
            }
            Err(error) => due.push(of(region, vec![Subject::region(region).retry_later(error)], None)),
        }
    }
    due
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

/// One retry for each list of images, snapshots or instances that could not be read.
fn unobservable(observed: &Observed) -> Vec<Sequence> {
    let images = observed.images.iter().filter_map(|(region, images)| Some((region, images.as_ref().err()?)));
    let snapshots =
        observed.snapshots.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let instances = observed.instances.as_ref().err().map(|error| (&observed.home, error));
    let further = observed.further.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let waiting = observed.waiting.as_ref().err().map(|error| (&observed.home, error));
    images
        .chain(snapshots)
        .chain(instances)
        .chain(further)
        .chain(waiting)
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
