//! `expire`: retires what the recipes keep no longer and nobody uses.

mod explain;
pub mod image_deregistered;
mod one_recipe;
mod restore;
mod retire_recipe;

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::join_all;
use kiln_core::events::inbound::{ExpireCall, ExpireRun, Mode};
use kiln_core::expire::forecast::{Row, Totals};
use kiln_core::expire::in_use::{UsageByRegion, Uses};
use kiln_core::inventory::{Cloudly, Image, Usage};
use kiln_core::model::{ImageId, RecipeName, Region};
use kiln_core::plan::{Action, Chain, Reason, Subject};

use crate::apply::{Outcome, Report, act};
use crate::context::{Place, Refused};
use crate::handlers::expire::explain::explain;
use crate::handlers::expire::image_deregistered::{Memory, of_image};
use crate::handlers::expire::one_recipe::{Read, candidates, decided, open, rows_of};
use crate::handlers::expire::restore::restore;
use crate::handlers::expire::retire_recipe::retire_recipe;
use crate::observe::inventory::{Survey, survey, survey_again};
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// How many images are looked at together before anything is done with them, unless one recipe has more: what is known of
/// their use is no older than what is done with so many takes.
const TOGETHER: usize = 1_000;

/// What the plan tells, by image.
type Rows = BTreeMap<(Region, String), Row>;

/// Makes the plan and carries it out unless it was only asked for, or does what else it was asked to. `memory` is what the warm
/// function remembers.
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

/// The plan for one recipe or for all. What is looked at together is done before the next is looked at.
async fn run<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ExpireRun,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let mut seen = survey(cloud, place, call.recipe.as_ref(), call.look, now).await?;
    let mut report = act(cloud, std::mem::take(&mut seen.aside), call.mode, now).await;
    let mut rows = Rows::new();
    let families: Vec<Read<'_>> = seen.families.values().map(|family| Read::of(family, place)).collect();
    let counts: Vec<usize> = families.iter().map(|read| candidates(read, place, now).len()).collect();
    let names: Vec<&RecipeName> = seen.families.keys().collect();
    for (number, wave) in waves(&counts).into_iter().enumerate() {
        let chains = if number == 0 || call.mode == Mode::DryRun {
            decided_together(cloud, place, (&seen, &families[wave]), call.allow, &mut rows, now).await
        } else {
            // What is done with the others takes its time: tags and states are looked at again before anything is done here.
            let anew = survey_again(cloud, place, call.recipe.as_ref(), call.look).await?;
            let families: Vec<Read<'_>> = names[wave]
                .iter()
                .filter_map(|name| Some(Read::of(anew.families.get(name)?, place)))
                .collect();
            decided_together(cloud, place, (&anew, &families), call.allow, &mut rows, now).await
        };
        report = report.and(act(cloud, chains, call.mode, now).await);
    }
    told(cloud, &mut report, rows, place).await;
    report.fit();
    report.only_asked = call.mode == Mode::DryRun;
    Ok(report)
}

/// What becomes of the images of a few families, by what uses them now.
async fn decided_together<C: Cloud>(
    cloud: &C,
    place: &Place,
    (survey, families): (&Survey, &[Read<'_>]),
    allow: Option<usize>,
    rows: &mut Rows,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let wanted: Vec<&Image> = families.iter().flat_map(|read| candidates(read, place, now)).collect();
    let mut usage = usage(cloud, place, survey, &wanted).await;
    let open: Vec<&Image> = {
        let uses = Uses::of(&usage);
        families.iter().flat_map(|read| open(read, place, &uses, now)).collect()
    };
    by_others(cloud, &mut usage, &open).await;
    let uses = Uses::of(&usage);
    let mut chains = unknown_usage(&usage);
    for read in families {
        let decided = decided(read, place, &uses, allow, now);
        rows.extend(rows_of(read.family, &decided, survey, place, now));
        chains.extend(decided);
    }
    chains
}

/// Which families are looked at together, by how many images each has to be asked about.
fn waves(counts: &[usize]) -> Vec<Range<usize>> {
    let (mut waves, mut from, mut images) = (Vec::new(), 0, 0);
    for (at, own) in counts.iter().enumerate() {
        if images + own > TOGETHER && at > from {
            waves.push(from..at);
            (from, images) = (at, 0);
        }
        images += own;
    }
    waves.push(from..counts.len());
    waves
}

/// Puts what the plan tells to the last line of each image, and until when what went can be brought back.
async fn told<C: Cloud>(cloud: &C, report: &mut Report, mut rows: Rows, place: &Place) {
    report.totals = Some(Totals::of(rows.values(), &place.prices));
    for line in report.lines.iter_mut().rev().filter(|line| !["say", "note"].contains(&line.action)) {
        let Some(resource) = line.resource.clone() else { continue };
        line.plan = rows.remove(&(line.region.clone(), resource));
    }
    let went = |line: &&mut crate::apply::Line| {
        line.action == "deregister" && matches!(line.outcome, Outcome::Done { .. })
    };
    let mut went: Vec<_> = report.lines.iter_mut().filter(went).collect();
    let regions: std::collections::BTreeSet<Region> = went.iter().map(|line| line.region.clone()).collect();
    let look = regions.into_iter().map(async |region| {
        let lies = cloud.recycled(&region).await;
        (region, lies)
    });
    // Where that is not told, it is asked for once somebody wants an image back.
    let lies: BTreeMap<Region, BTreeMap<ImageId, DateTime<Utc>>> =
        join_all(look).await.into_iter().filter_map(|(region, lies)| Some((region, lies.ok()?))).collect();
    for line in &mut went {
        let image = line.resource.as_deref().and_then(|id| id.parse::<ImageId>().ok());
        let until = image.and_then(|image| lies.get(&line.region)?.get(&image));
        line.recoverable_until = until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
}

/// A Region whose use could not be found out keeps everything, and fails the run, so that somebody hears of it. Where it
/// was found out in another way than the best, that is told.
fn unknown_usage(usage: &UsageByRegion) -> Vec<Chain> {
    let told = |(region, usage): (&Region, &Cloudly<Usage>)| {
        let subject = Subject::region(region);
        match usage {
            Ok(usage) => {
                usage.piecemeal.clone().map(|why| vec![subject.so(Action::Leave, Reason::Piecemeal(why))])
            }
            Err(error) => Some(vec![subject.unseen(error)]),
        }
    };
    usage.iter().filter_map(told).collect()
}
