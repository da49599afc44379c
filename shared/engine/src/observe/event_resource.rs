//! The image or instance that an event names: functions that such an event wakes read it first.

use kiln_core::inventory::{CloudError, Image, ImageQuery, ImageState, Instance, InstanceState};
use kiln_core::model::{ImageId, ImageRecord, InstanceId, RecipeName, Region};
use kiln_core::plan::reason::ScriptReason;
use kiln_core::plan::{Action, Reason, Sequence, Subject};
use kiln_core::recipe::Recipe;

use crate::context::{Context, HandlerError};
use crate::observe::recipes;
use crate::ports::{Images, Instances, Parameters};

/// Why a handler reads no further.
pub(crate) enum Halt {
    /// The event needs no action; the sequence says why.
    Unchanged(Sequence),
    /// Something that must be known before any decision could not be read.
    Failed(HandlerError),
}

impl From<CloudError> for Halt {
    fn from(error: CloudError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<HandlerError> for Halt {
    fn from(error: HandlerError) -> Self {
        Self::Failed(error)
    }
}

/// Leaves a resource unchanged, and says why.
pub(crate) fn keep<T>(subject: Subject, reason: impl Into<Reason>) -> Result<T, Halt> {
    Err(Halt::Unchanged(vec![subject.decide(Action::Keep, reason)]))
}

/// The sequence that was decided, or the one that leaves the resource unchanged.
///
/// # Errors
/// Why nothing was done.
pub(crate) fn sequence(decided: Result<Sequence, Halt>) -> Result<Sequence, HandlerError> {
    match decided {
        Ok(sequence) | Err(Halt::Unchanged(sequence)) => Ok(sequence),
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// What was decided for somebody who asked for it by hand: what stays unchanged was not possible, and is told as a
/// failure.
pub(crate) fn asked(decided: Result<Sequence, Halt>) -> Result<Sequence, Halt> {
    decided.map_err(|halt| match halt {
        Halt::Unchanged(mut sequence) => {
            for decision in sequence.iter_mut().filter(|decision| decision.action == Action::Keep) {
                decision.action = Action::Reject;
            }
            Halt::Unchanged(sequence)
        }
        failed => failed,
    })
}

/// The instance, as it is now. One that no longer exists is terminated.
///
/// # Errors
/// Why it could not be read, or that it does not exist.
pub(crate) async fn instance<C: Instances>(
    cloud: &C,
    region: &Region,
    id: &InstanceId,
) -> Result<Instance, Halt> {
    match cloud.instance(region, id).await? {
        Some(instance) => Ok(instance),
        None => keep(Subject::resource(id, region), ScriptReason::NotStopped(InstanceState::Terminated)),
    }
}

/// The image, as it is now.
///
/// # Errors
/// Why it could not be read, or that it does not exist.
pub(crate) async fn image<C: Images>(cloud: &C, region: &Region, id: &ImageId) -> Result<Image, Halt> {
    match cloud.images(region, &ImageQuery::Id(id.clone())).await?.pop() {
        Some(image) => Ok(image),
        None => keep(Subject::resource(id, region), Reason::ImageNotAvailable(ImageState::Deregistered)),
    }
}

/// The record of an image that belongs to the Kiln of this home Region.
///
/// # Errors
/// That it does not.
pub(crate) fn record(image: &Image, home: &Region) -> Result<ImageRecord, Halt> {
    match image.record_for_home(home) {
        Ok(record) => Ok(record),
        Err(why) => keep(Subject::image(image), Reason::NotManaged(why)),
    }
}

/// The recipe of an image.
///
/// # Errors
/// Why it could not be read, every mistake in it, or that it does not exist.
pub(crate) async fn recipe<C: Parameters>(
    cloud: &C,
    context: &Context,
    image: &Image,
    name: &RecipeName,
) -> Result<Recipe, Halt> {
    known(image, name, recipes::find(cloud, context, name).await?)
}

/// The same for whoever moves what names its releases, which no other recipe may name.
///
/// # Errors
/// Why it could not be read, every mistake in it, also beside the others, or that it does not exist.
pub(crate) async fn recipe_beside_others<C: Parameters>(
    cloud: &C,
    context: &Context,
    image: &Image,
    name: &RecipeName,
) -> Result<Recipe, Halt> {
    known(image, name, recipes::find_beside_others(cloud, context, name).await?)
}

fn known(image: &Image, name: &RecipeName, found: Option<Recipe>) -> Result<Recipe, Halt> {
    match found {
        Some(recipe) => Ok(recipe),
        None => keep(Subject::image(image), Reason::RecipeGone(name.to_string())),
    }
}
