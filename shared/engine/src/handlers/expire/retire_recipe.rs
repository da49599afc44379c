//! `expire`, told that the images of a deleted recipe may go.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Look, Mode};
use kiln_core::expire::deleted_recipe::{self, Ending};
use kiln_core::expire::in_use::Uses;
use kiln_core::expire::lineage::Kin;
use kiln_core::inventory::Image;
use kiln_core::model::RecipeName;
use kiln_core::plan::{Action, Chain, Reason, Subject};

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::observe::inventory::{Family, survey};
use crate::observe::usage::{by_others, usage};
use crate::ports::Cloud;

/// Writes on the images that they may go, and takes the first step with those that nobody uses. The nights take the others.
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
        |because: Reason| vec![vec![Subject::recipe(recipe, &place.home).so(Action::Refuse, because)]];
    if there {
        return Ok(
            act(cloud, refuse(Reason::Ending(Ending::RecipeStillThere(recipe.clone()))), mode, now).await
        );
    }
    let mut survey = survey(cloud, place, Some(recipe), Look::Ended, now).await?;
    let mut chains = std::mem::take(&mut survey.aside);
    match survey.families.get_mut(recipe) {
        None => chains.extend(refuse(Reason::Ending(Ending::NoImages(recipe.clone())))),
        Some(family) => {
            chains.extend(deleted_recipe::mark(&family.found, &place.home, now));
            family.ended.get_or_insert(now);
        }
    }
    if let Some(family) = survey.families.get(recipe) {
        let kin = Kin::of(&family.found, &place.home);
        let mut usage = usage(cloud, place, &survey, &candidates(family, &kin)).await;
        let open = open(family, &kin, &Uses::of(&usage), now);
        by_others(cloud, &mut usage, &open).await;
        chains.extend(decided(family, &kin, &Uses::of(&usage), now));
    }
    Ok(act(cloud, chains, mode, now).await)
}

/// The images whose use must be found out: none, unless somebody has said that they may go.
pub(crate) fn candidates<'a>(family: &Family, kin: &Kin<'a>) -> Vec<&'a Image> {
    family.ended.map_or_else(Vec::new, |_| deleted_recipe::candidates(kin))
}

/// Those of them that nothing but other accounts could keep.
pub(crate) fn open<'a>(
    family: &Family,
    kin: &Kin<'a>,
    uses: &Uses<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    family.ended.map_or_else(Vec::new, |_| deleted_recipe::open(kin, uses, now))
}

/// What becomes of the images of a deleted recipe.
pub(crate) fn decided(family: &Family, kin: &Kin<'_>, uses: &Uses<'_>, now: DateTime<Utc>) -> Vec<Chain> {
    match family.ended {
        Some(since) => deleted_recipe::decide(kin, uses, since, now),
        None => deleted_recipe::stays(kin, now),
    }
}
