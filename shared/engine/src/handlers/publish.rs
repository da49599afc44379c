//! `publish`: shares an image that passed its test, rolls a recipe or a channel back to a former release, and recalls a bad
//! one.

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::channel::Approval;
use kiln_core::channel::rollback::Back;
use kiln_core::events::inbound::{Mode, PublishCall};
use kiln_core::inventory::{Image, ImageQuery};
use kiln_core::model::{ImageId, ImageName, ImageRecord, RecipeName, Region, Tags, Version, tags};
use kiln_core::plan::reason::{PublishReason, RecallReason};
use kiln_core::plan::{Sequence, Subject, anchored};
use kiln_core::publish::{Observed, decide, is_due, sharing, wants_findings};
use kiln_core::release::rollback::{read_back, rollback};
use kiln_core::release::{Drift, ReleaseState};

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::handlers::channels::{approve, follow, roll_channel_back, would_follow};
use crate::handlers::recall::{Asked, recall, reinstate};
use crate::observe::event_resource::{self, Halt, keep, sequence};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// Publishes the image that an event names, as it is now, or rolls a recipe back.
///
/// # Errors
/// Why nothing was done.
pub async fn publish<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &PublishCall,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    match call {
        PublishCall::Image(region, image) => {
            let sequence = sequence(of_image(cloud, context, region, image, now).await)?;
            Ok(apply(cloud, vec![sequence], mode, now).await)
        }
        PublishCall::Rollback { recipe, channel: None, to, mode } => {
            roll_back(cloud, context, recipe, (*to, *mode), now).await
        }
        PublishCall::Rollback { recipe, channel: Some(channel), to, mode } => {
            let back = Back { channel: channel.clone(), to: *to };
            roll_channel_back(cloud, context, recipe, &back, *mode, now).await
        }
        PublishCall::Approve { recipe, channel, version, mode } => {
            let approval = Approval { channel: channel.clone(), version: *version };
            approve(cloud, context, recipe, &approval, *mode, now).await
        }
        PublishCall::Recall { name, why, layers, mode } => {
            let asked = Asked { why: why.as_deref(), layers: *layers, mode: *mode };
            recall(cloud, context, name, asked, now).await
        }
        PublishCall::Reinstate { name, mode } => reinstate(cloud, context, name, *mode, now).await,
    }
}

async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
    now: DateTime<Utc>,
) -> Result<Sequence, Halt> {
    let image = event_resource::image(cloud, region, id).await?;
    let record = event_resource::record(&image, &context.home)?;
    let recipe = event_resource::recipe(cloud, context, &image, &record.name.recipe).await?;
    let is_shared_again = sharing::is_due(&recipe, &image, &record);
    // What was never recalled itself, and is published for the first time, costs no further call.
    if (is_shared_again || image.tags.has(tags::RECALLED)) && is_of_recalled(cloud, &record).await? {
        return keep(Subject::image(&image), RecallReason::IsRecalled);
    }
    if is_shared_again {
        let permissions = images::permissions(cloud, &image).await;
        let converged = sharing::converge(&recipe, &image, &record, &permissions, now);
        return converged
            .map_or_else(|| keep(Subject::image(&image), PublishReason::NotToPublish(record.stage)), Ok);
    }
    if !is_due(&image, &record) {
        return keep(Subject::image(&image), PublishReason::NotToPublish(record.stage));
    }
    let findings = async {
        match wants_findings(&recipe, &image) {
            true => cloud.findings(&image.region, &image.id).await,
            false => Ok(Vec::new()),
        }
    };
    let (permissions, findings) = join(images::permissions(cloud, &image), findings).await;
    Ok(decide(&recipe, &Observed { image, record, permissions, findings }, now))
}

/// Whether an image is a replica of a release that was recalled: its own mark may be missing as long as its Region could not
/// be read.
async fn is_of_recalled<C: Cloud>(cloud: &C, record: &ImageRecord) -> Result<bool, Halt> {
    let Some(copied) = &record.copied else { return Ok(false) };
    // By its release: the home image that it was copied from may be gone, and another one stand in its place.
    let ImageName { recipe, version } = &record.name;
    let of_release = Tags::new().with(tags::RECIPE, recipe).with(tags::VERSION, version);
    let found = cloud.images(&copied.origin.region, &ImageQuery::Tagged(of_release)).await?;
    Ok(found.iter().any(Image::is_out))
}

/// Rolls a recipe back, and reads back what came of it; or shows what that would do.
async fn roll_back<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: &RecipeName,
    (to, mode): (Option<Version>, Mode),
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let recipe = recipes::existing(cloud, context, name).await?;
    let (images, pointers) = images::releases(cloud, context, &recipe).await;
    let decided = rollback(&ReleaseState::of(&recipe, &context.home, &images, &pointers, now), to);
    let report = apply(cloud, decided.clone(), mode, now).await;
    if mode == Mode::DryRun && !report.failed() {
        let after = anchored::after(&images, &decided);
        return Ok(report.and(would_follow(cloud, context, &recipe, &after, now).await));
    }
    if report.failed() {
        return Ok(report);
    }
    let images = images::recipe_images(cloud, context, &recipe).await;
    let now_there = read_back(&ReleaseState::of(&recipe, &context.home, &images, &pointers, now), &decided);
    let report = report.and(apply(cloud, vec![now_there], Mode::Apply, now).await);
    Ok(report.and(follow(cloud, context, &recipe, Drift::Repair, Mode::Apply, now).await))
}
