//! `capture`: creates an image of a builder that has finished its work.

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::capture::{Observed, awaits_its_recipe, bake_of, decide, failed_image, wants_console};
use kiln_core::events::inbound::{CaptureCall, Mode};
use kiln_core::inventory::{Image, ImageQuery, ImageState, Instance, InstanceState};
use kiln_core::model::{ImageId, ImageName, InstanceId, Region, Role, ScriptOutcome};
use kiln_core::plan::reason::CaptureReason;
use kiln_core::plan::{Reason, Sequence, Subject};
use kiln_core::verify::Console;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::event_resource::{self, Halt, keep, sequence};
use crate::observe::images::console as read_console;
use crate::observe::recipes;
use crate::ports::Cloud;

/// Decides about the builder that an event names, as it is now, or about the builder of the image that it names.
///
/// # Errors
/// Why nothing was done.
pub async fn capture<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &CaptureCall,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let decided = match call {
        CaptureCall::Stopped(region, instance) => of_instance(cloud, context, region, instance, now).await,
        CaptureCall::Image(region, image) => of_image(cloud, context, region, image, now).await,
    };
    Ok(apply(cloud, vec![sequence(decided)?], mode, now).await)
}

async fn of_instance<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &InstanceId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let instance = event_resource::instance(cloud, region, id).await?;
    let name = match bake_of(&instance) {
        Ok(name) => name,
        Err(reason) => return keep(Subject::instance(&instance), reason),
    };
    let images = cloud.images(region, &ImageQuery::Named(name.to_string())).await?;
    Ok(decide_builder(cloud, context, name, instance, images, now).await?)
}

/// Decides about the builder of an image that became available or failed.
async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let image = event_resource::image(cloud, region, id).await?;
    let record = match image.record() {
        Ok(record) if record.copied.is_none() => record,
        Ok(_) => return keep(Subject::image(&image), CaptureReason::NotABuilder),
        Err(reason) => return keep(Subject::image(&image), Reason::NotManaged(reason)),
    };
    let Some(builder) = &image.source_instance else {
        return match image.state {
            ImageState::Failed => Ok(failed_image(&image, &record)),
            _ => keep(Subject::image(&image), CaptureReason::NotABuilder),
        };
    };
    let builder =
        cloud.instance(region, builder).await?.filter(|builder| builder.state != InstanceState::Terminated);
    match builder {
        // A long-lived builder may be at work on its next bake already, and is then no longer this image's builder.
        Some(builder) if bake_of(&builder).is_ok_and(|name| name == record.name) => {
            Ok(decide_builder(cloud, context, record.name, builder, vec![image], now).await?)
        }
        _ if image.state == ImageState::Failed => Ok(failed_image(&image, &record)),
        _ => keep(Subject::image(&image), CaptureReason::BuilderGone),
    }
}

async fn decide_builder<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: ImageName,
    instance: Instance,
    images: Vec<Image>,
    now: DateTime<Utc>,
) -> Result<Sequence, HandlerError> {
    // Once the image exists, the decision depends on neither the console nor the recipe.
    let console = async {
        match wants_console(&instance, &images, now) {
            true => read_console(cloud, &instance, Role::Builder, &name).await.map(Some),
            false => Ok(None),
        }
    };
    let recipe = async {
        match images.is_empty() {
            true => match recipes::find(cloud, context, &name.recipe).await {
                Err(HandlerError::Recipe(_)) if !awaits_its_recipe(&instance, now) => Ok(None),
                found => found,
            },
            false => Ok(None),
        }
    };
    let (console, recipe) = join(console, recipe).await;
    let (verdict, console_tail) = match console? {
        Some(Console { verdict, tail, .. }) => (verdict, tail),
        None => (ScriptOutcome::Unread, String::new()),
    };
    Ok(decide(&name, recipe?.as_ref(), &Observed { instance, images, verdict, console_tail }, now))
}
