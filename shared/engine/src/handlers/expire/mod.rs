//! `expire`: removes in three steps what the recipes no longer keep and nobody uses.

mod explain;
pub mod image_deregistered;
mod restore;
mod retire_recipe;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::join_all;
use kiln_core::events::inbound::{ExpireCall, ExpireRun, Mode};
use kiln_core::expire::OneRecipe;
use kiln_core::expire::forecast::{PlanRow, PlanTotals};
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::inventory::{Cloudly, Image, Usage};
use kiln_core::model::{ImageId, RecipeName, Region};
use kiln_core::plan::reason::RetentionReason;
use kiln_core::plan::{Action, Chain, Subject};

use crate::apply::{Line, Outcome, Report, act};
use crate::context::{Place, Refused};
use crate::observe::inventory::{Inventory, inventory, inventory_again};
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

use explain::explain;
use image_deregistered::{Memory, of_image};
use restore::restore;
use retire_recipe::retire_recipe;

/// Largest batch of images whose usage is checked at once. Usage is read again for every batch, so it is never older than
/// one batch takes to process. A larger recipe is one batch.
const BATCH_SIZE: usize = 1_000;

/// What the plan says, by image.
type Rows = BTreeMap<(Region, String), PlanRow>;

/// Makes the plan and carries it out unless it was only asked for, or does what else it was asked to. `memory` is what the
/// warm function remembers.
///
/// # Errors
/// That nothing was done, and why.
pub async fn expire<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ExpireCall,
    memory: &Memory,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    match call {
        ExpireCall::Run(call) => run(cloud, place, call, now).await,
        ExpireCall::Restore(image) => restore(cloud, place, image, now).await,
        ExpireCall::Explain(image) => explain(cloud, place, image, now).await,
        ExpireCall::Gone(region, image) => of_image(cloud, place, region, image, memory, now).await,
        ExpireCall::RetireRecipe(recipe, mode) => retire_recipe(cloud, place, recipe, *mode, now).await,
    }
}

/// The plan for one recipe or for all. Each batch is decided and applied before the next one is looked at.
async fn run<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ExpireRun,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let mut observed = inventory(cloud, place, call.recipe.as_ref(), call.look, now).await?;
    let mut report = act(cloud, std::mem::take(&mut observed.other_decisions), call.mode, now).await;
    let mut rows = Rows::new();
    let of = |name: &RecipeName, inventory: &Inventory| inventory.recipes.contains_key(name);
    let all: Vec<OneRecipe<'_>> =
        observed.recipes.values().map(|one| OneRecipe::of(one, &place.home)).collect();
    let counts: Vec<usize> = all.iter().map(|one| one.candidates(now).len()).collect();
    let names: Vec<&RecipeName> = observed.recipes.keys().collect();
    for (number, batch) in batches(&counts).into_iter().enumerate() {
        let chains = if number == 0 || call.mode == Mode::DryRun {
            decide_batch(cloud, place, (&observed, &all[batch]), call.allow, &mut rows, now).await
        } else {
            // Applying the batches before took its time: tags and states are read again before anything is done here.
            let again = inventory_again(cloud, place, call.recipe.as_ref(), call.look).await?;
            let all: Vec<OneRecipe<'_>> = names[batch]
                .iter()
                .filter(|name| of(name, &again))
                .map(|name| OneRecipe::of(&again.recipes[*name], &place.home))
                .collect();
            decide_batch(cloud, place, (&again, &all), call.allow, &mut rows, now).await
        };
        report = report.and(act(cloud, chains, call.mode, now).await);
    }
    annotate(cloud, &mut report, rows, place).await;
    report.fit();
    report.only_asked = call.mode == Mode::DryRun;
    Ok(report)
}

/// What becomes of the images of a few recipes, by what uses them now.
async fn decide_batch<C: Cloud>(
    cloud: &C,
    place: &Place,
    (inventory, recipes): (&Inventory, &[OneRecipe<'_>]),
    allow: Option<usize>,
    rows: &mut Rows,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let candidates: Vec<&Image> = recipes.iter().flat_map(|one| one.candidates(now)).collect();
    let mut usage = usage(cloud, place, inventory, &candidates).await;
    let left: Vec<&Image> = {
        let uses = UsageIndex::of(&usage);
        recipes.iter().flat_map(|one| one.only_sharing_left(&uses, now)).collect()
    };
    by_others(cloud, &mut usage, &left).await;
    let uses = UsageIndex::of(&usage);
    let mut chains = unknown_usage(&usage);
    for one in recipes {
        let decided = one.decide(&uses, allow, now);
        let planned = one.plan_rows(&decided, &inventory.sizes, &place.prices, now).into_iter();
        rows.extend(planned.map(|(image, row)| ((image.region.clone(), image.id.to_string()), row)));
        chains.extend(decided);
    }
    chains
}

/// Which recipes are one batch, by how many images each has to be asked about.
fn batches(counts: &[usize]) -> Vec<Range<usize>> {
    let (mut batches, mut from, mut images) = (Vec::new(), 0, 0);
    for (at, own) in counts.iter().enumerate() {
        if images + own > BATCH_SIZE && at > from {
            batches.push(from..at);
            (from, images) = (at, 0);
        }
        images += own;
    }
    batches.push(from..counts.len());
    batches
}

/// Adds to the last entry of each image what the plan says of it, and to what was deregistered until when it can be brought
/// back.
async fn annotate<C: Cloud>(cloud: &C, report: &mut Report, mut rows: Rows, place: &Place) {
    report.totals = Some(PlanTotals::of(rows.values(), &place.prices));
    for line in report.lines.iter_mut().rev().filter(|line| !["say", "note"].contains(&line.action)) {
        let Some(resource) = line.resource.clone() else { continue };
        line.plan = rows.remove(&(line.region.clone(), resource));
    }
    let went = |line: &&mut Line| line.action == "deregister" && matches!(line.outcome, Outcome::Done { .. });
    let mut went: Vec<_> = report.lines.iter_mut().filter(went).collect();
    let regions: BTreeSet<Region> = went.iter().map(|line| line.region.clone()).collect();
    let look = regions.into_iter().map(async |region| {
        let recycled = cloud.recycled(&region).await;
        (region, recycled)
    });
    // Where this cannot be read, it is asked again once somebody wants an image back.
    let recycled: BTreeMap<Region, BTreeMap<ImageId, DateTime<Utc>>> =
        join_all(look).await.into_iter().filter_map(|(region, found)| Some((region, found.ok()?))).collect();
    for line in &mut went {
        let image = line.resource.as_deref().and_then(|id| id.parse::<ImageId>().ok());
        let until = image.and_then(|image| recycled.get(&line.region)?.get(&image));
        line.recoverable_until = until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
}

/// A Region whose usage could not be found out keeps everything, and fails the run, so that somebody hears of it. A Region
/// where it was found out in another way than the best says so.
fn unknown_usage(usage: &UsageByRegion) -> Vec<Chain> {
    let one = |(region, usage): (&Region, &Cloudly<Usage>)| {
        let subject = Subject::region(region);
        match usage {
            Ok(usage) => usage
                .piecemeal
                .clone()
                .map(|why| vec![subject.so(Action::Leave, RetentionReason::ReferencesDenied(why))]),
            Err(error) => Some(vec![subject.unseen(error)]),
        }
    };
    usage.iter().filter_map(one).collect()
}
