//! Whether a stopped builder becomes an image, and when it has done its work.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::inventory::{Image, ImageState, Instance, InstanceRole, InstanceState, NewImage, StopReason};
use crate::model::record::RecordError;
use crate::model::{ImageId, ImageName, ImageRecord, InstanceId, ScriptOutcome, Stage, tags};
use crate::plan::reason::{CaptureReason, ImageRef, ScriptReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// How long after its deadline a stopped long-lived builder may still become an image, and a launched one waits for an
/// image that is not seen: long enough for several sweeps, short enough for whoever waits for the instance.
pub const CAPTURE_GRACE: TimeDelta = TimeDelta::hours(1);

/// What was observed of one instance.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The instance.
    pub instance: Instance,
    /// The images of its Region that have the name of its bake.
    pub images: Vec<Image>,
    /// What its console says; read only where [`wants_console`] asks for it.
    pub verdict: ScriptOutcome,
    /// The last lines of its console, where it was read.
    pub console_tail: String,
}

/// The bake that an instance belongs to, where its tags tell one that capture cares for.
///
/// # Errors
/// Why it is left alone.
pub fn bake_of(instance: &Instance) -> Result<ImageName, Reason> {
    match instance.purpose() {
        InstanceRole::NotManaged => Err(Reason::NotManaged(RecordError::NotManaged)),
        InstanceRole::Tester | InstanceRole::Unknown => Err(Reason::Capture(CaptureReason::NotABuilder)),
        InstanceRole::Builder | InstanceRole::LongLived => {
            match (instance.tags.read(tags::RECIPE), instance.tags.read(tags::VERSION)) {
                (Some(recipe), Some(version)) => Ok(ImageName { recipe, version }),
                _ => Err(Reason::Capture(CaptureReason::NoBakeOnIt)),
            }
        }
    }
}

/// Whether the console must be read before it can be decided: a launched builder whose image was not begun.
pub fn wants_console(instance: &Instance, images: &[Image], now: DateTime<Utc>) -> bool {
    let own = |image: &Image| image.source_instance.as_ref() == Some(&instance.id);
    instance.purpose() == InstanceRole::Builder
        && !images.iter().any(own)
        && (instance.state == InstanceState::Stopped || (running(instance) && late(instance, now)))
}

/// What becomes of a builder. `recipe` is `None` where there is none of that name any more.
pub fn decide(name: &ImageName, recipe: Option<&Recipe>, seen: &Observed, now: DateTime<Utc>) -> Sequence {
    let instance = &seen.instance;
    let decision = |action, reason| Subject::instance(instance).decide(action, reason);
    let long_lived = is_long_lived(instance);
    if instance.state == InstanceState::Terminated {
        return vec![decision(Action::Keep, Reason::Script(ScriptReason::NotStopped(instance.state)))];
    }
    // A deregistered image is shown for a while; it is nobody's.
    let mut images = seen.images.iter().filter(|image| image.state != ImageState::Deregistered);
    if let Some(image) = images.next() {
        return match made_of(image, name, &instance.id) {
            false if !long_lived && of_another_builder(image, name) => {
                let reason = Reason::Capture(CaptureReason::AnotherBuilder(image.id.clone()));
                vec![decision(Action::Terminate(instance.id.clone()), reason)]
            }
            false if late(instance, now) => {
                give_up(seen, name, Reason::Capture(CaptureReason::NameTaken(image.id.clone())))
            }
            false => {
                vec![decision(Action::Reject, Reason::Capture(CaptureReason::NameTaken(image.id.clone())))]
            }
            true if long_lived => with_image_of_long_lived(instance, image, name),
            true => with_image(instance, image, name),
        };
    }
    if let Some(taken) = instance.tags.read(tags::IMAGE).filter(|_| !long_lived) {
        // Its image may only not be seen yet: an hour is more than enough to be sure.
        let action =
            if long_late(instance, now) { Action::Terminate(instance.id.clone()) } else { Action::Keep };
        return vec![decision(action, Reason::Capture(CaptureReason::ImageTaken(taken)))];
    }
    if running(instance) && late(instance, now) {
        return give_up(
            seen,
            name,
            Reason::Script(ScriptReason::TimeIsUp(instance.deadline().unwrap_or(now))),
        );
    }
    if instance.state != InstanceState::Stopped {
        return vec![decision(Action::Keep, Reason::Script(ScriptReason::NotStopped(instance.state)))];
    }
    let capture = |reason| match recipe {
        Some(recipe) => vec![decision(Action::Capture(new_image(name, recipe, instance)), reason)],
        None => give_up(seen, name, Reason::RecipeGone(name.recipe.to_string())),
    };
    if long_lived {
        if long_late(instance, now) {
            return give_up(
                seen,
                name,
                Reason::Capture(CaptureReason::NoImageInTime(instance.deadline().unwrap_or(now))),
            );
        }
        let mut sequence = capture(Reason::Capture(CaptureReason::StoppedForBake));
        if recipe.is_some() {
            sequence.push(decision(
                Action::Restart(instance.id.clone()),
                Reason::Capture(CaptureReason::ImageBegun(ImageRef::Pending)),
            ));
        }
        return sequence;
    }
    match (&instance.stop_reason, &seen.verdict) {
        (StopReason::Api, _) => give_up(seen, name, Reason::Script(ScriptReason::StoppedBySomeone)),
        (StopReason::Other(code), _) => {
            give_up(seen, name, Reason::Script(ScriptReason::StoppedByOther(code.clone())))
        }
        (StopReason::Guest, ScriptOutcome::Passed) => {
            capture(Reason::Capture(CaptureReason::ScriptSucceeded))
        }
        (StopReason::Guest | StopReason::Unknown, ScriptOutcome::Failed { status, .. }) => {
            give_up(seen, name, Reason::Script(ScriptReason::Failed(*status)))
        }
        _ if late(instance, now) => give_up(seen, name, Reason::Script(ScriptReason::NoVerdict)),
        _ => vec![decision(Action::Retry, Reason::Script(ScriptReason::NoVerdictYet))],
    }
}

/// Whether an image that has the name is the one that was made of this builder: it bears the tags that the call
/// put on it, and names the instance. What only looks alike is never adopted.
pub fn made_of(image: &Image, name: &ImageName, instance: &InstanceId) -> bool {
    image.record().is_ok_and(|record| record.name == *name)
        && image.source_instance.as_ref() == Some(instance)
}

/// Whether an image of that name was made of another builder of the same bake: where a zone had no room for one of two
/// runs of `bake` at once, each launched its own.
fn of_another_builder(image: &Image, name: &ImageName) -> bool {
    image.state != ImageState::Failed
        && image.record().is_ok_and(|record| record.name == *name && record.copied.is_none())
}

fn with_image(instance: &Instance, image: &Image, name: &ImageName) -> Sequence {
    let decision = |action, reason| Subject::instance(instance).decide(action, reason);
    match image.state {
        ImageState::Available | ImageState::Disabled => {
            let reason = Reason::Capture(CaptureReason::ImageAvailable(image.id.clone()));
            vec![decision(Action::Terminate(instance.id.clone()), reason)]
        }
        ImageState::Failed => with_failed_image(instance, image, name),
        _ => vec![decision(Action::Keep, Reason::Capture(CaptureReason::ImagePending(image.id.clone())))],
    }
}

fn with_image_of_long_lived(instance: &Instance, image: &Image, name: &ImageName) -> Sequence {
    match image.state {
        ImageState::Failed => with_failed_image(instance, image, name),
        _ => {
            let reason = Reason::Capture(CaptureReason::ImageBegun(ImageRef::Existing(image.id.clone())));
            vec![Subject::instance(instance).decide(Action::Restart(instance.id.clone()), reason)]
        }
    }
}

/// The builder is let go before its failed image is: were the image gone first, and this died between the two,
/// the builder would be imaged once more, after its bake was said to have failed.
fn with_failed_image(instance: &Instance, image: &Image, name: &ImageName) -> Sequence {
    let reason = Reason::Capture(CaptureReason::ImageFailed {
        image: image.id.clone(),
        why: image.state_reason.clone(),
    });
    vec![
        say_failed(instance, name, &reason, String::new()),
        let_go(instance, reason.clone()),
        Subject::image(image).decide(Action::Deregister(image.id.clone()), reason),
    ]
}

/// What becomes of an image whose making failed when its builder is gone already.
pub fn failed_image(image: &Image, record: &ImageRecord) -> Sequence {
    let reason = Reason::Capture(CaptureReason::ImageFailed {
        image: image.id.clone(),
        why: image.state_reason.clone(),
    });
    let mut sequence = Sequence::new();
    if let Some(instance) = &image.source_instance {
        let news = Event::BakeFailed {
            instance: instance.clone(),
            reason: reason.to_string(),
            console_tail: String::new(),
        };
        let envelope = Envelope { name: record.name.clone(), region: image.region.clone(), news };
        sequence.push(Subject::image(image).decide(Action::Emit(envelope), reason.clone()));
    }
    sequence.push(Subject::image(image).decide(Action::Deregister(image.id.clone()), reason));
    sequence
}

/// A bake that ends without an image: said first, so that no crash makes it silent, then the builder is let go.
fn give_up(seen: &Observed, name: &ImageName, reason: Reason) -> Sequence {
    let instance = &seen.instance;
    let tail = match &seen.verdict {
        ScriptOutcome::Failed { tail, .. } => tail.clone(),
        _ => seen.console_tail.clone(),
    };
    vec![say_failed(instance, name, &reason, tail), let_go(instance, reason)]
}

/// A launched builder is terminated; a long-lived one goes back to its own work.
fn let_go(instance: &Instance, reason: Reason) -> Decision {
    let id = instance.id.clone();
    let action = if is_long_lived(instance) { Action::Restart(id) } else { Action::Terminate(id) };
    Subject::instance(instance).decide(action, reason)
}

fn say_failed(instance: &Instance, name: &ImageName, reason: &Reason, console_tail: String) -> Decision {
    let news = Event::BakeFailed { instance: instance.id.clone(), reason: reason.to_string(), console_tail };
    let envelope = Envelope { name: name.clone(), region: instance.region.clone(), news };
    Subject::instance(instance).decide(Action::Emit(envelope), reason.clone())
}

fn new_image(name: &ImageName, recipe: &Recipe, instance: &Instance) -> NewImage {
    let base: Option<ImageId> = instance.tags.read(tags::BASE).or_else(|| instance.image.clone());
    let from = base.as_ref().map_or(String::new(), |base| format!(" from {base}"));
    let record = ImageRecord { name: name.clone(), stage: Stage::Captured, base, copied: None };
    let mut written = recipe.tags.clone().with("Name", name).and(&record.write());
    if let Some(zone) = &instance.zone {
        written = written.with(tags::ZONE, zone);
    }
    NewImage {
        region: instance.region.clone(),
        instance: instance.id.clone(),
        name: name.to_string(),
        description: format!(
            "{} baked at {}{from}",
            name.recipe,
            name.version.time().to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
        tags: written,
    }
}

fn running(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Pending | InstanceState::Running)
}

fn is_long_lived(instance: &Instance) -> bool {
    instance.purpose() == InstanceRole::LongLived
}

fn late(instance: &Instance, now: DateTime<Utc>) -> bool {
    instance.deadline().is_some_and(|deadline| deadline < now)
}

/// Whether a builder has waited for its image for so long that it must go on without.
fn long_late(instance: &Instance, now: DateTime<Utc>) -> bool {
    late(instance, now - CAPTURE_GRACE)
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
