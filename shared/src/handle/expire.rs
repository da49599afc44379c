//! `expire`: retires what the recipes keep no longer and nobody uses.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};

use super::bake::refused;
use super::evidence::usage;
use super::restore::restore;
use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, CloudError, Cloudly, Image, Snapshot, Usage, Wanted};
use crate::decide::expire::{Found, decide};
use crate::decide::used::UsageByRegion;
use crate::decide::{Action, Chain, Reason, Subject, blast, leftovers};
use crate::domain::{Region, Tags, tags};
use crate::events::inbound::{ExpireCall, ExpireRun};
use crate::recipe::Recipe;

/// What one Region holds of Kiln's.
pub(super) struct Holdings {
    /// Its images.
    pub images: Cloudly<Vec<Image>>,
    /// Its snapshots.
    pub snapshots: Cloudly<Vec<Snapshot>>,
}

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
    }
}

/// The plan for one recipe or for all.
async fn run<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ExpireRun,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let read = recipes::wanted(cloud, place, call.recipe.as_ref()).await?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let wanted = match &call.recipe {
        Some(recipe) => Wanted::Tagged(Tags::new().with(tags::RECIPE, recipe)),
        None => Wanted::AllOfKilns,
    };
    let regions: BTreeSet<&Region> = good.iter().flat_map(|recipe| regions_of(recipe, place)).collect();
    let holdings = observe(cloud, &regions, &wanted).await;
    let found: Vec<(&Recipe, Found)> =
        good.iter().map(|recipe| (*recipe, found(recipe, place, &holdings))).collect();
    // Which images are bases is told by all recipes, whichever one is expired.
    let all = call.recipe.is_none().then_some(read.as_slice());
    let usage = usage(cloud, place, all, &found, &holdings, now).await;

    let of_one = |(recipe, found): &(&Recipe, Found)| {
        let chains = decide(recipe, &place.home, found, &usage, now);
        blast::within(recipe, &place.home, found, chains, call.allow)
    };
    let mut chains: Vec<Chain> = found.iter().flat_map(of_one).collect();
    chains.extend(unknown_usage(&usage));
    chains.extend(blind_regions(&holdings));
    chains.extend(snapshots(cloud, &good, &holdings, now).await);
    chains
        .extend(read.iter().filter_map(|recipe| recipe.as_ref().err()).map(|bad| refused(bad, &place.home)));
    Ok(act(cloud, chains, call.mode, now).await)
}

fn regions_of<'a>(recipe: &'a Recipe, place: &'a Place) -> impl Iterator<Item = &'a Region> {
    std::iter::once(&place.home).chain(&recipe.replicate.regions)
}

async fn observe<C: Cloud>(
    cloud: &C,
    regions: &BTreeSet<&Region>,
    wanted: &Wanted,
) -> BTreeMap<Region, Holdings> {
    let look = regions.iter().map(async |region| {
        let (images, snapshots) = join(cloud.images(region, wanted), cloud.snapshots(region)).await;
        ((*region).clone(), Holdings { images, snapshots })
    });
    join_all(look).await.into_iter().collect()
}

/// The images of one recipe, in its own Regions.
fn found(recipe: &Recipe, place: &Place, holdings: &BTreeMap<Region, Holdings>) -> Found {
    let own = |image: &&Image| image.tags.get(tags::RECIPE) == Some(recipe.name.as_str());
    regions_of(recipe, place)
        .filter_map(|region| {
            let images = match &holdings.get(region)?.images {
                Ok(images) => Ok(images.iter().filter(own).cloned().collect()),
                Err(error) => Err(error.clone()),
            };
            Some((region.clone(), images))
        })
        .collect()
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

/// A Region that could not be seen fails the run, though nothing in it is touched.
fn blind_regions(holdings: &BTreeMap<Region, Holdings>) -> Vec<Chain> {
    let error = |holdings: &Holdings| -> Option<CloudError> {
        holdings.images.as_ref().err().or(holdings.snapshots.as_ref().err()).cloned()
    };
    holdings
        .iter()
        .filter_map(|(region, holdings)| Some((region, error(holdings)?)))
        .map(|(region, error)| vec![Subject::region(region).unseen(&error)])
        .collect()
}

/// Snapshots that were left behind.
async fn snapshots<C: Cloud>(
    cloud: &C,
    recipes: &[&Recipe],
    holdings: &BTreeMap<Region, Holdings>,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let seen = holdings.iter().filter_map(|(region, holdings)| {
        Some((region, holdings.images.as_ref().ok()?, holdings.snapshots.as_ref().ok()?))
    });
    let look = seen.map(async |(region, images, snapshots)| {
        let suspects = leftovers::suspects(snapshots, images, recipes.iter().copied(), now);
        if suspects.is_empty() {
            return Vec::new();
        }
        let ids = suspects.iter().map(|suspect| suspect.snapshot.id.clone()).collect();
        match cloud.images(region, &Wanted::OfSnapshots(ids)).await {
            Ok(users) => leftovers::decide(&suspects, &users, now),
            Err(error) => {
                vec![vec![Subject::region(region).unseen(&error)]]
            }
        }
    });
    join_all(look).await.into_iter().flatten().collect()
}
