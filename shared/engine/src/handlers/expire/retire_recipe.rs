//! `expire`, told that the images of a deleted recipe may go.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Look, Mode};
use kiln_core::expire::in_use::UsageIndex;
use kiln_core::expire::{OneRecipe, deleted_recipe};
use kiln_core::model::RecipeName;
use kiln_core::plan::reason::DeletedRecipeReason;
use kiln_core::plan::{Action, Chain, Subject};

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
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
    place: &Place,
    recipe: &RecipeName,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let there = cloud.parameter(&place.home, &format!("{}/{recipe}", place.recipes)).await?.is_some();
    let refuse =
        |reason: DeletedRecipeReason| vec![Subject::recipe(recipe, &place.home).so(Action::Refuse, reason)];
    if there {
        let refused = refuse(DeletedRecipeReason::RecipeStillThere(recipe.clone()));
        return Ok(act(cloud, vec![refused], mode, now).await);
    }
    let mut inventory = inventory(cloud, place, Some(recipe), Look::Ended, now).await?;
    let mut chains: Vec<Chain> = std::mem::take(&mut inventory.other_decisions);
    match inventory.recipes.get_mut(recipe) {
        None => chains.push(refuse(DeletedRecipeReason::NoImages(recipe.clone()))),
        Some(observed) => {
            chains.extend(deleted_recipe::mark(&observed.images, &place.home, now));
            observed.retired_at.get_or_insert(now);
        }
    }
    if let Some(observed) = inventory.recipes.get(recipe) {
        let one = OneRecipe::of(observed, &place.home);
        let mut usage = usage(cloud, place, &inventory, &one.candidates(now)).await;
        let left = one.only_sharing_left(&UsageIndex::of(&usage), now);
        by_others(cloud, &mut usage, &left).await;
        chains.extend(one.decide(&UsageIndex::of(&usage), None, now));
    }
    Ok(act(cloud, chains, mode, now).await)
}
