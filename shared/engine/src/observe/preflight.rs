//! Reads what a bake and the steps after it will need, before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all, join3, join4};
use kiln_core::bake::preflight::{Observed, Zones, shares};
use kiln_core::inventory::{DefaultEncryption, Image, ImageQuery, Key, Result};
use kiln_core::model::{ImageName, Region, SubnetId};
use kiln_core::recipe::Recipe;

use crate::ports::Cloud;

/// What is read once for all recipes.
#[derive(Debug)]
pub(crate) struct Common {
    enabled: Option<Result<BTreeSet<Region>>>,
    /// The images that already have the names of the new images.
    named: Result<Vec<Image>>,
    /// The parameters that already exist, by Region. Kiln wrote them, so it may write them again.
    written: BTreeMap<Region, BTreeSet<String>>,
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
            parameters.entry(region).or_default().extend(recipe.publish.parameter.clone());
        }
    }
    let written =
        parameters.into_iter().filter(|(_, names)| !names.is_empty()).map(async |(region, names)| {
            // A parameter that cannot be read counts as missing. It is then tried, which gives the more useful error.
            let values = cloud.parameters(region, &names).await.unwrap_or_default();
            (region.clone(), values.into_keys().collect())
        });
    let (enabled, named, written): (_, _, Vec<_>) = join3(enabled, taken, join_all(written)).await;
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
) -> Observed {
    let named = common.named.as_deref().unwrap_or_default().iter();
    let named = named.filter(|image| image.name == name.to_string() && image.record().is_err());
    let named = named.map(|image| image.id.clone()).collect();
    let (parameters, (keys, defaults), public, (zones, vcpus)) = join4(
        parameters(cloud, home, recipe, common),
        join(keys(cloud, recipe), defaults(cloud, home, recipe)),
        public(cloud, home, recipe),
        join(zones(cloud, home, recipe), cloud.vcpus(home, &recipe.bake.instance_type)),
    )
    .await;
    Observed {
        base: base.cloned(),
        named,
        enabled: common.enabled.clone(),
        parameters,
        keys,
        defaults,
        public,
        zones: Some(zones),
        vcpus: Some(vcpus),
    }
}

async fn parameters<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
    common: &Common,
) -> BTreeMap<Region, Result<()>> {
    let Some(parameter) = &recipe.publish.parameter else { return BTreeMap::new() };
    let untried = recipe
        .regions(home)
        .filter(|region| !common.written.get(*region).is_some_and(|names| names.contains(parameter)));
    let tried = untried.map(async |region| (region.clone(), cloud.try_parameter(region, parameter).await));
    join_all(tried).await.into_iter().collect()
}

async fn keys<C: Cloud>(cloud: &C, recipe: &Recipe) -> BTreeMap<Region, Result<Option<Key>>> {
    let reads = recipe.replicate.kms_keys.iter();
    let reads = reads.map(async |(region, key)| (region.clone(), cloud.key(region, key).await));
    join_all(reads).await.into_iter().collect()
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
    join_all(reads).await.into_iter().collect()
}

async fn public<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipe: &Recipe,
) -> BTreeMap<Region, Result<kiln_core::inventory::PublicImages>> {
    let regions = recipe.regions(home).filter(|_| recipe.publish.share.public);
    let reads = regions.map(async |region| (region.clone(), cloud.public_images(region).await));
    join_all(reads).await.into_iter().collect()
}

async fn zones<C: Cloud>(cloud: &C, home: &Region, recipe: &Recipe) -> Result<Zones> {
    let builder = async {
        match recipe.bake.subnets.is_empty() {
            true => Ok(Vec::new()),
            false => cloud.subnets(home, &recipe.bake.subnets).await,
        }
    };
    let (builder, tester) = join(builder, cloud.subnets(home, &recipe.verify.subnets)).await;
    let builder: BTreeMap<SubnetId, String> =
        builder?.into_iter().map(|subnet| (subnet.id, subnet.zone)).collect();
    Ok(Zones { builder, tester: tester?.into_iter().map(|subnet| subnet.zone).collect() })
}
