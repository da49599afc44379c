//! The images of a deleted recipe. All of them are kept until a user retires the recipe; then they are removed step
//! by step.

use chrono::{DateTime, Utc};

use super::in_use::UsageIndex;
use super::inventory::{ImagesByRegion, Observed, observed_images};
use super::lineage::{Lineage, Release};
use super::outcome::{depends_on_sharing, keep, unless_used};
use super::policy::{Keep, RetentionPolicy};
use super::stages::RetirementContext;
use crate::inventory::{Image, ImageState};
use crate::model::{Region, Tags, tags};
use crate::plan::reason::{DeletedRecipeReason, RetentionReason, UseReason};
use crate::plan::{Action, Sequence, Subject};
use crate::recipe::Recipe;

/// When a user retired the deleted recipe, if every remaining image carries the mark. `None` if any does not, for
/// example one that appeared later.
pub fn retired_at(found: &ImagesByRegion, home: &Region) -> Option<DateTime<Utc>> {
    let images = observed_images(found).filter(|image| image.state != ImageState::Deregistered);
    let managed = images.filter(|image| image.record_for_home(home).is_ok());
    managed
        .map(|image| image.tags.time(tags::RECIPE_RETIRED_AT))
        .reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))?
}

/// The images that may be removed once the recipe is retired: their usage must be read.
pub fn candidates<'a>(lineage: &Lineage<'a>) -> Vec<&'a Image> {
    lineage.members().collect()
}

/// The candidates that nothing keeps in their own account: only for these is usage by other accounts read.
pub fn only_sharing_left<'a>(
    lineage: &Lineage<'a>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> Vec<&'a Image> {
    let policy = RetentionPolicy::without_recipe();
    let releases = lineage.releases.iter().filter(|release| depends_on_sharing(release, policy, uses, now));
    releases.flat_map(Release::images).collect()
}

/// Keeps every image of a deleted recipe that was not retired. The reason names the call that retires it.
pub fn kept(lineage: &Lineage<'_>, now: DateTime<Utc>) -> Vec<Sequence> {
    let policy = RetentionPolicy::without_recipe();
    let one = |release: &Release<'_>| {
        let name = release.members.first().map(|(_, record)| record.name.recipe.clone())?;
        let reason = DeletedRecipeReason::RecipeMissing(name);
        Some(keep(release, policy, now, |_| Keep::by_rule(reason.clone(), None)))
    };
    lineage.releases.iter().filter_map(one).collect()
}

/// Tags every image with the time at which its recipe was retired.
pub fn mark(found: &ImagesByRegion, home: &Region, now: DateTime<Utc>) -> Vec<Sequence> {
    let unmarked = observed_images(found).filter(|image| image.tags.time(tags::RECIPE_RETIRED_AT).is_none());
    let unmarked = unmarked.filter(|image| image.record_for_home(home).is_ok());
    let mark = |image: &Image| {
        let tags = Tags::new().with_time(tags::RECIPE_RETIRED_AT, now);
        let tag = Action::Tag(image.id.clone(), tags);
        vec![Subject::image(image).decide(tag, DeletedRecipeReason::Retired(now))]
    };
    unmarked.map(mark).collect()
}

/// Clears the mark of retirement from every image of a recipe that exists again.
pub fn reinstate(recipe: &Recipe, home: &Region, observed: &Observed) -> Vec<Sequence> {
    let marked = observed.all().filter(|image| image.tags.time(tags::RECIPE_RETIRED_AT).is_some());
    let marked = marked.filter(|image| image.record_for_home(home).is_ok());
    let clear = |image: &Image| {
        let tag = Action::Tag(image.id.clone(), Tags::new().with(tags::RECIPE_RETIRED_AT, "no"));
        vec![Subject::image(image).decide(tag, DeletedRecipeReason::RecipeIsBack(recipe.name.clone()))]
    };
    marked.map(clear).collect()
}

/// Decides about every image of a deleted recipe that was retired at this time. The default waiting times apply, and
/// no release is kept for being among the newest.
pub fn decide(
    lineage: &Lineage<'_>,
    uses: &UsageIndex<'_>,
    retired_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let policy = RetentionPolicy::without_recipe();
    let reason = DeletedRecipeReason::Retired(retired_at).into();
    let context = RetirementContext { reason, fleet: &lineage.fleet, now };
    let one = |release: &Release<'_>| match (release.under_way(), lineage.unobservable) {
        (Some(image), _) => {
            let reason = RetentionReason::InProgress(image.state.clone());
            keep(release, policy, now, |_| Keep::by_rule(reason.clone(), None))
        }
        (None, Some(error)) => {
            keep(release, policy, now, |_| Keep::unknown(UseReason::Unknown(error.clone())))
        }
        (None, None) => unless_used(release, policy, uses, &context),
    };
    lineage.releases.iter().map(one).chain(lineage.unreadable()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expire::in_use::UsageByRegion;
    use crate::fixtures::*;

    fn home() -> Region {
        region("us-east-1")
    }

    fn found(images: &[Image]) -> ImagesByRegion {
        ImagesByRegion::from([(home(), Ok(images.to_vec()))])
    }

    #[test]
    fn a_recipe_is_not_retired_while_an_image_lacks_the_mark() {
        assert_eq!(retired_at(&found(&[image("web", 1).released().build()]), &home()), None);
    }

    #[test]
    fn every_image_of_a_retired_recipe_goes_step_by_step_including_the_newest() {
        let images = [image("web", 1).released().build(), image("web", 2).released().build()];
        let marked = mark(&found(&images), &home(), day(40));
        assert_eq!(marked.concat().iter().map(|one| one.action.word()).collect::<Vec<_>>(), ["tag"; 2]);
        let usage = UsageByRegion::from([(home(), Ok(nobody_else(&[&images[0], &images[1]])))]);
        let all = found(&images);
        let sequences = decide(&Lineage::of(&all, &home()), &UsageIndex::of(&usage), day(40), day(40));
        let words: Vec<_> = sequences.concat().iter().map(|one| one.action.word()).collect();
        assert_eq!(words, ["deprecate"; 2]);
        let tags = images[0].tags.clone().with_time(tags::RECIPE_RETIRED_AT, day(40));
        let retired = Image { tags, ..images[0].clone() };
        assert_eq!(retired_at(&found(std::slice::from_ref(&retired)), &home()), Some(day(40)));
        assert!(mark(&found(std::slice::from_ref(&retired)), &home(), day(41)).is_empty());
        let with_a_later_one = found(&[retired.clone(), image("web", 3).released().build()]);
        assert_eq!(
            retired_at(&with_a_later_one, &home()),
            None,
            "an image that appeared later is not marked"
        );
        let observed = Observed {
            recipe: Some(recipe("web")),
            retired_at: None,
            images: found(std::slice::from_ref(&retired)),
            removed: vec![retired],
        };
        let reinstated = reinstate(&recipe("web"), &home(), &observed);
        assert_eq!(reinstated.concat().len(), 2, "also in a Region that the recipe no longer names");
    }
}
