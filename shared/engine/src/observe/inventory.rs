//! Reads what `expire` needs before it checks usage: the recipes, and the images and snapshots of each Region.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::events::inbound::Scope;
use kiln_core::expire::forecast::{Sizes, sizes};
use kiln_core::expire::{ImagesByRegion, Observed, deleted_recipe};
use kiln_core::inventory::{CloudError, ErrorKind, Image, ImageQuery, Result, Snapshot};
use kiln_core::model::{ImageId, RecipeName, Region, SnapshotId, Tags, tags};
use kiln_core::plan::{Sequence, Subject};
use kiln_core::recipe::{BadRecipe, Recipe};

use crate::bounded::{CALLS, NESTED, bounded};
use crate::context::{Context, HandlerError};
use crate::observe::base_images::bases;
use crate::observe::{orphans, recipes};
use crate::ports::Cloud;

/// Everything that is read before usage is checked.
pub(crate) struct Inventory {
    /// Each recipe with its images.
    pub recipes: BTreeMap<RecipeName, Observed>,
    /// Images that belong to no readable recipe. They are not touched, but they may have been baked from others.
    pub unmanaged: Vec<Image>,
    /// The decisions about everything else: Regions that could not be read, recipes with mistakes, orphaned snapshots.
    pub other_decisions: Vec<Sequence>,
    /// The snapshots on hold, by Region, each with the value of its tag `kiln:hold`.
    pub held: BTreeMap<Region, Result<BTreeMap<SnapshotId, String>>>,
    /// The sizes of all snapshots.
    pub sizes: Sizes,
    /// The images that recipes use as their base. An error if they could not all be found.
    pub bases: Result<BTreeMap<ImageId, RecipeName>>,
    /// Whether the images of all recipes were read.
    pub whole: bool,
}

/// Kiln's images and snapshots in one Region.
struct RegionInventory {
    images: Result<Vec<Image>>,
    snapshots: Result<Vec<Snapshot>>,
    /// Whether it is the home Region, or a recipe names it. Access to any other Region may be denied.
    named: bool,
}

/// Reads one recipe or all of them: in the Regions that they name, or in every Region of the account, as `scope` says.
///
/// # Errors
/// Why nothing could be decided.
pub(crate) async fn inventory<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: Option<&RecipeName>,
    scope: Scope,
    now: DateTime<Utc>,
) -> Result<Inventory, HandlerError> {
    read_inventory(cloud, context, (name, scope), Some(now)).await
}

/// Reads the same images again. Orphaned snapshots are not looked for again.
///
/// # Errors
/// Why nothing could be decided.
pub(crate) async fn inventory_again<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: Option<&RecipeName>,
    scope: Scope,
) -> Result<Inventory, HandlerError> {
    read_inventory(cloud, context, (name, scope), None).await
}

/// `orphans_at` is the current time if orphaned snapshots are to be looked for, otherwise `None`.
async fn read_inventory<C: Cloud>(
    cloud: &C,
    context: &Context,
    (name, scope): (Option<&RecipeName>, Scope),
    orphans_at: Option<DateTime<Utc>>,
) -> Result<Inventory, HandlerError> {
    let read = async {
        match (name, scope) {
            (Some(_), Scope::RecipeRegions | Scope::AllRegions) => {
                Ok((recipes::wanted(cloud, context, name).await?, Vec::new()))
            }
            // A call about a deleted recipe must not fail because the recipe does not exist.
            _ => {
                let documents = cloud.parameters_below(&context.home, &context.recipes).await?;
                Ok::<_, HandlerError>((recipes::parsed(&documents, &context.bounds), documents))
            }
        }
    };
    let enabled = async {
        match scope {
            Scope::RecipeRegions => None,
            Scope::AllRegions | Scope::DeletedRecipe => Some(cloud.enabled_regions(&context.home).await),
        }
    };
    let (read, enabled) = join(read, enabled).await;
    let (read, documents) = read?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let named = recipes::regions(good.iter().copied(), &context.home);
    let further = enabled.iter().flat_map(|enabled| enabled.as_ref().ok()).flatten();
    let regions: BTreeSet<&Region> = named.iter().copied().chain(further).collect();
    let wanted = match name {
        Some(recipe) => ImageQuery::Tagged(Tags::new().with(tags::RECIPE, recipe)),
        None => ImageQuery::AllManaged,
    };
    let observe = regions.iter().map(async |region| {
        let (images, snapshots) = join(cloud.images(region, &wanted), cloud.snapshots(region)).await;
        ((*region).clone(), RegionInventory { images, snapshots, named: named.contains(region) })
    });
    let by_region: BTreeMap<Region, RegionInventory> = bounded(CALLS, observe).await.into_iter().collect();
    let mut other_decisions = unreadable(&by_region, enabled.as_ref(), &context.home);
    if let Some(now) = orphans_at {
        other_decisions.extend(orphaned_snapshots(cloud, &by_region, &good, name, now).await);
    }
    let bad = read.iter().filter_map(|recipe| recipe.as_ref().err());
    // A call about one recipe does not report the mistakes of others.
    let bad = bad.filter(|bad| name.is_none_or(|name| bad.name == name.as_str()));
    other_decisions.extend(bad.map(|bad| recipes::refused(bad, &context.home)));
    let at_home = by_region.get(&context.home).and_then(|here| here.images.as_ref().ok());
    let at_home = at_home.map_or(&[][..], Vec::as_slice);
    let bases = match (name, scope) {
        (Some(_), Scope::RecipeRegions | Scope::AllRegions) => {
            match cloud.parameters_below(&context.home, &context.recipes).await {
                Ok(documents) => bases(cloud, &context.home, &documents, at_home).await,
                Err(error) => Err(error),
            }
        }
        _ => bases(cloud, &context.home, &documents, at_home).await,
    };
    let sizes = sizes(by_region.values().filter_map(|one| one.snapshots.as_ref().ok()).flatten());
    let held = by_region.iter().map(|(region, one)| (region.clone(), held(&one.snapshots))).collect();
    let mut unmanaged = Vec::new();
    let mut recipes = by_recipe(read, name, context, by_region, &mut unmanaged);
    if enabled.is_some_and(|enabled| enabled.is_err()) {
        // A deleted recipe may have images in Regions that could not be listed, so none of its images is touched.
        for (_, deleted) in recipes.extract_if(.., |_, observed| observed.recipe.is_none()) {
            unmanaged.extend(deleted.images.into_values().flatten().flatten());
        }
    }
    Ok(Inventory { recipes, unmanaged, other_decisions, held, sizes, bases, whole: name.is_none() })
}

/// Groups the images by the recipe in their tags, and by Region.
fn by_recipe(
    read: Vec<Result<Recipe, BadRecipe>>,
    name: Option<&RecipeName>,
    context: &Context,
    by_region: BTreeMap<Region, RegionInventory>,
    unmanaged: &mut Vec<Image>,
) -> BTreeMap<RecipeName, Observed> {
    let mut found: BTreeMap<String, BTreeMap<Region, Vec<Image>>> = BTreeMap::new();
    let mut unreadable: BTreeMap<Region, CloudError> = BTreeMap::new();
    let mut unobservable = ImagesByRegion::new();
    for (region, by_region) in by_region {
        match by_region.images {
            Err(error) => {
                // Access denied in a Region that no recipe names is deliberate, so the Region is left out.
                if by_region.named || error.kind != ErrorKind::Denied {
                    unobservable.insert(region.clone(), Err(error.clone()));
                }
                unreadable.insert(region, error);
            }
            Ok(images) => {
                for image in images {
                    let of = image.tags.get(tags::RECIPE).unwrap_or_default();
                    let of = match found.get_mut(of) {
                        Some(of) => of,
                        None => found.entry(of.to_owned()).or_default(),
                    };
                    of.entry(region.clone()).or_default().push(image);
                }
            }
        }
    }
    let bad: BTreeSet<String> =
        read.iter().filter_map(|one| Some(one.as_ref().err()?.name.clone())).collect();
    let mut recipes = BTreeMap::new();
    for recipe in read.into_iter().flatten().filter(|recipe| name.is_none_or(|name| *name == recipe.name)) {
        let mut own = found.remove(recipe.name.as_str()).unwrap_or_default();
        let here = |region: &Region| match unreadable.get(region) {
            Some(error) => (region.clone(), Err(error.clone())),
            None => (region.clone(), Ok(own.remove(region).unwrap_or_default())),
        };
        let images = recipe.regions(&context.home).map(here).collect();
        let removed = own.into_values().flatten().collect();
        recipes.insert(
            recipe.name.clone(),
            Observed { recipe: Some(recipe), retired_at: None, images, removed },
        );
    }
    for (name, own) in found {
        match name.parse::<RecipeName>() {
            Ok(name) if !bad.contains(name.as_str()) => {
                let mut images = unobservable.clone();
                images.extend(own.into_iter().map(|(region, own)| (region, Ok(own))));
                let retired_at = deleted_recipe::retired_at(&images, &context.home);
                recipes.insert(name, Observed { recipe: None, retired_at, images, removed: Vec::new() });
            }
            _ => unmanaged.extend(own.into_values().flatten()),
        }
    }
    recipes
}

/// Reports the Regions that could not be read. Each fails the run, unless no recipe names it and access is denied.
fn unreadable(
    by_region: &BTreeMap<Region, RegionInventory>,
    enabled: Option<&Result<BTreeSet<Region>>>,
    home: &Region,
) -> Vec<Sequence> {
    let of_region = |(region, one): (&Region, &RegionInventory)| {
        let error = one.images.as_ref().err().or(one.snapshots.as_ref().err())?;
        let subject = Subject::region(region);
        Some(vec![if one.named { subject.retry_later(error) } else { subject.retry_unless_denied(error) }])
    };
    let unlisted = enabled.and_then(|enabled| enabled.as_ref().err());
    let regions = unlisted.map(|error| vec![Subject::region(home).retry_unless_denied(error)]);
    regions.into_iter().chain(by_region.iter().filter_map(of_region)).collect()
}

/// Decides about the snapshots that images left behind.
async fn orphaned_snapshots<C: Cloud>(
    cloud: &C,
    by_region: &BTreeMap<Region, RegionInventory>,
    recipes: &[&Recipe],
    name: Option<&RecipeName>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let own: Vec<&Recipe> =
        recipes.iter().copied().filter(|recipe| name.is_none_or(|name| *name == recipe.name)).collect();
    let readable = by_region
        .iter()
        .filter_map(|(region, one)| Some((region, one.images.as_ref().ok()?, one.snapshots.as_ref().ok()?)));
    let decisions = readable.map(async |(region, images, snapshots)| {
        orphans::of_region(cloud, region, (images, snapshots), &own, now).await
    });
    bounded(NESTED, decisions).await.into_iter().flatten().collect()
}

/// The snapshots of a Region that are on hold, each with the value of its tag `kiln:hold`.
fn held(snapshots: &Result<Vec<Snapshot>>) -> Result<BTreeMap<SnapshotId, String>> {
    let snapshots = snapshots.as_ref().map_err(Clone::clone)?;
    let held = snapshots.iter().filter_map(|snapshot| Some((snapshot, snapshot.tags.get(tags::HOLD)?)));
    Ok(held.map(|(snapshot, why)| (snapshot.id.clone(), why.to_owned())).collect())
}
