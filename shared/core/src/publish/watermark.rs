//! Decides about the watermark of published images (`publish.watermark`), by which other accounts can tell that an image
//! was verified.
//!
//! An image also bears the watermarks of its base, and a replica those of its origin, because EC2 hands them on. So one of
//! the right name is as good as one that Kiln put on.

use crate::inventory::watermark::key;
use crate::inventory::{Image, ImageState};
use crate::plan::reason::PublishReason;
use crate::plan::{Action, Decision, Subject};
use crate::publish::mark::Mark;
use crate::recipe::Recipe;

/// The watermark that the recipe's published images bear. EC2 puts none on a public image.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachImageWatermark.html>)
pub(super) fn wanted(recipe: &Recipe) -> Option<&str> {
    recipe.publish.watermark.as_deref().filter(|_| !recipe.publish.share.public)
}

/// The watermark that Kiln put on an image when `[publish]` was applied to it.
pub(super) fn put_on_before(image: &Image) -> Option<String> {
    Mark::on(image)?.watermark
}

/// Puts the recipe's watermark on an image that lacks it.
pub(super) fn put_on(recipe: &Recipe, image: &Image) -> Option<Decision> {
    let name = wanted(recipe).filter(|name| !image.bears(name))?;
    let reason = PublishReason::RecipeRequires(format!("publish.watermark = {name:?}"));
    Some(Subject::image(image).decide(Action::AttachWatermark(image.id.clone(), name.to_owned()), reason))
}

/// Takes off a watermark that Kiln put on, and that the recipe no longer names.
pub(super) fn taken_off(recipe: &Recipe, image: &Image) -> Option<Decision> {
    let former = put_on_before(image).filter(|name| wanted(recipe) != Some(name) && image.bears(name))?;
    let reason = PublishReason::RecipeRequires(format!("no watermark {former:?} (publish.watermark)"));
    Some(Subject::image(image).decide(detach(image, &former), reason))
}

/// Takes the watermark off an image that was recalled: what the recipe names, or what Kiln put on before. A disabled image
/// keeps it, because nobody can launch that.
pub(super) fn taken_back(recipe: &Recipe, image: &Image) -> impl Iterator<Item = Action> {
    let named = recipe.publish.watermark.clone();
    let former = put_on_before(image).filter(|name| named.as_ref() != Some(name));
    let is_there = image.state == ImageState::Available;
    named
        .into_iter()
        .chain(former)
        .filter(move |name| is_there && image.bears(name))
        .map(|name| detach(image, &name))
}

fn detach(image: &Image, name: &str) -> Action {
    Action::DetachWatermark(image.id.clone(), key(&image.owner, name))
}

#[cfg(test)]
#[path = "watermark_tests.rs"]
mod tests;
