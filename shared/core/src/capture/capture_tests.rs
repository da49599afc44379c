use chrono::TimeDelta;

use super::*;
use crate::events::outbound::Envelope;
use crate::fixtures::*;
use crate::model::Tags;
use crate::plan::reason::CaptureReason;

fn observed(instance: Instance) -> Observed {
    Observed { instance, images: vec![], verdict: ScriptOutcome::Passed, console_tail: String::new() }
}

fn now() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(5)
}

fn decided(observed: &Observed) -> Sequence {
    decide(&name("web", 9), Some(&recipe("web")), observed, now())
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

fn failed(sequence: &Sequence) -> (&str, &str) {
    assert_eq!(words(sequence), ["emit", "end-builder"]);
    match &sequence[0].action {
        Action::Emit(Envelope { news: Event::BakeFailed { reason, console_tail, .. }, .. }) => {
            (reason, console_tail)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_builder_that_succeeds_and_shuts_itself_down_becomes_a_tagged_image() {
    let sequence = decided(&observed(builder("web", 9)));
    let [Decision { action: Action::Capture(new), .. }] = sequence.as_slice() else { panic!("{sequence:?}") };
    assert_eq!(new.name, "web-20260110T020000Z");
    assert_eq!(new.tags.get("kiln:recipe"), Some("web"));
    assert_eq!(new.tags.get("kiln:version"), Some("20260110T020000Z"));
    assert_eq!(new.tags.get("kiln:stage"), Some("captured"));
    assert_eq!(new.tags.get("kiln:base"), Some("ami-ba5e"));
    assert_eq!(new.tags.get("team"), Some("platform"));
}

#[test]
fn a_builder_that_a_user_stopped_is_not_captured() {
    let stopped = observed(builder("web", 9).stopped_by(StopReason::Api));
    assert_eq!(
        failed(&decided(&stopped)).0,
        "the instance was stopped by an API call before its script had ended"
    );
}

#[test]
fn a_builder_that_aws_stopped_is_not_captured() {
    let stopped = observed(builder("web", 9).stopped_by(StopReason::Other("Server.InternalError".into())));
    assert!(failed(&decided(&stopped)).0.contains("Server.InternalError"));
}

#[test]
fn a_failed_script_is_reported_with_its_last_lines_before_the_builder_is_terminated() {
    let verdict = ScriptOutcome::Failed { status: 3, tail: "no package nginx".into() };
    let failing = Observed { verdict, ..observed(builder("web", 9)) };
    assert_eq!(failed(&decided(&failing)), ("the script failed with status 3", "no package nginx"));
}

#[test]
fn a_console_without_a_verdict_is_read_again_until_the_deadline() {
    let without_verdict = Observed {
        verdict: ScriptOutcome::Silent,
        console_tail: "boot".into(),
        ..observed(builder("web", 9))
    };
    assert_eq!(words(&decided(&without_verdict)), ["retry"]);
    let sequence =
        decide(&name("web", 9), Some(&recipe("web")), &without_verdict, day(9) + TimeDelta::hours(1));
    assert_eq!(failed(&sequence).1, "boot");
}

#[test]
fn success_on_the_console_is_not_enough_if_the_stop_reason_is_unknown() {
    let unknown = observed(builder("web", 9).stopped_by(StopReason::Unknown));
    assert_eq!(words(&decided(&unknown)), ["retry"]);
}

#[test]
fn a_running_builder_is_kept_until_its_deadline() {
    let running = observed(builder("web", 9).in_state(InstanceState::Running));
    assert_eq!(words(&decided(&running)), ["keep"]);
    let sequence = decide(&name("web", 9), Some(&recipe("web")), &running, day(9) + TimeDelta::hours(1));
    assert!(failed(&sequence).0.contains("time was up"));
}

#[test]
fn a_second_stop_event_makes_no_second_image() {
    let pending = image("web", 9).in_state(ImageState::Pending).build();
    let again =
        Observed { images: vec![pending], verdict: ScriptOutcome::Unread, ..observed(builder("web", 9)) };
    assert_eq!(words(&decided(&again)), ["keep"]);
}

#[test]
fn a_builder_is_terminated_once_its_image_is_available() {
    let with = |state: ImageState| Observed {
        images: vec![image("web", 9).in_state(state).build()],
        ..observed(builder("web", 9))
    };
    assert_eq!(words(&decided(&with(ImageState::Pending))), ["keep"]);
    // Its tag was lost: then nothing else would tell later that it had an image.
    assert_eq!(words(&decided(&with(ImageState::Available))), ["end-builder"]);
    let mut tagged = with(ImageState::Available);
    tagged.instance.tags = tagged.instance.tags.with(tags::IMAGE, "ami-0a");
    assert_eq!(words(&decided(&tagged)), ["terminate"]);
}

#[test]
fn a_failed_image_is_reported_and_deregistered_after_its_builder_is_terminated() {
    let mut aborted = image("web", 9).in_state(ImageState::Failed).build();
    aborted.state_reason = "Client.InternalError".into();
    let sequence = decided(&Observed { images: vec![aborted], ..observed(builder("web", 9)) });
    assert_eq!(words(&sequence), ["emit", "end-builder", "deregister"]);
}

#[test]
fn a_failed_image_that_somebody_holds_stays_and_its_bake_has_failed_all_the_same() {
    let held = image("web", 9).in_state(ImageState::Failed).tagged(tags::HOLD, "audit").build();
    assert_eq!(words(&failed_image(&held, &held.record().unwrap())), ["keep"]);
    let sequence = decided(&Observed { images: vec![held], ..observed(builder("web", 9)) });
    assert_eq!(words(&sequence), ["emit", "end-builder", "keep"]);
}

#[test]
fn an_image_with_the_right_name_but_without_the_tags_is_rejected() {
    let mut same_name = image("web", 9).build();
    same_name.tags = Tags::new();
    let sequence = decided(&Observed { images: vec![same_name], ..observed(builder("web", 9)) });
    assert_eq!(words(&sequence), ["reject"]);
}

#[test]
fn a_builder_whose_image_is_not_there_is_ended_and_told_and_not_captured_again() {
    let mut imaged = builder("web", 9);
    imaged.tags = imaged.tags.with(tags::IMAGE, "ami-0123");
    let after = |minutes| {
        let now = day(9) + TimeDelta::minutes(minutes);
        words(&decide(&name("web", 9), Some(&recipe("web")), &observed(imaged.clone()), now))
    };
    assert_eq!(after(5), ["keep"]);
    assert_eq!(after(106), ["emit", "end-builder"]);
}

#[test]
fn the_slower_of_two_builders_of_one_bake_is_terminated() {
    let of_another = |state| {
        let mut image = image("web", 9).in_state(state).build();
        image.source_instance = Some("i-0bad".parse().unwrap());
        words(&decided(&Observed { images: vec![image], ..observed(builder("web", 9)) }))
    };
    assert_eq!(of_another(ImageState::Pending), ["end-builder"]);
    assert_eq!(of_another(ImageState::Available), ["end-builder"]);
    assert_eq!(of_another(ImageState::Failed), ["reject"]);
}

#[test]
fn an_instance_with_a_builders_tags_but_another_token_is_left_alone() {
    let lookalike = Instance { seal: Seal::Wrong, ..builder("web", 9) };
    assert_eq!(bake_of(&lookalike), Err(Reason::Capture(CaptureReason::NotABuilder)));
}

#[test]
fn a_long_lived_builder_is_captured_and_restarted_never_terminated() {
    let stopped = long_lived("web").marked(9).in_state(InstanceState::Stopped).stopped_by(StopReason::Api);
    let sequence = decided(&Observed { verdict: ScriptOutcome::Unread, ..observed(stopped.clone()) });
    assert_eq!(words(&sequence), ["capture", "restart"]);
    for (state, expected) in [
        (ImageState::Pending, vec!["restart"]),
        (ImageState::Available, vec!["restart"]),
        (ImageState::Failed, vec!["emit", "restart", "deregister"]),
    ] {
        let mut own = image("web", 9).in_state(state).build();
        own.source_instance = Some(stopped.id.clone());
        let sequence = decided(&Observed { images: vec![own], ..observed(stopped.clone()) });
        assert_eq!(words(&sequence), expected);
    }
}

#[test]
fn a_long_lived_builder_without_an_image_in_time_is_reported_and_restarted() {
    let marked = || long_lived("web").marked(9).until(day(9) + TimeDelta::minutes(45));
    let after = |instance: Instance, passed: TimeDelta| {
        decide(&name("web", 9), Some(&recipe("web")), &observed(instance), day(9) + passed)
    };
    assert_eq!(words(&after(marked(), TimeDelta::minutes(40))), ["keep"]);
    assert_eq!(words(&after(marked(), TimeDelta::minutes(46))), ["emit", "restart"]);
    let stopped = || marked().in_state(InstanceState::Stopped).stopped_by(StopReason::Api);
    assert_eq!(words(&after(stopped(), TimeDelta::minutes(100))), ["capture", "restart"]);
    assert_eq!(words(&after(stopped(), TimeDelta::minutes(106))), ["emit", "restart"]);
}

#[test]
fn a_long_lived_builder_that_bake_did_not_stop_is_left_alone() {
    let stopped = long_lived("web").in_state(InstanceState::Stopped);
    assert_eq!(bake_of(&stopped), Err(Reason::Capture(CaptureReason::NoBakeOnIt)));
}

#[test]
fn an_instance_that_is_not_a_builder_is_left_alone() {
    let mut other = builder("web", 9);
    other.tags = Tags::new().with("Name", "web-20260110T020000Z");
    assert!(matches!(bake_of(&other), Err(Reason::NotManaged(_))));
    let mut tester = builder("web", 9);
    tester.tags = tester.tags.with(tags::ROLE, "tester");
    assert_eq!(bake_of(&tester), Err(Reason::Capture(CaptureReason::NotABuilder)));
}

#[test]
fn the_console_is_read_only_if_the_decision_depends_on_it() {
    let own = image("web", 9).build();
    let stopped = builder("web", 9);
    assert!(wants_console(&stopped, &[], now()));
    assert!(!wants_console(&stopped, std::slice::from_ref(&own), now()));
    assert!(!wants_console(&long_lived("web").in_state(InstanceState::Stopped), &[], now()));
    assert!(!wants_console(&builder("web", 9).in_state(InstanceState::Running), &[], now()));
}

#[test]
fn a_bake_without_its_recipe_fails_and_its_builder_is_freed() {
    let sequence = decide(&name("web", 9), None, &observed(builder("web", 9)), now());
    assert_eq!(failed(&sequence).0, "there is no readable recipe web any more");
    let stopped = long_lived("web").marked(9).in_state(InstanceState::Stopped);
    assert_eq!(words(&decide(&name("web", 9), None, &observed(stopped), now())), ["emit", "restart"]);
}

#[test]
fn a_builder_whose_image_name_stays_taken_is_given_up_after_its_deadline() {
    let mut same_name = image("web", 9).build();
    same_name.tags = Tags::new();
    let taken = Observed { images: vec![same_name], ..observed(builder("web", 9)) };
    let sequence = decide(&name("web", 9), Some(&recipe("web")), &taken, day(9) + TimeDelta::hours(1));
    assert!(failed(&sequence).0.contains("has the name of this image, but was not made from this builder"));
}

/// Every state that a builder may be in, however it stopped and whatever its console shows.
fn every_builder() -> Vec<(Instance, ScriptOutcome)> {
    use crate::inventory::StopReason;
    let states = [
        InstanceState::Pending,
        InstanceState::Running,
        InstanceState::Stopping,
        InstanceState::Stopped,
        InstanceState::Unknown,
    ];
    let stops =
        [StopReason::Guest, StopReason::Api, StopReason::Other("Server.Spot".into()), StopReason::Unknown];
    let verdicts = [
        ScriptOutcome::Unread,
        ScriptOutcome::Passed,
        ScriptOutcome::Failed { status: 1, tail: String::new() },
    ];
    let mut all = Vec::new();
    for state in states {
        for stop in &stops {
            for verdict in &verdicts {
                let one = Instance { state, stop_reason: stop.clone(), ..builder("web", 3) };
                all.push((one, verdict.clone()));
            }
        }
    }
    all
}

#[test]
fn no_builder_is_waited_for_after_its_deadline_and_the_hour_after() {
    use crate::plan::Ends;
    for (instance, verdict) in every_builder() {
        let late = instance.deadline().unwrap() + CAPTURE_GRACE + TimeDelta::seconds(1);
        let observed =
            Observed { instance: instance.clone(), images: vec![], verdict, console_tail: String::new() };
        let sequence = decide(&name("web", 3), Some(&recipe("web")), &observed, late);
        for decision in &sequence {
            let ends = decision.reason.ends();
            assert_eq!(
                ends,
                Ends::Here,
                "{:?} {:?}: {}",
                instance.state,
                instance.stop_reason,
                decision.reason
            );
            assert!(!matches!(decision.action, Action::Keep | Action::Retry), "{}", decision.reason);
        }
    }
}

#[test]
fn a_builder_that_hangs_while_it_stops_fails_its_bake() {
    let hanging = Instance { state: InstanceState::Stopping, ..builder("web", 3) };
    let observed = Observed {
        instance: hanging.clone(),
        images: vec![],
        verdict: ScriptOutcome::Unread,
        console_tail: String::new(),
    };
    let words = |at| -> Vec<&str> {
        let decided = decide(&name("web", 3), Some(&recipe("web")), &observed, at);
        decided.iter().map(|one| one.action.word()).collect()
    };
    let deadline = hanging.deadline().unwrap();
    assert_eq!(words(deadline + TimeDelta::minutes(1)), ["keep"]);
    assert_eq!(words(deadline + TimeDelta::minutes(61)), ["emit", "end-builder"]);
}

#[test]
fn no_image_is_made_of_a_version_that_is_yet_to_come_and_the_builder_is_freed() {
    let ahead = |seconds| {
        let name = name("web", 9);
        let now = name.version.time() - TimeDelta::seconds(seconds);
        let of = |instance| words(&decide(&name, Some(&recipe("web")), &observed(instance), now));
        let long_lived = Instance { state: InstanceState::Stopped, ..long_lived("web").marked(9) };
        (of(builder("web", 9)), of(long_lived))
    };
    assert_eq!(ahead(60), (vec!["capture"], vec!["capture", "restart"]));
    assert_eq!(ahead(61), (vec!["emit", "end-builder"], vec!["emit", "restart"]));
}

#[test]
fn a_builder_that_somebody_terminated_has_failed_its_bake_and_is_told_once() {
    let gone = builder("web", 9).in_state(InstanceState::Terminated);
    assert_eq!(words(&decided(&observed(gone.clone()))), ["emit", "end-builder"]);
    let with = |key: &str, value: &str| Instance { tags: gone.tags.clone().with(key, value), ..gone.clone() };
    for told in [with(tags::END_TOLD, "yes"), with(tags::IMAGE, "ami-0a")] {
        assert_eq!(words(&decided(&observed(told))), ["keep"]);
    }
    let made = Observed { images: vec![image("web", 9).build()], ..observed(gone) };
    assert_eq!(words(&decided(&made)), ["keep"]);
}
