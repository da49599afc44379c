use crate::model::Pin;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::fixtures::*;
use crate::inventory::{CloudError, Result, Seal};
use crate::model::{ImageId, Region, Version};
use crate::plan::Decision;
use crate::plan::reason::ReleaseReason;
use crate::recipe::{Recipe, ReleaseStrategy};
use crate::release::rollback::rollback;

#[path = "best_effort_tests.rs"]
mod best_effort;

/// The images and the pointers of each Region.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
}

fn scene(images: Vec<Image>, pointers: &[(&str, Option<&Image>)]) -> Scene {
    let mut by_region: BTreeMap<Region, Result<Vec<Image>>> =
        REGIONS.map(|code| (region(code), Ok(vec![]))).into();
    for image in images {
        by_region.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    let value = |image: Option<&Image>| Pointers {
        parameter: Some(Ok(image.map(|image| image.id.to_string()))),
        template: None,
        ..Pointers::default()
    };
    Scene {
        images: by_region,
        pointers: pointers.iter().map(|(code, image)| (region(code), value(*image))).collect(),
    }
}

impl Scene {
    fn decided(&self, recipe: &Recipe) -> Vec<Sequence> {
        decide(
            &ReleaseState::of(recipe, &region("us-east-1"), &self.images, &self.pointers, day(30)),
            Drift::Repair,
        )
    }

    fn rolled_back(&self, recipe: &Recipe, to: Option<Version>) -> Sequence {
        let home = region("us-east-1");
        rollback(&ReleaseState::of(recipe, &home, &self.images, &self.pointers, day(30)), to).concat()
    }
}

fn everywhere(n: i64, stage: Stage) -> Vec<Image> {
    REGIONS.map(|code| image("web", n).staged(stage).at(code).build()).into()
}

/// Each Region with its own image among `images`, as what its parameter names.
fn showing(images: &[Image]) -> Vec<(&'static str, Option<&Image>)> {
    REGIONS.iter().map(|code| (*code, images.iter().find(|image| image.region.as_str() == *code))).collect()
}

fn moves(sequences: &[Sequence]) -> Vec<(String, ImageId)> {
    let actions = sequences.iter().flatten().map(|decision| &decision.action);
    let moves = actions.filter_map(|action| match action {
        Action::MoveParameters(moves) => Some(&moves.moves),
        _ => None,
    });
    moves.flatten().map(|one| (one.region.to_string(), one.image.clone())).collect()
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

#[test]
fn with_together_all_regions_move_at_once_when_the_last_is_ready_then_it_is_a_release() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let sequences = scene([old.clone(), new.clone()].concat(), &showing(&old)).decided(&with_parameter());
    assert_eq!(
        words(&sequences[0]),
        ["move-parameters", "tag", "set-stage", "set-stage", "emit", "anchor", "set-stage"]
    );
    assert_eq!(moves(&sequences).len(), 3);
    assert!(moves(&sequences).iter().all(|(_, image)| new.iter().any(|one| one.id == *image)));
    let Action::SetStage(last, record, _) = &sequences[0].last().unwrap().action else { panic!() };
    assert_eq!((last, record.stage), (&new[0].id, Stage::Released));
}

#[test]
fn a_recipe_that_names_its_home_region_too_is_released_once() {
    let mut recipe = with_parameter();
    recipe.replicate.regions = vec![region("us-east-1")];
    let published = image("web", 9).staged(Stage::Published).build();
    let sequences = scene(vec![published], &[("us-east-1", None)]).decided(&recipe);
    assert_eq!(words(&sequences.concat()), ["move-parameters", "tag", "emit", "anchor", "set-stage"]);
}

#[test]
fn with_together_nothing_moves_before_the_last_required_region_is_ready() {
    let (old, mut new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    for unready in [None, Some(Stage::Captured), Some(Stage::Verified), Some(Stage::Rejected)] {
        new.truncate(2);
        new.extend(unready.map(|stage| image("web", 9).in_region("ap-southeast-2").staged(stage).build()));
        let scene = scene([old.clone(), new.clone()].concat(), &showing(&old));
        assert!(scene.decided(&with_parameter()).is_empty(), "{unready:?}");
    }
}

#[test]
fn a_best_effort_region_blocks_no_other_and_moves_once_it_is_ready() {
    let mut recipe = with_parameter();
    recipe.replicate.best_effort.push(region("ap-southeast-2"));
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let sequences = scene([old.clone(), new[..2].to_vec()].concat(), &showing(&old)).decided(&recipe);
    let moved: Vec<String> = moves(&sequences).into_iter().map(|(region, _)| region).collect();
    assert_eq!(moved, ["us-east-1", "eu-west-1"]);
    let mut done = everywhere(9, Stage::Released);
    done[2] = new[2].clone();
    let pointers =
        [("us-east-1", Some(&done[0])), ("eu-west-1", Some(&done[1])), ("ap-southeast-2", Some(&old[2]))];
    let later = scene([old.clone(), done.clone()].concat(), &pointers).decided(&recipe);
    assert_eq!(moves(&later), [("ap-southeast-2".to_owned(), new[2].id.clone())]);
}

#[test]
fn with_each_every_region_moves_on_its_own() {
    let mut recipe = with_parameter();
    recipe.replicate.release = ReleaseStrategy::PerRegion;
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let sequences = scene([old.clone(), new[..2].to_vec()].concat(), &showing(&old)).decided(&recipe);
    assert_eq!(words(&sequences[0]), ["move-parameters"]);
    let moved: Vec<String> = moves(&sequences).into_iter().map(|(region, _)| region).collect();
    assert_eq!(moved, ["us-east-1", "eu-west-1"]);
}

#[test]
fn nothing_moves_back_because_a_newer_image_seems_unready() {
    let (old, mut new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let pointers = showing(&new).into_iter().map(|(code, image)| (code, image.cloned())).collect::<Vec<_>>();
    let pointers: Vec<_> = pointers.iter().map(|(code, image)| (*code, image.as_ref())).collect();
    new[2] = image("web", 9).in_region("ap-southeast-2").build();
    assert!(
        moves(&scene([old.clone(), new.clone()].concat(), &pointers).decided(&with_parameter())).is_empty()
    );
    // A rejected image must not stay named.
    new[2] = image("web", 9).in_region("ap-southeast-2").staged(Stage::Rejected).build();
    let moved = moves(&scene([old.clone(), new.clone()].concat(), &pointers).decided(&with_parameter()));
    let old_ones: Vec<_> = old.iter().map(|image| (image.region.to_string(), image.id.clone())).collect();
    assert_eq!(moved, old_ones, "together");
    // A rollback does not move back from a newer version than it was preferred to.
    new[2] = image("web", 9).in_region("ap-southeast-2").build();
    let moved = moves(&scene([pinned(old, 8), new].concat(), &pointers).decided(&with_parameter()));
    assert!(moved.is_empty(), "{moved:?}");
}

#[test]
fn a_parameter_that_names_another_image_is_corrected() {
    let done = everywhere(9, Stage::Released);
    assert!(scene(done.clone(), &showing(&done)).decided(&with_parameter()).is_empty());
    let foreign = foreign_image("ami-0f");
    let pointers = [("us-east-1", Some(&done[0])), ("eu-west-1", Some(&foreign)), ("ap-southeast-2", None)];
    let moved = moves(&scene(done.clone(), &pointers).decided(&with_parameter()));
    assert_eq!(moved.len(), 2);
}

#[test]
fn a_parameter_that_was_just_written_is_not_corrected() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Released));
    let scene = scene([old.clone(), new].concat(), &showing(&old));
    let (recipe, home) = (with_parameter(), region("us-east-1"));
    let decided =
        |drift| decide(&ReleaseState::of(&recipe, &home, &scene.images, &scene.pointers, day(30)), drift);
    assert_eq!(moves(&decided(Drift::Repair)).len(), 3);
    assert!(decided(Drift::Ignore).is_empty());
}

#[test]
fn an_older_image_that_is_ready_late_becomes_a_release_and_moves_nothing() {
    let (late, new) = (everywhere(8, Stage::Published), everywhere(9, Stage::Released));
    let sequences = scene([late, new.clone()].concat(), &showing(&new)).decided(&with_parameter());
    assert_eq!(words(&sequences[0]), ["tag", "set-stage", "set-stage", "emit", "anchor", "set-stage"]);
}

#[test]
fn a_parameter_that_names_an_image_whose_tags_are_not_kilns_own_is_left_until_there_is_a_newer_release() {
    let (old, mut new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Released));
    new[0].seal = Seal::Wrong;
    let images = [old, new.clone()].concat();
    let sequences = scene(images.clone(), &showing(&new)).decided(&with_parameter());
    assert_eq!(sequences.iter().map(words).collect::<Vec<_>>(), [["keep"]]);
    let reason = sequences[0][0].reason.to_string();
    assert!(
        reason.contains(new[0].id.as_str()) && reason.contains("kiln:seal was made for another"),
        "{reason}"
    );
    let newer = everywhere(10, Stage::Published);
    let sequences = scene([images, newer].concat(), &showing(&new)).decided(&with_parameter());
    assert_eq!(moves(&sequences).len(), 3);
}

#[test]
fn the_time_of_a_release_is_written_once_and_repeated_in_every_event() {
    let mut new = everywhere(9, Stage::Published);
    new[0].tags = new[0].tags.clone().with(tags::RELEASED_AT, "2026-01-20T00:00:00Z");
    let sequences = scene(new.clone(), &showing(&new)).decided(&with_parameter());
    assert_eq!(words(&sequences[0]), ["set-stage", "set-stage", "emit", "anchor", "set-stage"]);
    let Action::Emit(envelope) = &sequences[0][2].action else { panic!() };
    assert!(
        envelope.detail(day(9)).contains(r#""released":"2026-01-20T00:00:00Z""#),
        "{}",
        envelope.detail(day(9))
    );
}

#[test]
fn a_release_that_was_said_is_finished_though_a_region_came_to_the_recipe_since_and_has_no_image() {
    let mut new = everywhere(9, Stage::Published);
    new.pop();
    let said = new[0].tags.clone().with(tags::RELEASED_IN, "eu-west-1 us-east-1");
    new[0].tags = said.with_time(tags::RELEASED_AT, day(29));
    let sequences = scene(new.clone(), &showing(&new)).decided(&with_parameter());
    assert_eq!(
        sequences.iter().map(words).collect::<Vec<_>>(),
        [["set-stage", "emit", "anchor", "set-stage"]]
    );
    // Where it was released it must still be.
    let lost = scene(new[..1].to_vec(), &showing(&new)).decided(&with_parameter());
    assert!(!lost.iter().flatten().any(|one| matches!(one.action, Action::SetStage(..))), "{lost:?}");
}

#[test]
fn a_release_that_another_invocation_began_to_finish_is_left_to_it_for_two_minutes() {
    for (seconds, finished) in [(30, false), (150, true)] {
        let mut new = everywhere(9, Stage::Published);
        let begun = day(30) - TimeDelta::seconds(seconds);
        new[0].tags = new[0].tags.clone().with_time(tags::RELEASED_AT, begun);
        let sequences = scene(new.clone(), &showing(&new)).decided(&with_parameter());
        let sent = sequences.iter().flatten().any(|one| matches!(one.action, Action::Emit(_)));
        assert_eq!(sent, finished, "{seconds} s");
        let left = |one: &Decision| one.reason.to_string().contains("another invocation is finishing");
        assert_eq!(sequences.iter().flatten().any(left), !finished);
    }
}

#[test]
fn a_replica_that_was_published_over_a_release_that_another_invocation_finishes_is_marked_again() {
    let mut new = everywhere(9, Stage::Published);
    new[0].tags = new[0].tags.clone().with_time(tags::RELEASED_AT, day(30) - TimeDelta::seconds(1));
    new[1].tags = new[1].tags.clone().with(tags::STAGE, Stage::Released);
    let sequences = scene(new.clone(), &showing(&new)).decided(&with_parameter());
    let marked = sequences.iter().flatten().filter_map(|one| match &one.action {
        Action::SetStage(image, record, _) => Some((image, record.stage)),
        _ => None,
    });
    let marked: Vec<_> = marked.collect();
    assert_eq!(marked, [(&new[2].id, Stage::Released)]);
}

#[test]
fn a_published_image_waits_until_its_last_required_region_is_ready() {
    let (recipe, home) = (with_parameter(), region("us-east-1"));
    let new = everywhere(9, Stage::Published);
    for (ready, waits) in [(2, true), (3, false)] {
        let scene = scene(new[..ready].to_vec(), &showing(&new));
        let state = ReleaseState::of(&recipe, &home, &scene.images, &scene.pointers, day(30));
        assert_eq!(state.waits(name("web", 9).version), waits);
        assert!(!state.waits(name("web", 8).version), "there is no such image");
    }
}

#[test]
fn a_required_region_that_cannot_be_read_blocks_every_move() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let error = CloudError::new("GetParameters", "x", &region("eu-west-1"), "AccessDeniedException", "no");
    let mut unobservable = scene([old.clone(), new].concat(), &showing(&old));
    unobservable.pointers.insert(
        region("eu-west-1"),
        Pointers { parameter: Some(Err(error)), template: None, ..Pointers::default() },
    );
    let sequences = unobservable.decided(&with_parameter());
    assert_eq!(sequences.iter().map(words).collect::<Vec<_>>(), [["retry"]]);
}

#[test]
fn a_rollback_pins_the_earlier_release_moves_every_region_and_sends_an_event() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Released));
    let sequence =
        scene([old.clone(), new.clone()].concat(), &showing(&new)).rolled_back(&with_parameter(), None);
    assert_eq!(words(&sequence), ["tag", "anchor", "anchor", "move-parameters", "emit"]);
    let Action::Anchor { image, anchor, .. } = &sequence[1].action else { panic!() };
    assert_eq!((image, anchor.pin.unwrap().over), (&old[0].id, name("web", 9).version));
    assert_eq!(moves(&[sequence]).len(), 3);
}

fn pinned(mut images: Vec<Image>, over: i64) -> Vec<Image> {
    let over = Version::at(day(over)).unwrap();
    images[0] = images[0].anchored(images[0].anchor().pinned(Pin { at: day(20), over }));
    images
}

#[test]
fn after_a_rollback_nothing_moves_forward_until_a_newer_release_comes() {
    let (old, bad) = (pinned(everywhere(8, Stage::Released), 9), everywhere(9, Stage::Released));
    let both = [old.clone(), bad.clone()].concat();
    assert!(scene(both.clone(), &showing(&old)).decided(&with_parameter()).is_empty());
    // After a crash in the middle of a rollback, the sweep finishes it.
    let half_moved =
        [("us-east-1", Some(&old[0])), ("eu-west-1", Some(&bad[1])), ("ap-southeast-2", Some(&bad[2]))];
    assert_eq!(moves(&scene(both.clone(), &half_moved).decided(&with_parameter())).len(), 2);
    let newer = everywhere(10, Stage::Published);
    let all = [both, newer.clone()].concat();
    let moved = moves(&scene(all, &showing(&old)).decided(&with_parameter()));
    assert!(moved.len() == 3 && moved.iter().all(|(_, image)| newer.iter().any(|one| one.id == *image)));
}

#[test]
fn a_rollback_skips_releases_that_a_region_lacks_or_is_rejected_with_the_reason() {
    let (first, mut old, new) =
        (everywhere(7, Stage::Released), everywhere(8, Stage::Released), everywhere(9, Stage::Released));
    old.remove(1);
    let all = [first.clone(), old.clone(), new.clone()].concat();
    let sequence = scene(all.clone(), &showing(&new)).rolled_back(&with_parameter(), None);
    assert!(moves(&[sequence]).iter().all(|(_, image)| first.iter().any(|one| one.id == *image)));
    let to = Version::at(day(8)).ok();
    let rejected = scene(all, &showing(&new)).rolled_back(&with_parameter(), to);
    assert_eq!(words(&rejected), ["reject"]);
    let why = rejected[0].reason.to_string();
    assert!(why.contains("20260109T020000Z cannot be launched in eu-west-1"), "{why}");
    let alone = scene(new.clone(), &showing(&new)).rolled_back(&with_parameter(), None);
    assert_eq!(words(&alone), ["reject"]);
    assert_eq!(
        scene(new.clone(), &[]).rolled_back(&recipe("web"), None)[0].reason,
        Reason::Release(ReleaseReason::NothingNamesIt)
    );
}

#[test]
fn an_interrupted_rollback_is_finished_before_another_one_begins() {
    let (first, old, bad) = (
        everywhere(7, Stage::Released),
        pinned(everywhere(8, Stage::Released), 9),
        everywhere(9, Stage::Released),
    );
    let half_moved =
        [("us-east-1", Some(&old[0])), ("eu-west-1", Some(&bad[1])), ("ap-southeast-2", Some(&bad[2]))];
    let sequence =
        scene([first, old.clone(), bad.clone()].concat(), &half_moved).rolled_back(&with_parameter(), None);
    assert!(moves(&[sequence]).iter().all(|(_, image)| old.iter().any(|one| one.id == *image)));
}

proptest! {
    /// For images in any stages: carrying out the decisions leaves nothing to decide, and every parameter that moved
    /// names a published image of its Region.
    #[test]
    fn carrying_out_the_decisions_leaves_nothing_to_decide(
        stages in proptest::collection::vec(proptest::collection::vec(0usize..4, 3), 1..5), coalesce: bool,
        first_shown in 0usize..4,
    ) {
        let mut recipe = with_parameter();
        if !coalesce {
            recipe.replicate.release = ReleaseStrategy::PerRegion;
        }
        let mut images = Vec::new();
        for (n, in_regions) in stages.iter().enumerate() {
            let n = i64::try_from(n).unwrap();
            for (code, stage) in REGIONS.iter().zip(in_regions) {
                let stage = [Stage::Captured, Stage::Published, Stage::Released, Stage::Rejected][*stage];
                let at = image("web", n).staged(stage);
                images.push(if *code == "us-east-1" { at.build() } else { at.in_region(code).build() });
            }
        }
        let pointers: Vec<Image> = images.iter().filter(|one| one.created == Some(day(i64::try_from(first_shown).unwrap()))).cloned().collect();
        let mut scene = scene(images, &showing(&pointers));
        for round in 0..2 {
            let sequences = scene.decided(&recipe);
            prop_assert!(round == 0 || sequences.is_empty(), "{sequences:?}");
            let moved = moves(&sequences);
            for (code, id) in &moved {
                let here = scene.images[&region(code)].as_ref().unwrap();
                let stage = here.iter().find(|one| one.id == *id).unwrap().record().unwrap().stage;
                prop_assert!(matches!(stage, Stage::Published | Stage::Released));
                let shows = Pointers { parameter: Some(Ok(Some(id.to_string()))), template: None, ..Pointers::default() };
                scene.pointers.insert(region(code), shows);
            }
            for decision in sequences.iter().flatten() {
                let (id, tag) = match &decision.action {
                    Action::SetStage(id, record, _) => (id, Tags::new().with(tags::STAGE, record.stage)),
                    Action::Tag(id, tag) => (id, tag.clone()),
                    _ => continue,
                };
                let here = scene.images.get_mut(&decision.subject.region).unwrap().as_mut().unwrap();
                let image = here.iter_mut().find(|one| one.id == *id).unwrap();
                image.tags = image.tags.clone().and(&tag);
            }
        }
    }
}
