//! What a release comes to after it was released: the channels of its recipe.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::channel::{Approval, Observed, check, decide, wants_permissions};
use kiln_core::events::inbound::Mode;
use kiln_core::inventory::Image;
use kiln_core::model::RecipeName;
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

/// Why the channels are looked at.
struct Asked<'a> {
    drift: Drift,
    by: Option<&'a Approval>,
}

async fn brought<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    Asked { drift, by }: Asked<'_>,
    mode: Mode,
    now: DateTime<Utc>,
) -> Report {
    let home = &context.home;
    let one = [recipe];
    let (all, mut pointers) =
        join(images::recipe_images(cloud, context, recipe), images::channel_pointers(cloud, home, &one))
            .await;
    let mut pointers = pointers.remove(&recipe.name).unwrap_or_default();
    images::look_up_in_channels(cloud, recipe, &all, &mut pointers).await;
    let none = BTreeMap::new();
    let observed = Observed { recipe, home, images: &all, pointers: &pointers, permissions: &none, now };
    if let Some(Err(refused)) = by.map(|by| check(&observed, by)) {
        return apply(cloud, vec![refused], mode, now).await;
    }
    let wanted = wants_permissions(&observed, by);
    let permissions = images::permissions_by_image(cloud, &wanted.iter().collect::<Vec<&Image>>()).await;
    let sequences = decide(&Observed { permissions: &permissions, ..observed }, drift, by);
    apply(cloud, sequences, mode, now).await
}
