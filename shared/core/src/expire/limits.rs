//! How much one run may remove. A wrong recipe, a wrong clock or a partial answer from EC2 all show as too many
//! removals at once: then nothing is removed, and an event says why.

use std::collections::BTreeSet;

use super::fleet_size::{counts, unexpected_drop};
use super::inventory::{ImagesByRegion, observed_images};
use crate::events::outbound::Event;
use crate::inventory::Image;
use crate::model::{ImageName, Region, Stage};
use crate::plan::reason::{Limit, LimitExceeded, RetentionReason};
use crate::plan::{Action, Decision, NextStep, Reason, Retention, Sequence, Step, Subject, Usage};
use crate::recipe::Recipe;

/// Returns the sequences of one recipe unchanged if they stay within its limits; otherwise keeps every image that
/// would be removed.
///
/// `allow`: a person reviewed the plan and allows up to this many images. It replaces the recipe's limits and the
/// checks for missing images.
pub fn enforce(
    recipe: &Recipe,
    home: &Region,
    found: &ImagesByRegion,
    removed: &[Image],
    sequences: Vec<Sequence>,
    allow: Option<usize>,
) -> Vec<Sequence> {
    let images = affected(&sequences).len();
    let limit = match allow {
        _ if images == 0 => None,
        Some(most) => (images > most).then(|| Limit::TooMany { most, setting: format!("allow = {most}") }),
        None => empty_region(recipe, home, found)
            .or_else(|| unexpected_drop(found))
            .or_else(|| over_limit(recipe, (found, removed), &sequences, images)),
    };
    match limit {
        None => sequences,
        Some(limit) => {
            block(home, found, sequences, &LimitExceeded { recipe: recipe.name.clone(), images, limit })
        }
    }
}

/// The images that would be deprecated, disabled or deregistered.
fn affected(sequences: &[Sequence]) -> BTreeSet<(&Region, &str)> {
    let images = sequences.iter().flatten().filter(|decision| decision.action.step().is_some());
    images
        .filter_map(|decision| Some((&decision.subject.region, decision.subject.resource.as_deref()?)))
        .collect()
}

/// Whether a decision only prepares a step, so that it is dropped together with the step.
fn prepares_a_step(decision: &Decision) -> bool {
    matches!(decision.action, Action::MarkDisabled(..) | Action::Unprotect(_))
}

/// A required Region that shows no image although a release exists, which must be in every required Region. The home
/// Region needs no such check: if it shows no images, there are no newer releases, so every image is kept.
fn empty_region(recipe: &Recipe, home: &Region, found: &ImagesByRegion) -> Option<Limit> {
    let images_of = |region: &Region| found.get(region).and_then(|images| images.as_ref().ok());
    let is_empty = |region: &Region| images_of(region).is_some_and(|images| !images.iter().any(counts));
    let is_released =
        |image: &&Image| image.record_for_home(home).is_ok_and(|record| record.stage == Stage::Released);
    let seen_by = images_of(home)?.iter().filter(|image| counts(image)).find(is_released)?.address();
    let required = recipe.replicate.regions.iter().filter(|region| recipe.replicate.requires(region));
    let empty = required.into_iter().find(|region| is_empty(region))?;
    Some(Limit::EmptyRegion { region: empty.clone(), seen_by })
}

/// The limit of the recipe that the run exceeds. `max_percent` applies to each step separately: a recipe that is
/// baked nightly deprecates, disables and deregisters one release each per night. One release is always allowed, so
/// that `keep = 1` can rotate.
fn over_limit(
    recipe: &Recipe,
    (found, removed): (&ImagesByRegion, &[Image]),
    sequences: &[Sequence],
    would_go: usize,
) -> Option<Limit> {
    let (per_run, percent) = (recipe.expire.max_per_run, recipe.expire.max_percent);
    if would_go > per_run {
        return Some(Limit::TooMany { most: per_run, setting: format!("expire.max_per_run = {per_run}") });
    }
    let images: BTreeSet<(&Region, &str)> = observed_images(found)
        .chain(removed)
        .filter(|image| counts(image))
        .map(|image| (&image.region, image.id.as_str()))
        .collect();
    let all = images.len();
    let most = all * percent / 100;
    // A failed copy is no image: it is not among those of which a part may go.
    // And neither is what was never to be published: it takes nothing from anybody.
    let is_unchanged = |one: &Decision| one.reason == Reason::Retention(RetentionReason::Unchanged);
    let is_image = |one: &Decision| {
        !is_unchanged(one)
            && one.subject.resource.as_deref().is_some_and(|id| images.contains(&(&one.subject.region, id)))
    };
    let is_too_large = |step: Step| {
        let takes = |one: &&Decision| one.action.step() == Some(step) && is_image(one);
        let images_of = |sequence: &Sequence| sequence.iter().filter(takes).count();
        let releases: Vec<usize> = sequences.iter().map(images_of).filter(|images| *images > 0).collect();
        releases.len() > 1 && releases.iter().sum::<usize>() > most
    };
    let too_large = [Step::Deprecate, Step::Disable, Step::Deregister].into_iter().any(is_too_large);
    let setting = || format!("expire.max_percent = {percent}, of {all} images");
    too_large.then(|| Limit::TooMany { most, setting: setting() })
}

/// Keeps every image that would be removed, and says why in one event.
fn block(
    home: &Region,
    found: &ImagesByRegion,
    sequences: Vec<Sequence>,
    why: &LimitExceeded,
) -> Vec<Sequence> {
    let blocked = |mut decision: Decision| {
        if let Some(step) = decision.action.step() {
            (decision.action, decision.reason) = (Action::Keep, why.clone().into());
            let next = Some(NextStep { step, at: None });
            decision.retention = Some(Retention { usage: Some(Usage::Unused), next, by_choice: false });
        }
        decision
    };
    let mut sequences: Vec<Sequence> = sequences
        .into_iter()
        .map(|sequence| sequence.into_iter().filter(|one| !prepares_a_step(one)).map(blocked).collect())
        .collect();
    let versions =
        observed_images(found).filter_map(|image| Some(image.record_for_home(home).ok()?.name.version));
    if let Some(version) = versions.max() {
        let name = ImageName { recipe: why.recipe.clone(), version };
        let news = Event::ExpiryBlocked { images: why.images, reason: why.to_string() };
        sequences.insert(0, vec![Subject::recipe(&why.recipe, home).emit(&name, news, why.clone())]);
    }
    sequences
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
