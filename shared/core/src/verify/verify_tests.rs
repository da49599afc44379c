use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;

fn home() -> Image {
    image("web", 9).tagged(tags::ZONE, "us-east-1a").build()
}

fn subnet(id: &str, zone: &str) -> Subnet {
    Subnet { id: id.parse().unwrap(), zone: zone.into() }
}

fn seen(image: Image, testers: Vec<Instance>) -> Observed {
    let record = image.record().unwrap();
    let subnets = vec![
        subnet("subnet-0c", "us-east-1c"),
        subnet("subnet-0a", "us-east-1a"),
        subnet("subnet-0b", "us-east-1b"),
    ];
    Observed { image, record, testers, consoles: BTreeMap::new(), subnets: Ok(subnets) }
}

fn said(mut seen: Observed, verdict: ScriptOutcome) -> Observed {
    let console = Console { verdict, tail: "last words".into() };
    for tester in &seen.testers {
        seen.consoles.insert(tester.id.clone(), Ok(console.clone()));
    }
    seen
}

fn soon() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(5)
}

fn words(seen: &Observed, now: DateTime<Utc>) -> Vec<&'static str> {
    decide(Some(&recipe("web")), seen, now).iter().map(|one| one.action.word()).collect()
}

#[test]
fn an_available_image_is_launched_in_each_other_zone_in_turn_with_its_record() {
    let sequence = decide(Some(&recipe("web")), &seen(home(), vec![]), soon());
    let Action::Launch(testers) = &sequence[0].action else { panic!("{sequence:?}") };
    let subnets: Vec<_> = testers.iter().map(|new| new.subnet.as_ref().unwrap().as_str()).collect();
    assert_eq!(subnets, ["subnet-0b", "subnet-0c"]);
    for new in testers.iter() {
        assert_eq!(new.image, home().id);
        assert_eq!(new.tags.get("kiln:role"), Some("tester"));
        assert_eq!(new.tags.get("kiln:image"), Some(home().id.as_str()));
        assert_eq!(new.tags.get("kiln:deadline"), Some("2026-01-10T02:20:00Z"));
        assert!(Token::is_of(new.token.as_str(), Role::Tester, &name("web", 9)));
        assert!(!new.user_data.contains("cloud-init clean"));
    }
    assert_ne!(testers.first.token, testers.others[0].token);
}

#[test]
fn the_same_hour_launches_one_tester_and_another_hour_another() {
    let token = |now| {
        let sequence = decide(Some(&recipe("web")), &seen(home(), vec![]), now);
        let Action::Launch(testers) = &sequence[0].action else { panic!("{sequence:?}") };
        testers.first.token.clone()
    };
    assert_eq!(token(soon()), token(soon() + TimeDelta::minutes(54)));
    assert_ne!(token(soon()), token(soon() + TimeDelta::minutes(55)));
}

#[test]
fn without_another_zone_it_is_refused_with_what_to_do() {
    let mut here = seen(home(), vec![]);
    here.subnets = Ok(vec![subnet("subnet-0a", "us-east-1a")]);
    let sequence = decide(Some(&recipe("web")), &here, soon());
    assert_eq!(sequence[0].action, Action::Reject);
    assert!(
        sequence[0].reason.to_string().contains("add one of another Availability Zone to verify.subnets")
    );
}

#[test]
fn a_pass_is_written_said_and_then_the_tester_ends() {
    let passed = said(seen(home(), vec![tester(&home(), 9)]), ScriptOutcome::Passed);
    let sequence = decide(Some(&recipe("web")), &passed, soon());
    assert_eq!(sequence[0].action, Action::SetStage(home().id, Stage::Verified));
    assert_eq!(words(&passed, soon()), ["set-stage", "emit", "terminate"]);
    // Whoever died between the two says it again, and ends the tester.
    let written = image("web", 9).staged(Stage::Verified).build();
    assert_eq!(words(&seen(written.clone(), vec![tester(&written, 9)]), soon()), ["emit", "terminate"]);
    assert_eq!(words(&seen(written, vec![]), soon()), ["keep"]);
}

#[test]
fn a_failure_is_said_with_the_consoles_tail_and_written() {
    let verdict = ScriptOutcome::Failed { status: 7, tail: "curl: connection refused".into() };
    let failed = said(seen(home(), vec![tester(&home(), 9)]), verdict);
    let sequence = decide(Some(&recipe("web")), &failed, soon());
    assert_eq!(words(&failed, soon()), ["emit", "set-stage", "terminate"]);
    assert_eq!(sequence[1].action, Action::SetStage(home().id, Stage::Rejected));
    let Action::Emit(said) = &sequence[0].action else { panic!() };
    assert_eq!(said.detail_type(), "Image Rejected");
    assert!(said.detail().contains("curl: connection refused") && said.detail().contains("status 7"));
}

#[test]
fn a_tester_that_is_late_silent_or_stopped_by_another_is_no_pass() {
    let of = |change: fn(Instance) -> Instance| {
        said(seen(home(), vec![change(tester(&home(), 9))]), ScriptOutcome::Silent)
    };
    let late = day(9) + TimeDelta::minutes(16);
    let rejected = ["emit", "set-stage", "terminate"];
    assert_eq!(words(&of(|it| it), soon()), ["retry"]);
    assert_eq!(words(&of(|it| it), late), rejected);
    assert_eq!(words(&of(|it| it.in_state(InstanceState::Running)), soon()), ["keep"]);
    assert_eq!(words(&of(|it| it.in_state(InstanceState::Running)), late), rejected);
    assert_eq!(words(&of(|it| it.stopped_by(StopReason::Api)), soon()), rejected);
    assert_eq!(words(&of(|it| it.stopped_by(StopReason::Other("Server.X".into()))), soon()), rejected);
    // The line alone proves nothing where somebody stopped it.
    let stopped = tester(&home(), 9).stopped_by(StopReason::Api);
    assert_eq!(words(&said(seen(home(), vec![stopped]), ScriptOutcome::Passed), soon()), rejected);
}

#[test]
fn a_replica_is_tested_only_where_the_recipe_asks_and_a_terminated_tester_is_none() {
    let replica = image("web", 9).in_region("eu-west-1").build();
    assert_eq!(words(&seen(replica.clone(), vec![]), soon()), ["keep"]);
    let mut asks = recipe("web");
    asks.replicate.verify = true;
    let sequence = decide(Some(&asks), &seen(replica, vec![]), soon());
    assert_eq!(sequence[0].action.word(), "launch");
    let gone = tester(&home(), 9).in_state(InstanceState::Terminated);
    assert_eq!(words(&seen(home(), vec![gone]), soon()), ["launch"]);
}

#[test]
fn an_instance_that_somebody_launched_like_a_tester_is_none() {
    let alike = Instance { token: "theirs".into(), ..tester(&home(), 9) };
    assert!(image_under_test(&alike).is_err());
    assert!(testers_of(&home().id, &[alike]).next().is_none());
}

#[test]
fn what_is_gone_or_was_rejected_since_ends_its_tester() {
    let rejected = image("web", 9).staged(Stage::Rejected).build();
    assert_eq!(words(&seen(rejected.clone(), vec![tester(&rejected, 9)]), soon()), ["terminate"]);
    assert_eq!(orphan(&tester(&home(), 9)).action.word(), "terminate");
    let sequence = decide(None, &seen(home(), vec![tester(&home(), 9)]), soon());
    assert_eq!(sequence[0].action.word(), "terminate");
}
