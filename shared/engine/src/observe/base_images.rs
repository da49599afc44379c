//! Finds the images that recipes use as their base, however they name them.

use std::collections::BTreeMap;

use kiln_core::bake::newest_of_each;
use kiln_core::inventory::{Image, ImageQuery, Result};
use kiln_core::model::{ImageId, RecipeName, Region};
use kiln_core::recipe::{Base, Recipe};
use kiln_core::release::newest::named_releases;

use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// The path of Amazon's public parameters. They never name an image of this account.
const AMAZON_PARAMETERS: &str = "/aws/service/";

/// The images that a bake would start from now, each with a recipe that uses it. `images` are Kiln's images in the home
/// Region: the newest release of a recipe is the base of its layers, even if that recipe was deleted.
pub(crate) async fn bases<C: Cloud>(
    cloud: &C,
    home: &Region,
    documents: &[(String, String)],
    images: &[Image],
) -> Result<BTreeMap<ImageId, RecipeName>> {
    let mut named = BTreeMap::new();
    let mut looked_up: Vec<(Base, RecipeName)> = Vec::new();
    for (name, document) in documents {
        match Recipe::parse(name, document) {
            Ok(recipe) => looked_up.push((recipe.bake.base, recipe.name)),
            Err(_) => named.extend(ids_in_text(name, document)),
        }
    }
    looked_up.sort_by_key(|(base, _)| base.to_string());
    looked_up.dedup_by(|(one, _), (other, _)| one == other);
    let parameters: Vec<String> = looked_up.iter().filter_map(|(base, _)| own_parameter(base)).collect();
    let values = match parameters.as_slice() {
        [] => BTreeMap::new(),
        some => cloud.parameters(home, some).await?,
    };
    let layered = looked_up.iter().any(|(base, _)| matches!(base, Base::Recipe(_)));
    let releases = if layered { named_releases(images) } else { BTreeMap::new() };
    let reads = looked_up.into_iter().map(async |(base, recipe)| {
        let images: Vec<ImageId> = match &base {
            Base::Image(image) => vec![image.clone()],
            Base::Parameter(name) => {
                values.get(name).and_then(|value| value.trim().parse().ok()).into_iter().collect()
            }
            Base::Recipe(below) => {
                releases.get(below).map(|named| named.image.id.clone()).into_iter().collect()
            }
            // Which of them is the base, the recipe's instance type decides.
            Base::Newest { owner, name } if may_be_own(owner) => {
                let wanted = ImageQuery::Newest { owner: owner.clone(), name: name.clone() };
                newest_of_each(cloud.images(home, &wanted).await?).into_iter().map(|image| image.id).collect()
            }
            Base::Instance(_) | Base::Newest { .. } => Vec::new(),
        };
        Ok((images, recipe))
    });
    for found in bounded(CALLS, reads).await {
        let (images, recipe) = found?;
        named.extend(images.into_iter().map(|image| (image, recipe.clone())));
    }
    Ok(named)
}

/// The parameter that holds the base, unless it is one of Amazon's public parameters.
fn own_parameter(base: &Base) -> Option<String> {
    match base {
        Base::Parameter(name) if !name.starts_with(AMAZON_PARAMETERS) => Some(name.clone()),
        _ => None,
    }
}

/// Whether the owner may be this account. An alias such as `amazon` is another account.
fn may_be_own(owner: &str) -> bool {
    owner == "self" || owner.bytes().all(|byte| byte.is_ascii_digit())
}

/// Every image id in the text of a recipe that has mistakes. Any of them may be its base.
fn ids_in_text(name: &str, document: &str) -> Vec<(ImageId, RecipeName)> {
    let words = document.split(|one: char| !one.is_ascii_alphanumeric() && one != '-');
    let images = words.filter_map(|word| word.parse::<ImageId>().ok());
    match name.parse::<RecipeName>() {
        Ok(name) => images.map(|image| (image, name.clone())).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_named_in_a_recipe_with_mistakes_counts_as_a_base() {
        let bad = "name = \"app\"\n[bake]\nbase = \"ami-0b\"\ninstance_type = ";
        let named: Vec<String> = ids_in_text("app", bad).iter().map(|(image, _)| image.to_string()).collect();
        assert_eq!(named, ["ami-0b"]);
    }

    #[test]
    fn public_parameters_and_aliases_name_no_image_of_the_account() {
        let of = |name: &str| own_parameter(&Base::Parameter(name.to_owned()));
        assert_eq!(of("/aws/service/ami-amazon-linux-latest/al2023"), None);
        assert_eq!(of("/my/base").as_deref(), Some("/my/base"));
        assert!(may_be_own("self") && may_be_own("123456789012") && !may_be_own("amazon"));
    }
}
