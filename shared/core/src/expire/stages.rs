//! The three steps of a removal, each after its own waiting time: an unused release is deprecated, disabled if it is
//! still unused after `confirm_after`, and deregistered with its snapshots after `quarantine`. `restore` undoes all
//! but the last.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::fleet_size::FleetSize;
use crate::expire::lineage::Member;
use crate::inventory::{Image, ImageState, WithSnapshots};
use crate::model::{ImageId, Stage};
use crate::plan::reason::RetentionReason;
use crate::plan::{Action, Decision, Reason, Retention, Sequence, Step, Subject, Usage};
use crate::publish::sharing::{is_deprecated, is_protected_by_kiln};
use crate::recipe::Expire;

/// Why and when a release is removed, and the image counts to record with each step.
pub struct RetirementContext<'a> {
    /// Why the recipe allows it to be removed.
    pub reason: Reason,
    /// How many images there are in each Region.
    pub fleet: &'a FleetSize,
    /// The time of this run.
    pub now: DateTime<Utc>,
}

/// The next step of an unused release that its recipe allows to be removed. `members`: replicas first, home image
/// last.
pub fn next_stage(expire: &Expire, members: &[Member<'_>], context: &RetirementContext<'_>) -> Sequence {
    let first = first_confirmation(expire, members, context);
    first.unwrap_or_else(|| match expire.quarantine {
        none if none.is_zero() => without_quarantine(members, context),
        quarantine => disable_then_deregister(members, quarantine, context),
    })
}

/// The only step of a release that Kiln may deprecate, and not remove.
pub fn deprecate_alone(members: &[Member<'_>], context: &RetirementContext<'_>) -> Sequence {
    let now = context.now;
    let step = |(image, record): &Member<'_>| {
        let subject = Subject::member(image, &record.name);
        let is_marked = image.unused_since().is_some() && is_deprecated(image, now);
        if is_marked || image.state != ImageState::Available {
            let retention = Retention { usage: Some(Usage::Unused), next: None, by_choice: false };
            return subject.retain(Action::Keep, RetentionReason::AdoptedStays, retention);
        }
        let deprecate = Action::Deprecate(image.id.clone(), now, context.fleet.in_region(&image.region));
        let retention = Retention::leaving(Step::Deprecate, now);
        subject.retain(deprecate, context.reason.clone(), retention)
    };
    members.iter().map(step).collect()
}

/// Deprecates the release until its usage is checked a second time. `None` if that time is over, or if no
/// confirmation is needed: no image can be launched, or `confirm_after` is zero.
fn first_confirmation(
    expire: &Expire,
    members: &[Member<'_>],
    context: &RetirementContext<'_>,
) -> Option<Sequence> {
    let (confirm_after, now) = (expire.confirm_after, context.now);
    // Nobody can start to use an image that cannot be launched.
    let launchable = |image: &Image| !matches!(image.state, ImageState::Failed | ImageState::Disabled);
    if confirm_after.is_zero() || !members.iter().any(|(image, _)| launchable(image)) {
        return None;
    }
    let found_unused_at =
        |image: &Image| image.unused_since().filter(|since| *since <= now && is_deprecated(image, now));
    let launchable_images = members.iter().map(|(image, _)| *image).filter(|image| launchable(image));
    // The latest mark decides. An image without a mark counts as marked now.
    let latest = launchable_images
        .map(found_unused_at)
        .try_fold(DateTime::<Utc>::MIN_UTC, |max, one| one.map(|one| max.max(one)));
    if latest.is_some_and(|latest| latest + confirm_after <= now) {
        return None;
    }
    let fleet = |image: &Image| context.fleet.in_region(&image.region);
    let step = |(image, record): &Member<'_>| match (found_unused_at(image), launchable(image)) {
        // Also if somebody removed the deprecation: users get the full waiting time to notice that the image is
        // deprecated.
        (None, true) => {
            let deprecate = Action::Deprecate(image.id.clone(), now, fleet(image));
            let retention = Retention::leaving(Step::Deprecate, now);
            Subject::member(image, &record.name).retain(deprecate, context.reason.clone(), retention)
        }
        (marked_at, _) => {
            let since = marked_at.unwrap_or(now);
            let until = latest.unwrap_or(now) + confirm_after;
            let retention = after_confirmation(expire, image, until);
            let reason = RetentionReason::FoundUnused { since, until };
            Subject::member(image, &record.name).retain(Action::Keep, reason, retention)
        }
    };
    Some(members.iter().map(step).collect())
}

/// The step after an image is confirmed as unused. A failed image is never disabled, and a disabled one is already: they
/// are deregistered with their release.
fn after_confirmation(expire: &Expire, image: &Image, at: DateTime<Utc>) -> Retention {
    // Of one that a person disabled, the time is yet to be noted.
    let is_disabled_by_kiln = image.state == ImageState::Disabled && image.disabled_at().is_some();
    match expire.quarantine {
        none if none.is_zero() => Retention::leaving(Step::Deregister, at),
        quarantine if image.state == ImageState::Failed || is_disabled_by_kiln => {
            Retention::leaving(Step::Deregister, at + quarantine)
        }
        _ => Retention::leaving(Step::Disable, at),
    }
}

/// The home images whose stage is not `disabled` yet. They are marked before any replica is removed, so that none is
/// copied again.
fn unmarked<'a>(members: &'a [Member<'_>]) -> impl Iterator<Item = &'a Image> {
    let home = |(_, record): &&Member<'_>| record.copied.is_none() && record.stage != Stage::Disabled;
    members.iter().filter(home).map(|(image, _)| *image)
}

/// Deregisters the release at once.
fn without_quarantine(members: &[Member<'_>], context: &RetirementContext<'_>) -> Sequence {
    let marked = unmarked(members).map(|image| {
        let mark = Action::MarkDisabled(image.id.clone(), context.now);
        Subject::image(image).decide(mark, context.reason.clone())
    });
    let deregistered =
        members.iter().flat_map(|member| deregister(member, context.reason.clone(), context.now));
    marked.chain(deregistered).collect()
}

/// Disables the release, and deregisters it once the quarantine of every image is over.
fn disable_then_deregister(
    members: &[Member<'_>],
    quarantine: TimeDelta,
    context: &RetirementContext<'_>,
) -> Sequence {
    let now = context.now;
    let to_disable: BTreeSet<&ImageId> = members
        .iter()
        // A failed image cannot be launched, so it needs no quarantine of its own.
        .filter(|(image, _)| image.state != ImageState::Failed)
        .filter(|(image, _)| image.disabled_at().is_none() || image.state == ImageState::Available)
        .map(|(image, _)| &image.id)
        .collect();
    let quarantine_over = |image: &Image| match image.state {
        ImageState::Failed => Some(image.created.unwrap_or(now)),
        _ => image.disabled_at().filter(|since| *since + quarantine <= now),
    };
    let all_quarantines_over =
        to_disable.is_empty() && members.iter().all(|(image, _)| quarantine_over(image).is_some());
    // They are deregistered together, after the last quarantine.
    let disabled = members.iter().filter(|(image, _)| image.state != ImageState::Failed);
    let since =
        |image: &Image| image.disabled_at().filter(|_| !to_disable.contains(&image.id)).unwrap_or(now);
    let until = disabled.map(|(image, _)| since(image)).max().unwrap_or(now) + quarantine;
    let mut members: Vec<&Member<'_>> = members.iter().collect();
    if !all_quarantines_over {
        // The home image first, so that after a crash its stage shows that the release is being disabled.
        members.sort_by_key(|(_, record)| record.copied.is_some());
    }
    members
        .into_iter()
        .flat_map(|member @ (image, record)| match quarantine_over(image) {
            Some(since) if all_quarantines_over => {
                let why = context.reason.to_string();
                deregister(member, RetentionReason::QuarantineOver { since, why }.into(), now)
            }
            _ if to_disable.contains(&image.id) => {
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

/// Deregisters an image. Deregistration protection that Kiln itself set is removed first.
fn deregister((image, record): &Member<'_>, reason: Reason, now: DateTime<Utc>) -> Vec<Decision> {
    let unprotect = is_protected_by_kiln(image).then(|| {
        Subject::member(image, &record.name).decide(Action::Unprotect(image.id.clone()), reason.clone())
    });
    let retention = Retention::leaving(Step::Deregister, now);
    let snapshots = if record.adopted { WithSnapshots::MadeForIt } else { WithSnapshots::All };
    let deregister = Action::Deregister(image.id.clone(), snapshots);
    let deregister = Subject::member(image, &record.name).retain(deregister, reason, retention);
    unprotect.into_iter().chain([deregister]).collect()
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
