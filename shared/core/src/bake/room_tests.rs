use chrono::TimeDelta;

use super::*;
use crate::bake::BakeRequest;
use crate::fixtures::*;
use crate::inventory::{Candidates, CloudError};
use crate::recipe::FoundNetwork;

fn waiting(n: i64) -> Waiting {
    Waiting { name: name("web", n), why: Some("no capacity".into()) }
}

fn failed(n: i64) -> Waiting {
    Waiting { why: None, ..waiting(n) }
}

fn decided(action: Action, reason: impl Into<Reason>) -> Decision {
    Subject::name(&name("web", 9), &region("us-east-1")).decide(action, reason)
}

fn launch() -> Decision {
    let request =
        BakeRequest { name: name("web", 9), home: region("us-east-1"), now: day(9), has_failed: false };
    let base = image("base", 1).build();
    let Candidates { first, .. } =
        crate::bake::candidates(&request, &recipe("web"), &base, &FoundNetwork::default());
    let reason = BakeReason::TimeToBake { image: base.id.clone(), base: base.id.to_string() };
    decided(Action::Launch(Candidates::of([first]).unwrap()), reason)
}

fn busy(version: i64) -> Decision {
    let version = Some(name("web", version).version);
    decided(Action::Keep, BakeReason::AlreadyBaking { instance: "i-0a".parse().unwrap(), version })
}

/// What follows so many hours after the bake was to begin. Its window is six hours.
fn after(hours: i64, decided: Decision) -> Vec<&'static str> {
    let now = name("web", 9).version.time() + TimeDelta::hours(hours);
    let sequence = again(&waiting(9), &recipe("web"), &region("us-east-1"), decided, now);
    sequence.iter().map(|one| one.action.word()).collect()
}

#[test]
fn a_bake_that_waits_is_begun_until_its_window_is_over_and_has_failed_then() {
    assert_eq!(after(5, launch()), ["launch", "forget-waiting"]);
    assert_eq!(after(6, launch()), ["emit", "note-waiting"]);
    let now = day(30);
    let told = again(&waiting(9), &recipe("web"), &region("us-east-1"), launch(), now)[0].reason.to_string();
    assert!(told.contains("no capacity") && told.contains("bake.instance_types"), "{told}");
}

#[test]
fn a_bake_that_began_after_all_waits_no_more() {
    assert_eq!(after(5, busy(9)), ["keep", "forget-waiting"]);
    let made = BakeReason::AlreadyBaked(image("web", 9).build().id);
    assert_eq!(after(7, decided(Action::Keep, made)), ["keep", "forget-waiting"]);
}

#[test]
fn whatever_else_stands_in_its_way_ends_it_at_once_or_with_its_window() {
    assert_eq!(after(5, busy(8)), ["keep"]);
    assert_eq!(after(6, busy(8)), ["emit", "note-waiting"]);
    let unread = || {
        let error = CloudError::new("DescribeImages", "images", &region("us-east-1"), "Unavailable", "");
        Subject::name(&name("web", 9), &region("us-east-1")).retry_later(&error)
    };
    assert_eq!(after(5, unread()), ["retry"]);
    assert_eq!(after(6, unread()), ["emit", "note-waiting"]);
    let no_base = crate::plan::reason::BadBase::NoBase("ami-0b".into());
    assert_eq!(after(1, decided(Action::Reject, BakeReason::BadBase(no_base))), ["emit", "note-waiting"]);
    let newer = BakeReason::NewerBake(name("web", 10).version);
    assert_eq!(after(1, decided(Action::Keep, newer)), ["emit", "note-waiting"]);
}

#[test]
fn a_recipe_that_cannot_be_used_any_more_ends_what_waits_and_not_what_has_begun() {
    let gone = |images: &[Image]| {
        let why = Reason::RecipeGone("web".into());
        let sequence = without_usable_recipe(&name("web", 9), &region("us-east-1"), why, (&[], images));
        sequence.iter().map(|one| one.action.word()).collect::<Vec<_>>()
    };
    assert_eq!(gone(&[image("web", 8).build()]), ["emit", "note-waiting"]);
    assert_eq!(gone(&[image("web", 9).build()]), ["forget-waiting"]);
}

#[test]
fn of_two_bakes_that_wait_the_older_one_has_failed() {
    let noted = [waiting(9), waiting(8), Waiting { name: name("base", 10), ..waiting(9) }];
    let home = region("us-east-1");
    assert!(without_recipe(&noted[0], &noted, &home, day(9)).is_none());
    let older = without_recipe(&noted[1], &noted, &home, day(9)).unwrap();
    let words: Vec<&str> = older.iter().map(|one| one.action.word()).collect();
    assert_eq!(words, ["emit", "note-waiting"]);
}

#[test]
fn that_it_has_failed_is_remembered_for_a_month_and_never_asked_for_again() {
    let home = region("us-east-1");
    let noted = [failed(9)];
    assert!(has_failed(&noted, &name("web", 9)) && !has_failed(&[waiting(9)], &name("web", 9)));
    assert_eq!(due(&noted, &home, day(20)).count(), 0);
    assert_eq!(due(&noted, &home, day(40)).count(), 1);
    assert_eq!(due(&[waiting(9)], &home, day(40)).count(), 1);
}
