//! Decides whether an image that passed its test has anything that the newest release has not (`publish.skip_unchanged`).
//!
//! When in doubt, it is published: whatever is not known of either image makes them different.

use crate::inventory::Image;
use crate::model::{ContentsSummary, ImageId, ImageRecord, Version, tags};
use crate::recipe::Recipe;
use crate::release::newest::named_release;

/// The release that is named now, if the image that has `contents` is the same: all that its tester listed, which includes
/// the command line of the kernel; what the bake ran; and the base. `releases`: the home images of the recipe.
pub(super) fn same_as(
    recipe: &Recipe,
    (image, record): (&Image, &ImageRecord),
    contents: &ContentsSummary,
    releases: &[Image],
) -> Option<Version> {
    // Whoever asked for a test, or handed the image over, wants this image.
    let is_own = record.copied.is_none() && !record.adopted && record.asked_again.is_none();
    if !recipe.publish.skip_unchanged || !is_own {
        return None;
    }
    let named = named_release(&recipe.name, releases)?;
    let of = |image: &Image| -> Option<(String, ImageId)> {
        Some((image.tags.get(tags::BAKED_BY)?.to_owned(), image.record().ok()?.base?))
    };
    let is_same = named.image.tags.read::<ContentsSummary>(tags::CONTENTS)? == *contents
        && of(image)? == of(named.image)?
        // After a rollback the newest release is not what is named: a new image may be the way on.
        && named.version == named.over;
    is_same.then_some(named.version)
}
