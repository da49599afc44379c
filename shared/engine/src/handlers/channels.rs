//! What a release comes to after it was released: the channels of its recipe.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::channel::rollback::{Back, roll_back};
use kiln_core::channel::{Approval, ChannelPointers, Observed, check, decide, wants_permissions};
use kiln_core::events::inbound::Mode;
use kiln_core::inventory::{CloudError, Image};
use kiln_core::model::{RecipeName, Region};
use kiln_core::plan::Sequence;
use kiln_core::recipe::Recipe;
use kiln_core::release::Drift;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// Lets a release come to a channel, because somebody approves it.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn approve<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &RecipeName,
    approval: &Approval,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let recipe = recipes::existing(cloud, context, recipe).await?;
    let mut report =
        brought(cloud, context, &recipe, Asked { drift: Drift::Repair, by: Some(approval) }, mode, now).await;
    report.read_only = mode == Mode::DryRun;
    Ok(report)
}

/// Rolls one channel of a recipe back, or shows what that would do.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn roll_channel_back<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &RecipeName,
    back: &Back,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let recipe = recipes::existing(cloud, context, recipe).await?;
    let (images, mut pointers) = read(cloud, context, &recipe).await;
    images::look_up_in_channels(cloud, &recipe, &images, &mut pointers).await;
    let (home, none) = (&context.home, BTreeMap::new());
    let observed =
        Observed { recipe: &recipe, home, images: &images, pointers: &pointers, permissions: &none, now };
    Ok(apply(cloud, vec![roll_back(&observed, back)], mode, now).await)
}

/// The images of a recipe, and what its channels name.
async fn read<C: Cloud>(cloud: &C, context: &Context, recipe: &Recipe) -> (Images, ChannelPointers) {
    let one = [recipe];
    let (images, mut pointers) = join(
        images::recipe_images(cloud, context, recipe),
        images::channel_pointers(cloud, &context.home, &one),
    )
    .await;
    (images, pointers.remove(&recipe.name).unwrap_or_default())
}

/// Brings the channels of a recipe to where they should be. Of a recipe without channels nothing is read.
pub(crate) async fn follow<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    drift: Drift,
    mode: Mode,
    now: DateTime<Utc>,
) -> Report {
    match recipe.channels.is_empty() {
        true => Report::default(),
        false => brought(cloud, context, recipe, Asked { drift, by: None }, mode, now).await,
    }
}

/// What [`follow`] would do once these are the images of a recipe. Changes nothing.
pub(crate) async fn would_follow<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    images: &Images,
    now: DateTime<Utc>,
) -> Report {
    if recipe.channels.is_empty() {
        return Report::default();
    }
    let mut pointers = images::channel_pointers(cloud, &context.home, &[recipe]).await;
    let pointers = pointers.remove(&recipe.name).unwrap_or_default();
    let asked = Asked { drift: Drift::Repair, by: None };
    let decided = decided(cloud, context, recipe, asked, (images, pointers), now).await;
    apply(cloud, decided, Mode::DryRun, now).await
}

/// The images of a recipe, by Region.
type Images = BTreeMap<Region, Result<Vec<Image>, CloudError>>;

/// Why the channels are looked at.
struct Asked<'a> {
    drift: Drift,
    by: Option<&'a Approval>,
}

async fn brought<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    asked: Asked<'_>,
    mode: Mode,
    now: DateTime<Utc>,
) -> Report {
    let (images, pointers) = read(cloud, context, recipe).await;
    let decided = decided(cloud, context, recipe, asked, (&images, pointers), now).await;
    apply(cloud, decided, mode, now).await
}

/// What is done for the channels of a recipe, if these are its images and that is what its channels name.
async fn decided<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    Asked { drift, by }: Asked<'_>,
    (images, mut pointers): (&Images, ChannelPointers),
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    images::look_up_in_channels(cloud, recipe, images, &mut pointers).await;
    let (home, none) = (&context.home, BTreeMap::new());
    let observed = Observed { recipe, home, images, pointers: &pointers, permissions: &none, now };
    if let Some(Err(refused)) = by.map(|by| check(&observed, by)) {
        return vec![refused];
    }
    let wanted = wants_permissions(&observed, by);
    let permissions = images::permissions_by_image(cloud, &wanted.iter().collect::<Vec<&Image>>()).await;
    decide(&Observed { permissions: &permissions, ..observed }, drift, by)
}
