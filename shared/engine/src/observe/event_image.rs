//! The image that an event names: functions that such an event wakes read it first.

use kiln_core::inventory::{Image, ImageQuery, ImageState, Result};
use kiln_core::model::{ImageId, ImageRecord, RecipeName, Region};
use kiln_core::plan::{Action, Reason, Sequence, Subject};
use kiln_core::recipe::Recipe;

use crate::context::{Context, HandlerError};
use crate::observe::recipes;
use crate::ports::{Images, Parameters};

/// What was read, or the sequence that says why the event needs no action.
pub(crate) type Found<T> = std::result::Result<T, Sequence>;

/// The sequence that leaves a resource unchanged, and says why.
pub(crate) fn keep<T>(subject: Subject, reason: impl Into<Reason>) -> Found<T> {
    Err(vec![subject.decide(Action::Keep, reason)])
}

/// The image, as it is now.
///
/// # Errors
/// Why it could not be read.
pub(crate) async fn image<C: Images>(cloud: &C, region: &Region, id: &ImageId) -> Result<Found<Image>> {
    Ok(match cloud.images(region, &ImageQuery::Id(id.clone())).await?.pop() {
        Some(image) => Ok(image),
        None => keep(Subject::resource(id, region), Reason::ImageNotAvailable(ImageState::Deregistered)),
    })
}

/// The record of an image that belongs to the Kiln of this home Region.
pub(crate) fn record(image: &Image, home: &Region) -> Found<ImageRecord> {
    match image.record_for_home(home) {
        Ok(record) => Ok(record),
        Err(why) => keep(Subject::image(image), Reason::NotManaged(why)),
    }
}

/// The recipe of an image.
///
/// # Errors
/// Why it could not be read, or every mistake in it.
pub(crate) async fn recipe<C: Parameters>(
    cloud: &C,
    context: &Context,
    image: &Image,
    name: &RecipeName,
) -> Result<Found<Recipe>, HandlerError> {
    Ok(match recipes::find(cloud, context, name).await? {
        Some(recipe) => Ok(recipe),
        None => keep(Subject::image(image), Reason::RecipeGone(name.to_string())),
    })
}
