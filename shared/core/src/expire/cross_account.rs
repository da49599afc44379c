//! Whether other accounts use an image that is shared with them. EC2 answers with a usage report, which one run
//! requests and a later run reads.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::policy::Keep;
use crate::inventory::{Image, ImageState, RegionUsage, ReportState, Result, SharedWith, UsageReport};
use crate::model::{ImageId, Region, Token};
use crate::plan::reason::{ReportStatus, UseReason};

/// How long a report counts as current. Longer than a day, so that a report requested one night can be read the next;
/// shorter than the default `confirm_after`, so that each of the two checks uses its own report.
pub const REPORT_VALID_FOR: TimeDelta = TimeDelta::hours(36);

/// How long a report that shows use keeps an image. No new report is requested in that time, because an account can
/// have only 2,000 reports.
const USE_VALID_FOR: TimeDelta = TimeDelta::days(7);

/// Whether other accounts may be able to launch an image. Nobody can launch a disabled or failed image, and a
/// disabled image has lost its launch permissions.
pub fn may_be_shared(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Unknown(_))
}

/// The client token of a report request: two requests for one image on the same day create one report.
pub fn token(region: &Region, image: &ImageId, now: DateTime<Utc>) -> Token {
    let day = now.format("%Y%m%d").to_string();
    Token::of(&["usage", region.as_str(), image.as_str(), &day])
}

/// Why an image must be kept because of other accounts: one of them uses it, or their usage is unknown.
pub fn used(image: &Image, usage: &RegionUsage, now: DateTime<Utc>) -> Option<Keep> {
    if !may_be_shared(image) {
        return None;
    }
    match usage.shared.get(&image.id) {
        Some(Ok(shared)) => of_shared(image, shared, now),
        Some(Err(error)) => Some(Keep::unknown(UseReason::Unknown(error.clone()))),
        None => Some(Keep::unknown(UseReason::SharingUnknown)),
    }
}

fn of_shared(image: &Image, shared: &SharedWith, now: DateTime<Utc>) -> Option<Keep> {
    if shared.with.is_empty() {
        return None;
    }
    // The confirming check needs a report that was requested after the first check.
    let after_first =
        |asked: DateTime<Utc>| image.unused_since().is_none_or(|first| first > now || asked > first);
    let current = shared.reports.iter().filter(|report| {
        // A report that Kiln did not request may leave out accounts. So it can keep an image, but not show that none
        // uses it.
        let shows_use = !users(image, report).is_empty();
        let valid_for = if shows_use { USE_VALID_FOR } else { REPORT_VALID_FOR };
        (shows_use || report.whole) && report.asked + valid_for > now && after_first(report.asked)
    });
    // A finished report is preferred to a newer one that is not ready.
    let newest = current.max_by_key(|report| (matches!(report.says, ReportState::Ready(_)), report.asked));
    let Some(newest) = newest else {
        return Some(Keep::unknown(UseReason::ReportMissing(ReportStatus::Requested)));
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

/// Those of these images that are known to be shared with other accounts.
pub fn shared_with_others<'a, T>(
    known: impl IntoIterator<Item = (&'a T, &'a Result<SharedWith>)>,
) -> Vec<&'a T> {
    let is_shared = |shared: &Result<SharedWith>| shared.as_ref().is_ok_and(|shared| !shared.with.is_empty());
    known.into_iter().filter(|(_, shared)| is_shared(shared)).map(|(image, _)| image).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;
    use crate::fixtures::*;
    use crate::inventory::{CloudError, Grantee};
    use crate::plan::{self, Reason};

    const FRIEND: &str = "111122223333";

    fn an_image() -> Image {
        image("web", 1).released().build()
    }

    fn report(hours: i64, says: ReportState) -> UsageReport {
        UsageReport { image: an_image().id, asked: day(40) - TimeDelta::hours(hours), whole: true, says }
    }

    fn ready(hours: i64, by: &[(&str, u64)]) -> UsageReport {
        let by = by.iter().map(|(account, count)| ((*account).to_owned(), *count)).collect();
        report(hours, ReportState::Ready(by))
    }

    fn keep(image: &Image, shared: Result<SharedWith>) -> Option<Keep> {
        let usage =
            RegionUsage { shared: HashMap::from([(image.id.clone(), shared)]), ..RegionUsage::default() };
        used(image, &usage, day(40))
    }

    fn why(image: &Image, shared: Result<SharedWith>) -> Option<Reason> {
        keep(image, shared).map(|keep| keep.reason)
    }

    fn is_unknown(keep: &Keep) -> bool {
        keep.retention.usage == Some(plan::Usage::Unknown)
    }

    fn with_friend(reports: Vec<UsageReport>) -> Option<Reason> {
        let with = BTreeSet::from([Grantee::Account(FRIEND.into())]);
        why(&an_image(), Ok(SharedWith { with, reports }))
    }

    #[test]
    fn an_image_that_is_shared_with_nobody_is_not_used_by_other_accounts() {
        assert_eq!(why(&an_image(), Ok(SharedWith { with: BTreeSet::new(), reports: vec![] })), None);
    }

    #[test]
    fn the_usage_of_a_shared_image_is_unknown_until_a_report_is_read() {
        assert_eq!(with_friend(vec![]), Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested))));
        let asked = day(40) - TimeDelta::hours(1);
        assert_eq!(
            with_friend(vec![report(1, ReportState::Pending)]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Pending(asked))))
        );
        assert_eq!(with_friend(vec![ready(24, &[])]), None);
        let with = BTreeSet::from([Grantee::Account(FRIEND.into())]);
        assert!(is_unknown(&keep(&an_image(), Ok(SharedWith { with, reports: vec![] })).unwrap()));
    }

    #[test]
    fn a_report_without_use_is_ignored_once_it_is_36_hours_old() {
        assert_eq!(
            with_friend(vec![ready(36, &[])]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)))
        );
        assert_eq!(with_friend(vec![ready(35, &[]), ready(90, &[(FRIEND, 9)])]), None);
    }

    #[test]
    fn a_report_that_kiln_did_not_request_can_keep_an_image_but_never_release_it() {
        let not_by_kiln = |report: UsageReport| UsageReport { whole: false, ..report };
        let used =
            |why: Option<Reason>| matches!(why, Some(Reason::Use(UseReason::UsedByOtherAccounts { .. })));
        assert!(used(with_friend(vec![ready(30, &[(FRIEND, 3)]), not_by_kiln(ready(1, &[]))])));
        assert_eq!(
            with_friend(vec![not_by_kiln(ready(1, &[]))]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)))
        );
        assert!(used(with_friend(vec![ready(30, &[]), not_by_kiln(ready(1, &[(FRIEND, 3)]))])));
    }

    #[test]
    fn a_report_that_shows_use_keeps_an_image_for_a_week() {
        let used = |hours| {
            matches!(
                with_friend(vec![ready(hours, &[(FRIEND, 3)])]),
                Some(Reason::Use(UseReason::UsedByOtherAccounts { .. }))
            )
        };
        assert!(used(167) && !used(168));
    }

    #[test]
    fn the_confirming_check_needs_a_report_requested_after_the_first_check() {
        let first = day(40) - TimeDelta::hours(20);
        let unused = image("web", 1).released().tagged("kiln:unused-since", &first.to_rfc3339()).build();
        let with = BTreeSet::from([Grantee::Account(FRIEND.into())]);
        let reason =
            |hours| why(&unused, Ok(SharedWith { with: with.clone(), reports: vec![ready(hours, &[])] }));
        assert_eq!(reason(21), Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested))));
        assert_eq!(reason(19), None);
    }

    #[test]
    fn use_by_another_account_keeps_an_image_and_its_own_account_does_not_count() {
        let reason = with_friend(vec![ready(24, &[(FRIEND, 2), ("123456789012", 7), ("444455556666", 0)])]);
        assert_eq!(
            reason.unwrap().to_string(),
            "it is used by account 111122223333 (2 times), according to the usage report of 2026-02-09T02:00:00+00:00"
        );
    }

    #[test]
    fn usage_is_unknown_when_sharing_could_not_be_read() {
        let error =
            CloudError::new("DescribeImageAttribute", "ami-1", &region("us-east-1"), "AuthFailure", "no");
        assert!(is_unknown(&keep(&an_image(), Err(error)).unwrap()));
        let not_read = used(&an_image(), &RegionUsage::default(), day(40)).unwrap();
        assert_eq!(not_read, Keep::unknown(UseReason::SharingUnknown));
        assert!(is_unknown(&not_read));
    }

    #[test]
    fn a_disabled_image_needs_no_usage_report() {
        let disabled = image("web", 1).disabled_on(30).build();
        assert_eq!(used(&disabled, &RegionUsage::default(), day(40)), None);
    }

    #[test]
    fn requests_on_the_same_day_share_a_token() {
        let of = |now| token(&region("us-east-1"), &an_image().id, now);
        assert_eq!(of(day(1)), of(day(1) + TimeDelta::hours(3)));
        assert_ne!(of(day(1)), of(day(2)));
    }
}
