//! `expire`: deprecates, disables and deregisters, step by step, images that no recipe keeps and nobody uses.

mod explain;
mod hold;
pub mod image_deregistered;
mod restore;
mod retire_recipe;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, Utc};
use kiln_core::events::inbound::{ExpireCall, ExpireRun, Mode};
use kiln_core::expire::forecast::{PlanRow, PlanTotals};
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::expire::{OneRecipe, overtaken};
use kiln_core::inventory::usage::Target;
use kiln_core::inventory::{ImageQuery, RegionUsage, Result};
use kiln_core::model::{ImageId, RecipeName, Region, Tags, tags};
use kiln_core::numbers::Numbers;
use kiln_core::plan::reason::RetentionReason;
use kiln_core::plan::{Action, Sequence, Subject, Usage};

use crate::apply::{Report, apply};
use crate::bounded::{CALLS, bounded};
use crate::context::{Context, HandlerError};
use crate::observe::inventory::{Inventory, inventory, inventory_again};
use crate::observe::usage::usage_of_candidates;
use crate::ports::Cloud;

use explain::explain;
use hold::hold;
use image_deregistered::{Debounce, left_in, of_image};
use restore::restore;
use retire_recipe::retire_recipe;

/// Largest batch of images whose usage is checked at once. Usage is read again for every batch, so it is never older
/// than one batch takes to process. A larger recipe is one batch.
const BATCH_SIZE: usize = 1_000;

/// The plan row of each image, by Region and id.
type Rows = BTreeMap<(Region, String), PlanRow>;

/// Makes the plan, and applies it unless the call is a dry run; or restores, holds or explains an image, retires a recipe, or
/// follows up a deregistration. `mode` is how a sweep's request is carried out; `debounce` is what a warm function remembers between calls.
///
/// # Errors
/// Why nothing was done.
pub async fn expire<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &ExpireCall,
    debounce: &Debounce,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    match call {
        ExpireCall::Run(call) => run(cloud, context, call, now).await,
        ExpireCall::Restore(image) => restore(cloud, context, image, now).await,
        ExpireCall::Hold(image, why) => hold(cloud, context, (image, why), now).await,
        ExpireCall::Explain(image) => explain(cloud, context, image, now).await,
        ExpireCall::ImageDeregistered(region, image) => {
            of_image(cloud, context, region, image, debounce, now).await
        }
        ExpireCall::SnapshotsLeft(region) => left_in(cloud, context, region, mode, now).await,
        ExpireCall::RetireRecipe(recipe, mode) => retire_recipe(cloud, context, recipe, *mode, now).await,
    }
}

/// Runs one recipe or all. Each batch is decided and applied before the usage of the next one is read.
async fn run<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &ExpireRun,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let mut observed = inventory(cloud, context, call.recipe.as_ref(), call.scope, now).await?;
    let mut report = apply(cloud, std::mem::take(&mut observed.other_decisions), call.mode, now).await;
    let mut rows = Rows::new();
    let mut told =
        Told { nightly: call.recipe.is_none() && call.mode != Mode::DryRun, said: BTreeSet::new() };
    let still_there = |name: &RecipeName, inventory: &Inventory| inventory.recipes.contains_key(name);
    let all: Vec<OneRecipe<'_>> =
        observed.recipes.values().map(|one| OneRecipe::of(one, &context.home)).collect();
    let counts: Vec<usize> = all.iter().map(|one| one.candidates(now).len()).collect();
    let names: Vec<&RecipeName> = observed.recipes.keys().collect();
    for (number, batch) in batches(&counts).into_iter().enumerate() {
        let sequences = if number == 0 || call.mode == Mode::DryRun {
            decide_batch(cloud, context, (&observed, &all[batch]), call.allow, (&mut rows, &mut told), now)
                .await
        } else {
            // The earlier batches took time to apply, so tags and states are read again before this one is decided.
            let again = inventory_again(cloud, context, call.recipe.as_ref(), call.scope).await?;
            let all: Vec<OneRecipe<'_>> = names[batch]
                .iter()
                .filter(|name| still_there(name, &again))
                .map(|name| OneRecipe::of(&again.recipes[*name], &context.home))
                .collect();
            decide_batch(cloud, context, (&again, &all), call.allow, (&mut rows, &mut told), now).await
        };
        let sequences = match call.mode {
            Mode::DryRun => sequences,
            Mode::Apply | Mode::Repair { .. } => still_due(cloud, context, sequences).await?,
        };
        report = report.and(apply(cloud, sequences, call.mode, now).await);
    }
    if told.nightly {
        report.numbers.push(of_night(&report, &rows));
    }
    annotate(cloud, &mut report, rows, context).await;
    report.truncate_to_limit();
    report.read_only = call.mode == Mode::DryRun;
    Ok(report)
}

/// Which references to no image one run has told of. A person hears of them once a night: only the run for all recipes
/// fails because of them.
struct Told {
    nightly: bool,
    said: BTreeSet<String>,
}

impl Told {
    /// What is new of the references that name a parameter which holds no image.
    fn dangling(&mut self, usage: &UsageByRegion, account: &str) -> Vec<Sequence> {
        let mut sequences = Vec::new();
        let known = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().ok()?)));
        for (region, one) in known.flat_map(|(region, usage)| usage.uses.iter().map(move |one| (region, one)))
        {
            let Target::Dangling(parameter) = &one.names else { continue };
            let by = format!("{} {}", one.by, one.by.arn(region, account));
            if self.said.insert(format!("{region} {by} {parameter}")) {
                let action = if self.nightly { Action::Reject } else { Action::Keep };
                let reason = RetentionReason::DanglingReference { by, parameter: parameter.clone() };
                sequences.push(vec![Subject::region(region).decide(action, reason)]);
            }
        }
        sequences
    }
}

/// What still holds just before it is done: somebody may have rolled back to a release while its use was read.
async fn still_due<C: Cloud>(
    cloud: &C,
    context: &Context,
    sequences: Vec<Sequence>,
) -> Result<Vec<Sequence>, HandlerError> {
    let removals = sequences.iter().filter(|sequence| overtaken::removes(sequence)).flatten();
    let recipes: BTreeSet<&RecipeName> = removals.filter_map(|one| one.subject.recipe.as_ref()).collect();
    let query = match recipes.iter().next() {
        None => return Ok(sequences),
        Some(recipe) if recipes.len() == 1 => ImageQuery::Tagged(Tags::new().with(tags::RECIPE, recipe)),
        Some(_) => ImageQuery::AllManaged,
    };
    let home_images = cloud.images(&context.home, &query).await?;
    Ok(overtaken::still_due(sequences, &home_images))
}

/// Decides about the images of a few recipes, from what uses them now.
async fn decide_batch<C: Cloud>(
    cloud: &C,
    context: &Context,
    (inventory, recipes): (&Inventory, &[OneRecipe<'_>]),
    allow: Option<usize>,
    (rows, told): (&mut Rows, &mut Told),
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let usage = usage_of_candidates(cloud, context, inventory, recipes, now).await;
    let uses = UsageIndex::of(&usage);
    let mut sequences = unknown_usage(&usage);
    let account = recipes.iter().flat_map(|one| one.observed.all()).next().map(|image| image.owner.as_str());
    sequences.extend(told.dangling(&usage, account.unwrap_or_default()));
    for one in recipes {
        let decided = one.decide(&uses, allow, now);
        let planned = one.plan_rows(&decided, &inventory.sizes, &context.prices, now).into_iter();
        rows.extend(planned.map(|(image, row)| ((image.region.clone(), image.id.to_string()), row)));
        sequences.extend(decided);
    }
    sequences
}

/// Groups the recipes into batches. `counts` is how many images of each recipe must be checked for use.
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

/// What is left after a night.
fn of_night(report: &Report, rows: &Rows) -> Numbers {
    let gone: BTreeSet<(&Region, &str)> = report
        .entries
        .iter()
        .filter(|entry| entry.did("deregister"))
        .filter_map(|entry| Some((&entry.region, entry.resource.as_deref()?)))
        .collect();
    let left = || {
        let left = rows.iter().filter(|((region, image), _)| !gone.contains(&(region, image.as_str())));
        left.map(|(_, row)| row)
    };
    let unknown = left().filter(|row| row.usage == Some(Usage::Unknown)).count();
    Numbers::of_night(left().count(), unknown, left().map(|row| row.gb).sum())
}

/// Adds its plan row to the last entry of each image, and to each deregistered image until when it can be restored.
async fn annotate<C: Cloud>(cloud: &C, report: &mut Report, mut rows: Rows, context: &Context) {
    report.totals = Some(PlanTotals::of(rows.values(), &context.prices));
    for entry in report.entries.iter_mut().rev().filter(|entry| !["emit", "tag"].contains(&entry.action)) {
        let Some(resource) = entry.resource.clone() else { continue };
        entry.plan = rows.remove(&(entry.region.clone(), resource));
    }
    let mut deregistered: Vec<_> =
        report.entries.iter_mut().filter(|entry| entry.did("deregister")).collect();
    let regions: BTreeSet<Region> = deregistered.iter().map(|entry| entry.region.clone()).collect();
    let reads = regions.into_iter().map(async |region| {
        let recycled = cloud.recycled(&region).await;
        (region, recycled)
    });
    // A Recycle Bin that cannot be read is no failure here: a restore reads it again.
    let recycled: BTreeMap<Region, BTreeMap<ImageId, DateTime<Utc>>> = bounded(CALLS, reads)
        .await
        .into_iter()
        .filter_map(|(region, found)| Some((region, found.ok()?)))
        .collect();
    for entry in &mut deregistered {
        let image = entry.resource.as_deref().and_then(|id| id.parse::<ImageId>().ok());
        let until = image.and_then(|image| recycled.get(&entry.region)?.get(&image));
        entry.recoverable_until = until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
}

/// Reports Regions whose usage is not fully known. If it could not be read, the Region keeps all its images and fails
/// the run, so that somebody notices. If EC2's list of references could not be used, an entry says why.
fn unknown_usage(usage: &UsageByRegion) -> Vec<Sequence> {
    let one = |(region, usage): (&Region, &Result<RegionUsage>)| {
        let subject = Subject::region(region);
        match usage {
            Ok(usage) => usage
                .piecemeal
                .clone()
                .map(|why| vec![subject.decide(Action::Keep, RetentionReason::ReferencesDenied(why))]),
            Err(error) => Some(vec![subject.retry_later(error)]),
        }
    };
    usage.iter().filter_map(one).collect()
}
