//! What images inherit from their base, and what that forbids.

use crate::inventory::Image;
use crate::plan::reason::Problem;
use crate::publish::sharing::launchers;
use crate::recipe::Recipe;

/// What nobody may do with images that are baked from this base, and the recipe asks for.
pub(super) fn problems(recipe: &Recipe, base: &Image) -> impl Iterator<Item = Problem> {
    product_codes(recipe, base).into_iter().chain(watermarks(recipe, base))
}

/// An image with product codes can never be public. Whether it may be copied or shared is up to its seller.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html>)
fn product_codes(recipe: &Recipe, base: &Image) -> Option<Problem> {
    if base.product_codes.is_empty() {
        return None;
    }
    let allowed = recipe.bake.allow_product_codes;
    let copied_or_shared = !recipe.replicate.regions.is_empty() || !launchers(recipe).is_empty();
    let (what, more) = match (recipe.publish.share.public, copied_or_shared && !allowed) {
        (true, _) => ("can never be public", ""),
        (false, true) => (
            "may not be copied, or shared with accounts that lack its subscription",
            ", or set bake.allow_product_codes = true if its seller allows that",
        ),
        (false, false) => return None,
    };
    let codes = base.product_codes.join(", ");
    Some(Problem::ProductCodes { image: base.id.clone(), codes, what, more })
}

/// An image bears the watermarks of its base, and none that bears any can be public.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-watermark.html>)
fn watermarks(recipe: &Recipe, base: &Image) -> Option<Problem> {
    let is_refused = recipe.publish.share.public && !base.watermarks.is_empty();
    is_refused.then(|| Problem::Watermarks { image: base.id.clone(), keys: base.watermarks.join(", ") })
}
