//! `expire`: retires what the recipes keep no longer and nobody uses.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join_all, join3, join4};

use super::bake::refused;
use super::restore::restore;
use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::usage::{Names, Use, User};
use crate::cloud::{Cloud, CloudError, Cloudly, Image, ImageState, Snapshot, Usage, Wanted};
use crate::decide::expire::{Found, candidates, decide};
use crate::decide::used::UsageByRegion;
use crate::decide::{Chain, Subject, blast, leftovers};
use crate::domain::{ImageId, RecipeName, Region, SnapshotId, Tags, tags};
use crate::events::inbound::{ExpireCall, ExpireRun};
use crate::recipe::{BadRecipe, Base, Recipe};

/// What one Region holds of Kiln's.
struct Holdings {
    images: Cloudly<Vec<Image>>,
    snapshots: Cloudly<Vec<Snapshot>>,
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

/// The use of those images alone that the rules would let go.
async fn usage<C: Cloud>(
    cloud: &C,
    place: &Place,
    all: Option<&[Result<Recipe, BadRecipe>]>,
    found: &[(&Recipe, Found)],
    holdings: &BTreeMap<Region, Holdings>,
    now: DateTime<Utc>,
) -> UsageByRegion {
    let mut wanted: BTreeMap<Region, Vec<ImageId>> = BTreeMap::new();
    for (recipe, found) in found {
        for (region, images) in candidates(recipe, &place.home, found, now) {
            wanted.entry(region).or_default().extend(images);
        }
    }
    if wanted.is_empty() {
        return UsageByRegion::new();
    }
    let bases = match all {
        Some(recipes) => Ok(bases(recipes)),
        None => {
            let documents = cloud.parameters_below(&place.home, &place.recipes).await;
            documents.map(|documents| bases(&recipes::parsed(&documents)))
        }
    };
    let look = wanted.into_iter().map(async |(region, images)| {
        let usage = async {
            let launchers = join3(
                cloud.template_versions(&region),
                cloud.launch_configurations(&region),
                cloud.fleets(&region),
            );
            let (instances, (templates, configurations, fleets), parameters, baked) = join4(
                cloud.instances_of(&region, &images),
                launchers,
                named_by_parameters(cloud, &region, found),
                baked_from(cloud, place, &region, &images, all.and(holdings.get(&region))),
            )
            .await;
            let uses = [instances?, templates?, configurations?, fleets?, parameters?].concat();
            let held = held(holdings.get(&region))?;
            Ok(Usage { uses, held, bases: bases.clone()?, baked: baked? })
        };
        let usage = usage.await;
        (region, usage)
    });
    join_all(look).await.into_iter().collect()
}

/// The images that the parameters of these recipes name in a Region.
async fn named_by_parameters<C: Cloud>(
    cloud: &C,
    region: &Region,
    found: &[(&Recipe, Found)],
) -> Cloudly<Vec<Use>> {
    let named = found.iter().filter_map(|(recipe, _)| recipe.publish.parameter.clone());
    let names: Vec<String> = named.collect::<BTreeSet<_>>().into_iter().collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let values = cloud.parameters(region, &names).await?;
    let of = |(name, value): (String, String)| {
        Some(Use { names: Names::Image(value.trim().parse().ok()?), by: User::Parameter(name) })
    };
    Ok(values.into_iter().filter_map(of).collect())
}

/// The images of which others were baked that can still be launched, or will be. Kiln bakes in its home Region alone.
/// `all`: what is there of all recipes, where that was seen.
async fn baked_from<C: Cloud>(
    cloud: &C,
    place: &Place,
    region: &Region,
    images: &[ImageId],
    all: Option<&Holdings>,
) -> Cloudly<BTreeMap<ImageId, ImageId>> {
    if *region != place.home {
        return Ok(BTreeMap::new());
    }
    let asked;
    let found = match all {
        Some(holdings) => holdings.images.as_ref().map_err(Clone::clone)?,
        None => {
            asked = cloud.images(region, &Wanted::BakedFrom(images.to_vec())).await?;
            &asked
        }
    };
    let living = found.iter().filter(|image| {
        matches!(image.state, ImageState::Available | ImageState::Pending | ImageState::Unknown(_))
    });
    Ok(living.filter_map(|image| Some((image.tags.read(tags::BASE)?, image.id.clone()))).collect())
}

/// The images that recipes name as their base.
fn bases(recipes: &[Result<Recipe, BadRecipe>]) -> BTreeMap<ImageId, RecipeName> {
    let named = recipes.iter().flatten().filter_map(|recipe| match &recipe.bake.base {
        Base::Image(image) => Some((image.clone(), recipe.name.clone())),
        _ => None,
    });
    named.collect()
}

/// The snapshots of a Region that somebody holds.
fn held(holdings: Option<&Holdings>) -> Cloudly<BTreeMap<SnapshotId, String>> {
    let snapshots = match holdings.map(|holdings| &holdings.snapshots) {
        Some(Ok(snapshots)) => snapshots.as_slice(),
        Some(Err(error)) => return Err(error.clone()),
        None => &[],
    };
    let held = snapshots.iter().filter_map(|snapshot| Some((snapshot, snapshot.tags.get(tags::HOLD)?)));
    Ok(held.map(|(snapshot, why)| (snapshot.id.clone(), why.to_owned())).collect())
}

/// A Region whose use could not be found out keeps everything, and fails the run, so that somebody hears of it.
fn unknown_usage(usage: &UsageByRegion) -> Vec<Chain> {
    let unknown = usage.iter().filter_map(|(region, usage)| Some((region, usage.as_ref().err()?)));
    unknown.map(|(region, error)| vec![Subject::region(region).unseen(error)]).collect()
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
