//! Derives the events that report calls. One rule says where an event is made:
//!
//! - An event that must survive a crash is decided: its rule puts [`Action::Emit`] into the sequence, before the action
//!   that writes the mark which silences the event. If the function dies before the mark, the next run emits it again.
//! - An event that reports a call is derived here, after the call. It is lost if the function dies before it is sent.

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::{Envelope, Event, ImageEntry, Transition};
use kiln_core::model::{ImageId, ImageName, SnapshotId, tags};
use kiln_core::plan::reason::{CaptureReason, ReplicateReason, RestoreReason};
use kiln_core::plan::{Action, Decision, Reason};

use crate::apply::effect::{ApplyError, Effect};

/// The event that reports an action that was applied; `None` if it has none, or if somebody else applied it before.
pub(crate) fn event_for(decision: &Decision, effect: &Effect) -> Option<Envelope> {
    // Another invocation did this and already sent the event.
    if effect.before {
        return None;
    }
    let made = effect.made.as_deref();
    let event = match &decision.action {
        // The launch of a tester has no event: the result of the test has one.
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
        // The image never became available, so it does not count as expired. Its failure has an event of its own.
        Action::Deregister(..)
            if matches!(
                decision.reason,
                Reason::Capture(CaptureReason::ImageFailed { .. })
                    | Reason::Replicate(ReplicateReason::FailedTry)
            ) =>
        {
            return None;
        }
        Action::Deregister(image, _) => {
            transition(decision, Transition::Deregistered, image, Some(effect.deleted.clone()))?
        }
        _ => return None,
    };
    envelope(decision, event)
}

/// The event for an image that a person or another service keeps, although its recipe would let it go. An image that
/// is kept because it is in use needs no attention, so it has no event.
pub(crate) fn event_for_keeping(decision: &Decision) -> Option<Envelope> {
    decision.retention.filter(|known| known.by_choice)?;
    let image = decision.subject.resource.as_deref()?.parse().ok()?;
    envelope(decision, transition(decision, Transition::Kept, &image, None)?)
}

/// The event that reports what was done in one sequence because a sweep asked for it; `None` if nothing was. `since` is
/// when it may have become due.
pub(crate) fn event_for_repair(
    repaired: &[Decision],
    since: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Envelope> {
    let last = repaired.last()?;
    let event = Event::DriftRepaired {
        actions: repaired.iter().map(|decision| decision.action.word()).collect(),
        resource: last.subject.resource.clone(),
        reason: last.reason.to_string(),
        late_seconds: since.map(|since| (now - since).num_seconds()),
    };
    envelope(last, event)
}

/// The event for an action that failed; `None` if it has none. If CreateImage fails for a launched builder, it is tried
/// again, so the bake has not failed yet. A long-lived builder is restarted instead, so its bake has failed. So has a
/// bake whose builder AWS does not launch as it is, and a copy that AWS does not begin: trying again does not help.
pub(crate) fn event_for_failure(
    decision: &Decision,
    failure: &ApplyError,
    long_lived: bool,
) -> Option<Envelope> {
    if !failure.is_permanent() {
        return None;
    }
    let bake_failed = |instance| {
        let (reason, console_tail) = (failure.to_string(), String::new());
        envelope(decision, Event::BakeFailed { instance, reason, console_tail, log: None })
    };
    match &decision.action {
        Action::Capture(new) if long_lived => bake_failed(Some(new.instance.clone())),
        Action::Launch(launched) if !launched.first.tags.has(tags::IMAGE) => bake_failed(None),
        Action::MoveParameters(moves) => {
            let tries = moves.tries.as_ref()?;
            let news = Event::ReleaseBlocked { image: tries.image.clone(), reason: failure.to_string() };
            Some(Envelope { occasion: tries.occasion(), ..envelope(decision, news)? })
        }
        Action::Copy(new) => envelope(
            decision,
            Event::ReplicationFailed { image: new.image.clone(), reason: failure.to_string() },
        ),
        _ => None,
    }
}

/// The event for one image that took a step. Before they are sent, such events of one recipe are merged.
fn transition(
    decision: &Decision,
    transition: Transition,
    image: &ImageId,
    snapshots: Option<Vec<SnapshotId>>,
) -> Option<Event> {
    let entry = ImageEntry {
        image: image.clone(),
        version: decision.subject.version?,
        region: decision.subject.region.clone(),
        reason: decision.reason.to_string(),
        snapshots,
    };
    Some(Event::Images { transition, images: vec![entry] })
}

fn envelope(decision: &Decision, event: Event) -> Option<Envelope> {
    let subject = &decision.subject;
    let name = match &decision.action {
        Action::StopForBake { version, .. } => {
            ImageName { recipe: subject.recipe.clone()?, version: *version }
        }
        _ => ImageName { recipe: subject.recipe.clone()?, version: subject.version? },
    };
    Some(Envelope { name, region: subject.region.clone(), news: event, occasion: String::new() })
}
