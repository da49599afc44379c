//! What becomes of a release once the rules of its recipe let it go, or keep it: that depends on who uses it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::in_use::UsageIndex;
use super::lineage::{Member, Release};
use super::policy::{Keep, RetentionPolicy};
use super::stages::{RetirementContext, next_stage};
use crate::inventory::{Deprecation, Image, ImageState};
use crate::model::{ImageId, Stage};
use crate::plan::reason::{ReportStatus, RetentionReason, UseReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::publish::sharing;

/// What becomes of a release that only its use could keep.
pub fn unless_used(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    uses: &UsageIndex<'_>,
    context: &RetirementContext<'_>,
) -> Sequence {
    let kept = |image: &&Image| uses.keep_reason(policy, image, context.now);
    let reasons: BTreeMap<&ImageId, Keep> =
        release.images().filter_map(|image| Some((&image.id, kept(&image)?))).collect();
    let certain = reasons.iter().find(|(_, keep)| !keep.waits_for_sharing());
    let Some((image, why)) = certain.or(reasons.iter().next()) else {
        return next_stage(policy.expire, &release.members, context);
    };
    // No report is requested that would not let the release go.
    let request = certain.is_none();
    let no_report = |missing| Reason::Use(UseReason::ReportMissing(missing));
    keep(release, policy, context.now, |member| match reasons.get(&member.id) {
        Some(own) if own.reason == no_report(ReportStatus::ImageQuery) && !request => {
            Keep { reason: no_report(ReportStatus::NotAsked), ..own.clone() }
        }
        Some(own) if request || own.reason != Reason::Use(UseReason::SharingUnknown) => own.clone(),
        _ => Keep::unused(RetentionReason::ReleaseStays {
            image: (*image).clone(),
            why: why.reason.to_string(),
        }),
    })
}

/// Keeps a release.
///
/// An image that bears the mark of removal and can be launched is on its way again: some of its replicas may be gone, so it
/// is copied to every Region before it is a release once more. A replica without its home image goes nowhere. An image that
/// was deprecated for being unused no longer is, unless its use is merely unknown.
pub fn keep(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    now: DateTime<Utc>,
    why: impl Fn(&Image) -> Keep,
) -> Sequence {
    let of_home =
        |(image, record): &Member<'_>| record.copied.is_none() && image.state == ImageState::Available;
    let is_back = policy.recipe.is_some() && release.members.iter().any(of_home);
    let reasons: Vec<Keep> = release.images().map(why).collect();
    let certain = reasons.iter().any(Keep::is_certain);
    let keep = |((image, record), keep): (&Member<'_>, Keep)| -> Decision {
        let action = match (&image.state, record.stage) {
            _ if keep.reason == Reason::Use(UseReason::ReportMissing(ReportStatus::ImageQuery)) => {
                Action::RequestUsageReport(image.id.clone())
            }
            (ImageState::Available, Stage::Disabled) if is_back && certain => {
                Action::Reactivate(image.id.clone(), now)
            }
            (ImageState::Available, _) if image.unused_since().is_some() && certain => {
                let by_recipe = |recipe| sharing::deprecation_by_recipe(recipe, record, now);
                Action::ClearUnused(image.id.clone(), policy.recipe.map_or(Deprecation::Never, by_recipe))
            }
            _ => Action::Keep,
        };
        Subject::member(image, &record.name).retain(action, keep.reason, keep.retention)
    };
    release.members.iter().zip(reasons).map(keep).collect()
}

/// Whether only its use by other accounts could keep a release: only then are they asked about.
pub fn depends_on_sharing(
    release: &Release<'_>,
    policy: RetentionPolicy<'_>,
    uses: &UsageIndex<'_>,
    now: DateTime<Utc>,
) -> bool {
    let sharing = |keep: Keep| keep.reason == Reason::Use(UseReason::SharingUnknown);
    release.images().all(|image| uses.keep_reason(policy, image, now).is_none_or(sharing))
}
