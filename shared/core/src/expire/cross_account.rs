//! Whether other accounts use an image that is shared with them. EC2 answers with a usage report, which one run
//! requests and a later run reads.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::policy::Keep;
use crate::inventory::{CloudError, Image, ImageState, RegionUsage, ReportState, SharedWith, UsageReport};
use crate::model::{ImageId, Region, Token};
use crate::plan::reason::{ReportStatus, UseReason};
use crate::publish::sharing::was_shared;

/// How long a report counts as current. Longer than a day, so that a report requested one night can be read the next;
/// shorter than the default `confirm_after`, so that each of the two checks uses its own report.
pub const REPORT_VALID_FOR: TimeDelta = TimeDelta::hours(36);

/// How long a report that shows use keeps an image. No new report is requested in that time, because an account can
/// have only 2,000 reports.
const USE_VALID_FOR: TimeDelta = TimeDelta::days(7);

/// How much recent use a report leaves out.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)
const REPORT_LAG: TimeDelta = TimeDelta::hours(24);

/// Whether EC2 shows who may launch an image. A disabled image has lost its launch permissions, but what was launched
/// before runs on.
pub fn shows_permissions(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Unknown(_))
}

/// Whether other accounts may use an image. Nobody can launch a failed one.
pub fn may_be_used(image: &Image) -> bool {
    shows_permissions(image) || image.state == ImageState::Disabled
}

/// Whether this Region offers no usage reports. Then Kiln disabled no image there that it saw to be shared.
pub fn has_no_reports(error: &CloudError) -> bool {
    ["InvalidAction", "UnsupportedOperation", "UnknownOperationException"].contains(&error.code.as_str())
}

/// The client token of a report request: two requests for one image in the same hour create one report.
pub fn token(region: &Region, image: &ImageId, now: DateTime<Utc>) -> Token {
    let hour = now.format("%Y%m%d%H").to_string();
    Token::of(&["usage", region.as_str(), image.as_str(), &hour])
}

/// Why an image must be kept because of other accounts: one of them uses it, or their usage is unknown. `quarantine` is
/// how long it stays disabled.
pub fn used(image: &Image, usage: &RegionUsage, quarantine: TimeDelta, now: DateTime<Utc>) -> Option<Keep> {
    if !may_be_used(image) {
        return None;
    }
    match usage.shared.get(&image.id) {
        Some(Ok(shared)) => of_shared(image, shared, quarantine, now),
        Some(Err(error)) => Some(Keep::unknown(UseReason::Unknown(error.clone()))),
        None => Some(Keep::unknown(UseReason::SharingUnknown)),
    }
}

/// The report that a step needs, by the time of its request.
enum Needed {
    /// None yet: the step is not due, and the report would be too old by then.
    NotYet,
    /// One that was requested then or later, or at any time.
    Since(Option<DateTime<Utc>>),
}

/// Each step needs a report of its own. The one before deregistration is requested so long after the image was disabled
/// that it shows everything that was launched before, and so late that it is current when the quarantine is over.
fn needed(image: &Image, quarantine: TimeDelta, now: DateTime<Utc>) -> Needed {
    match image.disabled_at().filter(|since| image.state == ImageState::Disabled && *since <= now) {
        Some(since) => {
            let settled = since + REPORT_LAG.min(quarantine);
            let due = settled.max(since + quarantine - REPORT_VALID_FOR);
            if now < due { Needed::NotYet } else { Needed::Since(Some(settled)) }
        }
        // The confirming check needs a report that was requested after the first check.
        None => Needed::Since(image.unused_since().filter(|first| *first <= now)),
    }
}

fn of_shared(image: &Image, shared: &SharedWith, quarantine: TimeDelta, now: DateTime<Utc>) -> Option<Keep> {
    // Who is no longer allowed to launch an image may still run what it launched. Kiln requests a report only of an
    // image that it saw to be shared.
    let tells = |report: &UsageReport| report.whole || !users(image, report).is_empty();
    if shared.with.is_empty() && !was_shared(image) && !shared.reports.iter().any(tells) {
        return None;
    }
    let needed = needed(image, quarantine, now);
    let after_first =
        |asked: DateTime<Utc>| image.unused_since().is_none_or(|first| first > now || asked > first);
    let in_time = |asked: DateTime<Utc>| match needed {
        Needed::NotYet => false,
        Needed::Since(since) => since.is_none_or(|since| asked >= since),
    };
    let current = shared.reports.iter().filter(|report| {
        // A report that Kiln did not request may leave out accounts. So it can keep an image, but not show that none
        // uses it.
        let shows_use = !users(image, report).is_empty();
        let valid_for = if shows_use { USE_VALID_FOR } else { REPORT_VALID_FOR };
        let answers = shows_use || report.whole && in_time(report.asked);
        answers && report.asked + valid_for > now && after_first(report.asked)
    });
    // A finished report is preferred to a newer one that is not ready.
    let newest = current.max_by_key(|report| (matches!(report.says, ReportState::Ready(_)), report.asked));
    let Some(newest) = newest else {
        let missing = || Keep::unknown(UseReason::ReportMissing(ReportStatus::Requested));
        return matches!(needed, Needed::Since(_)).then(missing);
    };
    let asked = newest.asked;
    match &newest.says {
        ReportState::Pending => Some(Keep::unknown(UseReason::ReportMissing(ReportStatus::Pending(asked)))),
        ReportState::Failed(why) => {
            Some(Keep::unknown(UseReason::ReportMissing(ReportStatus::Failed(why.clone()))))
        }
        ReportState::Ready(_) => {
            let by = users(image, newest);
            (!by.is_empty()).then_some(Keep::in_use(UseReason::UsedByOtherAccounts { by, asked }))
        }
    }
}

/// The other accounts that use an image according to this report.
fn users(image: &Image, report: &UsageReport) -> Vec<String> {
    let ReportState::Ready(by) = &report.says else { return Vec::new() };
    let others = by.iter().filter(|(account, count)| **account != image.owner && **count > 0);
    others.map(|(account, count)| format!("account {account} ({count} times)")).collect()
}

/// Whether the usage reports on an image must be read: somebody else may launch it, or once could, or EC2 does not show
/// that any more.
pub fn needs_reports(image: &Image, shared: &SharedWith) -> bool {
    !shared.with.is_empty() || was_shared(image) || !shows_permissions(image)
}

#[cfg(test)]
#[path = "cross_account_tests.rs"]
mod tests;
