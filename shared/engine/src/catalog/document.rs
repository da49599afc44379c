//! The document of the catalogue.

use kiln_catalog::SCHEMA;
use kiln_catalog::model::{Catalog, Recipe};
use kiln_core::model::{RecipeName, Version};

use super::files::KILN;
use super::recipe;
use super::seen::{Known, Seen, SeenRecipe};
use super::version::Users;

/// The document.
pub fn document(seen: &Seen<'_>) -> Catalog {
    let known: Known<'_> = seen.recipes.iter().flat_map(of_recipe).collect();
    let users = Users::of(seen.usage);
    let recipes = seen.recipes.iter().map(|of| recipe::recipe(seen, of, &known, &users));
    Catalog {
        schema: SCHEMA,
        made_at: seen.now,
        kiln: KILN.into(),
        account: seen.account.clone(),
        home: seen.home.to_string(),
        gaps: seen.gaps.clone(),
        recipes: recipes.collect::<Vec<Recipe>>(),
    }
}

fn of_recipe<'a>(of: &'a SeenRecipe<'_>) -> impl Iterator<Item = (&'a str, (&'a RecipeName, Version))> {
    let releases = of.one.lineage.releases.iter();
    releases.flat_map(move |release| {
        release.members.iter().map(move |(image, _)| (image.id.as_str(), (of.name, release.version)))
    })
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
