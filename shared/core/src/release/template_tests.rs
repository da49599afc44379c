use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::{Image, Result, Template, TemplatePoint};
use crate::model::{Pin, Region};
use crate::plan::Decision;
use crate::recipe::{LaunchTemplate, Recipe};
use crate::release::rollback::rollback;

/// A recipe whose template follows by its default version, with or without a parameter.
fn recipe_with_template(parameter: Option<&str>) -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.parameter = parameter.map(str::to_owned);
    recipe.publish.launch_template = Some(LaunchTemplate { name: "web-fleet".into(), default: true });
    recipe
}

fn member(code: &str, n: i64, stage: Stage) -> Image {
    image("web", n).staged(stage).at(code).build()
}

/// What each Region has, and what its template names; and its parameter, if there is one.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
}

fn scene(images: &[(i64, Stage)], template: i64, parameter: Option<i64>) -> Scene {
    let (mut all, mut pointers) = (BTreeMap::new(), BTreeMap::new());
    for code in REGIONS {
        let of: Vec<Image> = images.iter().map(|(n, stage)| member(code, *n, *stage)).collect();
        let id =
            |n: i64| of.iter().find(|one| one.record().unwrap().name == name("web", n)).unwrap().id.clone();
        let point = TemplatePoint { number: 7, image: Some(id(template)) };
        let template = Template { id: "lt-0a".into(), latest: point.clone(), default: point };
        let parameter = parameter.map(|n| Ok(Some(id(n).to_string())));
        pointers.insert(
            region(code),
            Pointers { parameter, template: Some(Ok(Some(template))), ..Pointers::default() },
        );
        all.insert(region(code), Ok(of));
    }
    Scene { images: all, pointers }
}

impl Scene {
    fn templates_moved(&self, recipe: &Recipe, drift: Drift) -> usize {
        let home = region("us-east-1");
        let state = ReleaseState::of(recipe, &home, &self.images, &self.pointers, day(30));
        templates(&decide(&state, drift).concat())
    }

    fn rolled_back(&self, recipe: &Recipe) -> Sequence {
        let home = region("us-east-1");
        let state = ReleaseState::of(recipe, &home, &self.images, &self.pointers, day(30));
        rollback(&state, None).concat()
    }

    /// A rollback to 8, from all that there was up to `over`.
    fn pinned(mut self, over: i64) -> Self {
        let at_home = self.images.get_mut(&region("us-east-1")).unwrap().as_mut().unwrap();
        let pinned = at_home.iter_mut().find(|one| one.record().unwrap().name == name("web", 8)).unwrap();
        let over = name("web", over).version;
        *pinned = pinned.anchored(pinned.anchor().pinned(Pin { at: day(10), over }));
        self
    }
}

fn templates(decisions: &[Decision]) -> usize {
    decisions.iter().filter(|one| matches!(one.action, Action::MoveTemplate(_))).count()
}

fn pinned_version(sequence: &Sequence) -> Option<crate::model::Version> {
    let is_pin =
        |one: &&Decision| matches!(&one.action, Action::Anchor { anchor, .. } if anchor.pin.is_some());
    sequence.iter().find(is_pin)?.subject.version
}

/// The images were read before another invocation released the newer one, and the template after it.
#[test]
fn a_template_does_not_go_back_from_a_release_that_was_not_one_when_the_images_were_read() {
    let stale = scene(&[(8, Stage::Released), (9, Stage::Captured)], 9, None);
    assert_eq!(stale.templates_moved(&recipe_with_template(None), Drift::Repair), 0);
    let rejected = scene(&[(8, Stage::Released), (9, Stage::Rejected)], 9, None);
    assert_eq!(rejected.templates_moved(&recipe_with_template(None), Drift::Repair), 3);
    let rolled_back = scene(&[(8, Stage::Released), (9, Stage::Released)], 9, None).pinned(9);
    assert_eq!(rolled_back.templates_moved(&recipe_with_template(None), Drift::Repair), 3);
}

/// Another invocation released 9: its parameters, and its replicas' stages, were read before, its templates after that.
#[test]
fn a_template_does_not_go_back_because_regions_that_were_read_before_a_release_seem_to_have_given_way() {
    let moved = |since: TimeDelta| {
        let mut scene = scene(&[(8, Stage::Released), (9, Stage::Captured)], 9, Some(8));
        let at_home = scene.images.get_mut(&region("us-east-1")).unwrap().as_mut().unwrap();
        let released_at = (day(30) - since).to_rfc3339();
        at_home[1] = member("us-east-1", 9, Stage::Released);
        at_home[1].tags = std::mem::take(&mut at_home[1].tags).with(tags::RELEASED_AT, released_at);
        scene.templates_moved(&recipe_with_template(Some("/golden/web")), Drift::Repair)
    };
    assert_eq!(moved(TimeDelta::seconds(5)), 0);
    assert_eq!(moved(TimeDelta::minutes(5)), 3, "what did not give way with the others follows them");
}

/// The parameter that has just been written says so, and EC2 does not show the pin yet.
#[test]
fn a_template_is_not_moved_forward_where_the_parameter_may_have_been_rolled_back_just_now() {
    let both = [(8, Stage::Released), (9, Stage::Released)];
    let recipe = recipe_with_template(Some("/golden/web"));
    assert_eq!(scene(&both, 8, Some(8)).templates_moved(&recipe, Drift::Ignore), 0);
    assert_eq!(scene(&both, 8, Some(9)).templates_moved(&recipe, Drift::Ignore), 3);
}

#[test]
fn a_second_rollback_of_a_recipe_without_a_parameter_goes_one_release_further_back() {
    let all = [(7, Stage::Released), (8, Stage::Released), (9, Stage::Released)];
    let recipe = recipe_with_template(None);
    let first = scene(&all, 9, None).rolled_back(&recipe);
    assert_eq!(pinned_version(&first), Some(name("web", 8).version));
    let second = scene(&all, 8, None).pinned(9).rolled_back(&recipe);
    assert_eq!(pinned_version(&second), Some(name("web", 7).version));
}

#[test]
fn a_rollback_that_died_before_its_templates_is_finished_before_another_one_begins() {
    let all = [(7, Stage::Released), (8, Stage::Released), (9, Stage::Released)];
    for parameter in [None, Some(8)] {
        let recipe = recipe_with_template(parameter.map(|_| "/golden/web"));
        let again = scene(&all, 9, parameter).pinned(9).rolled_back(&recipe);
        assert_eq!((pinned_version(&again), templates(&again)), (Some(name("web", 8).version), 3));
    }
}
