use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::{Chosen, Platform, Seal, Subnet};
use crate::model::Role;
use crate::recipe::{FoundNetwork, Network};

fn home() -> Image {
    image("web", 9).tagged(tags::ZONE, "us-east-1a").build()
}

fn subnet(id: &str, zone: &str) -> Subnet {
    Subnet { id: id.parse().unwrap(), zone: zone.into(), vpc: "vpc-0a".into(), gives_public_ip: true }
}

fn observed(image: Image, testers: Vec<Instance>) -> Observed {
    let record = image.record().unwrap();
    let subnets = vec![
        subnet("subnet-0c", "us-east-1c"),
        subnet("subnet-0a", "us-east-1a"),
        subnet("subnet-0b", "us-east-1b"),
    ];
    Observed {
        image,
        record,
        testers,
        consoles: BTreeMap::new(),
        network: Ok(subnets.into()),
        builder: None,
        releases: vec![],
        asked: None,
    }
}

fn with_console(mut observed: Observed, verdict: ScriptOutcome) -> Observed {
    let console = Console { verdict, tail: "last words".into(), listing: None };
    for tester in &observed.testers {
        observed.consoles.insert(tester.id.clone(), Ok(console.clone()));
    }
    observed
}

fn soon() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(5)
}

fn words(observed: &Observed, now: DateTime<Utc>) -> Vec<&'static str> {
    decide(Some(&recipe("web")), observed, now).iter().map(|one| one.action.word()).collect()
}

#[test]
fn a_tester_may_be_launched_in_each_zone_but_the_builders_with_its_tags() {
    let mut image = home();
    image.features.platform = Platform::Windows;
    let sequence = decide(Some(&recipe("web")), &observed(image, vec![]), soon());
    let Action::Launch(testers) = &sequence[0].action else { panic!("{sequence:?}") };
    let subnets: Vec<_> = testers.iter().map(|new| new.subnet.as_ref().unwrap().as_str()).collect();
    assert_eq!(subnets, ["subnet-0b", "subnet-0c"]);
    for new in testers.iter() {
        assert_eq!((&new.image, new.platform), (&home().id, Platform::Windows));
        assert_eq!(new.tags.get("kiln:role"), Some("tester"));
        assert_eq!(new.tags.get("kiln:image"), Some(home().id.as_str()));
        assert_eq!(new.tags.get("kiln:deadline"), Some("2026-01-10T02:20:00Z"));
        assert_eq!((new.role, &new.name), (Role::Tester, &name("web", 9)));
    }
    assert_ne!(keys().launch_token(&testers.first), keys().launch_token(&testers.others[0]));
}

#[test]
fn calls_within_one_hour_launch_one_tester_and_the_next_hour_another() {
    let token = |now| {
        let sequence = decide(Some(&recipe("web")), &observed(home(), vec![]), now);
        let Action::Launch(testers) = &sequence[0].action else { panic!("{sequence:?}") };
        keys().launch_token(&testers.first)
    };
    assert_eq!(token(soon()), token(soon() + TimeDelta::minutes(54)));
    assert_ne!(token(soon()), token(soon() + TimeDelta::minutes(55)));
}

#[test]
fn a_release_that_is_brought_back_is_not_too_late_for_its_test_before_its_tags_say_so() {
    // A restore writes the anchor first. A test that begins before the tags are written must not find an image of
    // long ago that nobody tested.
    let asked = day(60);
    let back = home().anchored(home().anchor().asked_anew(asked));
    assert_eq!(words(&observed(back.clone(), vec![]), asked + TimeDelta::minutes(1)), ["launch"]);
    assert_ne!(words(&observed(back, vec![]), asked + TimeDelta::hours(25)), ["launch"]);
}

#[test]
fn without_a_subnet_in_another_zone_the_test_is_rejected_with_the_remedy() {
    let mut one_zone = observed(home(), vec![]);
    one_zone.network = Ok(vec![subnet("subnet-0a", "us-east-1a")].into());
    let sequence = decide(Some(&recipe("web")), &one_zone, soon());
    assert_eq!(sequence[0].action, Action::Reject);
    assert!(
        sequence[0].reason.to_string().contains("add one of another Availability Zone to verify.subnets")
    );
}

#[test]
fn a_pass_sets_the_stage_then_sends_the_event_then_terminates_the_tester() {
    let passed = with_console(observed(home(), vec![tester(&home(), 9)]), ScriptOutcome::Passed);
    let sequence = decide(Some(&recipe("web")), &passed, soon());
    assert_eq!(
        sequence[0].action,
        Action::SetStage(home().id, home().record().unwrap().at(Stage::Verified), Tags::new())
    );
    assert_eq!(words(&passed, soon()), ["set-stage", "emit", "terminate"]);
    // After a crash between the two, the event is sent again and the tester terminated.
    let written = image("web", 9).staged(Stage::Verified).build();
    assert_eq!(words(&observed(written.clone(), vec![tester(&written, 9)]), soon()), ["emit", "terminate"]);
    assert_eq!(words(&observed(written, vec![]), soon()), ["keep"]);
}

#[test]
fn a_failure_sends_the_consoles_last_lines_then_sets_the_stage() {
    let verdict = ScriptOutcome::Failed { status: 7, tail: "curl: connection refused".into() };
    let failed = with_console(observed(home(), vec![tester(&home(), 9)]), verdict);
    let sequence = decide(Some(&recipe("web")), &failed, soon());
    assert_eq!(words(&failed, soon()), ["emit", "anchor", "set-stage", "terminate"]);
    assert_eq!(
        sequence[2].action,
        Action::SetStage(home().id, home().record().unwrap().at(Stage::Rejected), Tags::new())
    );
    let Action::Emit(envelope) = &sequence[0].action else { panic!() };
    assert_eq!(envelope.detail_type(), "Image Rejected");
    assert!(
        envelope.detail(day(9)).contains("curl: connection refused")
            && envelope.detail(day(9)).contains("status 7")
    );
}

#[test]
fn a_tester_that_is_late_silent_or_stopped_by_someone_else_does_not_pass() {
    let of = |change: fn(Instance) -> Instance| {
        with_console(observed(home(), vec![change(tester(&home(), 9))]), ScriptOutcome::Silent)
    };
    let late = day(9) + TimeDelta::minutes(16);
    let rejected = ["emit", "anchor", "set-stage", "terminate"];
    assert_eq!(words(&of(|it| it), soon()), ["retry"]);
    assert_eq!(words(&of(|it| it), late), rejected);
    assert_eq!(words(&of(|it| it.in_state(InstanceState::Running)), soon()), ["keep"]);
    assert_eq!(words(&of(|it| it.in_state(InstanceState::Running)), late), rejected);
    assert_eq!(words(&of(|it| it.stopped_by(StopReason::Api)), soon()), rejected);
    assert_eq!(words(&of(|it| it.stopped_by(StopReason::Other("Server.X".into()))), soon()), rejected);
    // The line of success proves nothing if a user stopped the tester.
    let stopped = tester(&home(), 9).stopped_by(StopReason::Api);
    assert_eq!(
        words(&with_console(observed(home(), vec![stopped]), ScriptOutcome::Passed), soon()),
        rejected
    );
}

#[test]
fn a_replica_is_tested_only_if_the_recipe_asks_and_a_terminated_tester_does_not_count() {
    let replica = image("web", 9).in_region("eu-west-1").build();
    assert_eq!(words(&observed(replica.clone(), vec![]), soon()), ["keep"]);
    let mut tests_replicas = recipe("web");
    tests_replicas.replicate.verify = true;
    let sequence = decide(Some(&tests_replicas), &observed(replica, vec![]), soon());
    assert_eq!(sequence[0].action.word(), "launch");
    let terminated = tester(&home(), 9).in_state(InstanceState::Terminated);
    assert_eq!(words(&observed(home(), vec![terminated]), soon()), ["launch"]);
}

#[test]
fn an_instance_with_a_testers_tags_but_another_token_is_no_tester() {
    let lookalike = Instance { seal: Seal::Wrong, ..tester(&home(), 9) };
    assert!(image_under_test(&lookalike).is_err());
    assert!(testers_of(&home().id, &[lookalike]).next().is_none());
}

#[test]
fn only_a_rejected_image_that_is_available_is_tested_again() {
    let rejected = image("web", 9).staged(Stage::Rejected).build();
    let record = rejected.record().unwrap();
    assert_eq!(retest(&rejected, &record, day(9)), Ok(record.asked_again(day(9))));
    let released = image("web", 9).released().build();
    let reason = retest(&released, &released.record().unwrap(), day(9)).unwrap_err().to_string();
    assert_eq!(reason, "only a rejected image is tested again, and this one is released");
    let gone = Image { state: ImageState::Disabled, ..rejected };
    assert!(retest(&gone, &record, day(9)).is_err());
}

#[test]
fn the_tester_of_an_image_that_is_gone_or_rejected_is_terminated() {
    let rejected = image("web", 9).staged(Stage::Rejected).build();
    assert_eq!(words(&observed(rejected.clone(), vec![tester(&rejected, 9)]), soon()), ["terminate"]);
    assert_eq!(orphan(&tester(&home(), 9)).action.word(), "terminate");
    let sequence = decide(None, &observed(home(), vec![tester(&home(), 9)]), soon());
    assert_eq!(sequence[0].action.word(), "terminate");
}

#[test]
fn a_tester_has_its_own_types_in_order_or_else_those_of_its_builder_each_with_a_launch_of_its_own() {
    let (mut roomy, mut own) = (recipe("web"), recipe("web"));
    roomy.bake.instance_types = vec!["m7g.medium".into()];
    own.bake.instance_types = vec!["m7g.medium".into()];
    own.verify.instance_type = Some("c7g.large".into());
    let launched = |recipe: &Recipe| {
        let home = image("web", 9).build();
        let record = home.record().unwrap();
        let subnet = Subnet {
            id: "subnet-0b".parse().unwrap(),
            zone: "us-east-1b".into(),
            vpc: "vpc-0a".into(),
            gives_public_ip: true,
        };
        let observed = Observed {
            image: home,
            record,
            testers: vec![],
            consoles: BTreeMap::new(),
            network: Ok(vec![subnet].into()),
            builder: None,
            releases: vec![],
            asked: None,
        };
        match &decide(Some(recipe), &observed, day(9))[0].action {
            Action::Launch(testers) => {
                testers.iter().map(|one| (one.instance_type.clone(), one.launch.clone())).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let types = |recipe: &Recipe| launched(recipe).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(types(&roomy), ["t4g.small", "m7g.medium"]);
    assert_eq!(types(&own), ["c7g.large"]);
    own.verify.instance_types = vec!["t4g.small".into(), "c7g.large".into()];
    assert_eq!(types(&own), ["c7g.large", "t4g.small"], "its own ones in order, each once");
    // The same launch is the same call, and another type is another one, even if it is the builder's.
    assert_eq!(launched(&own), launched(&own));
    let keys: Vec<String> = launched(&own).into_iter().map(|(_, key)| key).collect();
    assert_ne!(keys[0], keys[1]);
    own.verify.instance_types.clear();
    assert_eq!(launched(&own)[0].1, keys[0], "a further type changes nothing for the preferred one");
}

fn untested(at: DateTime<Utc>, subnets: Vec<Subnet>, change: impl Fn(&mut Observed)) -> Vec<&'static str> {
    let home = image("web", 9).build();
    let record = home.record().unwrap();
    let mut observed = Observed {
        image: home,
        record,
        testers: vec![],
        consoles: BTreeMap::new(),
        network: Ok(subnets.into()),
        builder: None,
        releases: vec![],
        asked: None,
    };
    change(&mut observed);
    decide(Some(&recipe("web")), &observed, at).iter().map(|one| one.action.word()).collect()
}

#[test]
fn an_image_without_a_place_for_its_tester_is_rejected_a_day_after_it_was_made() {
    let there = || vec![subnet("subnet-0b", "us-east-1b")];
    let (soon, late) = (day(9) + TimeDelta::hours(23), day(9) + TimeDelta::hours(25));
    assert_eq!(untested(soon, vec![], |_| ()), ["reject"], "each sweep says so until then");
    assert_eq!(untested(late, vec![], |_| ()), ["emit", "anchor", "set-stage"]);
    assert_eq!(
        untested(late, there(), |_| ()),
        ["emit", "anchor", "set-stage"],
        "no launch has succeeded for a day"
    );
}

#[test]
fn what_is_brought_back_adopted_or_tested_on_request_has_its_own_time() {
    let there = || vec![subnet("subnet-0b", "us-east-1b")];
    let late = day(20);
    let back = |one: &mut Observed| one.image.tags = one.image.tags.clone().with_time(tags::RECOPY, day(20));
    assert_eq!(untested(late, there(), back), ["launch"]);
    assert_eq!(untested(late, there(), |one| one.record.adopted = true), ["launch"]);
    assert_eq!(untested(late, there(), |one| one.asked = Some(day(20))), ["launch"]);
}

#[test]
fn a_tester_takes_the_groups_that_bear_the_tags_in_the_vpc_of_its_subnet() {
    let mut by_tags = recipe("web");
    by_tags.verify.network = Network {
        subnets: Chosen::Tagged(Tags::new().with("tier", "private")),
        security_groups: Chosen::Tagged(Tags::new().with("role", "tester")),
        public_ip: None,
    };
    let mut seen = observed(home(), vec![]);
    let groups = [("sg-0a", "vpc-0a"), ("sg-0b", "vpc-0b")];
    let groups = groups.map(|(id, vpc)| (id.parse().unwrap(), vpc.to_owned()));
    let subnets = vec![subnet("subnet-0b", "us-east-1b")];
    seen.network = Ok(FoundNetwork { subnets: subnets.clone(), groups: groups.into() });
    let decided = |seen: &Observed| decide(Some(&by_tags), seen, soon()).remove(0);
    let Action::Launch(testers) = decided(&seen).action else { panic!("no launch") };
    assert_eq!(testers.first.security_groups, ["sg-0a".parse().unwrap()]);
    let rejected = |found: FoundNetwork| {
        let one = decided(&Observed { network: Ok(found), ..seen.clone() });
        assert_eq!(one.action, Action::Reject);
        one.reason.to_string()
    };
    let why = rejected(FoundNetwork::default());
    assert!(why.contains("no subnet in us-east-1 bears tier=private; correct the tags there"), "{why}");
    assert!(why.ends_with("or verify.network.subnet_tags"), "{why}");
    let why = rejected(subnets.into());
    assert!(why.contains("no security group of vpc-0a in us-east-1 bears role=tester"), "{why}");
}
