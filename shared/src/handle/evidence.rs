//! What is found out about the use of images before any of them goes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join_all, join4};

use super::expire::Holdings;
use super::{Place, recipes};
use crate::cloud::usage::{Names, Use, User};
use crate::cloud::{Cloud, Cloudly, ImageState, Usage, Wanted};
use crate::decide::expire::{Found, candidates};
use crate::decide::used::{UsageByRegion, is_piecemeal};
use crate::domain::{ImageId, RecipeName, Region, SnapshotId, tags};
use crate::recipe::{BadRecipe, Base, Recipe};

/// The use of those images alone that the rules would let go.
pub(super) async fn usage<C: Cloud>(
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
            let (instances, references, launchers, (parameters, baked)) = join4(
                cloud.instances_of(&region, &images),
                cloud.references(&region, &images),
                cloud.launchers(&region),
                join(
                    named_by_parameters(cloud, &region, found),
                    baked_from(cloud, place, &region, &images, all.and(holdings.get(&region))),
                ),
            )
            .await;
            let launchers = launchers?;
            let (named, piecemeal) = match references {
                Ok(told) => {
                    let aliased = cloud.aliased_versions(&region, &launchers.pinned).await?;
                    ([told, aliased].concat(), None)
                }
                Err(error) if is_piecemeal(&error) => (cloud.template_versions(&region).await?, Some(error)),
                Err(error) => return Err(error),
            };
            let uses = [instances?, named, launchers.uses, parameters?].concat();
            let held = held(holdings.get(&region))?;
            Ok(Usage { uses, held, bases: bases.clone()?, baked: baked?, piecemeal })
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
