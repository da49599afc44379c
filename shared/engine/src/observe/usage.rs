//! Reads who uses images, just before any of them is deprecated, disabled or deregistered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures::future::{join3, join4};
use kiln_core::expire::OneRecipe;
use kiln_core::expire::cross_account::{has_no_reports, may_be_used, needs_reports, shows_permissions};
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex, is_piecemeal};
use kiln_core::expire::references::{aliases, resolved, without_own_history};
use kiln_core::inventory::usage::{Reference, Referrer, Target};
use kiln_core::inventory::{CloudError, Image, ImageQuery, ImageState, RegionUsage, Result, SharedWith};
use kiln_core::model::{ImageId, Region, SnapshotId, tags};
use kiln_core::recipe::Recipe;

use crate::bounded::{CALLS, CHANGES, bounded};
use crate::context::Context;
use crate::observe::inventory::Inventory;
use crate::ports::Cloud;

/// The usage of these images, by Region: those that the retention rules would let go.
pub(crate) async fn usage<C: Cloud>(
    cloud: &C,
    context: &Context,
    inventory: &Inventory,
    wanted: &[&Image],
) -> UsageByRegion {
    let parameters = published(inventory, |recipe| recipe.parameters().cloned().collect());
    let parameters: Vec<String> = parameters.into_iter().collect();
    let template = |recipe: &Recipe| Some(recipe.publish.launch_template.as_ref()?.name.clone());
    let templates = published(inventory, |recipe| template(recipe).into_iter().collect());
    let names = (parameters.as_slice(), &templates);
    let reads = by_region(wanted).into_iter().map(async |(region, images)| {
        let usage = of_region(cloud, context, inventory, region, &images, names).await;
        (region.clone(), usage)
    });
    bounded(CALLS, reads).await.into_iter().collect()
}

/// What uses the images that these recipes allow to be removed. Usage by other accounts is read only for images that
/// nothing else keeps.
pub(crate) async fn usage_of_candidates<C: Cloud>(
    cloud: &C,
    context: &Context,
    inventory: &Inventory,
    recipes: &[OneRecipe<'_>],
    now: DateTime<Utc>,
) -> UsageByRegion {
    let candidates: Vec<&Image> = recipes.iter().flat_map(|one| one.candidates(now)).collect();
    let mut usage = usage(cloud, context, inventory, &candidates).await;
    let only_sharing: Vec<&Image> = {
        let uses = UsageIndex::of(&usage);
        recipes.iter().flat_map(|one| one.only_sharing_left(&uses, now)).collect()
    };
    by_others(cloud, &mut usage, &only_sharing).await;
    usage
}

/// Adds how other accounts use these images. That takes a call for each image, so images that are kept anyway are not
/// among them.
pub(crate) async fn by_others<C: Cloud>(cloud: &C, usage: &mut UsageByRegion, wanted: &[&Image]) {
    let reads = by_region(wanted).into_iter().map(async |(region, images)| {
        let shared = shared(cloud, region, &images).await;
        (region, shared)
    });
    for (region, shared) in bounded(CALLS, reads).await {
        if let Some(Ok(usage)) = usage.get_mut(region) {
            usage.shared = shared;
        }
    }
}

/// What the recipes publish to, each once.
fn published(inventory: &Inventory, names: impl Fn(&Recipe) -> Vec<String>) -> BTreeSet<String> {
    let recipes = inventory.recipes.values().filter_map(|observed| observed.recipe.as_ref());
    recipes.flat_map(names).collect()
}

/// These images, by their Regions.
pub(crate) fn by_region<'a>(images: &[&'a Image]) -> BTreeMap<&'a Region, Vec<&'a Image>> {
    let mut by_region: BTreeMap<&Region, Vec<&Image>> = BTreeMap::new();
    for image in images {
        by_region.entry(&image.region).or_default().push(image);
    }
    by_region
}

async fn of_region<C: Cloud>(
    cloud: &C,
    context: &Context,
    inventory: &Inventory,
    region: &Region,
    images: &[&Image],
    (parameters, templates): (&[String], &BTreeSet<String>),
) -> Result<RegionUsage> {
    let ids: Vec<ImageId> = images.iter().map(|image| image.id.clone()).collect();
    let lost = images.iter().filter_map(|image| image.tags.read(tags::IN_PLACE_OF));
    let bases: Vec<ImageId> = ids.iter().cloned().chain(lost).collect();
    let snapshots: Vec<SnapshotId> = images.iter().flat_map(|image| &image.snapshots).cloned().collect();
    let ((instances, references, launchers, parameters), baked, needed) = join3(
        join4(
            cloud.instances_of(region, &ids),
            references(cloud, region, &ids),
            cloud.launchers(region),
            named_by_parameters(cloud, region, parameters),
        ),
        baked_from(cloud, context, inventory, region, &bases),
        cloud.snapshot_needs(region, &snapshots),
    )
    .await;
    let launchers = launchers?;
    let (mut named, piecemeal) = references?;
    if piecemeal.is_none() {
        let pinned = launchers.pinned.iter().map(|version| version.template.clone()).collect();
        named.extend(cloud.aliased_versions(region, &pinned).await?);
    }
    // Read after the references, so that no version is missing here that one of them is about.
    let own = match templates.is_empty() {
        true => Vec::new(),
        false => cloud.versions_of(region, templates).await?,
    };
    let named = without_own_history(named, &own, &launchers.pinned, images);
    let uses = [instances?, named, launchers.uses, parameters?].concat();
    let uses = with_aliases(cloud, region, uses).await;
    let not_read = || {
        CloudError::new(
            "DescribeSnapshots",
            "snapshots",
            region,
            "NotRequested",
            "the snapshots were not read",
        )
    };
    let held = inventory.held.get(region).cloned().unwrap_or_else(|| Err(not_read()))?;
    Ok(RegionUsage {
        uses,
        held,
        needed: needed?,
        bases: inventory.bases.clone()?,
        baked: baked?,
        shared: HashMap::new(),
        piecemeal,
    })
}

/// What refers to these images. Where EC2 does not list that, it is every version of every launch template instead, and
/// why.
///
/// # Errors
/// Why it is unknown.
pub(crate) async fn references<C: Cloud>(
    cloud: &C,
    region: &Region,
    images: &[ImageId],
) -> Result<(Vec<Reference>, Option<CloudError>)> {
    match cloud.references(region, images).await {
        Ok(found) => Ok((found, None)),
        Err(error) if is_piecemeal(&error) => Ok((cloud.template_versions(region).await?, Some(error))),
        Err(error) => Err(error),
    }
}

/// The images that the recipes' parameters name in a Region.
async fn named_by_parameters<C: Cloud>(
    cloud: &C,
    region: &Region,
    names: &[String],
) -> Result<Vec<Reference>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let values = cloud.parameters(region, names).await?;
    let of = |(name, value): (String, String)| {
        Some(Reference { names: Target::Image(value.trim().parse().ok()?), by: Referrer::Parameter(name) })
    };
    Ok(values.into_iter().filter_map(of).collect())
}

/// These references, with the parameters read that EC2 did not resolve. One that cannot be read now stays unknown.
async fn with_aliases<C: Cloud>(cloud: &C, region: &Region, uses: Vec<Reference>) -> Vec<Reference> {
    let reads = aliases(&uses).into_iter().map(async |name| {
        let found = cloud.parameters(region, std::slice::from_ref(&name)).await.ok()?;
        Some((name, found.into_values().next()))
    });
    let values = bounded(CALLS, reads).await;
    resolved(uses, &values.into_iter().flatten().collect())
}

/// The images that are the base of another image which can be launched now or soon. Kiln bakes only in its home Region,
/// so there are none in other Regions.
async fn baked_from<C: Cloud>(
    cloud: &C,
    context: &Context,
    inventory: &Inventory,
    region: &Region,
    images: &[ImageId],
) -> Result<BTreeMap<ImageId, ImageId>> {
    if *region != context.home {
        return Ok(BTreeMap::new());
    }
    let asked;
    let found: Vec<&Image> = if inventory.whole {
        let at_home = inventory.recipes.values().filter_map(|observed| observed.images.get(region));
        let mut all = Vec::new();
        for images in at_home {
            all.extend(images.as_ref().map_err(Clone::clone)?);
        }
        all.extend(inventory.unmanaged.iter().filter(|image| image.region == *region));
        all
    } else {
        asked = cloud.images(region, &ImageQuery::BakedFrom(images.to_vec())).await?;
        asked.iter().collect()
    };
    let launchable = found.iter().filter(|image| {
        matches!(image.state, ImageState::Available | ImageState::Pending | ImageState::Unknown(_))
    });
    Ok(launchable.filter_map(|image| Some((image.tags.read(tags::BASE)?, image.id.clone()))).collect())
}

/// With whom each of these images is shared, and the usage reports on those that are or were. Images that other accounts
/// cannot use are left out.
async fn shared<C: Cloud>(
    cloud: &C,
    region: &Region,
    images: &[&Image],
) -> HashMap<ImageId, Result<SharedWith>> {
    let usable: Vec<&Image> = images.iter().copied().filter(|image| may_be_used(image)).collect();
    let reads = usable.iter().map(async |image| {
        let with = match shows_permissions(image) {
            true => cloud.launch_permissions(region, &image.id).await,
            false => Ok(BTreeSet::new()),
        };
        (image.id.clone(), with.map(|with| SharedWith { with, reports: Vec::new() }))
    });
    let mut known: HashMap<ImageId, Result<SharedWith>> = bounded(CHANGES, reads).await.into_iter().collect();
    let is_reported_on = |image: &&Image| match known.get(&image.id) {
        Some(Ok(shared)) => needs_reports(image, shared),
        _ => false,
    };
    let mut others: Vec<&Image> = usable.into_iter().filter(is_reported_on).collect();
    others.sort_by_key(|image| &image.id);
    if others.is_empty() {
        return known;
    }
    let ids: Vec<ImageId> = others.iter().map(|image| image.id.clone()).collect();
    match cloud.usage_reports(region, &ids).await {
        Ok(reports) => {
            for report in reports {
                if let Some(Ok(shared)) = known.get_mut(&report.image) {
                    shared.reports.push(report);
                }
            }
        }
        Err(error) => {
            let unknown =
                others.into_iter().filter(|image| shows_permissions(image) || !has_no_reports(&error));
            known.extend(unknown.map(|image| (image.id.clone(), Err(error.clone()))));
        }
    }
    known
}
