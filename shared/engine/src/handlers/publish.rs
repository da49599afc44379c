//! `publish`: shares an image that passed its test, and rolls a recipe back to a former release.

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::events::inbound::{Mode, PublishCall};
use kiln_core::inventory::{ImageState, Wanted};
use kiln_core::model::{ImageId, RecipeName, Region, Version};
use kiln_core::plan::reason::PublishReason;
use kiln_core::plan::{Action, Chain, Reason, Subject};
use kiln_core::publish::{Seen, decide, is_due, wants_findings};
use kiln_core::release::{Family, rollback};

use crate::apply::{Report, act};
use crate::context::{NoRecipe, Place, Refused};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// Publishes the image that an event names, as it is now; or rolls back.
///
/// # Errors
/// That nothing was done, and why.
pub async fn publish<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &PublishCall,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let chain = match call {
        PublishCall::Image(region, image) => of_image(cloud, place, region, image, now).await?,
        PublishCall::Rollback(recipe, to) => back(cloud, place, recipe, *to, now).await?,
    };
    Ok(act(cloud, vec![chain], Mode::Carry, now).await)
}

async fn of_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    region: &Region,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Chain, Refused> {
    let leave = |subject: Subject, because| Ok(vec![subject.so(Action::Leave, because)]);
    let Some(image) = cloud.images(region, &Wanted::Id(id.clone())).await?.pop() else {
        return leave(Subject::resource(id, region), Reason::ImageNotAvailable(ImageState::Deregistered));
    };
    let record = match image.record_at(&place.home) {
        Ok(record) => record,
        Err(because) => return leave(Subject::image(&image), Reason::NotManaged(because)),
    };
    let Some(recipe) = recipes::find(cloud, place, &record.name.recipe).await? else {
        return leave(Subject::image(&image), Reason::RecipeGone(record.name.recipe.to_string()));
    };
    if !is_due(&image, &record) {
        return leave(Subject::image(&image), Reason::Publish(PublishReason::NotToPublish(record.stage)));
    }
    let findings = async {
        match wants_findings(&recipe, &image) {
            true => cloud.findings(&image.region, &image.id).await,
            false => Ok(Vec::new()),
        }
    };
    let (granted, findings) = join(images::granted(cloud, &image), findings).await;
    Ok(decide(&recipe, &Seen { image, record, granted, findings }, now))
}

async fn back<C: Cloud>(
    cloud: &C,
    place: &Place,
    name: &RecipeName,
    to: Option<Version>,
    now: DateTime<Utc>,
) -> Result<Chain, Refused> {
    let recipe = recipes::find(cloud, place, name).await?;
    let recipe = recipe.ok_or_else(|| NoRecipe {
        name: name.clone(),
        path: place.recipes.clone(),
        home: place.home.to_string(),
    })?;
    let one = [&recipe];
    let (images, mut shown) =
        join(images::family(cloud, place, &recipe), images::shown(cloud, &place.home, &one)).await;
    let shown = shown.remove(&recipe.name).unwrap_or_default();
    Ok(rollback(&Family::of(&recipe, &place.home, &images, &shown), to, now))
}
