//! `expire` with `restore`: brings back a release that was deprecated or disabled.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::Mode;
use kiln_core::expire::restore;
use kiln_core::inventory::{ImageQuery, Result};
use kiln_core::model::{ImageId, ImageName, Tags, tags};
use kiln_core::plan::{Sequence, Subject};
use kiln_core::recipe::{BadRecipe, Recipe};

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::find_image::{RegionScope, find_image};
use crate::observe::recipes;
use crate::ports::Cloud;

/// Restores the release that an image or a replica belongs to.
///
/// # Errors
/// Why nothing was done.
pub async fn restore<C: Cloud>(
    cloud: &C,
    context: &Context,
    image: &ImageId,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let read = recipes::wanted(cloud, context, None).await?;
    let scope = RegionScope::of(cloud, context, &read).await;
    let sequences = match find_image(cloud, context, &scope, image).await? {
        Ok((_, record)) => of_release(cloud, context, &read, &scope, &record.name, now).await?,
        Err(rejected) => vec![rejected],
    };
    Ok(apply(cloud, sequences, Mode::Apply, now).await)
}

/// Decides how the images of a release that were found are restored. A Region that could not be read may hold more of
/// them: it is reported, and fails the call unless access to the Region is denied.
async fn of_release<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipes: &[Result<Recipe, BadRecipe>],
    scope: &RegionScope,
    name: &ImageName,
    now: DateTime<Utc>,
) -> Result<Vec<Sequence>> {
    let tagged = Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version);
    let (members, unreadable) = scope.images(cloud, &ImageQuery::Tagged(tagged)).await?;
    let recipe = recipes.iter().flatten().find(|recipe| recipe.name == name.recipe);
    let unlisted = scope.unlisted.iter().map(|error| (context.home.clone(), error.clone()));
    let unread = unreadable.into_iter().chain(unlisted);
    let unread = unread.map(|(region, error)| vec![Subject::region(&region).retry_unless_denied(&error)]);
    let release = restore::decide(recipe, &members.iter().collect::<Vec<_>>(), &context.home, now);
    Ok([release].into_iter().chain(unread).collect())
}
