use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::Severity;

fn seen(stage: Stage) -> Observed {
    let image = image("web", 9).staged(stage).build();
    let record = image.record().unwrap();
    Observed { image, record, permissions: Ok(Permissions::default()), findings: Ok(vec![]) }
}

fn barring(at_least: Severity) -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.block_on_findings = Some(at_least);
    recipe
}

fn finding(severity: Severity, fixable: bool) -> Finding {
    Finding { severity, title: "CVE-2026-1 in openssl".into(), fixable }
}

fn words(recipe: &Recipe, seen: &Observed) -> Vec<&'static str> {
    decide(recipe, seen, day(9) + TimeDelta::hours(1)).iter().map(|one| one.action.word()).collect()
}

#[test]
fn an_image_that_passed_its_test_is_published_and_no_other() {
    assert_eq!(words(&recipe("web"), &seen(Stage::Verified)), ["publish", "emit"]);
    for stage in [Stage::Captured, Stage::Published, Stage::Released, Stage::Rejected, Stage::Disabled] {
        assert_eq!(words(&recipe("web"), &seen(stage)), ["keep"], "{stage}");
    }
}

#[test]
fn what_is_not_scanned_waits_and_is_rejected_when_its_time_is_up() {
    let barring = barring(Severity::Critical);
    let seen = seen(Stage::Verified);
    assert!(!wants_findings(&barring, &seen.image));
    assert_eq!(words(&barring, &seen), ["keep"]);
    let sequence = decide(&barring, &seen, day(10));
    assert_eq!(sequence[1].action, Action::SetStage(seen.image.id.clone(), Stage::Rejected));
    let Action::Emit(said) = &sequence[0].action else { panic!() };
    assert!(said.detail_type() == "Image Rejected" && said.detail().contains("had not scanned it"));
}

#[test]
fn a_finding_bars_from_the_named_severity_on_and_only_with_a_fix() {
    let with = |findings: Vec<Finding>| {
        let mut seen = seen(Stage::Verified);
        seen.image.scanned = Some(day(9));
        seen.findings = Ok(findings);
        words(&barring(Severity::High), &seen)
    };
    assert_eq!(with(vec![]), ["publish", "emit"]);
    assert_eq!(
        with(vec![finding(Severity::Medium, true), finding(Severity::Critical, false)]),
        ["publish", "emit"]
    );
    assert_eq!(with(vec![finding(Severity::High, true)]), ["emit", "set-stage"]);
    assert_eq!(with(vec![finding(Severity::Critical, true)]), ["emit", "set-stage"]);
    assert_eq!(with(vec![finding(Severity::Unknown, true)]), ["emit", "set-stage"]);
}

#[test]
fn findings_or_permissions_that_cannot_be_seen_publish_nothing() {
    let denied =
        || CloudError::new("GetImageFindings", "ami", &region("us-east-1"), "UnauthorizedOperation", "no");
    let mut denied_once = seen(Stage::Verified);
    denied_once.image.scanned = Some(day(9));
    denied_once.findings = Err(denied());
    assert_eq!(words(&barring(Severity::Low), &denied_once), ["retry"]);
    let denied_once = Observed { permissions: Err(denied()), ..seen(Stage::Verified) };
    assert_eq!(words(&recipe("web"), &denied_once), ["retry"]);
}
