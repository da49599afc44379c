//! How much one run may take away. Whatever is wrong with a recipe, a clock or an answer of EC2's, it shows as too much that
//! is to go at once: then nothing goes, and it is said.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::events::outbound::{Announcement, News};
use crate::expire::fleet_size::{far_fewer, living};
use crate::expire::forecast::Step;
use crate::expire::lineage::Found;
use crate::inventory::Image;
use crate::model::{ImageName, Region, Stage};
use crate::plan::{Action, Chain, Decision, Reason, Subject};
use crate::recipe::Recipe;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a run takes nothing of a recipe away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Stop {
    /// More would go than may.
    #[error(
        "{images} images would go in one run, which is more than {most} ({limit}), so none goes; look at the plan, and if it is right, say so: {{\"recipe\": …, \"dry_run\": false, \"allow\": {images}}}"
    )]
    TooMany { images: usize, most: usize, limit: String },
    /// A Region shows nothing, though there should be something.
    #[error(
        "{region} answers with no image of the recipe's, though {told_by} tells that there were some, so none goes anywhere; if that is right, say so by hand with \"allow\""
    )]
    EmptyRegion { region: Region, told_by: crate::model::Origin },
    /// A Region shows far fewer images than before.
    #[error(
        "{region} shows {now} images of the recipe's, and there were {before} at an earlier step, so none goes anywhere; if that is right, say so by hand with \"allow\""
    )]
    FarFewer { region: Region, before: usize, now: usize },
}

/// What a recipe's run may take away, after it was asked what it would.
///
/// `allow` is what a person says who has seen the plan: up to so many images may go, whatever the recipe's limits and the
/// look of the Regions.
pub fn within(
    recipe: &Recipe,
    home: &Region,
    found: &Found,
    strays: &[Image],
    chains: Vec<Chain>,
    allow: Option<usize>,
) -> Vec<Chain> {
    let doomed = doomed(&chains);
    let why = match allow {
        _ if doomed.is_empty() => None,
        Some(most) => (doomed.len() > most).then(|| Stop::TooMany {
            images: doomed.len(),
            most,
            limit: format!("allow = {most}"),
        }),
        None => strange(recipe, home, found)
            .or_else(|| far_fewer(found))
            .or_else(|| too_many(recipe, (found, strays), &chains, doomed.len())),
    };
    match why {
        None => chains,
        Some(why) => stopped(recipe, home, found, chains, &why),
    }
}

/// The images that would be deprecated, disabled or deregistered.
fn doomed(chains: &[Chain]) -> BTreeSet<(&Region, &str)> {
    let images = chains.iter().flatten().filter(|decision| takes_away(decision));
    images
        .filter_map(|decision| Some((&decision.subject.region, decision.subject.resource.as_deref()?)))
        .collect()
}

fn takes_away(decision: &Decision) -> bool {
    step(&decision.action).is_some()
}

fn step(action: &Action) -> Option<Step> {
    match action {
        Action::MarkUnused(..) => Some(Step::Deprecate),
        Action::Retire(..) => Some(Step::Disable),
        Action::Deregister(_) => Some(Step::Deregister),
        _ => None,
    }
}

/// What prepares it, and makes no sense alone.
fn belongs_to_it(decision: &Decision) -> bool {
    matches!(decision.action, Action::Mark(_, Stage::Retired) | Action::Unprotect(_))
}

/// A Region that answers with nothing, though releases are told to be in every Region. Of the home Region none need be
/// feared: without the newer releases there nothing goes.
fn strange(recipe: &Recipe, home: &Region, found: &Found) -> Option<Stop> {
    let of = |region: &Region| found.get(region).and_then(|images| images.as_ref().ok());
    let is_empty = |region: &Region| of(region).is_some_and(|images| !images.iter().any(living));
    let is_released =
        |image: &&Image| image.record_at(home).is_ok_and(|record| record.stage == Stage::Released);
    let told_by = of(home)?.iter().filter(|image| living(image)).find(is_released)?.address();
    let required = recipe.replicate.regions.iter().filter(|region| recipe.replicate.requires(region));
    let empty = required.into_iter().find(|region| is_empty(region))?;
    Some(Stop::EmptyRegion { region: empty.clone(), told_by })
}

/// More than the recipe lets go at once. The part of a recipe is counted for each step by itself, or a small recipe that is baked
/// every night, of which each night one release takes each step, could never let any go. One release alone is never too large a
/// part: else a recipe that keeps a single release could never let the former go.
fn too_many(
    recipe: &Recipe,
    (found, strays): (&Found, &[Image]),
    chains: &[Chain],
    doomed: usize,
) -> Option<Stop> {
    let too_many = |limit: String, most: usize| Stop::TooMany { images: doomed, most, limit };
    let (per_run, percent) = (recipe.expire.max_per_run, recipe.expire.max_percent);
    if doomed > per_run {
        return Some(too_many(format!("expire.max_per_run = {per_run}"), per_run));
    }
    let images = found.values().filter_map(|images| images.as_ref().ok()).flatten().chain(strays);
    let all = images.filter(|image| living(image)).count();
    let most = all * percent / 100;
    let is_too_large = |wanted: Step| {
        let of = |chain: &Chain| chain.iter().filter(|one| step(&one.action) == Some(wanted)).count();
        let releases: Vec<usize> = chains.iter().map(of).filter(|images| *images > 0).collect();
        releases.len() > 1 && releases.iter().sum::<usize>() > most
    };
    [Step::Deprecate, Step::Disable, Step::Deregister]
        .into_iter()
        .any(is_too_large)
        .then(|| too_many(format!("expire.max_percent = {percent}, of {all} images"), most))
}

/// Everything that would go stays, and one event says why.
fn stopped(recipe: &Recipe, home: &Region, found: &Found, chains: Vec<Chain>, why: &Stop) -> Vec<Chain> {
    let images = doomed(&chains).len();
    let spared = |mut decision: Decision| {
        if let Some(step) = step(&decision.action) {
            (decision.action, decision.because) = (Action::Leave, Reason::Spared(step, why.clone()));
        }
        decision
    };
    let mut chains: Vec<Chain> = chains
        .into_iter()
        .map(|chain| chain.into_iter().filter(|one| !belongs_to_it(one)).map(spared).collect())
        .collect();
    let newest = found.values().filter_map(|images| images.as_ref().ok()).flatten();
    let newest = newest.filter_map(|image| Some(image.record_at(home).ok()?.name.version)).max();
    if let Some(version) = newest {
        let say = Announcement {
            name: ImageName { recipe: recipe.name.clone(), version },
            region: home.clone(),
            news: News::ExpireStopped { images, reason: why.to_string() },
        };
        let subject = Subject::recipe(&recipe.name, home);
        chains.insert(0, vec![subject.so(Action::Say(say), Reason::Stopped(why.clone()))]);
    }
    chains
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
