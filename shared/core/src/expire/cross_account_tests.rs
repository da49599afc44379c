use std::collections::{BTreeSet, HashMap};

use super::*;
use crate::fixtures::*;
use crate::inventory::{CloudError, Grantee, Result};
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
    let usage = RegionUsage { shared: HashMap::from([(image.id.clone(), shared)]), ..RegionUsage::default() };
    used(image, &usage, TimeDelta::days(7), day(40))
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
    let used = |why: Option<Reason>| matches!(why, Some(Reason::Use(UseReason::UsedByOtherAccounts { .. })));
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
    let error = CloudError::new("DescribeImageAttribute", "ami-1", &region("us-east-1"), "AuthFailure", "no");
    assert!(is_unknown(&keep(&an_image(), Err(error)).unwrap()));
    let not_read = used(&an_image(), &RegionUsage::default(), TimeDelta::days(7), day(40)).unwrap();
    assert_eq!(not_read, Keep::unknown(UseReason::SharingUnknown));
    assert!(is_unknown(&not_read));
}

#[test]
fn requests_in_the_same_hour_share_a_token() {
    let of = |now| token(&region("us-east-1"), &an_image().id, now);
    assert_eq!(of(day(1)), of(day(1) + TimeDelta::minutes(59)));
    // Each step of a removal needs a report of its own, and two steps may fall on the same day.
    assert_ne!(of(day(1)), of(day(1) + TimeDelta::hours(1)));
}

/// Disabled on the 30th day, and shared with a friend while it could be launched.
fn disabled() -> Image {
    image("web", 1).disabled_on(30).tagged("kiln:published-as", "shared-0123").build()
}

/// When a report was requested, and who uses the image by it.
type Asked<'a> = (DateTime<Utc>, &'a [(&'a str, u64)]);

/// What keeps it on that day, by these reports.
fn in_quarantine(now: DateTime<Utc>, reports: &[Asked<'_>]) -> Option<Reason> {
    let reports = reports.iter().map(|(asked, by)| UsageReport { asked: *asked, ..ready(0, by) }).collect();
    let shared = HashMap::from([(disabled().id, Ok(SharedWith { with: BTreeSet::new(), reports }))]);
    let usage = RegionUsage { shared, ..RegionUsage::default() };
    used(&disabled(), &usage, TimeDelta::days(7), now).map(|keep| keep.reason)
}

fn is_use(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::Use(UseReason::UsedByOtherAccounts { .. })))
}

#[test]
fn use_that_is_reported_during_the_quarantine_keeps_a_disabled_image() {
    let asked = day(36);
    assert!(is_use(in_quarantine(day(37), &[(asked, &[(FRIEND, 12)])])));
    assert_eq!(in_quarantine(day(37), &[(asked, &[])]), None);
}

#[test]
fn a_disabled_image_waits_for_a_report_that_shows_all_that_was_launched_before_it_was_disabled() {
    let requested = Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)));
    let quarantine = |days, asked| {
        let reports = vec![UsageReport { asked, ..ready(0, &[]) }];
        let shared = HashMap::from([(disabled().id, Ok(SharedWith { with: BTreeSet::new(), reports }))]);
        let usage = RegionUsage { shared, ..RegionUsage::default() };
        used(&disabled(), &usage, TimeDelta::days(days), day(32)).map(|keep| keep.reason)
    };
    // A report leaves out the last day, so one requested on the day itself may miss what was launched just before.
    assert_eq!(quarantine(1, day(31) - TimeDelta::hours(1)), requested);
    assert_eq!(quarantine(1, day(31)), None);
}

#[test]
fn the_report_before_deregistration_is_requested_when_it_will_be_current_at_the_end_of_the_quarantine() {
    let requested = Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)));
    assert_eq!(in_quarantine(day(35), &[]), None);
    assert_eq!(in_quarantine(day(36), &[]), requested);
    // The one that allowed the image to be disabled is too old.
    assert_eq!(in_quarantine(day(37), &[(day(30), &[])]), requested);
}

#[test]
fn a_disabled_image_that_was_never_shared_needs_no_usage_report() {
    let never = image("web", 1).disabled_on(30).tagged("kiln:published-as", "0123").build();
    assert_eq!(why(&never, Ok(SharedWith { with: BTreeSet::new(), reports: vec![] })), None);
    // EC2 does not show with whom a disabled image was shared, so its reports must be read to know.
    assert!(needs_reports(&never, &SharedWith { with: BTreeSet::new(), reports: vec![] }));
    assert!(is_unknown(&used(&never, &RegionUsage::default(), TimeDelta::days(7), day(40)).unwrap()));
}

#[test]
fn a_disabled_image_on_which_kiln_requested_a_report_was_shared_whatever_its_mark_says() {
    let by_hand = image("web", 1).disabled_on(30).build();
    let nobody = |reports| Ok(SharedWith { with: BTreeSet::new(), reports });
    assert!(is_use(why(&by_hand, nobody(vec![ready(24, &[(FRIEND, 1)])]))));
    assert_eq!(
        why(&by_hand, nobody(vec![ready(240, &[])])),
        Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)))
    );
}

#[test]
fn an_account_that_was_taken_out_of_share_still_counts_as_a_user() {
    let nobody = |reports| Ok(SharedWith { with: BTreeSet::new(), reports });
    let once = image("web", 1).released().tagged("kiln:published-as", "protected-shared-0123").build();
    assert!(is_use(why(&once, nobody(vec![ready(24, &[(FRIEND, 1)])]))));
    assert_eq!(
        why(&once, nobody(vec![])),
        Some(Reason::Use(UseReason::ReportMissing(ReportStatus::Requested)))
    );
}
