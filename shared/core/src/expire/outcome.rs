//! Turns the answer of a keep rule into decisions: a release that its rules allow to be removed is still kept if it
//! is used.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::in_use::UsageIndex;
use super::lineage::{Member, Release};
use super::policy::{Keep, RetentionPolicy};
use super::stages::{RetirementContext, deprecate_alone, next_stage};
use crate::inventory::{Deprecation, Image, ImageState};
use crate::model::{ImageId, Stage};
use crate::plan::reason::{ReportStatus, RetentionReason, UseReason};
use crate::plan::{Action, Reason, Retention, Sequence, Subject};
use crate::publish::sharing;
use crate::recipe::Recipe;

/// Keeps a release if any of its images is used or its usage is unknown; otherwise takes the next step of its
/// removal.
pub fn unless_used(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    uses: &UsageIndex<'_>,
    context: &RetirementContext<'_>,
) -> Sequence {
    let keep_reason = |image: &&Image| uses.keep_reason(policy, image, context.now);
    let reasons: BTreeMap<&ImageId, Keep> =
        release.images().filter_map(|image| Some((&image.id, keep_reason(&image)?))).collect();
    let certain = reasons.iter().find(|(_, keep)| !keep.waits_for_sharing());
    let Some((image, why)) = certain.or(reasons.iter().next()) else {
        return next_step(release, policy, context);
    };
    // A usage report is requested only if nothing else keeps the release: otherwise its answer changes nothing.
    let request = certain.is_none();
    let without_report = |status| Reason::Use(UseReason::ReportMissing(status));
    keep(release, policy, context.now, |member| match reasons.get(&member.id) {
        Some(own) if own.reason == without_report(ReportStatus::Requested) && !request => {
            Keep { reason: without_report(ReportStatus::NotRequested), ..own.clone() }
        }
        Some(own) if request || own.reason != Reason::Use(UseReason::SharingUnknown) => own.clone(),
        _ => Keep::unused(RetentionReason::ReleaseStays {
            image: (*image).clone(),
            why: why.reason.to_string(),
        }),
    })
}

/// The next step of a release that its rules let go and nobody uses.
pub fn next_step(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    context: &RetirementContext<'_>,
) -> Sequence {
    let is_adopted = release.members.iter().any(|(_, record)| record.adopted);
    match is_adopted && !policy.recipe.is_some_and(Recipe::removes_adopted) {
        true => deprecate_alone(&release.members, context),
        false => next_stage(policy.expire, &release.members, context),
    }
}

/// Keeps a release.
///
/// An image whose stage is `disabled` but that can be launched again is reactivated: some replicas may be gone, so it
/// is copied to every Region before it counts as a release again. A replica without its home image is not
/// reactivated. A replica that Kiln disabled by itself, because its Region had left the recipe, is enabled again with the
/// release that its recipe or a use keeps. An image that was deprecated as unused loses that mark. None of that happens
/// while the release is kept only because usage is unknown.
pub fn keep(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    now: DateTime<Utc>,
    why: impl Fn(&Image) -> Keep,
) -> Sequence {
    let is_home =
        |(image, record): &Member<'_>| record.copied.is_none() && image.state == ImageState::Available;
    let can_reactivate =
        policy.recipe.is_some() && release.is_out().is_none() && release.members.iter().any(is_home);
    let is_at_home = |one: &Member<'_>| is_home(one) && one.1.stage.is_published();
    let can_enable = policy.recipe.is_some() && release.members.iter().any(is_at_home);
    let reasons: Vec<Keep> = release.images().map(why).collect();
    let certain = reasons.iter().any(Keep::is_certain);
    let keep = |((image, record), keep): (&Member<'_>, Keep)| -> Sequence {
        let is_enabled =
            image.state == ImageState::Disabled && record.stage == Stage::Disabled && can_enable && certain;
        let enabled = is_enabled.then(|| {
            Subject::member(image, &record.name).decide(Action::Enable(image.id.clone()), keep.reason.clone())
        });
        let action = match (&image.state, record.stage) {
            _ if is_enabled => Action::reactivate(image, record, now),
            _ if keep.reason == Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)) => {
                Action::RequestUsageReport(image.id.clone())
            }
            (ImageState::Available, Stage::Disabled) if can_reactivate && certain => {
                Action::reactivate(image, record, now)
            }
            (ImageState::Available, _) if image.unused_since().is_some() && certain => {
                let by_recipe = |recipe| sharing::deprecation_by_recipe(recipe, record, now);
                Action::ClearUnused(image.id.clone(), policy.recipe.map_or(Deprecation::Never, by_recipe))
            }
            _ => Action::Keep,
        };
        // Any action other than to keep it changes what the date of its next step is counted from.
        let next = keep.retention.next.filter(|_| action == Action::Keep);
        let retention = Retention { next, ..keep.retention };
        let kept = Subject::member(image, &record.name).retain(action, keep.reason, retention);
        enabled.into_iter().chain([kept]).collect()
    };
    release.members.iter().zip(reasons).flat_map(keep).collect()
}

/// Whether only usage by other accounts can still keep a release. Only then is that usage read.
pub fn depends_on_sharing(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> bool {
    let is_sharing_unknown = |keep: Keep| keep.reason == Reason::Use(UseReason::SharingUnknown);
    release.images().all(|image| uses.keep_reason(policy, image, now).is_none_or(is_sharing_unknown))
}
