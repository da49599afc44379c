//! `expire`: retires what the recipes keep no longer and nobody uses.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::join_all;

use super::ended::{self, retire_recipe};
use super::evidence::usage;
use super::explain::explain;
use super::leftovers::of_image;
use super::restore::restore;
use super::survey::{Family, Survey, survey};
use super::{Place, Refused};
use crate::act::{Outcome, Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Usage};
use crate::decide::census::recount;
use crate::decide::plan::{Row, Totals, last_of, row};
use crate::decide::used::{UsageByRegion, Uses};
use crate::decide::{Action, Chain, Reason, Subject, blast, expire, strays};
use crate::domain::{ImageId, Region};
use crate::events::inbound::{ExpireCall, ExpireRun, Mode};
use crate::recipe::Expire;

/// How many images are looked at together before anything is done with them, unless one recipe has more: what is known of
/// their use is no older than what is done with so many takes.
const TOGETHER: usize = 1_000;

/// What the plan tells, by image.
type Rows = BTreeMap<(Region, String), Row>;

/// Makes the plan and carries it out unless it was only asked for, or brings back what a former run retired.
///
/// # Errors
/// That nothing was done, and why.
pub async fn expire<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ExpireCall,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    match call {
        ExpireCall::Run(call) => run(cloud, place, call, now).await,
        ExpireCall::Restore(image) => restore(cloud, place, image, now).await,
        ExpireCall::Explain(image) => explain(cloud, place, image, now).await,
        ExpireCall::Gone(region, image) => of_image(cloud, place, region, image, now).await,
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
    let mut survey = survey(cloud, place, call.recipe.as_ref(), call.look, now).await?;
    let mut report = act(cloud, std::mem::take(&mut survey.aside), call.mode, now).await;
    let mut rows = Rows::new();
    let families: Vec<(&Family, Vec<&Image>)> =
        survey.families.values().map(|family| (family, candidates(family, place, now))).collect();
    for some in waves(&families) {
        let wanted: Vec<&Image> = some.iter().flat_map(|(_, images)| images).copied().collect();
        let usage = usage(cloud, place, &survey, &wanted).await;
        let uses = Uses::of(&usage);
        let mut chains = unknown_usage(&usage);
        for (family, _) in some {
            let decided = decided(family, place, &uses, call.allow, now);
            rows.extend(rows_of(family, &decided, &survey, place, now));
            chains.extend(decided);
        }
        report = report.and(act(cloud, chains, call.mode, now).await);
    }
    told(cloud, &mut report, rows, place).await;
    if call.mode == Mode::DryRun {
        report.fit();
    }
    Ok(report)
}

/// Families that are looked at together.
fn waves<'a, 'f>(families: &'a [(&'f Family, Vec<&'f Image>)]) -> Vec<&'a [(&'f Family, Vec<&'f Image>)]> {
    let (mut waves, mut from, mut images) = (Vec::new(), 0, 0);
    for (at, (_, own)) in families.iter().enumerate() {
        if images + own.len() > TOGETHER && at > from {
            waves.push(&families[from..at]);
            (from, images) = (at, 0);
        }
        images += own.len();
    }
    waves.push(&families[from..]);
    waves
}

/// The images of a family whose use must be found out.
fn candidates<'a>(family: &'a Family, place: &Place, now: DateTime<Utc>) -> Vec<&'a Image> {
    match &family.recipe {
        Some(recipe) => {
            let mut all = expire::candidates(recipe, &place.home, &family.found, now);
            all.extend(strays::candidates(&place.home, &family.strays));
            all
        }
        None => ended::candidates(family, place),
    }
}

/// What becomes of the images of a family.
pub(super) fn decided(
    family: &Family,
    place: &Place,
    uses: &Uses<'_>,
    allow: Option<usize>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let home = &place.home;
    let Some(recipe) = &family.recipe else {
        return ended::decided(family, place, uses, now);
    };
    let mut chains = expire::decide(recipe, home, &family.found, uses, now);
    chains.extend(strays::decide(recipe, home, &family.strays, uses, now));
    let mut chains = blast::within(recipe, home, &family.found, chains, allow);
    chains.extend(recount(&family.found, &chains));
    chains.extend(crate::decide::ended::take_back(recipe, &family.found));
    chains
}

/// What the plan tells of each image of a family.
pub(super) fn rows_of(
    family: &Family,
    chains: &[Chain],
    survey: &Survey,
    place: &Place,
    now: DateTime<Utc>,
) -> Vec<((Region, String), Row)> {
    let usual = Expire::default();
    let expire = family.recipe.as_ref().map_or(&usual, |recipe| &recipe.expire);
    let last = last_of(chains);
    let images = family.found.values().filter_map(|images| images.as_ref().ok()).flatten();
    images
        .chain(&family.strays)
        .filter_map(|image| {
            let decision = last.get(&(&image.region, image.id.as_str()))?;
            let row = row(image, decision, expire, &survey.sizes, &place.prices, now);
            Some(((image.region.clone(), image.id.to_string()), row))
        })
        .collect()
}

/// Puts what the plan tells to the last line of each image, and until when what went can be brought back.
async fn told<C: Cloud>(cloud: &C, report: &mut Report, mut rows: Rows, place: &Place) {
    report.totals = Some(Totals::of(rows.values(), &place.prices));
    for line in report.lines.iter_mut().rev().filter(|line| !["say", "note"].contains(&line.action)) {
        let Some(resource) = line.resource.clone() else { continue };
        line.plan = rows.remove(&(line.region.clone(), resource));
    }
    let went = |line: &&mut crate::act::Line| {
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
