//! `expire`: retires what the recipes keep no longer and nobody uses.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::join_all;

use super::ended::{self, retire_recipe};
use super::evidence::{by_others, usage};
use super::explain::explain;
use super::leftovers::{Memory, of_image};
use super::restore::restore;
use super::survey::{Family, Survey, survey, survey_again};
use super::{Place, Refused};
use crate::act::{Outcome, Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Usage};
use crate::decide::census::recount;
use crate::decide::family::Kin;
use crate::decide::plan::{Row, Totals, last_of, row};
use crate::decide::used::{UsageByRegion, Uses};
use crate::decide::{Action, Chain, Reason, Subject, blast, expire, strays};
use crate::domain::{ImageId, RecipeName, Region};
use crate::events::inbound::{ExpireCall, ExpireRun, Mode};
use crate::recipe::Expire;

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

/// A family with the records of its images, each read once.
pub(super) struct Read<'a> {
    family: &'a Family,
    kin: Kin<'a>,
}

impl<'a> Read<'a> {
    /// Of what was surveyed.
    pub fn of(family: &'a Family, place: &Place) -> Self {
        Self { family, kin: Kin::of(&family.found, &place.home) }
    }
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

/// The images of a family whose use must be found out.
fn candidates<'a>(read: &Read<'a>, place: &Place, now: DateTime<Utc>) -> Vec<&'a Image> {
    let Some(recipe) = &read.family.recipe else {
        return ended::candidates(read.family, &read.kin);
    };
    let mut all = expire::candidates(recipe, &read.kin, now);
    all.extend(strays::candidates(&place.home, &read.family.strays));
    all
}

/// Those of them that nothing but other accounts could keep.
fn open<'a>(read: &Read<'a>, place: &Place, uses: &Uses<'_>, now: DateTime<Utc>) -> Vec<&'a Image> {
    let Some(recipe) = &read.family.recipe else {
        return ended::open(read.family, &read.kin, uses, now);
    };
    let mut open = expire::open(recipe, &read.kin, uses, now);
    open.extend(strays::open(recipe, &place.home, &read.family.strays, uses, now));
    open
}

/// What becomes of the images of a family.
pub(super) fn decided(
    read: &Read<'_>,
    place: &Place,
    uses: &Uses<'_>,
    allow: Option<usize>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let (home, family) = (&place.home, read.family);
    let Some(recipe) = &family.recipe else {
        return ended::decided(family, &read.kin, uses, now);
    };
    let mut chains = expire::decide(recipe, &read.kin, uses, now);
    chains.extend(strays::decide(recipe, home, &family.strays, uses, now));
    let mut chains = blast::within(recipe, home, &family.found, &family.strays, chains, allow);
    recount(&family.found, &mut chains);
    chains.extend(crate::decide::ended::take_back(recipe, home, &family.found, &family.strays));
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
