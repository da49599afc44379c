//! Whether other accounts use an image that is shared with them: EC2 tells it in a report, which is asked for in one run and
//! read in a later one.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::policy::Keep;
use crate::inventory::{Image, ImageState, RegionUsage, ReportState, Result, SharedWith, UsageReport};
use crate::model::{ImageId, Region, Token};
use crate::plan::reason::{ReportStatus, UseReason};

/// For how long a report tells how things are. Longer than from one night to the next, so that what was asked for in one is
/// read in the other; no longer than a recipe's usual time between two looks, so that each has a report of its own.
pub const REPORT_VALID_FOR: TimeDelta = TimeDelta::hours(36);

/// For how long a report that tells of a use keeps an image: so long it is not asked again, for an account has 2,000 reports.
const USE_VALID_FOR: TimeDelta = TimeDelta::days(7);

/// Whether an image could be shared: what is disabled, or failed, can be launched by nobody, and has lost its permissions.
pub fn may_be_shared(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Unknown(_))
}

/// What makes asking twice on one day ask once.
pub fn token(region: &Region, image: &ImageId, now: DateTime<Utc>) -> Token {
    let day = now.format("%Y%m%d").to_string();
    Token::of(&["usage", region.as_str(), image.as_str(), &day])
}

/// Why an image must stay for what other accounts do with it, or for not knowing that.
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
    // A second verdict rests on a report of its own.
    let after_first =
        |asked: DateTime<Utc>| image.unused_since().is_none_or(|first| first > now || asked > first);
    let fresh = shared.reports.iter().filter(|report| {
        // What somebody else asked may have left out whom it concerns: it can keep an image, and let none go.
        let tells = !users(image, report).is_empty();
        let tells_for = if tells { USE_VALID_FOR } else { REPORT_VALID_FOR };
        (tells || report.whole) && report.asked + tells_for > now && after_first(report.asked)
    });
    // What one tells that is there counts more than that another is being made.
    let newest = fresh.max_by_key(|report| (matches!(report.says, ReportState::Ready(_)), report.asked));
    let Some(newest) = newest else {
        return Some(Keep::unknown(UseReason::ReportMissing(ReportStatus::ImageQuery)));
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

/// The other accounts that use an image by a report.
fn users(image: &Image, report: &UsageReport) -> Vec<String> {
    let ReportState::Ready(by) = &report.says else { return Vec::new() };
    let others = by.iter().filter(|(account, count)| **account != image.owner && **count > 0);
    others.map(|(account, count)| format!("account {account} ({count} times)")).collect()
}

/// The images of these that are shared with anybody, as far as that is known.
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
    fn an_image_that_is_shared_with_nobody_is_used_by_nobody_else() {
        assert_eq!(why(&an_image(), Ok(SharedWith { with: BTreeSet::new(), reports: vec![] })), None);
    }

    #[test]
    fn an_image_that_is_shared_is_unknown_until_a_report_is_read() {
        assert_eq!(
            with_friend(vec![]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::ImageQuery)))
        );
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
    fn a_report_that_has_grown_old_tells_nothing_any_more() {
        assert_eq!(
            with_friend(vec![ready(36, &[])]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::ImageQuery)))
        );
        assert_eq!(with_friend(vec![ready(35, &[]), ready(90, &[(FRIEND, 9)])]), None);
    }

    #[test]
    fn what_somebody_else_asked_keeps_an_image_and_lets_none_go() {
        let theirs = |report: UsageReport| UsageReport { whole: false, ..report };
        let used =
            |why: Option<Reason>| matches!(why, Some(Reason::Use(UseReason::UsedByOtherAccounts { .. })));
        assert!(used(with_friend(vec![ready(30, &[(FRIEND, 3)]), theirs(ready(1, &[]))])));
        assert_eq!(
            with_friend(vec![theirs(ready(1, &[]))]),
            Some(Reason::Use(UseReason::ReportMissing(ReportStatus::ImageQuery)))
        );
        assert!(used(with_friend(vec![ready(30, &[]), theirs(ready(1, &[(FRIEND, 3)]))])));
    }

    #[test]
    fn a_report_that_tells_of_a_use_keeps_an_image_for_a_week() {
        let used = |hours| {
            matches!(
                with_friend(vec![ready(hours, &[(FRIEND, 3)])]),
                Some(Reason::Use(UseReason::UsedByOtherAccounts { .. }))
            )
        };
        assert!(used(167) && !used(168));
    }

    #[test]
    fn a_second_verdict_rests_on_a_report_of_its_own() {
        let first = day(40) - TimeDelta::hours(20);
        let found = image("web", 1).released().tagged("kiln:unused-since", &first.to_rfc3339()).build();
        let with = BTreeSet::from([Grantee::Account(FRIEND.into())]);
        let text =
            |hours| why(&found, Ok(SharedWith { with: with.clone(), reports: vec![ready(hours, &[])] }));
        assert_eq!(text(21), Some(Reason::Use(UseReason::ReportMissing(ReportStatus::ImageQuery))));
        assert_eq!(text(19), None);
    }

    #[test]
    fn use_by_another_account_keeps_it_and_that_of_its_own_is_told_elsewhere() {
        let text = with_friend(vec![ready(24, &[(FRIEND, 2), ("123456789012", 7), ("444455556666", 0)])]);
        assert_eq!(
            text.unwrap().to_string(),
            "it is used by account 111122223333 (2 times), according to the usage report of 2026-02-09T02:00:00+00:00"
        );
    }

    #[test]
    fn what_could_not_be_asked_is_unknown() {
        let error =
            CloudError::new("DescribeImageAttribute", "ami-1", &region("us-east-1"), "AuthFailure", "no");
        assert!(is_unknown(&keep(&an_image(), Err(error)).unwrap()));
        let nobody_asked = used(&an_image(), &RegionUsage::default(), day(40)).unwrap();
        assert_eq!(nobody_asked, Keep::unknown(UseReason::SharingUnknown));
        assert!(is_unknown(&nobody_asked));
    }

    #[test]
    fn what_is_disabled_is_shared_with_nobody() {
        let retired = image("web", 1).disabled_on(30).build();
        assert_eq!(used(&retired, &RegionUsage::default(), day(40)), None);
    }

    #[test]
    fn one_report_is_asked_for_on_a_day() {
        let of = |now| token(&region("us-east-1"), &an_image().id, now);
        assert_eq!(of(day(1)), of(day(1) + TimeDelta::hours(3)));
        assert_ne!(of(day(1)), of(day(2)));
    }
}
