//! Decides whether a stopped builder becomes an image, and when the builder has done its work.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::{
    Image, ImageState, Instance, InstanceRole, InstanceState, NewImage, Seal, StopReason, WithSnapshots,
};
use crate::model::record::RecordError;
use crate::model::{ImageName, ImageRecord, InstanceId, ScriptOutcome, Stage, tags};
use crate::plan::reason::{CaptureReason, ImageRef, ScriptReason, UseReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// Grace period after a builder's deadline: a stopped long-lived builder may still become an image, and a launched
/// builder keeps waiting for its image to appear in EC2. Long enough for several sweeps, short enough for the users of
/// a long-lived instance.
pub const CAPTURE_GRACE: TimeDelta = TimeDelta::hours(1);

/// What was observed of one builder.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The builder.
    pub instance: Instance,
    /// The images in its Region that have the name of its bake.
    pub images: Vec<Image>,
    /// How its script ended, from its console; read only if [`wants_console`] asks for it.
    pub verdict: ScriptOutcome,
    /// The last lines of its console, if it was read.
    pub console_tail: String,
}

/// The bake that a builder works on, from its tags.
///
/// # Errors
/// Why `capture` leaves the instance alone.
pub fn bake_of(instance: &Instance) -> Result<ImageName, Reason> {
    match instance.purpose() {
        InstanceRole::NotManaged => Err(Reason::NotManaged(RecordError::NotManaged)),
        InstanceRole::Tester | InstanceRole::Unknown => Err(Reason::Capture(CaptureReason::NotABuilder)),
        // The tags of a bake on a long-lived instance count only with their seal.
        InstanceRole::LongLived if instance.seal != Seal::Valid => {
            Err(Reason::Capture(CaptureReason::NoBakeOnIt))
        }
        InstanceRole::Builder | InstanceRole::LongLived => {
            match (instance.tags.read(tags::RECIPE), instance.tags.read(tags::VERSION)) {
                (Some(recipe), Some(version)) => Ok(ImageName { recipe, version }),
                _ => Err(Reason::Capture(CaptureReason::NoBakeOnIt)),
            }
        }
    }
}

/// Whether the console must be read before [`decide`] can be called: for a launched builder that has no image yet and
/// has stopped or missed its deadline.
pub fn wants_console(instance: &Instance, images: &[Image], now: DateTime<Utc>) -> bool {
    let own = |image: &Image| image.source_instance.as_ref() == Some(&instance.id);
    instance.purpose() == InstanceRole::Builder
        && !images.iter().any(own)
        && (instance.state == InstanceState::Stopped || (running(instance) && instance.is_late(now)))
}

/// Whether a builder whose recipe is invalid waits until somebody corrects it. After its deadline the recipe counts as
/// deleted. A long-lived builder is a person's own instance, and does not wait.
pub fn awaits_its_recipe(instance: &Instance, now: DateTime<Utc>) -> bool {
    instance.purpose() == InstanceRole::Builder && instance.deadline().is_none_or(|deadline| deadline >= now)
}

/// Decides what happens to a builder. `recipe` is `None` if there is no readable recipe of that name.
pub fn decide(
    name: &ImageName,
    recipe: Option<&Recipe>,
    observed: &Observed,
    now: DateTime<Utc>,
) -> Sequence {
    let instance = &observed.instance;
    let decision = |action, reason| Subject::instance(instance).decide(action, reason);
    let long_lived = is_long_lived(instance);
    if instance.state == InstanceState::Terminated {
        return match is_untold(instance, &observed.images) {
            true => give_up(observed, name, Reason::Script(ScriptReason::TerminatedBySomeone)),
            false => vec![decision(Action::Keep, Reason::Script(ScriptReason::NotStopped(instance.state)))],
        };
    }
    // EC2 shows a deregistered image for a while; it does not count.
    let mut images = observed.images.iter().filter(|image| image.state != ImageState::Deregistered);
    if let Some(image) = images.next() {
        return match made_of(image, name, &instance.id) {
            false if !long_lived && of_another_builder(image, name) => {
                let reason = Reason::Capture(CaptureReason::AnotherBuilder(image.id.clone()));
                vec![decision(terminated(instance), reason)]
            }
            false if instance.is_late(now) => {
                give_up(observed, name, Reason::Capture(CaptureReason::NameTaken(image.id.clone())))
            }
            false => {
                vec![decision(Action::Reject, Reason::Capture(CaptureReason::NameTaken(image.id.clone())))]
            }
            true => with_image(instance, image, name),
        };
    }
    if let Some(created) = instance.tags.read(tags::IMAGE).filter(|_| !long_lived) {
        // EC2 may not show the image yet; after the grace period it certainly does not exist, or never did: somebody may
        // have written the tag.
        let reason = Reason::Capture(CaptureReason::ImageDeregistered(created));
        return match grace_period_over(instance, now) {
            true => give_up(observed, name, reason),
            false => vec![decision(Action::Keep, reason)],
        };
    }
    if running(instance) && instance.is_late(now) {
        return give_up(
            observed,
            name,
            Reason::Script(ScriptReason::TimeIsUp(instance.deadline().unwrap_or(now))),
        );
    }
    // An instance that neither stops nor says what it does keeps nobody waiting for ever.
    if instance.state != InstanceState::Stopped && !long_lived && grace_period_over(instance, now) {
        let deadline = instance.deadline().unwrap_or(now);
        return give_up(observed, name, Reason::Script(ScriptReason::TimeIsUp(deadline)));
    }
    if instance.state != InstanceState::Stopped {
        return vec![decision(Action::Keep, Reason::Script(ScriptReason::NotStopped(instance.state)))];
    }
    let capture = |reason| match recipe {
        _ if name.version.is_of_the_future(now) => {
            give_up(observed, name, Reason::Capture(CaptureReason::OfTheFuture(name.version)))
        }
        Some(recipe) => vec![decision(Action::Capture(new_image(name, recipe, instance)), reason)],
        None => give_up(observed, name, Reason::RecipeGone(name.recipe.to_string())),
    };
    if long_lived {
        if grace_period_over(instance, now) {
            return give_up(
                observed,
                name,
                Reason::Capture(CaptureReason::NoImageInTime(instance.deadline().unwrap_or(now))),
            );
        }
        let mut sequence = capture(Reason::Capture(CaptureReason::StoppedForBake));
        if sequence.iter().any(|decision| matches!(decision.action, Action::Capture(_))) {
            sequence.push(decision(
                Action::Restart(instance.id.clone()),
                Reason::Capture(CaptureReason::ImageBegun(ImageRef::Pending)),
            ));
        }
        return sequence;
    }
    match (&instance.stop_reason, &observed.verdict) {
        (StopReason::Api, _) => give_up(observed, name, Reason::Script(ScriptReason::StoppedBySomeone)),
        (StopReason::Other(code), _) => {
            give_up(observed, name, Reason::Script(ScriptReason::StoppedByOther(code.clone())))
        }
        (StopReason::Guest, ScriptOutcome::Passed) => {
            capture(Reason::Capture(CaptureReason::ScriptSucceeded))
        }
        (StopReason::Guest | StopReason::Unknown, ScriptOutcome::Failed { status, .. }) => {
            give_up(observed, name, Reason::Script(ScriptReason::Failed(*status)))
        }
        _ if instance.is_late(now) => give_up(observed, name, Reason::Script(ScriptReason::NoVerdict)),
        _ => vec![decision(Action::Retry, Reason::Script(ScriptReason::NoVerdictYet))],
    }
}

/// Whether a launched builder was terminated before there was an image of it, and not by Kiln, which tells it first.
pub fn is_untold(instance: &Instance, images: &[Image]) -> bool {
    instance.state == InstanceState::Terminated
        && instance.purpose() == InstanceRole::Builder
        && !instance.tags.has(tags::IMAGE)
        && !instance.tags.has(tags::END_TOLD)
        && images.iter().all(|image| image.state == ImageState::Deregistered)
}

/// Whether an image with the name of a bake was made from this builder: it has the tags that the CreateImage call
/// sets, and names the instance as its source. An image that only has the name is never used.
pub fn made_of(image: &Image, name: &ImageName, instance: &InstanceId) -> bool {
    image.record().is_ok_and(|record| record.name == *name)
        && image.source_instance.as_ref() == Some(instance)
}

/// Whether the image was made from another builder of the same bake. Two runs of `bake` at the same time each launch
/// a builder if a zone has no capacity for one of them.
fn of_another_builder(image: &Image, name: &ImageName) -> bool {
    image.state != ImageState::Failed
        && image.record().is_ok_and(|record| record.name == *name && record.copied.is_none())
}

fn with_image(instance: &Instance, image: &Image, name: &ImageName) -> Sequence {
    let (id, made) = (instance.id.clone(), image.id.clone());
    let (action, reason) = match image.state {
        ImageState::Failed => return with_failed_image(instance, image, name),
        _ if is_long_lived(instance) => {
            (Action::Restart(id), CaptureReason::ImageBegun(ImageRef::Existing(made)))
        }
        ImageState::Available | ImageState::Disabled => {
            (terminated(instance), CaptureReason::ImageAvailable(made))
        }
        _ => (Action::Keep, CaptureReason::ImagePending(made)),
    };
    vec![Subject::instance(instance).decide(action, reason)]
}

fn image_failed(image: &Image) -> Reason {
    CaptureReason::ImageFailed { image: image.id.clone(), why: image.state_reason.clone() }.into()
}

/// Frees the builder before the failed image is deregistered. In the other order, a crash between the two would let
/// the builder be captured again, after its bake was reported as failed.
fn with_failed_image(instance: &Instance, image: &Image, name: &ImageName) -> Sequence {
    let reason = image_failed(image);
    vec![
        emit_bake_failed(instance, name, &reason, String::new()),
        free_builder(instance, reason.clone()),
        cleared(image, reason),
    ]
}

/// Deregisters a failed image, unless somebody holds it.
fn cleared(image: &Image, reason: Reason) -> Decision {
    match image.tags.get(tags::HOLD) {
        Some(why) => Subject::image(image).decide(Action::Keep, UseReason::Held(why.to_owned())),
        None => {
            Subject::image(image).decide(Action::Deregister(image.id.clone(), WithSnapshots::All), reason)
        }
    }
}

/// Decides what happens to a failed image whose builder no longer exists.
pub fn failed_image(image: &Image, record: &ImageRecord) -> Sequence {
    let reason = image_failed(image);
    let cleared = cleared(image, reason.clone());
    // Its deregistration is what keeps the event from being sent again.
    if cleared.action == Action::Keep {
        return vec![cleared];
    }
    let mut sequence = Sequence::new();
    if record.copied_back.is_some() {
        let news = Event::ReplicationFailed { image: image.id.clone(), reason: reason.to_string() };
        sequence.push(Subject::image(image).emit(&record.name, news, reason.clone()));
    }
    if let Some(instance) = &image.source_instance {
        let news = Event::BakeFailed {
            instance: Some(instance.clone()),
            reason: reason.to_string(),
            console_tail: String::new(),
            log: None,
        };
        sequence.push(Subject::image(image).emit(&record.name, news, reason.clone()));
    }
    sequence.push(cleared);
    sequence
}

/// Ends a bake without an image: sends the event first, so that no crash can lose it, then frees the builder.
fn give_up(observed: &Observed, name: &ImageName, reason: Reason) -> Sequence {
    let instance = &observed.instance;
    let tail = match &observed.verdict {
        ScriptOutcome::Failed { tail, .. } => tail.clone(),
        _ => observed.console_tail.clone(),
    };
    vec![emit_bake_failed(instance, name, &reason, tail), free_builder(instance, reason)]
}

/// Terminates a builder. The tag of its image says that it has one; without it, another tag must say that all is told.
fn terminated(instance: &Instance) -> Action {
    let id = instance.id.clone();
    if instance.tags.has(tags::IMAGE) { Action::Terminate(id) } else { Action::EndBuilder(id) }
}

/// Ends a launched builder, or starts a long-lived one again.
fn free_builder(instance: &Instance, reason: Reason) -> Decision {
    let id = instance.id.clone();
    let action = if is_long_lived(instance) { Action::Restart(id) } else { Action::EndBuilder(id) };
    Subject::instance(instance).decide(action, reason)
}

fn emit_bake_failed(
    instance: &Instance,
    name: &ImageName,
    reason: &Reason,
    console_tail: String,
) -> Decision {
    let news = Event::BakeFailed {
        instance: Some(instance.id.clone()),
        reason: reason.to_string(),
        console_tail,
        log: instance.tags.get(tags::LOG).map(str::to_owned),
    };
    Subject::instance(instance).emit(name, news, reason.clone())
}

fn new_image(name: &ImageName, recipe: &Recipe, instance: &Instance) -> NewImage {
    let base = instance.image.clone();
    let from = base.as_ref().map_or(String::new(), |base| format!(" from {base}"));
    let record = ImageRecord {
        name: name.clone(),
        stage: Stage::Captured,
        base,
        copied: None,
        copied_back: None,
        adopted: false,
        asked_again: None,
    };
    let mut image_tags = recipe.own_tags(&instance.tags).with(tags::NAME, name).and(&record.write());
    if let Some(zone) = &instance.zone {
        image_tags = image_tags.with(tags::ZONE, zone);
    }
    if let Some(baked_by) = instance.tags.get(tags::BAKED_BY).filter(|_| !is_long_lived(instance)) {
        image_tags = image_tags.with(tags::BAKED_BY, baked_by);
    }
    NewImage {
        region: instance.region.clone(),
        instance: instance.id.clone(),
        name: name.to_string(),
        description: recipe.image_description(&instance.tags).unwrap_or_else(|| {
            let at = name.version.time().to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("{} baked at {at}{from}", name.recipe)
        }),
        tags: image_tags,
        left_out: recipe.bake.disks.left_out(),
    }
}

fn running(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Pending | InstanceState::Running)
}

fn is_long_lived(instance: &Instance) -> bool {
    instance.purpose() == InstanceRole::LongLived
}

/// Whether a builder has waited for its image past the grace period.
fn grace_period_over(instance: &Instance, now: DateTime<Utc>) -> bool {
    instance.is_late(now - CAPTURE_GRACE)
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
