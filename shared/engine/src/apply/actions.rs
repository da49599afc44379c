//! Turns each action into calls to the cloud. Every action can be applied twice.

mod accounts;
mod difference;
pub(crate) mod release;
mod said;

use chrono::{DateTime, Utc};
use kiln_core::capture;
use kiln_core::events::inbound::Mode;
use kiln_core::expire::cross_account;
use kiln_core::inventory::image::Deletion;
use kiln_core::inventory::{
    Candidates, CloudError, Deprecation, Deregistration, ErrorKind, ImageQuery, NewImage, NewInstance,
    NewReplica, Waiting, WithSnapshots,
};
use kiln_core::model::{ImageId, ImageName, InstanceId, Region, Tags, tags};
use kiln_core::plan::reason::{BakeReason, CaptureReason, OrphanReason};
use kiln_core::plan::{Action, Decision, Reason};
use kiln_core::publish::sharing;

use crate::apply::actions::difference::with_difference;
use crate::apply::actions::said::Sender;
use crate::apply::batch_tags::BatchedTags;
use crate::apply::effect::{ApplyError, Effect};
use crate::ports::Cloud;

/// Applies one action.
pub(crate) async fn apply_one<C: Cloud>(
    cloud: &C,
    decision: &Decision,
    written: &BatchedTags,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Effect, ApplyError> {
    let region = &decision.subject.region;
    match &decision.action {
        Action::Keep | Action::Reject | Action::Retry => Ok(Effect::default()),
        Action::Launch(candidates) => match (launch(cloud, candidates).await, candidates.waits_until) {
            (Err(ApplyError::Cloud(full)), Some(until)) if full.kind == ErrorKind::InsufficientCapacity => {
                Err(no_room(cloud, candidates, until, &full).await)
            }
            (launched, _) => launched,
        },
        Action::StopForBake { instance, version, deadline } => {
            let Some(recipe) = decision.subject.recipe.clone() else { return Ok(Effect::default()) };
            let marks = Tags::new()
                .with(tags::VERSION, version)
                .with_time(tags::DEADLINE, *deadline)
                .with(tags::LAST_BAKE, version);
            let bake = ImageName { recipe, version: *version };
            cloud.tag_for_bake(region, instance, &bake, &marks).await?;
            match cloud.stop(region, instance).await {
                // If the marks stayed, the instance would be captured whenever its owner stops it.
                Err(error) if !error.kind.is_retryable() => {
                    let marks = [tags::VERSION, tags::DEADLINE, tags::LAST_BAKE, tags::SEAL];
                    let _ = cloud.untag_instance(region, instance, &marks).await;
                    return Err(error.into());
                }
                stopped => stopped?,
            }
            Ok(Effect::of(instance))
        }
        Action::Capture(new) => {
            let image = create(cloud, new).await?;
            // Only one thing is lost if this tag cannot be written: once a person deregisters the image, the builder
            // is captured again.
            let begun = Tags::new().with(tags::IMAGE, &image);
            let _ = cloud.tag_instance(region, &new.instance, &begun).await;
            Ok(Effect::of(image))
        }
        Action::Restart(instance) => {
            cloud.start(region, instance).await?;
            cloud.untag_instance(region, instance, &[tags::VERSION, tags::DEADLINE, tags::SEAL]).await?;
            Ok(Effect::default())
        }
        Action::Terminate(instance) => done(cloud.terminate(region, instance).await),
        Action::EndBuilder(instance) => {
            // First: a builder that is gone without it was terminated by somebody.
            let told = Tags::new().with(tags::END_TOLD, "yes");
            match cloud.tag_instance(region, instance, &told).await {
                Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            done(cloud.terminate(region, instance).await)
        }
        Action::NoteWaiting(waiting) => done(cloud.note_waiting(region, waiting).await),
        Action::ForgetWaiting(bake) => done(cloud.forget_waiting(region, bake).await),
        Action::Copy(new) => match cloud.copy_image(new).await {
            Err(error) if error.kind == ErrorKind::TokenUsed => Ok(Effect::before()),
            Err(error) => Err(error.into()),
            Ok(made) => Ok(Effect {
                before: mode.is_repair() && is_gone(cloud, new, &made).await,
                ..Effect::of(made)
            }),
        },
        Action::SetStage(image, record, more) => done(cloud.set_stage(region, image, record, more).await),
        Action::Anchor { image, own, anchor } => done(cloud.anchor_image(region, image, own, anchor).await),
        Action::MarkDisabled(..) => unless_gone(written.on(cloud, decision).await),
        Action::Adopt { image, snapshots, record, tags } => {
            // The image is tagged last, so an adopted image always has tagged snapshots.
            for snapshot in snapshots {
                cloud.tag_snapshot(region, snapshot, tags).await?;
            }
            done(cloud.set_stage(region, image, record, tags).await)
        }
        Action::Share(image, change) => done(cloud.change_launch(region, image, change).await),
        Action::ShareSnapshot(snapshot, change) => done(cloud.change_volumes(region, snapshot, change).await),
        Action::SetDeprecation(image, at) => done(cloud.deprecate(region, image, *at).await),
        Action::RequireImdsV2(image) => done(cloud.require_imds_v2(region, image).await),
        Action::AttachWatermark(image, name) => match cloud.attach_watermark(region, image, name).await {
            // It only tells others of the image. So no release waits for it, where EC2 does not know it or refuses it.
            Err(error) if !may_succeed(error.kind) => Ok(Effect::forgone(error)),
            outcome => done(outcome),
        },
        Action::DetachWatermark(image, key) => done(cloud.detach_watermark(region, image, key).await),
        Action::Protect(image) => done(cloud.protect(region, image).await),
        Action::Unprotect(image) => done(cloud.unprotect(region, image).await),
        Action::Publish(image, record, mark) => {
            let mark = Tags::new().with(tags::PUBLISHED_AS, mark);
            done(cloud.set_stage(region, image, record, &mark).await)
        }
        Action::Tag(..) if decision.action.marks().is_some() => done(written.on(cloud, decision).await),
        Action::Tag(image, tags) => done(cloud.tag_image(region, image, tags).await),
        Action::MoveParameters(moves) => release::move_parameters(cloud, moves).await,
        Action::MoveInAccounts(moves) => Ok(accounts::move_in_accounts(cloud, moves).await),
        Action::MoveTemplate(moved) => release::move_template(cloud, region, moved).await,
        Action::Reactivate { image, own, record, anchor, now } => {
            let tags = Tags::new().with_time(tags::RECOPY, *now);
            let tags = tags.with(tags::UNUSED_SINCE, "no").with(tags::DISABLED_AT, "no");
            let reactivate = async {
                // First: after it, no tag of before counts.
                cloud.anchor_image(region, image, own, anchor).await?;
                cloud.set_stage(region, image, record, &tags).await
            };
            unless_gone(reactivate.await)
        }
        Action::Enable(image) => done(cloud.enable_image(region, image).await),
        Action::RequestUsageReport(image) => {
            let token = cross_account::token(region, image, now);
            unless_gone(cloud.ask_usage(region, image, &token).await)
        }
        Action::Deprecate(image, ..) => {
            let deprecate = async {
                written.on(cloud, decision).await?;
                cloud.deprecate(region, image, Deprecation::At(sharing::soon(now))).await
            };
            unless_gone(deprecate.await)
        }
        Action::ClearUnused(image, deprecation) => {
            // The tag is written last, so a run that dies in between is repeated by the next one.
            let clear = async {
                cloud.deprecate(region, image, *deprecation).await?;
                cloud.tag_image(region, image, &Tags::new().with(tags::UNUSED_SINCE, "no")).await
            };
            unless_gone(clear.await)
        }
        Action::Disable(image, ..) => {
            // The tags are written first, so they are there when EC2's event of the disabled image arrives.
            let disable = async {
                written.on(cloud, decision).await?;
                cloud.disable_image(region, image).await
            };
            unless_gone(disable.await)
        }
        Action::Deregister(image, snapshots) => deregister(cloud, region, image, *snapshots).await,
        Action::MarkOrphan(snapshot, since) => {
            let tags = Tags::new().with_time(tags::ORPHANED_SINCE, *since);
            done(cloud.tag_snapshot(region, snapshot, &tags).await)
        }
        Action::ClearOrphan(snapshot) => {
            let tags = Tags::new().with(tags::ORPHANED_SINCE, "no");
            done(cloud.tag_snapshot(region, snapshot, &tags).await)
        }
        Action::DeleteSnapshot(snapshot) => match cloud.delete_snapshot(region, snapshot).await {
            Err(error) if error.kind == ErrorKind::InUse => {
                Err(ApplyError::Rule(Reason::Orphan(OrphanReason::SnapshotUsed(snapshot.clone()))))
            }
            outcome => done(outcome),
        },
        Action::Wake(wake) => done(cloud.wake(wake.function(), &wake.payload(decision.since)).await),
        Action::KeepContents { key, kept } => {
            match cloud.put_object(key, kept.text().as_bytes()).await {
                // Nothing is decided by it, so nothing waits for what a retry cannot help.
                Err(error) if !error.kind.is_retryable() => Ok(Effect::missed(error)),
                outcome => done(outcome),
            }
        }
        Action::Emit(envelope) => match said::sender(cloud, envelope).await? {
            Sender::Other => Ok(Effect::before()),
            Sender::Own => done(cloud.send(&[with_difference(cloud, envelope).await], now).await),
        },
    }
}

/// Whether the replica that CopyImage answered with no longer exists. A token that was used before answers with the
/// replica that it created then, even if that was deregistered since; in that case nothing was repaired.
async fn is_gone<C: Cloud>(cloud: &C, new: &NewReplica, made: &ImageId) -> bool {
    cloud.images(&new.region, &ImageQuery::Id(made.clone())).await.is_ok_and(|images| images.is_empty())
}

/// An image that no longer exists needs no further step, so that counts as done before.
fn unless_gone(outcome: Result<(), CloudError>) -> Result<Effect, ApplyError> {
    match outcome {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Effect::before()),
        outcome => done(outcome),
    }
}

/// Whether a call about an image may succeed in a moment. EC2 says `Unsupported`, too, for what is not there in a Region,
/// which elsewhere tells that a zone lacks capacity.
fn may_succeed(kind: ErrorKind) -> bool {
    kind.is_retryable() && !matches!(kind, ErrorKind::InsufficientCapacity | ErrorKind::Limit)
}

/// A call that answers with nothing.
fn done(outcome: Result<(), CloudError>) -> Result<Effect, ApplyError> {
    Ok(outcome.map(|()| Effect::default())?)
}

/// Launches a builder or tester in the first zone that has capacity. A client token is valid in one zone only, so
/// before the next zone is tried, the instances are read to see whether the launch in the previous zone succeeded after
/// all. A token that was used before belongs to an instance of the same bake, which has begun before, and may
/// even have ended.
async fn launch<C: Cloud>(cloud: &C, candidates: &Candidates) -> Result<Effect, ApplyError> {
    let mut outcome = cloud.launch(&candidates.first).await;
    for next in &candidates.others {
        if !outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::InsufficientCapacity) {
            break;
        }
        outcome = match launched_already(cloud, next).await? {
            Some(launched) => Ok(launched),
            None => cloud.launch(next).await,
        };
    }
    match outcome {
        Err(error) if matches!(error.kind, ErrorKind::InstanceTerminated | ErrorKind::TokenUsed) => {
            Ok(Effect::before())
        }
        outcome => Ok(outcome.map(Effect::of)?),
    }
}

/// Notes that a bake waits for room.
async fn no_room<C: Cloud>(
    cloud: &C,
    candidates: &Candidates,
    until: DateTime<Utc>,
    full: &CloudError,
) -> ApplyError {
    let (first, why) = (&candidates.first, full.to_string());
    let waiting = Waiting { name: first.name.clone(), why: Some(why.clone()) };
    match cloud.note_waiting(&first.region, &waiting).await {
        Err(error) => ApplyError::Cloud(error),
        Ok(()) => ApplyError::NotYet(Reason::Bake(BakeReason::WaitsForRoom { why, until })),
    }
}

async fn launched_already<C: Cloud>(cloud: &C, new: &NewInstance) -> Result<Option<InstanceId>, CloudError> {
    let own = |tags: &Tags| {
        [tags::RECIPE, tags::VERSION, tags::ROLE, tags::IMAGE]
            .iter()
            .all(|key| tags.get(key) == new.tags.get(key))
    };
    let instances = cloud.instances(&new.region).await?;
    let living = |state| state != kiln_core::inventory::InstanceState::Terminated;
    Ok(instances
        .into_iter()
        .find(|instance| own(&instance.tags) && living(instance.state))
        .map(|instance| instance.id))
}

/// Creates an image. If its name is taken by the image that this bake was to create, that counts as success.
async fn create<C: Cloud>(cloud: &C, new: &NewImage) -> Result<ImageId, ApplyError> {
    let error = match cloud.create_image(new).await {
        Err(error) if error.kind == ErrorKind::NameTaken => error,
        outcome => return Ok(outcome?),
    };
    let wanted: Option<ImageName> = new.name.parse().ok();
    let named = cloud.images(&new.region, &ImageQuery::Named(new.name.clone())).await?;
    match named
        .iter()
        .find(|image| wanted.as_ref().is_some_and(|name| capture::made_of(image, name, &new.instance)))
    {
        Some(image) => Ok(image.id.clone()),
        None => Err(match named.first() {
            Some(image) => ApplyError::Rule(Reason::Capture(CaptureReason::NameTaken(image.id.clone()))),
            // It was made a moment ago, perhaps by another invocation for the same builder.
            None => ApplyError::NotYet(Reason::Capture(CaptureReason::NameNotShown(error.to_string()))),
        }),
    }
}

/// Deregisters an image. EC2 reports success even if a snapshot could not be deleted, so the result of each snapshot
/// is read.
async fn deregister<C: Cloud>(
    cloud: &C,
    region: &Region,
    image: &ImageId,
    snapshots: WithSnapshots,
) -> Result<Effect, ApplyError> {
    let mut effect = Effect::default();
    let Deregistration::Now(deletions) = cloud.deregister_image(region, image, snapshots).await? else {
        return Ok(Effect::before());
    };
    for deletion in deletions {
        match deletion.outcome {
            Deletion::Deleted => effect.deleted.push(deletion.snapshot),
            Deletion::UsedElsewhere => {}
            Deletion::Failed(code) => effect.undeleted.push(format!("{} ({code})", deletion.snapshot)),
        }
    }
    Ok(effect)
}

/// The error text for snapshots that could not be deleted with their image.
pub(crate) fn snapshots_stayed(undeleted: &[String]) -> String {
    let undeleted = undeleted.join(", ");
    format!(
        "the image is deregistered, but these snapshots could not be deleted and still cost money: {undeleted}; a later sweep tries again"
    )
}
