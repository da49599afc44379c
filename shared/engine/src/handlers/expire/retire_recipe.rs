//! `expire`, told that the images of a deleted recipe may go.

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
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// Writes on the images that they may go, and takes the first step with those that nobody uses. The next nights take the
/// other steps.
///
/// # Errors
/// That nothing was done, and why.
pub(crate) async fn retire_recipe<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &RecipeName,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let there = cloud.parameter(&context.home, &format!("{}/{recipe}", context.recipes)).await?.is_some();
    let refuse = |reason: DeletedRecipeReason| {
        vec![Subject::recipe(recipe, &context.home).decide(Action::Reject, reason)]
    };
    if there {
        let refused = refuse(DeletedRecipeReason::RecipeStillThere(recipe.clone()));
        return Ok(apply(cloud, vec![refused], mode, now).await);
    }
    let mut inventory = inventory(cloud, context, Some(recipe), Scope::DeletedRecipe, now).await?;
    let mut sequences: Vec<Sequence> = std::mem::take(&mut inventory.other_decisions);
    match inventory.recipes.get_mut(recipe) {
        None => sequences.push(refuse(DeletedRecipeReason::NoImages(recipe.clone()))),
        Some(observed) => {
            sequences.extend(deleted_recipe::mark(&observed.images, &context.home, now));
            observed.retired_at.get_or_insert(now);
        }
    }
    if let Some(observed) = inventory.recipes.get(recipe) {
        let one = OneRecipe::of(observed, &context.home);
        let mut usage = usage(cloud, context, &inventory, &one.candidates(now)).await;
        let left = one.only_sharing_left(&UsageIndex::of(&usage), now);
        by_others(cloud, &mut usage, &left).await;
        sequences.extend(one.decide(&UsageIndex::of(&usage), None, now));
    }
    Ok(apply(cloud, sequences, mode, now).await)
}
