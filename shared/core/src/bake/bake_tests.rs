use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::{Chosen, Subnet};
use crate::model::Tags;
use crate::plan::reason::BakeReason;
use crate::release::newest::named_release;

fn request() -> BakeRequest {
    BakeRequest { name: name("web", 9), home: region("us-east-1"), now: day(9), has_failed: false }
}

fn observed() -> Observed {
    Observed {
        instances: vec![],
        images: vec![],
        base: BaseLookup::Found(Box::new(foreign_image("ami-ba5e"))),
        runs: runs(&["t4g.small"], "arm64"),
        network: Ok(FoundNetwork::default()),
    }
}

fn runs(types: &[&str], architecture: &str) -> BTreeMap<String, Result<InstanceType, CloudError>> {
    let runs =
        || InstanceType { architectures: vec![Architecture(architecture.into())], ..InstanceType::default() };
    types.iter().map(|one| ((*one).to_owned(), Ok(runs()))).collect()
}

/// The recipe that images the long-lived instance of the fixtures.
fn imaging() -> Recipe {
    let mut imaging = recipe("web");
    imaging.bake.base = Base::Instance(long_lived("web").id);
    imaging
}

fn rejection(observed: &Observed) -> Reason {
    let decision = decide(&request(), &recipe("web"), observed);
    assert_eq!(decision.action, Action::Reject, "{:?}", decision.reason);
    decision.reason
}

#[test]
fn one_builder_is_launched_with_its_tags_in_the_same_call() {
    let decision = decide(&request(), &recipe("web"), &observed());
    let Action::Launch(builders) = decision.action else { panic!("{decision:?}") };
    let Candidates { first: builder, others, .. } = &builders;
    assert_eq!(others, &[]);
    assert_eq!(builder.tags.get("kiln:recipe"), Some("web"));
    assert_eq!(builder.tags.get("kiln:version"), Some("20260110T020000Z"));
    assert_eq!(builder.tags.get("kiln:role"), Some("builder"));
    assert_eq!(builder.tags.get("kiln:base"), Some("ami-ba5e"));
    assert_eq!(builder.tags.get("kiln:deadline"), Some("2026-01-10T02:45:00Z"));
    assert_eq!(builder.tags.get("team"), Some("platform"));
    assert!(builder.program.steps[0].text().unwrap().contains("install nginx"));
}

#[test]
fn a_builder_knows_what_its_base_runs() {
    let mut base = foreign_image("ami-ba5e");
    base.features.platform = Platform::Windows;
    let base = BaseLookup::Found(Box::new(base));
    let decision = decide(&request(), &recipe("web"), &Observed { base, ..observed() });
    let Action::Launch(builders) = decision.action else { panic!("{decision:?}") };
    assert_eq!(builders.first.platform, Platform::Windows);
}

#[test]
fn a_bake_keeps_its_token_and_another_bake_or_subnet_has_another() {
    let token = |request: &BakeRequest, recipe: &Recipe| match decide(request, recipe, &observed()).action {
        Action::Launch(builders) => {
            builders.iter().map(|builder| keys().launch_token(builder)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let mut later = request();
    later.now += TimeDelta::minutes(2);
    assert_eq!(token(&request(), &recipe("web")), token(&later, &recipe("web")));
    let mut next = request();
    next.name = name("web", 10);
    assert_ne!(token(&request(), &recipe("web")), token(&next, &recipe("web")));
    let mut zones = recipe("web");
    zones.bake.network.subnets =
        Chosen::Ids(vec!["subnet-0a".parse().unwrap(), "subnet-0b".parse().unwrap()]);
    let tokens = token(&request(), &zones);
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn nothing_is_launched_while_another_builder_of_the_recipe_is_at_work() {
    let active =
        Observed { instances: vec![builder("web", 8).until(day(9) + TimeDelta::hours(1))], ..observed() };
    let decision = decide(&request(), &recipe("web"), &active);
    assert_eq!(decision.action, Action::Keep);
}

#[test]
fn a_builder_that_missed_its_deadline_does_not_block_the_next_bake() {
    let past_deadline = Observed { instances: vec![builder("web", 8).until(day(8))], ..observed() };
    assert!(matches!(decide(&request(), &recipe("web"), &past_deadline).action, Action::Launch(_)));
}

#[test]
fn the_builder_of_the_same_bake_blocks_it_even_after_its_deadline() {
    let late = Observed { instances: vec![builder("web", 9).until(day(8))], ..observed() };
    assert_eq!(decide(&request(), &recipe("web"), &late).action, Action::Keep);
}

#[test]
fn a_terminated_builder_of_another_bake_does_not_block() {
    let terminated =
        Observed { instances: vec![builder("web", 8).in_state(InstanceState::Terminated)], ..observed() };
    assert!(matches!(decide(&request(), &recipe("web"), &terminated).action, Action::Launch(_)));
}

#[test]
fn a_bake_whose_builder_was_terminated_is_not_begun_again() {
    let ended =
        Observed { instances: vec![builder("web", 9).in_state(InstanceState::Terminated)], ..observed() };
    assert!(matches!(
        decide(&request(), &recipe("web"), &ended).reason,
        Reason::Bake(BakeReason::BakeEnded(_))
    ));
}

#[test]
fn an_event_delivered_after_a_newer_or_the_same_bake_bakes_nothing() {
    let newer_begun = [
        Observed { images: vec![image("web", 10).build()], ..observed() },
        Observed { instances: vec![builder("web", 10).in_state(InstanceState::Terminated)], ..observed() },
    ];
    let late = BakeRequest { now: day(10) + TimeDelta::minutes(5), ..request() };
    for observed in newer_begun {
        assert!(matches!(
            decide(&late, &recipe("web"), &observed).reason,
            Reason::Bake(BakeReason::NewerBake(_))
        ));
    }
    let in_the_future = Observed { images: vec![image("web", 400).build()], ..observed() };
    assert!(matches!(decide(&request(), &recipe("web"), &in_the_future).action, Action::Launch(_)));
    let mut stopped_before = long_lived("web");
    stopped_before.tags = stopped_before.tags.with(tags::LAST_BAKE, name("web", 9).version);
    let again = Observed { instances: vec![stopped_before], ..observed() };
    assert!(matches!(decide(&request(), &imaging(), &again).reason, Reason::Bake(BakeReason::BakeEnded(_))));
}

#[test]
fn a_long_lived_builder_that_this_bake_tagged_but_did_not_stop_is_stopped() {
    let of_day = |n| Observed { instances: vec![long_lived("web").marked(n)], ..observed() };
    assert_eq!(decide(&request(), &imaging(), &of_day(9)).action.word(), "stop");
    assert_eq!(decide(&request(), &imaging(), &of_day(8)).action, Action::Keep);
}

#[test]
fn a_bake_whose_image_exists_is_not_begun_again() {
    let done = Observed { images: vec![image("web", 9).build()], ..observed() };
    let decision = decide(&request(), &recipe("web"), &done);
    assert_eq!(decision.action, Action::Keep);
    assert!(matches!(decision.reason, Reason::Bake(BakeReason::AlreadyBaked(_))));
}

#[test]
fn a_long_lived_builder_is_stopped_and_none_is_launched() {
    let with_long_lived = Observed {
        instances: vec![long_lived("web").in_state(InstanceState::Running)],
        base: BaseLookup::NotNeeded,
        ..observed()
    };
    let decision = decide(&request(), &imaging(), &with_long_lived);
    let expected = Action::StopForBake {
        instance: "i-0a11".parse().unwrap(),
        version: request().name.version,
        deadline: day(9) + TimeDelta::minutes(45),
    };
    assert_eq!(decision.action, expected);
}

#[test]
fn a_long_lived_builder_that_a_user_stopped_is_rejected() {
    let with_long_lived =
        Observed { instances: vec![long_lived("web").in_state(InstanceState::Stopped)], ..observed() };
    assert!(matches!(
        decide(&request(), &imaging(), &with_long_lived).reason,
        Reason::Bake(BakeReason::LongLivedNotRunning(_, InstanceState::Stopped))
    ));
}

#[test]
fn an_instance_of_an_auto_scaling_group_is_rejected() {
    let mut in_group = long_lived("web");
    in_group.tags = in_group.tags.with(AUTO_SCALING, "web-servers");
    let observed = Observed { instances: vec![in_group], ..observed() };
    assert!(
        matches!(decide(&request(), &imaging(), &observed).reason, Reason::Bake(BakeReason::InAutoScaling(_, group)) if group == "web-servers")
    );
}

#[test]
fn an_instance_that_no_recipe_names_is_nothing_to_a_bake_whatever_its_tags() {
    for tagged in [long_lived("web"), long_lived("web").marked(9), long_lived("web").marked(400)] {
        let stranger = Instance { seal: Seal::Missing, ..tagged };
        let observed = Observed { instances: vec![stranger.clone(), stranger], ..observed() };
        assert!(matches!(decide(&request(), &recipe("web"), &observed).action, Action::Launch(_)));
    }
}

#[test]
fn a_named_instance_that_is_not_there_or_lacks_the_tag_is_rejected_with_what_to_do() {
    let decision = decide(&request(), &imaging(), &observed());
    let reason = decision.reason.to_string();
    assert!(
        decision.action == Action::Reject && reason.contains("does not bear kiln:recipe = web"),
        "{reason}"
    );
}

#[test]
fn a_bake_that_somebody_wrote_on_the_named_instance_does_not_hold_it_up() {
    let marked = long_lived("web").marked(8);
    let forged =
        Instance { seal: Seal::Wrong, tags: marked.tags.with(tags::LAST_BAKE, "20991231T000000Z"), ..marked };
    let observed = Observed { instances: vec![forged], ..observed() };
    assert_eq!(decide(&request(), &imaging(), &observed).action.word(), "stop");
}

#[test]
fn an_unsuitable_base_is_rejected_with_the_remedy() {
    let base = |change: fn(&mut Image)| {
        let mut image = foreign_image("ami-ba5e");
        change(&mut image);
        rejection(&Observed { base: BaseLookup::Found(Box::new(image)), ..observed() }).to_string()
    };
    assert_eq!(
        base(|image| image.architecture = Architecture("x86_64".into())),
        "the base ami-ba5e is x86_64, but t4g.small runs arm64; change bake.instance_type, bake.instance_types or bake.base"
    );
    assert!(base(|image| image.state = ImageState::Pending).contains("is pending, not available"));
    assert!(base(|image| image.deprecated = Some(day(1))).contains("bake.allow_deprecated = true"));
    assert!(base(|image| image.root_on_ebs = false).contains("instance store"));
    let macos = base(|image| image.features.platform = Platform::MacOs);
    assert!(macos.contains("neither bake nor test") && macos.contains("leave such images"), "{macos}");
    assert!(
        rejection(&Observed { base: BaseLookup::Missing("ssm:/x".into()), ..observed() })
            .to_string()
            .contains("ssm:/x")
    );
}

#[test]
fn the_newest_release_of_another_recipe_can_be_the_base() {
    let base: crate::model::RecipeName = "base".parse().unwrap();
    let images = [
        image("base", 1).released().build(),
        image("base", 3).released().build(),
        image("base", 4).build(),
        image("base", 5).disabled_on(8).build(),
        image("web", 6).released().build(),
    ];
    assert_eq!(named_release(&base, &images).unwrap().image.id, id_of("us-east-1", 3));
    assert_eq!(named_release(&base, &images[2..]), None);
}

#[test]
fn a_base_is_accepted_before_its_deprecation_or_if_the_recipe_allows_it() {
    let mut image = foreign_image("ami-ba5e");
    image.deprecated = Some(day(20));
    let observed =
        |image: &Image| Observed { base: BaseLookup::Found(Box::new(image.clone())), ..observed() };
    assert!(matches!(decide(&request(), &recipe("web"), &observed(&image)).action, Action::Launch(_)));
    image.deprecated = Some(day(1));
    let mut allows = recipe("web");
    allows.bake.allow_deprecated = true;
    assert!(matches!(decide(&request(), &allows, &observed(&image)).action, Action::Launch(_)));
}

fn rejections(problems: Vec<Problem>) -> Sequence {
    let reject = |problem| {
        let reason = PreflightReason::Found(Box::new(problem));
        Subject::name(&name("web", 9), &region("us-east-1")).decide(Action::Reject, reason)
    };
    problems.into_iter().map(reject).collect()
}

fn refusal(sequence: &Sequence) -> Option<&str> {
    match &sequence.first()?.action {
        Action::Emit(envelope) => match &envelope.news {
            Event::BakeRefused { reason } => Some(reason),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_refused_bake_says_everything_that_is_in_its_way_in_one_event() {
    let off = |code: &str| Problem::RegionOff(region(code));
    let sequence = refused(
        &name("web", 9),
        &region("us-east-1"),
        rejections(vec![off("eu-west-1"), off("ap-southeast-2")]),
    );
    let reason = refusal(&sequence).unwrap();
    assert!(reason.contains("eu-west-1") && reason.contains("; Region ap-southeast-2"), "{reason}");
    assert_eq!(sequence.len(), 3, "each problem is still a failure of its own");
}

#[test]
fn a_bake_without_a_base_is_refused_and_one_that_begins_or_is_under_way_is_not() {
    let (name, home) = (name("web", 9), region("us-east-1"));
    let missing = Observed { base: BaseLookup::Missing("ssm:/golden/base".into()), ..observed() };
    let decided = |observed: &Observed| vec![decide(&request(), &recipe("web"), observed)];
    assert!(refusal(&refused(&name, &home, decided(&missing))).unwrap().contains("ssm:/golden/base"));
    for unsettled in [decided(&observed()), Vec::new()] {
        assert_eq!(refusal(&refused(&name, &home, unsettled)), None);
    }
}

#[test]
fn what_is_only_told_of_a_best_effort_region_neither_refuses_a_bake_nor_hides_that_it_is_refused() {
    let (name, home) = (name("web", 9), region("us-east-1"));
    let problem = Box::new(Problem::RegionOff(region("ap-southeast-2")));
    let told = PreflightReason::BestEffort { region: region("ap-southeast-2"), problem };
    let told = || vec![Subject::name(&name, &home).decide(Action::Keep, told.clone())];
    assert_eq!(refused(&name, &home, told()), told());
    let both = [told(), rejections(vec![Problem::RegionOff(region("eu-west-1"))])].concat();
    let reason = refused(&name, &home, both);
    let reason = refusal(&reason).unwrap();
    assert!(reason.contains("eu-west-1") && !reason.contains("ap-southeast-2"), "{reason}");
}

#[test]
fn a_check_that_could_not_be_made_refuses_nothing_because_it_is_made_again() {
    let error = |code| CloudError::new("DescribeRegions", "all", &region("us-east-1"), code, "");
    for (code, final_one) in [("RequestLimitExceeded", false), ("UnauthorizedOperation", true)] {
        let sequence = refused(
            &name("web", 9),
            &region("us-east-1"),
            rejections(vec![Problem::Unknown(error(code)), Problem::RegionOff(region("eu-west-1"))]),
        );
        assert_eq!(refusal(&sequence).is_some(), final_one, "{code}");
    }
}

#[test]
fn where_no_zone_has_room_the_next_type_is_tried_in_every_zone_with_tokens_of_its_own() {
    let mut roomy = recipe("web");
    roomy.bake.instance_types = vec!["t4g.small".into(), "m7g.medium".into()];
    roomy.bake.network.subnets =
        Chosen::Ids(vec!["subnet-0a".parse().unwrap(), "subnet-0b".parse().unwrap()]);
    let seen = Observed { runs: runs(&["t4g.small", "m7g.medium"], "arm64"), ..observed() };
    let Action::Launch(builders) = decide(&request(), &roomy, &seen).action else { panic!() };
    let places: Vec<(&str, &str)> = builders
        .iter()
        .map(|one| (one.instance_type.as_str(), one.subnet.as_ref().unwrap().as_str()))
        .collect();
    let expected = [
        ("t4g.small", "subnet-0a"),
        ("t4g.small", "subnet-0b"),
        ("m7g.medium", "subnet-0a"),
        ("m7g.medium", "subnet-0b"),
    ];
    assert_eq!(places, expected, "the preferred type is not tried twice");
    let tokens: std::collections::BTreeSet<String> =
        builders.iter().map(|one| keys().launch_token(one).to_string()).collect();
    assert_eq!(tokens.len(), 4);
}

#[test]
fn a_further_type_that_does_not_run_the_base_or_cannot_be_read_begins_no_bake() {
    let mut mixed = recipe("web");
    mixed.bake.instance_types = vec!["m7i.large".into()];
    let mut seen = observed();
    seen.runs.extend(runs(&["m7i.large"], "x86_64"));
    let decision = decide(&request(), &mixed, &seen);
    assert!(
        decision.action == Action::Reject && decision.reason.to_string().contains("m7i.large runs x86_64")
    );
    let error = CloudError::new("DescribeInstanceTypes", "m7i.large", &region("us-east-1"), "Throttling", "");
    seen.runs.insert("m7i.large".into(), Err(error));
    assert_eq!(decide(&request(), &mixed, &seen).action, Action::Retry);
}

#[test]
fn the_newest_image_that_the_instance_type_runs_is_the_base_and_not_a_newer_one_of_another_architecture() {
    let of = |id: &str, n, architecture: &str| Image {
        created: Some(day(n)),
        architecture: Architecture(architecture.into()),
        ..foreign_image(id)
    };
    let arm = [Architecture("arm64".into())];
    let all = || vec![of("ami-0a1", 1, "arm64"), of("ami-0a3", 3, "arm64"), of("ami-0a5", 5, "x86_64")];
    assert_eq!(newest_that_runs(all(), &arm).unwrap().id.as_str(), "ami-0a3");
    // None runs: the newest is told, with the reason.
    let other = newest_that_runs(all().split_off(2), &arm).unwrap();
    assert!(
        rejection(&Observed { base: BaseLookup::Found(Box::new(other)), ..observed() })
            .to_string()
            .contains("ami-0a5 is x86_64, but t4g.small runs arm64")
    );
    assert_eq!(newest_that_runs(vec![], &arm), None);
    let ids: Vec<String> = newest_of_each(all()).iter().map(|image| image.id.to_string()).collect();
    assert_eq!(ids, ["ami-0a3", "ami-0a5"]);
}

#[test]
fn a_builder_goes_to_the_subnets_that_bear_the_tags_and_where_none_does_nothing_begins() {
    let mut by_tags = recipe("web");
    by_tags.bake.network.subnets = Chosen::Tagged(Tags::new().with("tier", "private"));
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.parse().unwrap(),
        zone: zone.into(),
        vpc: "vpc-1".into(),
        gives_public_ip: false,
    };
    let found = vec![subnet("subnet-0b", "us-east-1b"), subnet("subnet-0c", "us-east-1a")];
    let decided = |network| decide(&request(), &by_tags, &Observed { network, ..observed() });
    let Action::Launch(builders) = decided(Ok(found.into())).action else { panic!("no launch") };
    let subnets: Vec<String> = builders.iter().map(|one| one.subnet.as_ref().unwrap().to_string()).collect();
    assert_eq!(subnets, ["subnet-0c", "subnet-0b"]);
    let refused = decided(Ok(FoundNetwork::default()));
    assert_eq!(refused.action, Action::Reject);
    assert_eq!(
        refused.reason.to_string(),
        "no subnet in us-east-1 bears tier=private; correct the tags there, or bake.network.subnet_tags"
    );
    assert_eq!(
        decided(Err(CloudError::new("DescribeSubnets", "it", &region("us-east-1"), "InternalError", "no")))
            .action,
        Action::Retry
    );
}
