use super::*;
use crate::fixtures::*;
use crate::plan::reason::BakeReason;
use crate::release::newest::newest_release;

fn request() -> BakeRequest {
    BakeRequest { name: name("web", 9), home: region("us-east-1"), now: day(9) }
}

fn seen() -> Observed {
    Observed {
        instances: vec![],
        images: vec![],
        base: BaseLookup::Found(Box::new(foreign_image("ami-ba5e"))),
        runs: Ok(vec![Architecture("arm64".into())]),
    }
}

fn refusal(seen: &Observed) -> Reason {
    let decision = decide(&request(), &recipe("web"), seen);
    assert_eq!(decision.action, Action::Reject, "{:?}", decision.reason);
    decision.reason
}

#[test]
fn launches_one_builder_with_its_record_in_the_same_call() {
    let decision = decide(&request(), &recipe("web"), &seen());
    let Action::Launch(builders) = decision.action else { panic!("{decision:?}") };
    let Candidates { first: builder, others } = &builders;
    assert_eq!(others, &[]);
    assert_eq!(builder.tags.get("kiln:recipe"), Some("web"));
    assert_eq!(builder.tags.get("kiln:version"), Some("20260110T020000Z"));
    assert_eq!(builder.tags.get("kiln:role"), Some("builder"));
    assert_eq!(builder.tags.get("kiln:base"), Some("ami-ba5e"));
    assert_eq!(builder.tags.get("kiln:deadline"), Some("2026-01-10T02:45:00Z"));
    assert_eq!(builder.tags.get("team"), Some("platform"));
    assert!(builder.user_data.contains("install nginx"));
}

#[test]
fn the_same_bake_has_the_same_token_and_another_bake_or_zone_another() {
    let token = |request: &BakeRequest, recipe: &Recipe| match decide(request, recipe, &seen()).action {
        Action::Launch(builders) => builders.iter().map(|builder| builder.token.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let mut later = request();
    later.now += TimeDelta::minutes(2);
    assert_eq!(token(&request(), &recipe("web")), token(&later, &recipe("web")));
    let mut next = request();
    next.name = name("web", 10);
    assert_ne!(token(&request(), &recipe("web")), token(&next, &recipe("web")));
    let mut zones = recipe("web");
    zones.bake.subnets = vec!["subnet-0a".parse().unwrap(), "subnet-0b".parse().unwrap()];
    let tokens = token(&request(), &zones);
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn launches_nothing_while_a_builder_of_the_recipe_is_at_work() {
    let at_work =
        Observed { instances: vec![builder("web", 8).until(day(9) + TimeDelta::hours(1))], ..seen() };
    let decision = decide(&request(), &recipe("web"), &at_work);
    assert_eq!(decision.action, Action::Keep);
}

#[test]
fn a_builder_that_missed_its_deadline_does_not_hold_the_next_bake() {
    let hanging = Observed { instances: vec![builder("web", 8).until(day(8))], ..seen() };
    assert!(matches!(decide(&request(), &recipe("web"), &hanging).action, Action::Launch(_)));
}

#[test]
fn the_builder_of_this_very_bake_holds_it_even_after_its_deadline() {
    let late = Observed { instances: vec![builder("web", 9).until(day(8))], ..seen() };
    assert_eq!(decide(&request(), &recipe("web"), &late).action, Action::Keep);
}

#[test]
fn a_terminated_builder_holds_nothing() {
    let gone = Observed { instances: vec![builder("web", 8).in_state(InstanceState::Terminated)], ..seen() };
    assert!(matches!(decide(&request(), &recipe("web"), &gone).action, Action::Launch(_)));
}

#[test]
fn a_bake_whose_builder_has_come_and_gone_is_not_begun_again() {
    let ended = Observed { instances: vec![builder("web", 9).in_state(InstanceState::Terminated)], ..seen() };
    assert!(matches!(
        decide(&request(), &recipe("web"), &ended).reason,
        Reason::Bake(BakeReason::BakeEnded(_))
    ));
}

#[test]
fn an_event_that_comes_after_the_next_bake_has_begun_bakes_nothing() {
    let overtaken = [
        Observed { images: vec![image("web", 10).build()], ..seen() },
        Observed { instances: vec![builder("web", 10).in_state(InstanceState::Terminated)], ..seen() },
    ];
    let late = BakeRequest { now: day(10) + TimeDelta::minutes(5), ..request() };
    for seen in overtaken {
        assert!(matches!(
            decide(&late, &recipe("web"), &seen).reason,
            Reason::Bake(BakeReason::NewerBake(_))
        ));
    }
    let to_come = Observed { images: vec![image("web", 400).build()], ..seen() };
    assert!(matches!(decide(&request(), &recipe("web"), &to_come).action, Action::Launch(_)));
    let mut stopped_before = long_lived("web");
    stopped_before.tags = stopped_before.tags.with(tags::LAST_BAKE, name("web", 9).version);
    let again = Observed { instances: vec![stopped_before], ..seen() };
    assert!(matches!(
        decide(&request(), &recipe("web"), &again).reason,
        Reason::Bake(BakeReason::BakeEnded(_))
    ));
}

#[test]
fn a_long_lived_builder_that_this_bake_marked_and_did_not_stop_is_stopped() {
    let of_day = |n| Observed { instances: vec![long_lived("web").marked(n)], ..seen() };
    assert_eq!(decide(&request(), &recipe("web"), &of_day(9)).action.word(), "stop");
    assert_eq!(decide(&request(), &recipe("web"), &of_day(8)).action, Action::Keep);
}

#[test]
fn a_bake_whose_image_is_there_is_done() {
    let done = Observed { images: vec![image("web", 9).build()], ..seen() };
    let decision = decide(&request(), &recipe("web"), &done);
    assert_eq!(decision.action, Action::Keep);
    assert!(matches!(decision.reason, Reason::Bake(BakeReason::AlreadyBaked(_))));
}

#[test]
fn a_long_lived_builder_is_stopped_instead() {
    let own = Observed {
        instances: vec![long_lived("web").in_state(InstanceState::Running)],
        base: BaseLookup::NotNeeded,
        ..seen()
    };
    let decision = decide(&request(), &recipe("web"), &own);
    let expected = Action::StopForBake {
        instance: "i-0a11".parse().unwrap(),
        version: request().name.version,
        deadline: day(9) + TimeDelta::minutes(45),
    };
    assert_eq!(decision.action, expected);
}

#[test]
fn a_long_lived_builder_that_somebody_stopped_is_left_to_them() {
    let own = Observed { instances: vec![long_lived("web").in_state(InstanceState::Stopped)], ..seen() };
    assert!(matches!(
        refusal(&own),
        Reason::Bake(BakeReason::LongLivedNotRunning(_, InstanceState::Stopped))
    ));
}

#[test]
fn an_instance_that_its_group_would_replace_is_refused() {
    let mut of_group = long_lived("web");
    of_group.tags = of_group.tags.with(AUTO_SCALING, "web-servers");
    let seen = Observed { instances: vec![of_group], ..seen() };
    assert!(
        matches!(refusal(&seen), Reason::Bake(BakeReason::InAutoScaling(_, group)) if group == "web-servers")
    );
}

#[test]
fn two_instances_with_the_recipes_tag_are_refused() {
    let mut second = long_lived("web").in_state(InstanceState::Running);
    second.id = "i-0a12".parse().unwrap();
    let two =
        Observed { instances: vec![long_lived("web").in_state(InstanceState::Running), second], ..seen() };
    assert!(matches!(refusal(&two), Reason::Bake(BakeReason::SeveralLongLived(ids)) if ids.len() == 2));
}

#[test]
fn a_base_that_cannot_serve_is_refused_with_what_to_do() {
    let base = |change: fn(&mut Image)| {
        let mut image = foreign_image("ami-ba5e");
        change(&mut image);
        refusal(&Observed { base: BaseLookup::Found(Box::new(image)), ..seen() }).to_string()
    };
    assert_eq!(
        base(|image| image.architecture = Architecture("x86_64".into())),
        "the base ami-ba5e is x86_64, but t4g.small runs arm64; change bake.instance_type or bake.base"
    );
    assert!(base(|image| image.state = ImageState::Pending).contains("is pending, not available"));
    assert!(base(|image| image.deprecated = Some(day(1))).contains("bake.allow_deprecated = true"));
    assert!(base(|image| image.root_on_ebs = false).contains("instance store"));
    assert!(
        refusal(&Observed { base: BaseLookup::Missing("ssm:/x".into()), ..seen() })
            .to_string()
            .contains("ssm:/x")
    );
}

#[test]
fn a_recipe_may_stand_on_the_newest_release_of_another() {
    let base: crate::model::RecipeName = "base".parse().unwrap();
    let images = [
        image("base", 1).released().build(),
        image("base", 3).released().build(),
        image("base", 4).build(),
        image("base", 5).disabled_on(8).build(),
        image("web", 6).released().build(),
    ];
    assert_eq!(newest_release(&base, &images).unwrap().1.id, id_of("us-east-1", 3));
    assert_eq!(newest_release(&base, &images[2..]), None);
}

#[test]
fn a_deprecated_base_serves_where_the_recipe_allows_it_or_the_day_is_to_come() {
    let mut image = foreign_image("ami-ba5e");
    image.deprecated = Some(day(20));
    let seen = |image: &Image| Observed { base: BaseLookup::Found(Box::new(image.clone())), ..seen() };
    assert!(matches!(decide(&request(), &recipe("web"), &seen(&image)).action, Action::Launch(_)));
    image.deprecated = Some(day(1));
    let mut allows = recipe("web");
    allows.bake.allow_deprecated = true;
    assert!(matches!(decide(&request(), &allows, &seen(&image)).action, Action::Launch(_)));
}
