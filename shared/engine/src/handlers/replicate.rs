//! `replicate`: copies an image to every Region of its recipe, and releases it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{Mode, ReplicateCall};
use kiln_core::inventory::{Image, ImageQuery, ImageState, Result};
use kiln_core::model::{ImageId, ImageRecord, RecipeName, Region};
use kiln_core::plan::reason::{ChannelReason, ReleaseReason, ReplicateReason};
use kiln_core::plan::{Action, Reason, Sequence, Subject};
use kiln_core::recipe::Recipe;
use kiln_core::release::newest::named_release;
use kiln_core::release::{self, Drift, ReleaseState};
use kiln_core::replicate::{Observed, copy_again, copy_back, decide, is_ready_to_publish};

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::handlers::channels::follow;
use crate::observe::event_resource::{self, Halt, asked, keep};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// Copies and releases the image that an event names, or the home image of the replica that it names, as it is now; or
/// continues the release whose parameter has changed.
///
/// # Errors
/// Why nothing was done.
pub async fn replicate<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &ReplicateCall,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let at = At { mode, now };
    match call {
        ReplicateCall::Image(region, image) => {
            answer(cloud, of_image(cloud, context, region, image, Asked::ByEvent, at).await, at).await
        }
        ReplicateCall::CopyAgain(image) => {
            let done = of_image(cloud, context, &context.home, image, Asked::ByHand, at).await;
            let done = match done {
                Err(halt) => asked(Err(halt)).map(|_| Report::default()),
                done => done,
            };
            answer(cloud, done, at).await
        }
        ReplicateCall::Parameter { region, name, refused } => {
            of_parameter(cloud, context, region, name, refused.as_deref(), at).await
        }
        ReplicateCall::Release(recipe) => of_recipe(cloud, context, recipe, at).await,
    }
}

/// When decisions are made, and how they are carried out.
#[derive(Clone, Copy)]
struct At {
    mode: Mode,
    now: DateTime<Utc>,
}

/// Who asks for the copies of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByEvent,
    /// A person: failed attempts are forgotten.
    ByHand,
}

/// The report of what was done, or of why nothing was.
async fn answer<C: Cloud>(
    cloud: &C,
    done: Result<Report, Halt>,
    At { mode, now }: At,
) -> Result<Report, HandlerError> {
    match done {
        Err(Halt::Unchanged(sequence)) => Ok(apply(cloud, vec![sequence], mode, now).await),
        Err(Halt::Failed(error)) => Err(error),
        Ok(report) => Ok(report),
    }
}

/// The home image that the event is about, or why there is none.
async fn home_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
) -> Result<(Image, ImageRecord), Halt> {
    let image = event_resource::image(cloud, region, id).await?;
    let record = event_resource::record(&image, &context.home)?;
    let Some(copied) = &record.copied else { return Ok((image, record)) };
    let origin =
        cloud.images(&copied.origin.region, &ImageQuery::Id(copied.origin.image.clone())).await?.pop();
    let mut named = match origin.iter().any(|one| one.state == ImageState::Available) {
        true => Vec::new(),
        // What was copied back in its place has its name.
        false => cloud.images(&context.home, &ImageQuery::Named(record.name.to_string())).await?,
    };
    named.extend(origin);
    let is_home = |one: &Image| {
        let its = one.record_for_home(&context.home).ok()?;
        (its.copied.is_none() && one.is_origin_of(&its, &record)).then_some(its)
    };
    match named.into_iter().find_map(|one| Some((is_home(&one)?, one))) {
        Some((record, origin)) => Ok((origin, record)),
        None => keep(Subject::image(&image), ReplicateReason::OriginGone(copied.origin.to_string())),
    }
}

async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    id: &ImageId,
    by: Asked,
    at: At,
) -> Result<Report, Halt> {
    let At { mode, now } = at;
    let (image, record) = home_image(cloud, context, region, id).await?;
    if !record.stage.is_published() {
        return keep(Subject::image(&image), ReplicateReason::SourceStage(record.stage));
    }
    let recipe = event_resource::recipe_beside_others(cloud, context, &image, &record.name.recipe).await?;
    let (mut images, pointers) = images::releases(cloud, context, &recipe).await;
    let lost_in = ReleaseState::of(&recipe, &context.home, &images, &pointers, now).lost_in();
    let regions = replicas(&recipe, context, &image, &record, &images);
    let unpublished: Vec<&Image> = regions
        .values()
        .flatten()
        .flatten()
        .filter(|replica| replica.record().is_ok_and(|its| is_ready_to_publish(&recipe, replica, &its)))
        .collect();
    let permissions = images::permissions_by_image(cloud, &unpublished).await;
    let superseded_by = match images.get(&context.home) {
        Some(Ok(at_home)) => named_release(&recipe.name, at_home)
            .filter(|named| named.supersedes(record.name.version))
            .map(|named| named.version),
        Some(Err(error)) => return Err(error.clone().into()),
        None => None,
    };
    let version = record.name.version;
    let observed = Observed { image, record, regions, permissions, superseded_by, lost_in, now };
    let (first, observed) = match by {
        Asked::ByEvent => (Vec::new(), observed),
        Asked::ByHand => copy_again(observed),
    };
    let report = apply(cloud, first, mode, now).await;
    let report = report.and(apply(cloud, decide(&recipe, &observed), mode, now).await);

    // The release may have waited only for what was published just now.
    images::as_published(&mut images, &report);
    let waits = ReleaseState::of(&recipe, &context.home, &images, &pointers, now).waits(version);
    // Of two invocations that publish the last replicas at once, each read that the other's was not. One that reads
    // after it wrote sees both.
    if waits && report.entries.iter().any(|entry| entry.action == "publish") {
        images = images::recipe_images(cloud, context, &recipe).await;
        images::as_published(&mut images, &report);
    }
    let sequences =
        release::decide(&ReleaseState::of(&recipe, &context.home, &images, &pointers, now), Drift::Repair);
    let released = apply(cloud, sequences, mode, now).await;
    Ok(report.and(followed(cloud, context, &recipe, released, Drift::Repair, at).await))
}

/// Lets a release come to the channels that follow at once, by the invocation that made it one: the others leave it to that.
async fn followed<C: Cloud>(
    cloud: &C,
    context: &Context,
    recipe: &Recipe,
    report: Report,
    drift: Drift,
    At { mode, now }: At,
) -> Report {
    match report.entries.iter().any(|entry| entry.did("set-stage")) {
        true => report.and(follow(cloud, context, recipe, drift, mode, now).await),
        false => report,
    }
}

/// The replicas of one image, by further Region.
fn replicas(
    recipe: &Recipe,
    context: &Context,
    image: &Image,
    record: &ImageRecord,
    images: &BTreeMap<Region, Result<Vec<Image>>>,
) -> BTreeMap<Region, Result<Vec<Image>>> {
    let is_replica = |replica: &&Image| {
        replica.record_for_home(&context.home).is_ok_and(|its| image.is_origin_of(record, &its))
    };
    recipe
        .replica_regions(&context.home)
        .filter_map(|region| {
            let found = match images.get(region)? {
                Ok(found) => Ok(found.iter().filter(is_replica).cloned().collect()),
                Err(error) => Err(error.clone()),
            };
            Some((region.clone(), found))
        })
        .collect()
}

/// Continues the release of each recipe with this parameter, after SSM accepted or refused the parameter's new image.
async fn of_parameter<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    name: &str,
    refused: Option<&str>,
    at: At,
) -> Result<Report, HandlerError> {
    let At { mode, now } = at;
    let read = recipes::wanted(cloud, context, None).await?;
    let named: Vec<&Recipe> =
        read.iter().flatten().filter(|recipe| recipe.publish.parameter.as_deref() == Some(name)).collect();
    let with_channel: Option<&Recipe> =
        read.iter().flatten().find(|recipe| recipe.channels.iter().any(|channel| channel.parameter == name));
    if let Some(recipe) = with_channel {
        if *region != context.home {
            let subject = Subject::resource(name, region);
            let waits = vec![subject.decide(Action::Keep, ChannelReason::HomeGoesOn)];
            return Ok(apply(cloud, vec![waits], mode, now).await);
        }
        // What SSM refused is tried again by a sweep, after a wait.
        return Ok(follow(cloud, context, recipe, Drift::Ignore, mode, now).await);
    }
    let subject = || Subject::resource(name, region);
    if named.is_empty() {
        let reason = Reason::Release(ReleaseReason::NoRecipesParameter(name.to_owned()));
        let sequence = vec![subject().decide(Action::Keep, reason)];
        return Ok(apply(cloud, vec![sequence], mode, now).await);
    }
    let mut pointers = images::pointers(cloud, &context.home, &named).await;
    images::read_accounts(cloud, &context.home, &named, &mut pointers).await;
    let mut report = Report::default();
    for recipe in named {
        let images = images::recipe_images(cloud, context, recipe).await;
        let mut pointers = pointers.remove(&recipe.name).unwrap_or_default();
        images::look_up_named(cloud, recipe, &images, &mut pointers).await;
        let state = ReleaseState::of(recipe, &context.home, &images, &pointers, now);
        let sequences = match refused {
            Some(why) => release::refused(&state, region, why),
            None => release::decide(&state, Drift::Ignore),
        };
        let released = apply(cloud, sequences, mode, now).await;
        report = report.and(followed(cloud, context, recipe, released, Drift::Ignore, at).await);
    }
    Ok(report)
}

/// Brings the releases of one recipe to where they should be, because a sweep found that they are not.
async fn of_recipe<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: &RecipeName,
    At { mode, now }: At,
) -> Result<Report, HandlerError> {
    let recipe = recipes::existing(cloud, context, name).await?;
    let (images, pointers) = images::releases(cloud, context, &recipe).await;
    let state = ReleaseState::of(&recipe, &context.home, &images, &pointers, now);
    let mut sequences = release::decide(&state, Drift::Repair);
    let back = copy_back::decide(&recipe, &context.home, &images, now);
    if !back.is_empty() && is_gone(cloud, context, &back).await? {
        sequences.extend(back);
    }
    let report = apply(cloud, sequences, mode, now).await;
    Ok(report.and(follow(cloud, context, &recipe, Drift::Repair, mode, now).await))
}

/// Whether the home images that are to be copied back are gone: one that somebody took the tag `kiln:recipe` from is not
/// among those of its recipe, and still has its name.
async fn is_gone<C: Cloud>(cloud: &C, context: &Context, back: &[Sequence]) -> Result<bool> {
    let copies = back.iter().flatten().filter_map(|decision| match &decision.action {
        Action::Copy(new) => Some(new.name.clone()),
        _ => None,
    });
    let named = cloud.images(&context.home, &ImageQuery::AnyNamed(copies.collect())).await?;
    Ok(!named.iter().any(|image| image.state.is_left()))
}
