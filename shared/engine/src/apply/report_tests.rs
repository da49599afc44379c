use kiln_core::plan::reason::UseReason;
use kiln_core::plan::{Action, Subject, Usage};

use super::*;

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn entry(resource: usize, outcome: Outcome) -> Entry {
    let reason = Reason::Use(UseReason::SnapshotNeeded("x".repeat(300)));
    Entry::of(Subject::resource(format!("ami-{resource}"), &region()).decide(Action::Keep, reason), outcome)
}

fn failed(resource: usize) -> Entry {
    entry(resource, Outcome::Failed { error: "EC2 said no".into() })
}

fn kept_in_use(resource: usize) -> Entry {
    let plan = PlanRow {
        state: "available".into(),
        age_days: 1,
        gb: 8.0,
        monthly_usd: 0.4,
        usage: Some(Usage::InUse),
        next_step: None,
        next_step_at: None,
    };
    Entry { plan: Some(plan), ..entry(resource, Outcome::Unchanged) }
}

fn report(entries: Vec<Entry>) -> Report {
    Report { entries, ..Report::default() }
}

/// More entries than an answer has room for, each with a plan that says whether the image is used.
fn too_many() -> impl Iterator<Item = Entry> {
    (0..12_000).map(kept_in_use)
}

#[test]
fn a_report_that_is_cut_still_fails_when_its_last_decision_failed() {
    let mut long = report(too_many().chain([failed(99_999)]).collect());
    long.truncate_to_limit();
    assert!(long.omitted.is_some() && long.entries.len() < 12_001);
    assert!(long.failed());
    assert!(matches!(long.entries[0].outcome, Outcome::Failed { .. }), "what failed stands first");
}

#[test]
fn a_report_of_failures_only_that_is_cut_counts_all_of_them() {
    let mut long = report((0..20_000).map(failed).collect());
    long.truncate_to_limit();
    let text = long.to_string();
    assert!(text.starts_with("20000 of 20000 decisions failed:"), "{}", &text[..80]);
    assert!(text.ends_with("19900 more failures, each with a line of its own in the log"));
}

#[test]
fn images_that_their_recipe_keeps_anyway_are_left_out_first() {
    let kept = (0..6_000).map(|number| {
        let used = kept_in_use(number);
        Entry { plan: used.plan.map(|plan| PlanRow { usage: None, ..plan }), ..used }
    });
    let mut long = report(kept.chain((0..6_000).map(kept_in_use)).collect());
    long.truncate_to_limit();
    let used = long.entries.iter().filter(|entry| entry.plan.as_ref().unwrap().usage.is_some()).count();
    assert_eq!(used, 6_000);
    assert!(!long.failed());
}

#[test]
fn the_error_of_a_partly_failed_run_counts_each_outcome() {
    let done = entry(1, Outcome::Done { made: None });
    let text =
        report(vec![failed(1), done.clone(), done, entry(2, Outcome::Unchanged), entry(3, Outcome::Skipped)])
            .to_string();
    let first = text.lines().next().unwrap();
    assert_eq!(first, "1 of 5 decisions failed (2 carried out, 1 unchanged, 1 skipped after a failure):");
    assert!(text.contains("- keep ami-1 in us-east-1: EC2 said no"), "{text}");
}

#[test]
fn two_reports_that_were_cut_add_up_their_counts() {
    let cut = || {
        let mut long = report(too_many().chain([failed(99_999)]).collect());
        long.truncate_to_limit();
        long
    };
    let both = cut().and(cut());
    assert_eq!(both.counts().failed, 2);
    assert_eq!(both.counts().all(), 24_002);
}

#[test]
fn a_failure_that_an_event_has_told_fails_the_function_only_if_somebody_waits_for_the_answer() {
    let told = |unattended| Report { told: 1, unattended, ..report(vec![failed(1)]) };
    assert!(told(false).failed() && !told(true).failed());
    let other_too = Report { told: 1, unattended: true, ..report(vec![failed(1), failed(2)]) };
    assert!(other_too.failed(), "the other failure has no event");
}
