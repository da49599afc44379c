//! `expire` with `retire_recipe`: lets the images of a deleted recipe go.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Mode, Scope};
use kiln_core::expire::in_use::UsageIndex;
use kiln_core::expire::{OneRecipe, deleted_recipe};
use kiln_core::model::RecipeName;
use kiln_core::plan::reason::DeletedRecipeReason;
use kiln_core::plan::{Action, Sequence, Subject};

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::inventory::inventory;
use crate::observe::usage::usage_of_candidates;
use crate::ports::Cloud;

/// Tags the images of a deleted recipe as retired, and takes the first step with those that nobody uses. The runs of
/// the next nights take the other steps.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn retire_recipe<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &RecipeName,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let exists = cloud.parameter(&context.home, &format!("{}/{recipe}", context.recipes)).await?.is_some();
    let reject = |reason: DeletedRecipeReason| {
        vec![Subject::recipe(recipe, &context.home).decide(Action::Reject, reason)]
    };
    if exists {
        let rejected = reject(DeletedRecipeReason::RecipeStillThere(recipe.clone()));
        return Ok(apply(cloud, vec![rejected], mode, now).await);
    }
    let mut inventory = inventory(cloud, context, Some(recipe), Scope::DeletedRecipe, now).await?;
    let mut sequences: Vec<Sequence> = std::mem::take(&mut inventory.other_decisions);
    match inventory.recipes.get_mut(recipe) {
        None => sequences.push(reject(DeletedRecipeReason::NoImages(recipe.clone()))),
        Some(observed) => {
            sequences.extend(deleted_recipe::mark(&observed.images, &context.home, now));
            observed.retired_at.get_or_insert(now);
        }
    }
    if let Some(observed) = inventory.recipes.get(recipe) {
        let one = OneRecipe::of(observed, &context.home);
        let usage = usage_of_candidates(cloud, context, &inventory, std::slice::from_ref(&one), now).await;
        sequences.extend(one.decide(&UsageIndex::of(&usage), None, now));
    }
    Ok(apply(cloud, sequences, mode, now).await)
}
