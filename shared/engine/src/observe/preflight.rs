//! Reads what a bake and the steps after it will need, before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join3, join5};
use kiln_core::bake::preflight::{KeysOfBase, Observed, shares};
use kiln_core::inventory::{DefaultEncryption, Image, ImageQuery, InstanceType, Key, ParameterKind, Result};
use kiln_core::model::{ImageName, Region};
use kiln_core::recipe::Recipe;

use super::network;
use crate::bounded::{CALLS, bounded, try_bounded};
use crate::ports::Cloud;

/// What is read once for all recipes.
#[derive(Debug)]
pub(crate) struct Common {
    enabled: Option<Result<BTreeSet<Region>>>,
    /// The images that already have the names of the new images.
    named: Result<Vec<Image>>,
    /// The parameters that already exist, by Region, with their types. Kiln wrote them, so it may write them again.
    written: BTreeMap<Region, BTreeMap<String, ParameterKind>>,
}

/// Reads what the recipes have in common, in as few calls as possible.
pub(crate) async fn common<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
    names: Vec<String>,
) -> Common {
    let taken = async {
        match names.is_empty() {
            true => Ok(Vec::new()),
            false => cloud.images(home, &ImageQuery::AnyNamed(names)).await,
        }
    };
    let further = recipes.iter().any(|recipe| !recipe.replicate.regions.is_empty());
    let enabled = async {
        match further {
            true => Some(cloud.enabled_regions(home).await),
            false => None,
        }
    };
    let mut parameters: BTreeMap<&Region, Vec<String>> = BTreeMap::new();
    for recipe in recipes {
        for region in recipe.regions(home) {
            parameters.entry(region).or_default().extend(recipe.parameters().cloned());
        }
    }
    let written =
        parameters.into_iter().filter(|(_, names)| !names.is_empty()).map(async |(region, names)| {
            // A parameter that cannot be read counts as missing. It is then tried, which gives the more useful error.
            (region.clone(), cloud.parameter_kinds(region, &names).await.unwrap_or_default())
        });
    let (enabled, named, written): (_, _, Vec<_>) = join3(enabled, taken, bounded(CALLS, written)).await;
    Common { enabled, named, written: written.into_iter().collect() }
}

/// Reads what one recipe needs.
pub(crate) async fn look<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
    name: &ImageName,
    common: &Common,
    base: Option<&Image>,
    types: &BTreeMap<&str, Result<InstanceType>>,
) -> Observed {
    let named = common.named.as_deref().unwrap_or_default().iter();
    let named = named.filter(|image| image.name == name.to_string() && image.record().is_err());
    let named = named.map(|image| image.id.clone()).collect();
    let of_parameters = |(region, written): (&Region, &BTreeMap<String, ParameterKind>)| {
        let is_own = recipe.regions(home).any(|one| one == region);
        let kind = |name: &String| Some(((region.clone(), name.clone()), written.get(name)?.clone()));
        recipe.parameters().filter(|_| is_own).filter_map(kind).collect::<Vec<_>>()
    };
    let (
        (parameters, base_keys),
        (keys, encrypt, defaults),
        (public, watermarks),
        vcpus,
        (mut testers, network),
    ) = join5(
        join(parameters(cloud, home, recipe, common), base_keys(cloud, home, recipe, base)),
        join3(keys(cloud, recipe), encrypt(cloud, home, recipe), defaults(cloud, home, recipe)),
        join(public(cloud, home, recipe), watermarks(cloud, home, recipe)),
        cloud.vcpus(home, &recipe.bake.instance_type),
        join(types_away(cloud, home, recipe), network::look(cloud, home, recipe)),
    )
    .await;
    let of_type = |name: &str| Some((name.to_owned(), types.get(name)?.clone()));
    testers.insert(home.clone(), recipe.tester_types(home, true).into_iter().filter_map(of_type).collect());
    Observed {
        base: base.cloned(),
        named,
        enabled: common.enabled.clone(),
        parameters,
        keys,
        defaults,
        public,
        watermarks,
        parameter_kinds: common.written.iter().flat_map(of_parameters).collect(),
        builders: recipe.bake.types().filter_map(of_type).collect(),
        testers,
        subnets: network.subnets_away,
        base_keys,
        encrypt,
        groups: network.groups,
        by_tags: network.by_tags,
        zones: network.zones,
        places: network.places,
        ways: network.ways,
        vcpus: Some(vcpus),
    }
}

async fn parameters<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
    common: &Common,
) -> BTreeMap<(Region, String), Result<()>> {
    let is_there = |region: &Region, name: &String| {
        common.written.get(region).is_some_and(|names| names.contains_key(name))
    };
    let all = recipe.regions(home).flat_map(|region| recipe.parameters().map(move |name| (region, name)));
    let untried = all.filter(|(region, name)| !is_there(region, name));
    let tried = untried.map(async |(region, name)| {
        ((region.clone(), name.clone()), cloud.try_parameter(region, name).await)
    });
    bounded(CALLS, tried).await.into_iter().collect()
}

/// Each of the testers' instance types in each further Region where replicas are tested.
async fn types_away<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
) -> BTreeMap<Region, BTreeMap<String, Result<InstanceType>>> {
    let regions = recipe.replica_regions(home).filter(|_| recipe.replicate.verify);
    let types = regions.flat_map(|region| {
        recipe.tester_types(region, false).into_iter().map(move |instance_type| (region, instance_type))
    });
    let reads = types.map(async |(region, name)| (region, name, cloud.instance_type(region, name).await));
    let mut found: BTreeMap<Region, BTreeMap<String, Result<InstanceType>>> = BTreeMap::new();
    for (region, name, known) in bounded(CALLS, reads).await {
        found.entry(region.clone()).or_default().insert(name.to_owned(), known);
    }
    found
}

/// The keys that encrypt the base, each with what KMS knows about it. Read only for images that are shared.
async fn base_keys<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
    base: Option<&Image>,
) -> Option<Result<KeysOfBase>> {
    let base =
        base.filter(|base| base.features.encrypted && shares(recipe) && recipe.bake.disks.encrypt.is_none())?;
    let found = async {
        let keys = cloud.snapshot_keys(home, &base.snapshots).await?;
        let reads = keys.into_iter().map(async |key| {
            let known = cloud.key(home, &key).await?;
            Ok((key, known))
        });
        try_bounded(CALLS, reads).await
    };
    Some(found.await)
}

/// The key that encrypts the builder's volumes.
async fn encrypt<C: Cloud>(cloud: &C, home: &Region, recipe: &Recipe) -> Option<Result<Option<Key>>> {
    Some(cloud.key(home, recipe.bake.disks.encrypt.as_ref()?).await)
}

async fn keys<C: Cloud>(cloud: &C, recipe: &Recipe) -> BTreeMap<Region, Result<Option<Key>>> {
    let reads = recipe.replicate.kms_keys.iter();
    let reads = reads.map(async |(region, key)| (region.clone(), cloud.key(region, key).await));
    bounded(CALLS, reads).await.into_iter().collect()
}

/// The default encryption of each Region without a key of the recipe's. Read only for images that are shared, because
/// an image that is encrypted with an AWS managed key cannot be shared.
async fn defaults<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
) -> BTreeMap<Region, Result<(DefaultEncryption, Option<Key>)>> {
    let keyless = recipe.regions(home).filter(|region| !recipe.replicate.kms_keys.contains_key(*region));
    let reads = keyless.filter(|_| shares(recipe)).map(async |region| {
        let found = async {
            match cloud.default_encryption(region).await? {
                DefaultEncryption::Off => Ok((DefaultEncryption::Off, None)),
                DefaultEncryption::Key(key) => {
                    let of = cloud.key(region, &key).await?;
                    Ok((DefaultEncryption::Key(key), of))
                }
            }
        };
        (region.clone(), found.await)
    });
    bounded(CALLS, reads).await.into_iter().collect()
}

async fn public<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
) -> BTreeMap<Region, Result<kiln_core::inventory::PublicImages>> {
    let regions = recipe.regions(home).filter(|_| recipe.publish.share.public);
    let reads = regions.map(async |region| (region.clone(), cloud.public_images(region).await));
    bounded(CALLS, reads).await.into_iter().collect()
}

/// Whether each Region knows watermarks. Read only for a recipe that names one.
async fn watermarks<C: Cloud>(cloud: &C, home: &Region, recipe: &Recipe) -> BTreeMap<Region, Result<bool>> {
    let regions = recipe.regions(home).filter(|_| recipe.publish.watermark.is_some());
    let reads = regions.map(async |region| (region.clone(), cloud.knows_watermarks(region).await));
    bounded(CALLS, reads).await.into_iter().collect()
}
