use crate::model::{Anchor, Pin};
use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::Result;
use crate::model::tags;
use crate::recipe::Recipe;
use crate::release::{Pointers, decide};

fn member(code: &str, n: i64, stage: Stage) -> Image {
    image("web", n).staged(stage).at(code).build()
}

/// An old release and a new image that is ready everywhere; which of them each Region names, and how often it was tried.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
}

fn scene(naming: [i64; 3], tried: Option<&str>) -> Scene {
    let (mut images, mut pointers) = (BTreeMap::new(), BTreeMap::new());
    for (code, n) in REGIONS.into_iter().zip(naming) {
        let mut new = member(code, 9, Stage::Published);
        if let Some(tried) = tried {
            new.tags = new.tags.with(tags::RELEASE_TRIED, tried);
        }
        let both = vec![member(code, 8, Stage::Released), new];
        let value =
            both.iter().find(|one| one.record().unwrap().name == name("web", n)).unwrap().id.to_string();
        pointers.insert(
            region(code),
            Pointers { parameter: Some(Ok(Some(value))), template: None, ..Pointers::default() },
        );
        images.insert(region(code), Ok(both));
    }
    Scene { images, pointers }
}

impl Scene {
    fn decided(&self, recipe: &Recipe, now: DateTime<Utc>) -> Vec<Sequence> {
        let home = region("us-east-1");
        decide(&ReleaseState::of(recipe, &home, &self.images, &self.pointers, now), Drift::Repair)
    }

    fn refused(&self, recipe: &Recipe, code: &str) -> Vec<Sequence> {
        let home = region("us-east-1");
        let state = ReleaseState::of(recipe, &home, &self.images, &self.pointers, day(30));
        refused(&state, &region(code), "EC2 cannot see it")
    }
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|one| one.action.word()).collect()
}

fn moves_of(sequence: &Sequence) -> &Moves {
    let moves = sequence.iter().find_map(|one| match &one.action {
        Action::MoveParameters(moves) => Some(moves),
        _ => None,
    });
    moves.unwrap()
}

#[test]
fn every_move_knows_where_it_is_set_back_to_also_those_that_an_invocation_made_that_died() {
    let sequences = scene([9, 8, 8], None).decided(&with_parameter(), day(30));
    let moves = moves_of(&sequences[0]);
    let listed =
        |of: &[Move]| of.iter().map(|one| (one.region.to_string(), one.back.clone())).collect::<Vec<_>>();
    let old = |code: &str| (code.to_owned(), Some(member(code, 8, Stage::Released).id));
    assert_eq!(listed(&moves.moves), [old("eu-west-1"), old("ap-southeast-2")]);
    assert_eq!(listed(&moves.moved), [old("us-east-1")]);
    let note = moves.tries.as_ref().unwrap();
    assert_eq!(note.image, member("us-east-1", 9, Stage::Published).id);
    assert!(note.refused.get(tags::RELEASE_TRIED).unwrap().starts_with("1 "));
}

#[test]
fn a_release_that_a_region_did_not_take_waits_for_its_next_try_and_is_no_release_before() {
    let tried = "2 2026-01-31T02:00:00Z refused *";
    let last: DateTime<Utc> = "2026-01-31T02:00:00Z".parse().unwrap();
    let waiting = scene([8, 8, 8], Some(tried)).decided(&with_parameter(), last + TimeDelta::minutes(19));
    assert_eq!(waiting.iter().map(words).collect::<Vec<_>>(), [["keep"]]);
    assert!(waiting[0][0].reason.to_string().contains("it is tried again at 2026-01-31T02:20:00Z"));
    let due = scene([8, 8, 8], Some(tried)).decided(&with_parameter(), last + TimeDelta::minutes(20));
    let note = moves_of(&due[0]).tries.as_ref().unwrap();
    assert!(note.refused.get(tags::RELEASE_TRIED).unwrap().starts_with("3 "));
    // Once every Region shows it, nothing waits.
    let shown = scene([9, 9, 9], Some(tried)).decided(&with_parameter(), last + TimeDelta::minutes(1));
    assert!(words(&shown[0]).ends_with(&["emit", "anchor", "set-stage"]));
}

#[test]
fn what_a_failed_try_left_half_moved_is_set_back_by_the_next_sweep_though_the_next_try_waits() {
    let tried = |outcome: &str| format!("6 2026-01-31T02:00:00Z {outcome} *");
    let after = |minutes| day(30) + TimeDelta::minutes(minutes);
    let decided = |outcome: &str, minutes| {
        scene([8, 9, 8], Some(&tried(outcome))).decided(&with_parameter(), after(minutes)).remove(0)
    };
    let back = |sequence: &Sequence| -> Vec<_> {
        moves_of(sequence).moves.iter().map(|one| (one.region.to_string(), one.image.clone())).collect()
    };
    let old = [("eu-west-1".to_owned(), member("eu-west-1", 8, Stage::Released).id)];
    let refused = decided("refused", 15);
    assert_eq!(words(&refused), ["move-parameters"]);
    assert_eq!(back(&refused), old);
    assert_eq!(moves_of(&refused).moves[0].back, None, "a way back is never undone");
    // What SSM accepted gets the time in which it is shown, and no more.
    assert_eq!(words(&decided("accepted", 9)), ["keep"]);
    let hidden = decided("accepted", 10);
    assert_eq!(words(&hidden)[..4], ["emit", "tag", "move-parameters", "reject"]);
    assert_eq!(back(&hidden), old);
}

/// Two releases become ready in the same moment, and in one Region the older one is written last.
#[test]
fn what_an_older_release_overwrote_is_written_again_at_once_and_set_back_with_the_rest() {
    let overwritten = |tried: &str| {
        let mut scene = scene([9, 8, 9], Some(tried));
        for (code, images) in &mut scene.images {
            images.as_mut().unwrap().push(member(code.as_str(), 7, Stage::Released));
            let second = &mut images.as_mut().unwrap()[0];
            second.tags = std::mem::take(&mut second.tags).with(tags::STAGE, Stage::Published.word());
        }
        scene.decided(&with_parameter(), day(30) + TimeDelta::minutes(1)).remove(0)
    };
    let again = overwritten("1 2026-01-31T02:00:00Z accepted *");
    assert_eq!(words(&again)[..1], ["move-parameters"]);
    // The second time SSM does not show the new value.
    assert_eq!(words(&overwritten("2 2026-01-31T02:00:00Z accepted *")), ["keep"]);
    let moves = moves_of(&again);
    let oldest = |code: &str| Some(member(code, 7, Stage::Released).id);
    let backs = |of: &[Move]| of.iter().map(|one| one.back.clone()).collect::<Vec<_>>();
    assert_eq!(backs(&moves.moves), [oldest("eu-west-1")]);
    assert_eq!(backs(&moves.moved), [oldest("us-east-1"), oldest("ap-southeast-2")]);
}

#[test]
fn a_refusal_that_comes_later_sets_the_others_back_and_is_told() {
    let sequences = scene([9, 8, 9], None).refused(&with_parameter(), "eu-west-1");
    assert_eq!(words(&sequences[0]), ["tag", "emit", "move-parameters", "reject"]);
    let back: Vec<_> = moves_of(&sequences[0]).moves.iter().map(|one| one.image.clone()).collect();
    assert_eq!(
        back,
        [member("us-east-1", 8, Stage::Released).id, member("ap-southeast-2", 8, Stage::Released).id]
    );
    assert!(scene([8, 9, 8], None).refused(&with_parameter(), "eu-west-1").is_empty());
}

#[test]
fn a_refusal_in_a_region_of_best_effort_sets_no_other_back() {
    let mut recipe = with_parameter();
    recipe.replicate.best_effort = vec![region("ap-southeast-2")];
    let sequences = scene([9, 9, 8], None).refused(&recipe, "ap-southeast-2");
    assert_eq!(words(&sequences[0]), ["tag", "emit", "reject"]);
    assert_eq!(sequences[0][0].subject.region, region("ap-southeast-2"));
}

#[test]
fn what_ssm_accepts_and_never_shows_is_told_and_the_others_are_set_back() {
    let tried = "1 2026-01-30T02:00:00Z accepted *";
    let later: DateTime<Utc> = "2026-01-30T02:15:00Z".parse().unwrap();
    let sequences = scene([9, 8, 9], Some(tried)).decided(&with_parameter(), later);
    assert_eq!(words(&sequences[0])[..4], ["emit", "tag", "move-parameters", "reject"]);
    let back: Vec<_> = moves_of(&sequences[0]).moves.iter().map(|one| one.image.clone()).collect();
    assert_eq!(
        back,
        [member("us-east-1", 8, Stage::Released).id, member("ap-southeast-2", 8, Stage::Released).id]
    );
    let reason = sequences[0][0].reason.to_string();
    assert!(
        reason.contains("/golden/web in eu-west-1 at 2026-01-30T02:00:00Z, and has not shown it since"),
        "{reason}"
    );
    // Where none shows it, all are tried again, and it is told.
    let sequences = scene([8, 8, 8], Some(tried)).decided(&with_parameter(), later);
    assert_eq!(words(&sequences[0])[..2], ["emit", "move-parameters"]);
    // A value that comes late is no failure.
    let sequences = scene([9, 9, 9], Some(tried)).decided(&with_parameter(), later);
    assert!(words(&sequences[0]).ends_with(&["emit", "anchor", "set-stage"]));
}

/// Two releases everywhere; every Region names the newer one, of which these images are gone.
fn without(gone: &[&str]) -> Scene {
    let mut scene = scene([9, 9, 9], None);
    for (region, images) in &mut scene.images {
        let images = images.as_mut().unwrap();
        for image in images.iter_mut() {
            image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, Stage::Released.word());
        }
        images.retain(|image| {
            !gone.contains(&region.as_str()) || image.record().unwrap().name == name("web", 8)
        });
    }
    scene
}

#[test]
fn regions_that_go_together_go_back_together_when_the_home_image_of_what_they_name_is_lost() {
    for gone in [&["us-east-1"][..], &["us-east-1", "eu-west-1"], &REGIONS] {
        let sequences = without(gone).decided(&with_parameter(), day(30));
        assert_eq!(words(&sequences[0]), ["emit", "move-parameters"], "{gone:?}");
        let to: Vec<_> = moves_of(&sequences[0]).moves.iter().map(|one| one.image.clone()).collect();
        assert_eq!(to, REGIONS.map(|code| member(code, 8, Stage::Released).id).to_vec());
        let back = &moves_of(&sequences[0]).moves[0].back;
        assert_eq!(*back, None, "nothing is set back to what nobody can launch");
        let Action::Emit(envelope) = &sequences[0][0].action else { panic!() };
        assert!(envelope.detail(day(30)).contains("deregistered or disabled"));
    }
}

#[test]
fn what_is_lost_waits_ten_minutes_for_its_replacement_however_often_a_region_refused() {
    let mut scene = without(&["us-east-1"]);
    for image in scene.images.values_mut().flat_map(|images| images.as_mut().unwrap()) {
        let tried = "6 2026-01-31T02:00:00Z refused *";
        image.tags = std::mem::take(&mut image.tags).with(tags::RELEASE_TRIED, tried);
    }
    let decided = |minutes| scene.decided(&with_parameter(), day(30) + TimeDelta::minutes(minutes)).remove(0);
    // What is set back after a refusal wakes the function again, which would not end.
    assert_eq!(words(&decided(9)), ["keep"]);
    assert_eq!(words(&decided(10)), ["emit", "move-parameters"]);
}

/// Somebody rolled back from 8 to 6; 9 is new, and one Region refuses it.
#[test]
fn what_moved_is_set_back_to_what_somebody_had_rolled_back_to() {
    let mut scene = scene([9, 8, 9], None);
    for (code, images) in &mut scene.images {
        let mut pinned = member(code.as_str(), 6, Stage::Released);
        if code.as_str() == "us-east-1" {
            let over = name("web", 8).version;
            pinned = pinned.anchored(Anchor::default().pinned(Pin { at: day(8), over }));
        }
        if code.as_str() == "eu-west-1" {
            let value = pinned.id.to_string();
            let pointers = scene.pointers.get_mut(code).unwrap();
            pointers.parameter = Some(Ok(Some(value)));
        }
        images.as_mut().unwrap().push(pinned);
    }
    let sequences = scene.refused(&with_parameter(), "eu-west-1");
    let back: Vec<_> = moves_of(&sequences[0]).moves.iter().map(|one| one.image.clone()).collect();
    assert_eq!(
        back,
        ["us-east-1", "ap-southeast-2"].map(|code| member(code, 6, Stage::Released).id).to_vec()
    );
}

/// Somebody "rolls back" to 9, which is everywhere and was tried in vain: SSM shows it in one Region first.
#[test]
fn an_old_try_does_not_set_a_persons_rollback_back() {
    let mut scene = scene([9, 8, 8], Some("6 2026-01-31T02:00:00Z refused *"));
    let homes = scene.images.get_mut(&region("us-east-1")).unwrap().as_mut().unwrap();
    let over = name("web", 9).version;
    for image in homes.iter_mut().filter(|image| image.record().unwrap().name == name("web", 9)) {
        *image = image.anchored(Anchor::default().pinned(Pin { at: day(30), over }));
    }
    let decided = scene.decided(&with_parameter(), day(30) + TimeDelta::minutes(1));
    assert_eq!(words(&decided[0]), ["keep"]);
}

#[test]
fn with_each_a_region_whose_replica_is_there_stays_where_it_is() {
    let mut recipe = with_parameter();
    recipe.replicate.release = ReleaseStrategy::PerRegion;
    let sequences = without(&["us-east-1"]).decided(&recipe, day(30));
    let moved: Vec<_> = moves_of(&sequences[0]).moves.iter().map(|one| one.region.to_string()).collect();
    assert_eq!(moved, ["us-east-1"]);
}
