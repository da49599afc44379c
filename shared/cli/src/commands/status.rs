//! How the recipes are.

use kiln_catalog::status::{RecipeStatus, Status};
use kiln_core::model::RecipeName;
use serde_json::json;

use super::call;
use crate::Done;
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::render;
use crate::screen::Screen;

/// Shows how all recipes are, or one.
pub(super) async fn status<F: Functions>(
    functions: &F,
    recipe: Option<&RecipeName>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let found = read(functions, recipe).await?;
    screen.say(render::status::status(&found, recipe.is_some()));
    Ok(Done::well(json!({ "status": found })))
}

/// Asks how all recipes are, or one.
pub(super) async fn read<F: Functions>(
    functions: &F,
    recipe: Option<&RecipeName>,
) -> Result<Status, Failure> {
    let mut payload = json!({ "status": true });
    if let Some(recipe) = recipe {
        payload["recipe"] = json!(recipe);
    }
    let (document, answer) = call(functions, "catalog", &payload, Effect::Reads).await?;
    answer.status.ok_or_else(|| {
        Failure::new(Kind::Answer, "The function catalog told nothing of how the recipes are.")
            .advise("Bring the functions to the version of kiln (kiln upgrade).")
            .after("answer", document)
    })
}

/// Asks how one recipe is.
pub(super) async fn of<F: Functions>(functions: &F, recipe: &RecipeName) -> Result<RecipeStatus, Failure> {
    let found = read(functions, Some(recipe)).await?;
    let one = found.recipes.into_iter().find(|one| one.name == recipe.as_str());
    one.ok_or_else(|| Failure::new(Kind::Answer, format!("Nothing is told of the recipe {recipe}.")))
}
