//! The three steps in which a release goes, each after its own waiting time: deprecated once it is found unused, disabled
//! when it is still unused after `confirm_after`, deregistered with its snapshots after `quarantine`. `restore` undoes all
//! but the last.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::fleet_size::FleetSize;
use crate::expire::lineage::Member;
use crate::inventory::{Image, ImageState};
use crate::model::{ImageId, Stage};
use crate::plan::reason::RetentionReason;
use crate::plan::{Action, Decision, Reason, Retention, Sequence, Step, Subject};
use crate::publish::sharing::{is_deprecated, is_guarded_by_kiln};
use crate::recipe::Expire;

/// Why and when a release is retired, and the image counts to record with each step.
pub struct RetirementContext<'a> {
    /// Why the recipe lets it go.
    pub reason: Reason,
    /// How many images there are in each Region.
    pub fleet: &'a FleetSize,
    /// The time.
    pub now: DateTime<Utc>,
}

/// The next step of a release that its recipe lets go, and that nobody uses. `members`: replicas first, home image last.
pub fn next_stage(expire: &Expire, members: &[Member<'_>], context: &RetirementContext<'_>) -> Sequence {
    let first = first_confirmation(expire, members, context);
    first.unwrap_or_else(|| match expire.quarantine {
        none if none.is_zero() => without_quarantine(members, context),
        quarantine => disable_then_deregister(members, quarantine, context),
    })
}

/// Deprecated, and looked at again later. `None`: that is over, or has no sense any more.
fn first_confirmation(
    expire: &Expire,
    members: &[Member<'_>],
    context: &RetirementContext<'_>,
) -> Option<Sequence> {
    let (confirm_after, now) = (expire.confirm_after, context.now);
    let begun = members.iter().any(|(_, record)| record.stage == Stage::Disabled);
    // What cannot be launched has nobody who could begin to use it.
    let launchable = |image: &Image| !matches!(image.state, ImageState::Failed | ImageState::Disabled);
    if confirm_after.is_zero() || begun || !members.iter().any(|(image, _)| launchable(image)) {
        return None;
    }
    let known =
        |image: &Image| image.unused_since().filter(|since| *since <= now && is_deprecated(image, now));
    let looked_at = members.iter().map(|(image, _)| *image).filter(|image| launchable(image));
    // All of them, or the youngest verdict is this one.
    let youngest =
        looked_at.map(known).try_fold(DateTime::<Utc>::MIN_UTC, |max, one| one.map(|one| max.max(one)));
    if youngest.is_some_and(|youngest| youngest + confirm_after <= now) {
        return None;
    }
    let fleet = |image: &Image| context.fleet.in_region(&image.region);
    let step = |(image, record): &Member<'_>| match (known(image), launchable(image)) {
        // Also where somebody took the deprecation away: whoever looks for deprecated images must have had the time.
        (None, true) => {
            let mark = Action::Deprecate(image.id.clone(), now, fleet(image));
            let retention = Retention::leaving(Step::Deprecate, now);
            Subject::member(image, &record.name).retain(mark, context.reason.clone(), retention)
        }
        (known, _) => {
            let since = known.unwrap_or(now);
            let until = youngest.unwrap_or(now) + confirm_after;
            let retention = after_confirmation(expire, image, until);
            let reason = RetentionReason::FoundUnused { since, until };
            Subject::member(image, &record.name).retain(Action::Keep, reason, retention)
        }
    };
    Some(members.iter().map(step).collect())
}

/// The step that follows once an image is confirmed to be unused. An image that failed is never disabled: it goes with the
/// others of its release.
fn after_confirmation(expire: &Expire, image: &Image, at: DateTime<Utc>) -> Retention {
    match expire.quarantine {
        none if none.is_zero() => Retention::leaving(Step::Deregister, at),
        quarantine if image.state == ImageState::Failed => {
            Retention::leaving(Step::Deregister, at + quarantine)
        }
        _ => Retention::leaving(Step::Disable, at),
    }
}

/// The home images that are not marked as retired yet. They are before any replica goes, so that none is copied anew.
fn unmarked<'a>(members: &'a [Member<'_>]) -> impl Iterator<Item = &'a Image> {
    let home = |(_, record): &&Member<'_>| record.copied.is_none() && record.stage != Stage::Disabled;
    members.iter().filter(home).map(|(image, _)| *image)
}

/// Without a quarantine.
fn without_quarantine(members: &[Member<'_>], context: &RetirementContext<'_>) -> Sequence {
    let mark = unmarked(members).map(|image| {
        Subject::image(image)
            .decide(Action::SetStage(image.id.clone(), Stage::Disabled), context.reason.clone())
    });
    let go = members.iter().flat_map(|member| deregister(member, context.reason.clone(), context.now));
    mark.chain(go).collect()
}

/// Disabled first, and deregistered once the quarantine of all is over.
fn disable_then_deregister(
    members: &[Member<'_>],
    quarantine: TimeDelta,
    context: &RetirementContext<'_>,
) -> Sequence {
    let now = context.now;
    let waiting: BTreeSet<&ImageId> = members
        .iter()
        // What failed cannot be launched, and so needs no quarantine of its own.
        .filter(|(image, _)| image.state != ImageState::Failed)
        .filter(|(image, _)| image.disabled_at().is_none() || image.state == ImageState::Available)
        .map(|(image, _)| &image.id)
        .collect();
    let over = |image: &Image| match image.state {
        ImageState::Failed => Some(image.created.unwrap_or(now)),
        _ => image.disabled_at().filter(|since| *since + quarantine <= now),
    };
    let all_over = waiting.is_empty() && members.iter().all(|(image, _)| over(image).is_some());
    // They go together, so the last of them tells when.
    let disabled = members.iter().filter(|(image, _)| image.state != ImageState::Failed);
    let since = |image: &Image| image.disabled_at().filter(|_| !waiting.contains(&image.id)).unwrap_or(now);
    let until = disabled.map(|(image, _)| since(image)).max().unwrap_or(now) + quarantine;
    let mut members: Vec<&Member<'_>> = members.iter().collect();
    if !all_over {
        // The home image first, so that what is half disabled after a crash is known as retired.
        members.sort_by_key(|(_, record)| record.copied.is_some());
    }
    members
        .into_iter()
        .flat_map(|member @ (image, record)| match over(image) {
            Some(since) if all_over => {
                let why = context.reason.to_string();
                deregister(member, RetentionReason::QuarantineOver { since, why }.into(), now)
            }
            _ if waiting.contains(&image.id) => {
                let disable = Action::Disable(image.id.clone(), now, context.fleet.in_region(&image.region));
                let retention = Retention::leaving(Step::Disable, now);
                vec![Subject::member(image, &record.name).retain(disable, context.reason.clone(), retention)]
            }
            _ => {
                let retention = Retention::leaving(Step::Deregister, until);
                let reason = RetentionReason::InQuarantine(until);
                vec![Subject::member(image, &record.name).retain(Action::Keep, reason, retention)]
            }
        })
        .collect()
}

/// A guard that Kiln set for the recipe is Kiln's own to take away.
fn deregister((image, record): &Member<'_>, reason: Reason, now: DateTime<Utc>) -> Vec<Decision> {
    let guarded = is_guarded_by_kiln(image).then(|| {
        Subject::member(image, &record.name).decide(Action::Unprotect(image.id.clone()), reason.clone())
    });
    let retention = Retention::leaving(Step::Deregister, now);
    let go = Action::Deregister(image.id.clone());
    let go = Subject::member(image, &record.name).retain(go, reason, retention);
    guarded.into_iter().chain([go]).collect()
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
