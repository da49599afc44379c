use std::collections::BTreeMap;

use crate::fixtures::*;
use crate::inventory::{Image, ImageState, Result};
use crate::model::{Region, Stage, Tags, tags};
use crate::plan::{Action, Sequence};
use crate::recipe::{OnLoss, Recipe, ReleaseStrategy};
use crate::release::{Drift, Pointers, ReleaseState, decide};

fn member(code: &str, n: i64) -> Image {
    image("web", n).released().at(code).build()
}

/// Releases 8 and 9 in every Region, all of which name 9.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
}

fn scene() -> Scene {
    let all = |code: &str| (region(code), Ok(vec![member(code, 8), member(code, 9)]));
    let mut scene = Scene { images: REGIONS.map(all).into(), pointers: BTreeMap::new() };
    REGIONS.iter().for_each(|code| scene.name(code, 9));
    scene
}

impl Scene {
    fn name(&mut self, code: &str, n: i64) {
        let value = Some(member(code, n).id.to_string());
        let pointers = Pointers { parameter: Some(Ok(value)), ..Pointers::default() };
        self.pointers.insert(region(code), pointers);
    }

    fn images(&mut self, code: &str) -> &mut Vec<Image> {
        self.images.get_mut(&region(code)).unwrap().as_mut().unwrap()
    }

    /// Somebody deregisters a member of release n.
    fn without(mut self, code: &str, n: i64) -> Self {
        self.images(code).retain(|image| image.record().unwrap().name != name("web", n));
        self
    }

    fn decided(&self, recipe: &Recipe) -> Vec<Sequence> {
        let home = region("us-east-1");
        decide(&ReleaseState::of(recipe, &home, &self.images, &self.pointers, day(30)), Drift::Repair)
    }

    /// What each Region that moves is to name.
    fn moved(&self, recipe: &Recipe) -> Vec<(String, i64)> {
        let of = |region: &Region, image: &_| {
            let n = [8, 9].into_iter().find(|n| member(region.as_str(), *n).id == *image);
            (region.to_string(), n.unwrap_or_default())
        };
        let moves = self.decided(recipe).into_iter().flatten().filter_map(|one| match one.action {
            Action::MoveParameters(moves) => Some(moves.moves),
            _ => None,
        });
        moves.flatten().map(|one| of(&one.region, &one.image)).collect()
    }
}

fn words(sequences: &[Sequence]) -> Vec<&'static str> {
    sequences.iter().flatten().map(|one| one.action.word()).collect()
}

fn all(n: i64) -> Vec<(String, i64)> {
    REGIONS.map(|code| (code.to_owned(), n)).into()
}

#[test]
fn all_regions_go_back_together_and_tell_it_where_a_replica_of_the_named_release_is_lost() {
    let lost = scene().without("eu-west-1", 9);
    assert_eq!(words(&lost.decided(&with_parameter())), ["emit", "move-parameters"]);
    assert_eq!(lost.moved(&with_parameter()), all(8));
    let told = lost.decided(&with_parameter())[0][0].reason.to_string();
    assert!(told.contains(member("eu-west-1", 9).id.as_str()) && told.contains("in eu-west-1"), "{told}");
    let mut disabled = scene();
    disabled.images("eu-west-1")[1].state = ImageState::Disabled;
    assert_eq!(disabled.moved(&with_parameter()), all(8));
}

#[test]
fn they_stay_there_until_the_release_is_whole_again_and_then_go_forward_together() {
    let mut gone = scene().without("eu-west-1", 9);
    REGIONS.iter().for_each(|code| gone.name(code, 8));
    assert_eq!(words(&gone.decided(&with_parameter())), [""; 0]);
    gone.images("eu-west-1").push(image("web", 9).published().of_try("eu-west-1", 2).build());
    let moved: Vec<String> = gone.moved(&with_parameter()).into_iter().map(|(region, _)| region).collect();
    assert_eq!(moved, REGIONS);
}

#[test]
fn a_region_that_did_not_go_back_follows() {
    let mut half = scene().without("eu-west-1", 9);
    half.name("us-east-1", 8);
    assert_eq!(half.moved(&with_parameter()), [("eu-west-1".into(), 8), ("ap-southeast-2".into(), 8)]);
}

#[test]
fn a_copy_that_is_not_shown_as_available_yet_and_somebody_elses_image_are_no_loss() {
    let mut pending = scene();
    pending.images("eu-west-1")[1].state = ImageState::Pending;
    assert_eq!(pending.moved(&with_parameter()), []);
    let mut foreign = scene();
    let value = Some("ami-0f0e1a".to_owned());
    let pointers = Pointers { parameter: Some(Ok(value)), is_foreign: true, ..Pointers::default() };
    foreign.pointers.insert(region("eu-west-1"), pointers);
    assert_eq!(words(&foreign.decided(&with_parameter())), ["move-parameters"]);
    assert_eq!(foreign.moved(&with_parameter()), [("eu-west-1".into(), 9)]);
}

#[test]
fn a_region_that_is_new_to_the_recipe_takes_no_other_back() {
    let mut new = scene().without("eu-west-1", 9);
    new.name("eu-west-1", 8);
    assert_eq!(new.moved(&with_parameter()), []);
}

#[test]
fn what_nothing_can_stand_in_for_is_told_once() {
    let mut lost = scene().without("eu-west-1", 9).without("ap-southeast-2", 8);
    assert_eq!(words(&lost.decided(&with_parameter())), ["emit", "tag"]);
    let Action::Tag(_, told) = &lost.decided(&with_parameter())[0][1].action else { panic!() };
    let told: Tags = told.clone();
    let home = lost.images("us-east-1").last_mut().unwrap();
    home.tags = home.tags.clone().and(&told);
    assert!(home.tags.get(tags::LOSS_TOLD).unwrap().starts_with("eu-west-1/ami-"));
    assert_eq!(words(&lost.decided(&with_parameter())), [""; 0]);
}

#[test]
fn a_recipe_may_ask_to_roll_back_for_good() {
    let mut recipe = with_parameter();
    recipe.replicate.on_loss = OnLoss::RollBack;
    for lost in [scene().without("eu-west-1", 9), scene().without("us-east-1", 9)] {
        let decided = lost.decided(&recipe);
        let mut done = words(&decided);
        done.dedup();
        assert_eq!(done, ["tag", "anchor", "emit", "move-parameters", "emit"]);
        assert_eq!(lost.moved(&recipe), all(8));
        let Action::Anchor { image, anchor, .. } = &decided[0][1].action else { panic!() };
        assert!(*image == member("us-east-1", 8).id && anchor.pin.is_some());
    }
}

#[test]
fn with_each_the_region_that_lost_its_replica_goes_back_alone() {
    let mut recipe = with_parameter();
    recipe.replicate.release = ReleaseStrategy::PerRegion;
    assert_eq!(scene().without("eu-west-1", 9).moved(&recipe), [("eu-west-1".into(), 8)]);
}

#[test]
fn a_region_of_best_effort_that_lost_its_replica_goes_back_alone_until_there_is_another() {
    let mut recipe = with_parameter();
    recipe.replicate.best_effort = vec![region("eu-west-1")];
    let mut lost = scene().without("eu-west-1", 9);
    assert_eq!(words(&lost.decided(&recipe)), ["emit", "move-parameters"]);
    assert_eq!(lost.moved(&recipe), [("eu-west-1".into(), 8)]);
    lost.name("eu-west-1", 8);
    assert_eq!(words(&lost.decided(&recipe)), [""; 0]);
}

#[test]
fn a_release_that_was_rolled_back_to_and_is_lost_gives_way_to_an_older_one() {
    let mut pinned = scene().without("eu-west-1", 9);
    let home = pinned.images("us-east-1").last_mut().unwrap();
    let pin = crate::model::Pin { at: day(20), over: name("web", 10).version };
    *home = home.anchored(home.anchor().pinned(pin));
    assert_eq!(pinned.moved(&with_parameter()), all(8));
    pinned.images("us-east-1").push(image("web", 10).staged(Stage::Released).build());
    assert_eq!(pinned.moved(&with_parameter()), all(8), "and never to what was rolled back from");
}

#[test]
fn a_rollback_in_force_stays_one_where_a_region_still_names_what_was_lost() {
    let mut rolled_back = scene().without("eu-west-1", 9);
    let home = rolled_back.images("us-east-1").first_mut().unwrap();
    let pin = crate::model::Pin { at: day(20), over: name("web", 9).version };
    *home = home.anchored(home.anchor().pinned(pin));
    let decided = rolled_back.decided(&with_parameter());
    let moves = decided.iter().flatten().find_map(|one| match &one.action {
        Action::MoveParameters(moves) => Some((&one.reason, moves)),
        _ => None,
    });
    let (reason, moves) = moves.unwrap();
    assert!(reason.to_string().contains("a rollback to"), "{reason}");
    assert!(moves.moves.iter().all(|one| one.back.is_none()), "it only goes on");
}

#[test]
fn what_a_region_named_before_it_left_the_recipe_is_no_loss_when_it_is_back() {
    let mut back = scene().without("eu-west-1", 9);
    back.images("us-east-1").iter_mut().for_each(|image| {
        let tags = std::mem::take(&mut image.tags);
        image.tags = tags.with(tags::RELEASED_IN, "us-east-1 ap-southeast-2");
    });
    assert_eq!(words(&back.decided(&with_parameter())), [""; 0]);
}

/// Rolled back from 9 to 8, whose home image somebody takes: 7 is there.
#[test]
fn what_was_rolled_back_from_is_not_named_again_though_the_rollback_is_lost_with_its_image() {
    let mut lost = scene().without("us-east-1", 8);
    for code in REGIONS {
        lost.name(code, 8);
        lost.images(code).push(member(code, 7));
    }
    let images = lost.images("us-east-1");
    let bad = images.iter_mut().find(|image| image.record().unwrap().name == name("web", 9)).unwrap();
    *bad = bad.anchored(bad.anchor().rolled_back_from(day(20)));
    let moved: Vec<_> = lost.decided(&with_parameter()).into_iter().flatten().collect();
    let to_seven = moved.iter().any(|one| one.subject.version == Some(name("web", 7).version));
    assert!(to_seven && lost.moved(&with_parameter()).iter().all(|(_, n)| *n == 0), "neither to 8 nor to 9");
}

#[test]
fn nothing_moves_where_no_release_is_whole_and_a_move_would_part_the_regions() {
    let lost = scene().without("us-east-1", 9).without("eu-west-1", 8);
    assert_eq!(lost.moved(&with_parameter()), []);
}

/// Somebody spoils the seal of the home image that was rolled back to: the pin cannot be read.
#[test]
fn all_regions_stay_where_one_names_an_image_whose_record_is_spoiled() {
    let mut spoiled = scene();
    for code in REGIONS {
        spoiled.name(code, 8);
    }
    let images = spoiled.images("us-east-1");
    images[0].seal = crate::model::seal::Seal::Wrong;
    assert_eq!(spoiled.moved(&with_parameter()), []);
    // Or takes its tag kiln:recipe away: then the look by its id shows that it is there.
    spoiled.images("us-east-1").remove(0);
    let at_home = spoiled.pointers.get_mut(&region("us-east-1")).unwrap();
    (at_home.is_foreign, at_home.is_spoiled) = (true, true);
    assert_eq!(spoiled.moved(&with_parameter()), []);
}

/// Rolled back to 8; 9 is new, and moves. One Region shows it, and its replica there seems to be untested yet.
fn rolled_back_and_moving() -> Scene {
    let mut moving = scene();
    for code in REGIONS {
        let n = if code == "eu-west-1" { 9 } else { 8 };
        moving.name(code, n);
        for image in moving.images(code).iter_mut().filter(|one| one.record().unwrap().name == name("web", 9))
        {
            let stage = if code == "eu-west-1" { Stage::Captured } else { Stage::Published };
            image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, stage);
        }
    }
    let home = moving.images("us-east-1").first_mut().unwrap();
    let pin = crate::model::Pin { at: day(20), over: name("web", 8).version };
    *home = home.anchored(home.anchor().pinned(pin));
    moving
}

#[test]
fn a_release_that_is_just_moving_is_no_loss_because_a_replica_seems_unready() {
    assert_eq!(rolled_back_and_moving().moved(&with_parameter()), []);
}

#[test]
fn a_release_that_is_just_moving_is_not_moved_back_because_its_replica_seems_pending() {
    let mut moving = rolled_back_and_moving();
    let replica = |image: &&mut Image| image.record().unwrap().name == name("web", 9);
    moving.images("eu-west-1").iter_mut().filter(replica).for_each(|image| image.state = ImageState::Pending);
    assert_eq!(moving.moved(&with_parameter()), []);
}
