use std::collections::BTreeMap;

use super::*;
use crate::fixtures::*;
use crate::inventory::{Image, Result};
use crate::model::Stage;
use crate::recall;
use crate::recipe::Recipe;
use crate::release::rollback::rollback;
use crate::release::{Pointers, decide};

const OTHER: &str = "111122223333";

/// What is there, and what each Region names, here and in the other account.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
}

fn sharing() -> Recipe {
    let mut recipe = with_parameter();
    recipe.publish.share.accounts = vec![OTHER.into()];
    recipe.publish.parameter_accounts = vec![OTHER.into()];
    recipe
}

fn everywhere(n: i64, stage: Stage) -> Vec<Image> {
    REGIONS.map(|code| image("web", n).staged(stage).at(code).build()).into()
}

/// All Regions name the release of day `here`, and in the other account that of day `there`.
fn scene(images: Vec<Image>, here: i64, there: Option<i64>) -> Scene {
    let value = |code: &str, n: i64| id_of(code, n).to_string();
    let pointers = |code: &str| Pointers {
        parameter: Some(Ok(Some(value(code, here)))),
        accounts: [(OTHER.to_owned(), Ok(there.map(|n| value(code, n))))].into(),
        ..Pointers::default()
    };
    let mut scene = Scene {
        images: REGIONS.map(|code| (region(code), Ok(Vec::new()))).into(),
        pointers: REGIONS.map(|code| (region(code), pointers(code))).into(),
    };
    for image in images {
        scene.images.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    scene
}

fn denied() -> CloudError {
    CloudError::new("AssumeRole", "the role", &region("us-east-1"), "AccessDenied", "not authorized")
}

impl Scene {
    fn state<T>(&self, of: impl FnOnce(&ReleaseState<'_>) -> T) -> T {
        let (recipe, home) = (sharing(), region("us-east-1"));
        of(&ReleaseState::of(&recipe, &home, &self.images, &self.pointers, day(30)))
    }

    fn decided(&self, drift: Drift) -> Vec<Sequence> {
        self.state(|state| decide(state, drift))
    }
}

/// What is moved in the other account, by Region.
fn moved(sequences: &[Sequence]) -> BTreeMap<String, ImageId> {
    let moves = sequences.iter().flatten().filter_map(|decision| match &decision.action {
        Action::MoveInAccounts(moves) => Some(moves),
        _ => None,
    });
    let of = |one: &AccountMove| {
        assert_eq!((&*one.account, &*one.parameter), (OTHER, "/golden/web"));
        (one.region.to_string(), one.image.clone())
    };
    moves.flatten().map(of).collect()
}

fn in_every_region(n: i64) -> BTreeMap<String, ImageId> {
    REGIONS.map(|code| (code.to_owned(), id_of(code, n))).into()
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

#[test]
fn other_accounts_move_right_behind_this_one_and_before_the_release_is_told() {
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Published)].concat();
    let sequences = scene(images, 1, Some(1)).decided(Drift::Repair);
    assert_eq!(moved(&sequences), in_every_region(2));
    let [sequence] = &sequences[..] else { panic!("{sequences:?}") };
    assert_eq!(words(sequence)[..3], ["move-parameters", "move-in-accounts", "tag"]);
}

#[test]
fn an_account_that_names_the_same_is_left_alone() {
    let scene = scene(everywhere(1, Stage::Released), 1, Some(1));
    assert!(scene.decided(Drift::Repair).is_empty());
}

#[test]
fn an_account_that_names_another_release_or_none_is_set_right_by_a_sweep() {
    let images = || [everywhere(1, Stage::Released), everywhere(2, Stage::Released)].concat();
    for there in [None, Some(1), Some(77)] {
        let scene = scene(images(), 2, there);
        let sequences = scene.decided(Drift::Repair);
        assert_eq!(moved(&sequences), in_every_region(2));
        assert!(moved(&scene.decided(Drift::Ignore)).is_empty(), "an event may be older than a rollback");
    }
}

#[test]
fn a_release_that_this_account_shows_is_followed_once_its_last_event_comes() {
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Published)].concat();
    let sequences = scene(images, 2, Some(1)).decided(Drift::Ignore);
    assert_eq!(moved(&sequences), in_every_region(2));
    assert!(sequences.concat().iter().any(|one| one.action.word() == "emit"));
}

#[test]
fn an_account_that_cannot_be_read_holds_nothing_up_and_is_told_once() {
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Published)].concat();
    let mut scene = scene(images, 1, Some(1));
    for pointers in scene.pointers.values_mut() {
        pointers.accounts = [(OTHER.to_owned(), Err(denied()))].into();
    }
    let sequences = scene.decided(Drift::Repair);
    let [sequence] = &sequences[..] else { panic!("{sequences:?}") };
    assert_eq!(words(sequence)[..3], ["move-parameters", "keep", "tag"]);
    assert!(sequence[1].reason.to_string().contains("the parameter of account 111122223333 cannot be read"));
    assert!(moved(&sequences).is_empty());
}

#[test]
fn no_account_is_ahead_of_regions_that_wait_for_each_other() {
    let mut new = everywhere(2, Stage::Published);
    new.pop();
    let images = [everywhere(1, Stage::Released), new].concat();
    let scene = scene(images, 1, None);
    assert_eq!(moved(&scene.decided(Drift::Repair)), in_every_region(1));
}

#[test]
fn a_rollback_moves_other_accounts_too() {
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Released)].concat();
    let sequences = scene(images, 2, Some(2)).state(|state| rollback(state, None));
    assert_eq!(moved(&sequences), in_every_region(1));
}

#[test]
fn a_recall_moves_other_accounts_to_what_is_left_and_leaves_them_where_nothing_is() {
    let concluded = |scene: &Scene, n: i64| {
        let (recipe, home, permissions) = (sharing(), region("us-east-1"), BTreeMap::new());
        let observed = recall::Observed {
            recipe: &recipe,
            home: &home,
            images: &scene.images,
            pointers: &scene.pointers,
            permissions: &permissions,
            users: &[],
            now: day(30),
        };
        recall::conclude(&observed, name("web", n).version, "CVE-1", true)
    };
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Released)].concat();
    assert_eq!(moved(&concluded(&scene(images, 2, Some(2)), 2)), in_every_region(1));
    let last = scene(everywhere(2, Stage::Released), 2, None);
    assert!(moved(&concluded(&last, 2)).is_empty(), "what is recalled is named nowhere anew");
}

#[test]
fn a_recipe_that_names_no_accounts_moves_none() {
    let images = [everywhere(1, Stage::Released), everywhere(2, Stage::Published)].concat();
    let mut scene = scene(images, 1, None);
    scene.pointers.values_mut().for_each(|pointers| pointers.accounts.clear());
    assert!(moved(&scene.decided(Drift::Repair)).is_empty());
}
