//! `reconcile`: does what a lost event or a function that died left undone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Wanted};
use crate::decide::sweep::{Closer, Seen, closer_looks, decide, suspects};
use crate::domain::{InstanceId, Region, SnapshotId};
use crate::events::inbound::Mode;

/// Looks at everything there is, and repairs what is not as the recipes want it.
///
/// Reads the recipes, the instances of the home Region, and images and snapshots of every Region, each page once;
/// then the consoles of builders that have stopped without an image, and who uses snapshots that seem to be left behind.
///
/// # Errors
/// That nothing was done, and why.
pub async fn reconcile<C: Cloud>(cloud: &C, place: &Place, now: DateTime<Utc>) -> Result<Report, Refused> {
    let seen = observe(cloud, place, now).await?;
    let report = act(cloud, decide(&seen, now), Mode::Repair, now).await;
    if report.lines.is_empty() {
        let images = seen.images.values().flatten().map(Vec::len).sum::<usize>();
        let instances = seen.instances.as_ref().map_or(0, Vec::len);
        tracing::info!(
            recipes = seen.recipes.len(),
            regions = seen.images.len(),
            images,
            instances,
            "nothing to repair"
        );
    }
    Ok(report)
}

async fn observe<C: Cloud>(cloud: &C, place: &Place, now: DateTime<Utc>) -> Result<Seen, Refused> {
    let (read, instances) = join(recipes::wanted(cloud, place, None), cloud.instances(&place.home)).await;
    let (mut known, mut bad) = (BTreeMap::new(), Vec::new());
    for recipe in read? {
        match recipe {
            Ok(recipe) => {
                known.insert(recipe.name.clone(), recipe);
            }
            Err(mistakes) => bad.push(mistakes),
        }
    }
    let further = known.values().flat_map(|recipe| &recipe.replicate.regions);
    let regions: BTreeSet<&Region> = std::iter::once(&place.home).chain(further).collect();
    let look = regions.iter().map(async |region| {
        let (images, snapshots) =
            join(cloud.images(region, &Wanted::AllOfKilns), cloud.snapshots(region)).await;
        ((*region).clone(), images, snapshots)
    });
    let looked = join_all(look).await;
    let mut seen = Seen {
        home: place.home.clone(),
        instances,
        images: BTreeMap::new(),
        snapshots: BTreeMap::new(),
        closer: BTreeMap::new(),
        users: BTreeMap::new(),
        bad,
        recipes: known,
    };
    for (region, images, snapshots) in looked {
        seen.images.insert(region.clone(), images);
        seen.snapshots.insert(region, snapshots);
    }
    (seen.closer, seen.users) = join(closer(cloud, &seen, now), users(cloud, &seen, now)).await;
    Ok(seen)
}

async fn closer<C: Cloud>(
    cloud: &C,
    seen: &Seen,
    now: DateTime<Utc>,
) -> BTreeMap<InstanceId, Cloudly<Closer>> {
    let look = closer_looks(seen, now).into_iter().map(async |(instance, name)| {
        let named = Wanted::Named(name.to_string());
        let (console, named) =
            join(cloud.console(&seen.home, &instance), cloud.images(&seen.home, &named)).await;
        (instance, console.and_then(|console| Ok(Closer { console, named: named? })))
    });
    join_all(look).await.into_iter().collect()
}

async fn users<C: Cloud>(
    cloud: &C,
    seen: &Seen,
    now: DateTime<Utc>,
) -> BTreeMap<Region, Cloudly<Vec<Image>>> {
    let look = seen.images.keys().filter_map(|region| {
        let ids: Vec<SnapshotId> =
            suspects(seen, region, now).into_iter().map(|suspect| suspect.snapshot.id.clone()).collect();
        (!ids.is_empty()).then_some((region, ids))
    });
    let look = look
        .map(async |(region, ids)| (region.clone(), cloud.images(region, &Wanted::OfSnapshots(ids)).await));
    join_all(look).await.into_iter().collect()
}
