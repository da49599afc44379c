//! Reads recipes from SSM's Parameter Store.

use std::collections::BTreeSet;

use kiln_core::model::{RecipeName, Region};
use kiln_core::plan::{Action, Reason, Sequence, Subject};
use kiln_core::recipe::{BadRecipe, Bounds, Recipe, checked};

use crate::context::{Context, HandlerError, NoRecipe};
use crate::ports::Parameters;

/// One recipe by its name; `None` if it does not exist. What others make wrong with it is not looked for.
///
/// # Errors
/// Why it could not be read, or every mistake in it.
pub async fn find<C: Parameters>(
    cloud: &C,
    context: &Context,
    name: &RecipeName,
) -> Result<Option<Recipe>, HandlerError> {
    let parameter = format!("{}/{name}", context.recipes);
    match cloud.parameter(&context.home, &parameter).await? {
        Some(document) => Ok(Some(Recipe::parse_within(name.as_str(), &document, &context.bounds)?)),
        None => Ok(None),
    }
}

/// The same, with all that others make wrong with it: whoever moves a parameter or launch template must know that no other
/// recipe names it.
///
/// # Errors
/// Why it could not be read, or every mistake in it.
pub(crate) async fn find_beside_others<C: Parameters>(
    cloud: &C,
    context: &Context,
    name: &RecipeName,
) -> Result<Option<Recipe>, HandlerError> {
    let Some(recipe) = find(cloud, context, name).await? else { return Ok(None) };
    if !recipe.depends_on_others() {
        return Ok(Some(recipe));
    }
    let all = parsed(&cloud.parameters_below(&context.home, &context.recipes).await?, &context.bounds);
    match all.into_iter().filter_map(Result::err).find(|bad| bad.name == name.as_str()) {
        Some(bad) => Err(bad.into()),
        None => Ok(Some(recipe)),
    }
}

/// Parses each document as the recipe of its name. Recipes that are baked from each other in a cycle are errors, and so
/// are those that name the same parameter, launch template or instance, and those that pass the bounds of the stack.
pub fn parsed(documents: &[(String, String)], bounds: &Bounds) -> Vec<Result<Recipe, BadRecipe>> {
    let parsed = documents.iter().map(|(name, document)| Recipe::parse_within(name, document, bounds));
    checked(parsed.collect())
}

/// The home Region and every Region that one of these recipes names.
pub(crate) fn regions<'a>(
    recipes: impl IntoIterator<Item = &'a Recipe>,
    home: &'a Region,
) -> BTreeSet<&'a Region> {
    recipes.into_iter().flat_map(|recipe| &recipe.replicate.regions).chain([home]).collect()
}

/// One recipe by its name, beside all others.
///
/// # Errors
/// Why it could not be read, that it does not exist, or every mistake in it.
pub async fn existing<C: Parameters>(
    cloud: &C,
    context: &Context,
    name: &RecipeName,
) -> Result<Recipe, HandlerError> {
    let missing =
        || NoRecipe { name: name.clone(), path: context.recipes.clone(), home: context.home.to_string() };
    Ok(find_beside_others(cloud, context, name).await?.ok_or_else(missing)?)
}

/// One recipe by its name, or all recipes if there is no name. If all are read, a recipe with mistakes does not hide
/// the others.
///
/// # Errors
/// Why they could not be read; for one recipe also that it does not exist, or every mistake in it.
pub async fn wanted<C: Parameters>(
    cloud: &C,
    context: &Context,
    name: Option<&RecipeName>,
) -> Result<Vec<Result<Recipe, BadRecipe>>, HandlerError> {
    let Some(name) = name else {
        let documents = cloud.parameters_below(&context.home, &context.recipes).await?;
        return Ok(parsed(&documents, &context.bounds));
    };
    Ok(vec![Ok(existing(cloud, context, name).await?)])
}

/// The sequence that rejects a recipe with mistakes.
pub fn refused(bad: &BadRecipe, home: &Region) -> Sequence {
    vec![Subject::bad_recipe(bad, home).decide(Action::Reject, Reason::BadRecipe(bad.clone()))]
}
