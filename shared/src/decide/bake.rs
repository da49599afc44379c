//! Whether a recipe's next image is begun, and on what.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Action, Decision, Reason, Subject};
use crate::cloud::{
    Architecture, CloudError, Image, ImageState, Instance, InstanceState, NewBuilder, Purpose,
};
use crate::domain::user_data::user_data;
use crate::domain::{ImageName, InstanceId, Region, Role, Tags, Token, Version, tags};
use crate::recipe::Recipe;

/// What was observed for one recipe.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The instances of the home Region that bear this recipe's tag.
    pub instances: Vec<Instance>,
    /// The images of the home Region that bear this recipe's tag.
    pub images: Vec<Image>,
    /// The base, as the recipe names it.
    pub base: Base,
    /// What the recipe's instance type can boot.
    pub runs: Result<Vec<Architecture>, CloudError>,
}

/// The base that was looked for.
#[derive(Debug, Clone)]
pub enum Base {
    /// It was found.
    Found(Box<Image>),
    /// There is none, and what was looked for.
    Missing(String),
    /// It could not be looked up.
    LookUpFailed(CloudError),
    /// It was not looked for, since it is not needed.
    NotNeeded,
}

/// A recipe's bake, before it is decided whether it begins.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The image that is to be.
    pub name: ImageName,
    /// Where.
    pub home: Region,
    /// What time it is.
    pub now: DateTime<Utc>,
}

/// How far ahead of the present the time of a bake may be: more than any clock is off.
pub const LEAD: TimeDelta = TimeDelta::hours(1);

/// EC2 Auto Scaling's own tag on the instances of a group.
const AUTO_SCALING: &str = "aws:autoscaling:groupName";

/// What stands in the way of a bake, or goes before it, told by what is cheap to observe: the instances and the
/// images of the recipe. `None`: the base must be looked up, and [`decide`] asked.
pub fn without_base(
    wish: &Wish,
    recipe: &Recipe,
    instances: &[Instance],
    images: &[Image],
) -> Option<Decision> {
    let so = |action, because| Some(Subject::name(&wish.name, &wish.home).so(action, because));
    let version = wish.name.version;
    let made = images.iter().find(|image| {
        image.name == wish.name.to_string()
            && matches!(image.state, ImageState::Pending | ImageState::Available)
    });
    if let Some(image) = made {
        return so(Action::Leave, Reason::AlreadyBaked(image.id.clone()));
    }
    let versions =
        instances.iter().map(|instance| &instance.tags).chain(images.iter().map(|image| &image.tags));
    // What bears a time that is yet to come was not baked: somebody wrote it.
    let begun = |other: &Version| *other > version && other.time() <= wish.now + LEAD;
    if let Some(newer) = versions.filter_map(|of| of.read(tags::VERSION)).find(begun) {
        return so(Action::Leave, Reason::NewerBake(newer));
    }
    let ended = instances.iter().find(|instance| {
        instance.state == InstanceState::Gone
            && instance.purpose() == Purpose::Builder
            && instance.tags.read(tags::VERSION) == Some(version)
    });
    if let Some(builder) = ended {
        return so(Action::Leave, Reason::BakeEnded(builder.id.clone()));
    }
    let living = || instances.iter().filter(|instance| instance.state != InstanceState::Gone);
    let long_lived: Vec<&Instance> =
        living().filter(|instance| instance.purpose() == Purpose::LongLived).collect();
    match long_lived.as_slice() {
        [] => {}
        [builder] if builder.tags.has(AUTO_SCALING) => {
            let group = builder.tags.get(AUTO_SCALING).unwrap_or_default().to_owned();
            return so(Action::Refuse, Reason::InAutoScaling(builder.id.clone(), group));
        }
        [builder] => {
            let (action, because) = long_lived_builder(wish, recipe, builder);
            return so(action, because);
        }
        several => {
            let ids: Vec<InstanceId> = several.iter().map(|instance| instance.id.clone()).collect();
            return so(Action::Refuse, Reason::SeveralLongLived(ids));
        }
    }
    let at_work = living().filter(|instance| instance.purpose() == Purpose::Builder).find(|builder| {
        let late = builder.deadline().is_some_and(|deadline| deadline < wish.now);
        builder.tags.read(tags::VERSION) == Some(version) || !late
    })?;
    let because =
        Reason::AlreadyBaking { instance: at_work.id.clone(), version: at_work.tags.read(tags::VERSION) };
    so(Action::Leave, because)
}

fn long_lived_builder(wish: &Wish, recipe: &Recipe, builder: &Instance) -> (Action, Reason) {
    let marked = builder.tags.has(tags::VERSION);
    let version = builder.tags.read(tags::VERSION);
    // This very bake marked it and died before it stopped it.
    let begun = builder.state == InstanceState::Running && version == Some(wish.name.version);
    let ended = builder.tags.read(tags::BAKED).is_some_and(|last: Version| last >= wish.name.version);
    match builder.state {
        _ if ended && !marked => (Action::Leave, Reason::BakeEnded(builder.id.clone())),
        _ if marked && !begun => {
            (Action::Leave, Reason::AlreadyBaking { instance: builder.id.clone(), version })
        }
        InstanceState::Running => {
            let stop = Action::StopForBake {
                instance: builder.id.clone(),
                version: wish.name.version,
                deadline: wish.now + recipe.bake.timeout,
            };
            (stop, Reason::LongLived(builder.id.clone()))
        }
        state => (Action::Refuse, Reason::LongLivedNotRunning(builder.id.clone(), state)),
    }
}

/// Whether the bake begins.
pub fn decide(wish: &Wish, recipe: &Recipe, seen: &Seen) -> Decision {
    if let Some(decision) = without_base(wish, recipe, &seen.instances, &seen.images) {
        return decision;
    }
    let subject = Subject::name(&wish.name, &wish.home);
    let base = match &seen.base {
        Base::Found(image) => image,
        Base::Missing(what) => return subject.so(Action::Refuse, Reason::NoBase(what.clone())),
        Base::NotNeeded => return subject.so(Action::Refuse, Reason::NoBase(recipe.bake.base.to_string())),
        Base::LookUpFailed(error) => {
            return subject.so(Action::LookAgain, Reason::LookUpFailed(error.clone()));
        }
    };
    let runs = match &seen.runs {
        Ok(runs) => runs,
        Err(error) => return subject.so(Action::LookAgain, Reason::LookUpFailed(error.clone())),
    };
    if let Some(because) = unfit(base, runs, recipe, wish.now) {
        return subject.so(Action::Refuse, because);
    }
    let because = Reason::TimeToBake { image: base.id.clone(), base: recipe.bake.base.to_string() };
    subject.so(Action::Launch(builders(wish, recipe, base)), because)
}

/// The newest of several images.
pub fn newest(images: Vec<Image>) -> Option<Image> {
    images.into_iter().max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)))
}

/// Why a base cannot serve.
fn unfit(base: &Image, runs: &[Architecture], recipe: &Recipe, now: DateTime<Utc>) -> Option<Reason> {
    if base.state != ImageState::Available {
        return Some(Reason::BaseNotAvailable(base.id.clone(), base.state.clone()));
    }
    if !base.root_on_ebs {
        return Some(Reason::BaseNotOnEbs(base.id.clone()));
    }
    if !runs.contains(&base.architecture) {
        return Some(Reason::WrongArchitecture {
            image: base.id.clone(),
            base: base.architecture.clone(),
            instance_type: recipe.bake.instance_type.clone(),
            runs: runs.to_vec(),
        });
    }
    let since = base.deprecated.filter(|since| *since <= now && !recipe.bake.allow_deprecated)?;
    Some(Reason::BaseDeprecated(base.id.clone(), since))
}

/// The builder, once for each subnet that the recipe names. The token of a RunInstances call holds within one
/// zone alone, so each subnet has its own, and whoever tries the next one looks first whether the one before
/// has launched after all.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
fn builders(wish: &Wish, recipe: &Recipe, base: &Image) -> Vec<NewBuilder> {
    let name = &wish.name;
    let deadline = wish.now + recipe.bake.timeout;
    let tags = recipe
        .tags
        .clone()
        .with("Name", format!("{name} (builder)"))
        .and(&builder_tags(name, deadline).with(tags::BASE, &base.id));
    let subnets = match recipe.bake.subnets.as_slice() {
        [] => vec![None],
        named => named.iter().cloned().map(Some).collect(),
    };
    subnets
        .into_iter()
        .map(|subnet| {
            let place = subnet.as_ref().map_or("", |subnet| subnet.as_str());
            NewBuilder {
                region: wish.home.clone(),
                image: base.id.clone(),
                instance_type: recipe.bake.instance_type.clone(),
                token: Token::launch(Role::Builder, name, place),
                subnet,
                user_data: user_data(Role::Builder, name, &recipe.bake.script),
                tags: tags.clone(),
                ephemeral_devices: base.lasting_devices.clone(),
            }
        })
        .collect()
}

/// The tags by which a builder is known.
fn builder_tags(name: &ImageName, deadline: DateTime<Utc>) -> Tags {
    Tags::new()
        .with(tags::RECIPE, &name.recipe)
        .with(tags::VERSION, name.version)
        .with(tags::ROLE, Role::Builder)
        .with(tags::DEADLINE, deadline.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::super::replicate::newest_release;
    use super::*;

    fn wish() -> Wish {
        Wish { name: name("web", 9), home: region("us-east-1"), now: day(9) }
    }

    fn seen() -> Seen {
        Seen {
            instances: vec![],
            images: vec![],
            base: Base::Found(Box::new(foreign_image("ami-ba5e"))),
            runs: Ok(vec![Architecture("arm64".into())]),
        }
    }

    fn refusal(seen: &Seen) -> Reason {
        let decision = decide(&wish(), &recipe("web"), seen);
        assert_eq!(decision.action, Action::Refuse, "{:?}", decision.because);
        decision.because
    }

    #[test]
    fn launches_one_builder_with_its_record_in_the_same_call() {
        let decision = decide(&wish(), &recipe("web"), &seen());
        let Action::Launch(builders) = decision.action else { panic!("{decision:?}") };
        let [builder] = builders.as_slice() else { panic!("{builders:?}") };
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
        let token = |wish: &Wish, recipe: &Recipe| match decide(wish, recipe, &seen()).action {
            Action::Launch(builders) => builders.into_iter().map(|builder| builder.token).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let mut later = wish();
        later.now += TimeDelta::minutes(2);
        assert_eq!(token(&wish(), &recipe("web")), token(&later, &recipe("web")));
        let mut next = wish();
        next.name = name("web", 10);
        assert_ne!(token(&wish(), &recipe("web")), token(&next, &recipe("web")));
        let mut zones = recipe("web");
        zones.bake.subnets = vec!["subnet-0a".parse().unwrap(), "subnet-0b".parse().unwrap()];
        let tokens = token(&wish(), &zones);
        assert_ne!(tokens[0], tokens[1]);
    }

    #[test]
    fn launches_nothing_while_a_builder_of_the_recipe_is_at_work() {
        let at_work =
            Seen { instances: vec![builder("web", 8).until(day(9) + TimeDelta::hours(1))], ..seen() };
        let decision = decide(&wish(), &recipe("web"), &at_work);
        assert_eq!(decision.action, Action::Leave);
    }

    #[test]
    fn a_builder_that_missed_its_deadline_does_not_hold_the_next_bake() {
        let hanging = Seen { instances: vec![builder("web", 8).until(day(8))], ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &hanging).action, Action::Launch(_)));
    }

    #[test]
    fn the_builder_of_this_very_bake_holds_it_even_after_its_deadline() {
        let late = Seen { instances: vec![builder("web", 9).until(day(8))], ..seen() };
        assert_eq!(decide(&wish(), &recipe("web"), &late).action, Action::Leave);
    }

    #[test]
    fn a_terminated_builder_holds_nothing() {
        let gone = Seen { instances: vec![builder("web", 8).in_state(InstanceState::Gone)], ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &gone).action, Action::Launch(_)));
    }

    #[test]
    fn a_bake_whose_builder_has_come_and_gone_is_not_begun_again() {
        let ended = Seen { instances: vec![builder("web", 9).in_state(InstanceState::Gone)], ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &ended).because, Reason::BakeEnded(_)));
    }

    #[test]
    fn an_event_that_comes_after_the_next_bake_has_begun_bakes_nothing() {
        let overtaken = [
            Seen { images: vec![image("web", 10).build()], ..seen() },
            Seen { instances: vec![builder("web", 10).in_state(InstanceState::Gone)], ..seen() },
        ];
        let late = Wish { now: day(10) + TimeDelta::minutes(5), ..wish() };
        for seen in overtaken {
            assert!(matches!(decide(&late, &recipe("web"), &seen).because, Reason::NewerBake(_)));
        }
        let to_come = Seen { images: vec![image("web", 400).build()], ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &to_come).action, Action::Launch(_)));
        let mut stopped_before = long_lived("web");
        stopped_before.tags = stopped_before.tags.with(tags::BAKED, name("web", 9).version);
        let again = Seen { instances: vec![stopped_before], ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &again).because, Reason::BakeEnded(_)));
    }

    #[test]
    fn a_long_lived_builder_that_this_bake_marked_and_did_not_stop_is_stopped() {
        let of_day = |n| Seen { instances: vec![long_lived("web").marked(n)], ..seen() };
        assert_eq!(decide(&wish(), &recipe("web"), &of_day(9)).action.word(), "stop");
        assert_eq!(decide(&wish(), &recipe("web"), &of_day(8)).action, Action::Leave);
    }

    #[test]
    fn a_bake_whose_image_is_there_is_done() {
        let done = Seen { images: vec![image("web", 9).build()], ..seen() };
        let decision = decide(&wish(), &recipe("web"), &done);
        assert_eq!(decision.action, Action::Leave);
        assert!(matches!(decision.because, Reason::AlreadyBaked(_)));
    }

    #[test]
    fn a_long_lived_builder_is_stopped_instead() {
        let own = Seen {
            instances: vec![long_lived("web").in_state(InstanceState::Running)],
            base: Base::NotNeeded,
            ..seen()
        };
        let decision = decide(&wish(), &recipe("web"), &own);
        let expected = Action::StopForBake {
            instance: "i-0a11".parse().unwrap(),
            version: wish().name.version,
            deadline: day(9) + TimeDelta::minutes(45),
        };
        assert_eq!(decision.action, expected);
    }

    #[test]
    fn a_long_lived_builder_that_somebody_stopped_is_left_to_them() {
        let own = Seen { instances: vec![long_lived("web").in_state(InstanceState::Stopped)], ..seen() };
        assert!(matches!(refusal(&own), Reason::LongLivedNotRunning(_, InstanceState::Stopped)));
    }

    #[test]
    fn an_instance_that_its_group_would_replace_is_refused() {
        let mut of_group = long_lived("web");
        of_group.tags = of_group.tags.with(AUTO_SCALING, "web-servers");
        let seen = Seen { instances: vec![of_group], ..seen() };
        assert!(matches!(refusal(&seen), Reason::InAutoScaling(_, group) if group == "web-servers"));
    }

    #[test]
    fn two_instances_with_the_recipes_tag_are_refused() {
        let mut second = long_lived("web").in_state(InstanceState::Running);
        second.id = "i-0a12".parse().unwrap();
        let two =
            Seen { instances: vec![long_lived("web").in_state(InstanceState::Running), second], ..seen() };
        assert!(matches!(refusal(&two), Reason::SeveralLongLived(ids) if ids.len() == 2));
    }

    #[test]
    fn a_base_that_cannot_serve_is_refused_with_what_to_do() {
        let base = |change: fn(&mut Image)| {
            let mut image = foreign_image("ami-ba5e");
            change(&mut image);
            refusal(&Seen { base: Base::Found(Box::new(image)), ..seen() }).to_string()
        };
        assert_eq!(
            base(|image| image.architecture = Architecture("x86_64".into())),
            "the base ami-ba5e is x86_64, but t4g.small runs arm64; change bake.instance_type or bake.base"
        );
        assert!(base(|image| image.state = ImageState::Pending).contains("is pending, not available"));
        assert!(base(|image| image.deprecated = Some(day(1))).contains("bake.allow_deprecated = true"));
        assert!(base(|image| image.root_on_ebs = false).contains("instance store"));
        assert!(
            refusal(&Seen { base: Base::Missing("ssm:/x".into()), ..seen() }).to_string().contains("ssm:/x")
        );
    }

    #[test]
    fn a_recipe_may_stand_on_the_newest_release_of_another() {
        let base: crate::domain::RecipeName = "base".parse().unwrap();
        let images = [
            image("base", 1).released().build(),
            image("base", 3).released().build(),
            image("base", 4).build(),
            image("base", 5).retired_on(8).build(),
            image("web", 6).released().build(),
        ];
        assert_eq!(newest_release(&base, &images).unwrap().1.id, id_of("us-east-1", 3));
        assert_eq!(newest_release(&base, &images[2..]), None);
    }

    #[test]
    fn a_deprecated_base_serves_where_the_recipe_allows_it_or_the_day_is_to_come() {
        let mut image = foreign_image("ami-ba5e");
        image.deprecated = Some(day(20));
        let seen = |image: &Image| Seen { base: Base::Found(Box::new(image.clone())), ..seen() };
        assert!(matches!(decide(&wish(), &recipe("web"), &seen(&image)).action, Action::Launch(_)));
        image.deprecated = Some(day(1));
        let mut allows = recipe("web");
        allows.bake.allow_deprecated = true;
        assert!(matches!(decide(&wish(), &allows, &seen(&image)).action, Action::Launch(_)));
    }
}
