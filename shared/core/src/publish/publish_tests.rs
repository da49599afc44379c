use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::Severity;
use crate::model::Tags;

fn observed(stage: Stage) -> Observed {
    let image = image("web", 9).staged(stage).build();
    let record = image.record().unwrap();
    Observed { image, record, permissions: Ok(Permissions::default()), findings: Ok(vec![]) }
}

fn blocking(at_least: Severity) -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.block_on_findings = Some(at_least);
    recipe
}

fn finding(severity: Severity, fixable: bool) -> Finding {
    Finding { severity, title: "CVE-2026-1 in openssl".into(), fixable }
}

fn words(recipe: &Recipe, observed: &Observed) -> Vec<&'static str> {
    decide(recipe, observed, day(9) + TimeDelta::hours(1)).iter().map(|one| one.action.word()).collect()
}

#[test]
fn only_an_image_that_passed_its_test_is_published() {
    assert_eq!(words(&recipe("web"), &observed(Stage::Verified)), ["publish", "emit"]);
    for stage in [Stage::Captured, Stage::Published, Stage::Released, Stage::Rejected, Stage::Disabled] {
        assert_eq!(words(&recipe("web"), &observed(stage)), ["keep"], "{stage}");
    }
}

#[test]
fn an_unscanned_image_waits_and_is_rejected_after_the_timeout() {
    let blocking = blocking(Severity::Critical);
    let observed = observed(Stage::Verified);
    assert!(!wants_findings(&blocking, &observed.image));
    assert_eq!(words(&blocking, &observed), ["keep"]);
    let sequence = decide(&blocking, &observed, day(10));
    assert_eq!(
        sequence[2].action,
        Action::SetStage(observed.image.id.clone(), observed.record.at(Stage::Rejected), Tags::new())
    );
    let Action::Emit(envelope) = &sequence[0].action else { panic!() };
    assert!(
        envelope.detail_type() == "Image Rejected" && envelope.detail(day(9)).contains("had not scanned it")
    );
}

#[test]
fn a_scan_of_what_was_brought_back_has_its_whole_time() {
    let mut observed = observed(Stage::Verified);
    observed.image = observed.image.anchored(observed.image.anchor().asked_anew(day(10)));
    assert_eq!(words(&blocking(Severity::Critical), &observed), ["keep"], "waits until day 11");
    let late = decide(&blocking(Severity::Critical), &observed, day(12));
    assert_eq!(late[0].action.word(), "emit");
}

#[test]
fn only_a_fixable_finding_of_the_named_severity_or_higher_blocks() {
    let with = |findings: Vec<Finding>| {
        let mut observed = observed(Stage::Verified);
        observed.image.scanned = Some(day(9));
        observed.findings = Ok(findings);
        words(&blocking(Severity::High), &observed)
    };
    assert_eq!(with(vec![]), ["publish", "emit"]);
    assert_eq!(
        with(vec![finding(Severity::Medium, true), finding(Severity::Critical, false)]),
        ["publish", "emit"]
    );
    assert_eq!(with(vec![finding(Severity::High, true)]), ["emit", "anchor", "set-stage"]);
    assert_eq!(with(vec![finding(Severity::Critical, true)]), ["emit", "anchor", "set-stage"]);
    assert_eq!(with(vec![finding(Severity::Unknown, true)]), ["emit", "anchor", "set-stage"]);
}

#[test]
fn nothing_is_published_if_findings_or_permissions_cannot_be_read() {
    let denied =
        || CloudError::new("GetImageFindings", "ami", &region("us-east-1"), "UnauthorizedOperation", "no");
    let mut denied_once = observed(Stage::Verified);
    denied_once.image.scanned = Some(day(9));
    denied_once.findings = Err(denied());
    assert_eq!(words(&blocking(Severity::Low), &denied_once), ["retry"]);
    let denied_once = Observed { permissions: Err(denied()), ..observed(Stage::Verified) };
    assert_eq!(words(&recipe("web"), &denied_once), ["retry"]);
}
