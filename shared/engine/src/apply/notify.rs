//! What is said on the bus of what was done, and of what failed.

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::{Envelope, Event, ImageEntry, Transition};
use kiln_core::model::{ImageId, ImageName, SnapshotId, tags};
use kiln_core::plan::reason::{CaptureReason, ReplicateReason, RestoreReason};
use kiln_core::plan::{Action, Decision, Reason};

use crate::apply::effect::{ApplyError, Effect};

/// What is said once something was done.
pub(crate) fn event_for(decision: &Decision, effect: &Effect) -> Option<Envelope> {
    // Whoever did it has said it.
    if effect.before {
        return None;
    }
    let made = effect.made.as_deref();
    let news = match &decision.action {
        // A tester is told of once it has ended.
        Action::Launch(launched) if launched.iter().any(|new| new.tags.has(tags::IMAGE)) => return None,
        Action::Launch(_) => Event::BakeStarted { instance: made?.parse().ok()? },
        Action::StopForBake { instance, .. } => Event::BakeStarted { instance: instance.clone() },
        Action::Capture(new) => {
            Event::ImageCaptured { image: made?.parse().ok()?, instance: new.instance.clone() }
        }
        Action::Deprecate(image, ..) => transition(decision, Transition::Deprecated, image, None)?,
        Action::Disable(image, ..) => transition(decision, Transition::Disabled, image, None)?,
        Action::ClearUnused(image, _) if decision.reason == Reason::Restore(RestoreReason::AskedBack) => {
            Event::ImageRestored { image: image.clone() }
        }
        Action::Enable(image) => Event::ImageRestored { image: image.clone() },
        // What never was a good image does not expire: its failure was said.
        Action::Deregister(_)
            if matches!(
                decision.reason,
                Reason::Capture(CaptureReason::ImageFailed { .. })
                    | Reason::Replicate(ReplicateReason::FailedTry)
            ) =>
        {
            return None;
        }
        Action::Deregister(image) => {
            transition(decision, Transition::Deregistered, image, Some(effect.deleted.clone()))?
        }
        _ => return None,
    };
    announce(decision, news)
}

/// What is said of an image that stays though its recipe lets it go: not what uses it, which is how it should be, but
/// that somebody holds it.
pub(crate) fn event_for_keeping(decision: &Decision) -> Option<Envelope> {
    decision.retention.filter(|known| known.by_choice)?;
    let image = decision.subject.resource.as_deref()?.parse().ok()?;
    announce(decision, transition(decision, Transition::Kept, &image, None)?)
}

/// What is said of the repair that one chain was.
pub(crate) fn event_for_repair(repaired: &[Decision], now: DateTime<Utc>) -> Option<Envelope> {
    let last = repaired.last()?;
    let news = Event::DriftRepaired {
        actions: repaired.iter().map(|decision| decision.action.word()).collect(),
        resource: last.subject.resource.clone(),
        reason: last.reason.to_string(),
        late_seconds: last.since.map(|since| (now - since).num_seconds()),
    };
    announce(last, news)
}

/// What is said when something failed. A launched builder whose image could not be begun is tried again; a long-lived one
/// is not, for it does not wait.
pub(crate) fn event_for_failure(
    decision: &Decision,
    failure: &ApplyError,
    long_lived: bool,
) -> Option<Envelope> {
    match &decision.action {
        Action::Capture(new) if long_lived && failure.is_permanent() => announce(
            decision,
            Event::BakeFailed {
                instance: new.instance.clone(),
                reason: failure.to_string(),
                console_tail: String::new(),
            },
        ),
        Action::Copy(new) => announce(
            decision,
            Event::ReplicationFailed { image: new.image.clone(), reason: failure.to_string() },
        ),
        _ => None,
    }
}

/// What became of one image. Those of many are told together.
fn transition(
    decision: &Decision,
    transition: Transition,
    image: &ImageId,
    snapshots: Option<Vec<SnapshotId>>,
) -> Option<Event> {
    let told = ImageEntry {
        image: image.clone(),
        version: decision.subject.version?,
        region: decision.subject.region.clone(),
        reason: decision.reason.to_string(),
        snapshots,
    };
    Some(Event::Images { transition, images: vec![told] })
}

fn announce(decision: &Decision, news: Event) -> Option<Envelope> {
    let subject = &decision.subject;
    let name = match &decision.action {
        Action::StopForBake { version, .. } => {
            ImageName { recipe: subject.recipe.clone()?, version: *version }
        }
        _ => ImageName { recipe: subject.recipe.clone()?, version: subject.version? },
    };
    Some(Envelope { name, region: subject.region.clone(), news })
}
