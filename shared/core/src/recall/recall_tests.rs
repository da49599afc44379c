use std::collections::BTreeSet;

use super::*;
use crate::fixtures::*;
use crate::inventory::Grantee;
use crate::model::Pin;
use crate::release::{self, Drift};

/// What is there of the recipe, and what each Region names.
struct Scene {
    images: BTreeMap<Region, Result<Vec<Image>>>,
    pointers: BTreeMap<Region, Pointers>,
    permissions: BTreeMap<(Region, ImageId), Result<Permissions>>,
}

fn version(n: i64) -> Version {
    name("web", n).version
}

fn everywhere(n: i64) -> Vec<Image> {
    REGIONS.map(|code| image("web", n).released().at(code).build()).into()
}

/// These images, of which every Region names the release of day `named`, and each is shared with an account.
fn scene(images: Vec<Image>, named: i64) -> Scene {
    let grants = Permissions {
        launch: BTreeSet::from([Grantee::Account("111111111111".into())]),
        volumes: BTreeMap::new(),
    };
    let permissions = images.iter().map(|one| ((one.region.clone(), one.id.clone()), Ok(grants.clone())));
    let pointer = |code: &str| Pointers {
        parameter: Some(Ok(Some(id_of(code, named).to_string()))),
        ..Pointers::default()
    };
    let mut scene = Scene {
        permissions: permissions.collect(),
        pointers: REGIONS.map(|code| (region(code), pointer(code))).into(),
        images: REGIONS.map(|code| (region(code), Ok(Vec::new()))).into(),
    };
    for image in images {
        scene.images.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    scene
}

impl Scene {
    fn observed<T>(&self, of: impl FnOnce(&Observed<'_>) -> T) -> T {
        let (recipe, home) = (with_parameter(), region("us-east-1"));
        of(&Observed {
            recipe: &recipe,
            home: &home,
            images: &self.images,
            pointers: &self.pointers,
            permissions: &self.permissions,
            users: &[],
            now: day(30),
        })
    }

    fn recalled(&self, n: i64) -> Vec<Sequence> {
        let mut sequences = vec![self.observed(|observed| begin(observed, version(n), "CVE-1"))];
        sequences.extend(self.observed(|observed| withdraw(observed, version(n), "CVE-1")));
        sequences.retain(|sequence| !sequence.is_empty());
        let is_whole = !sequences.iter().flatten().any(|one| one.action == Action::Retry);
        sequences.extend(self.observed(|observed| conclude(observed, version(n), "CVE-1", is_whole)));
        sequences
    }

    /// The same scene once these decisions about images were carried out.
    fn after(mut self, sequences: &[Sequence]) -> Self {
        let images = self.images.values_mut().filter_map(|found| found.as_mut().ok()).flatten();
        for image in images {
            let here = image.region.clone();
            let own = sequences.iter().flatten().filter(|one| one.subject.region == here);
            for decision in own {
                match &decision.action {
                    Action::Anchor { image: id, anchor, .. } if *id == image.id => {
                        *image = image.anchored(anchor.clone());
                        // As it is read: the anchor counts, whatever the tag says.
                        let stage = image.tags.read::<Stage>(tags::STAGE).map(|stage| anchor.stage(stage));
                        image.tags = image.tags.clone().with(tags::STAGE, stage.unwrap());
                    }
                    Action::SetStage(id, record, more) if *id == image.id => {
                        let stage = Tags::new().with(tags::STAGE, record.stage);
                        image.tags = image.tags.clone().and(&stage).and(more);
                    }
                    Action::Tag(id, more) if *id == image.id => image.tags = image.tags.clone().and(more),
                    _ => {}
                }
            }
        }
        self
    }
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

fn moves(sequences: &[Sequence]) -> BTreeMap<Region, ImageId> {
    let moves = sequences.iter().flatten().filter_map(|decision| match &decision.action {
        Action::MoveParameters(moves) => Some(&moves.moves),
        _ => None,
    });
    moves.flatten().map(|one| (one.region.clone(), one.image.clone())).collect()
}

fn images_of(n: i64) -> BTreeMap<Region, ImageId> {
    REGIONS.map(|code| (region(code), id_of(code, n))).into()
}

#[test]
fn a_recall_marks_each_image_and_takes_back_what_it_granted_and_then_every_region_moves_back() {
    let sequences = scene([everywhere(8), everywhere(9)].concat(), 9).recalled(9);
    let (marks, withdrawn) = (vec!["anchor", "set-stage"], vec!["tag", "share", "set-deprecation"]);
    let whole = [marks.clone(), withdrawn.clone()].concat();
    let images = vec![marks, withdrawn, whole.clone(), whole];
    let expected = [images, vec![vec!["emit"], vec!["move-parameters", "tag"]]].concat();
    assert_eq!(sequences.iter().map(words).collect::<Vec<_>>(), expected);
    assert_eq!(sequences[0][0].subject.region, region("us-east-1"), "the home image first");
    assert_eq!(moves(&sequences), images_of(8));
    let Action::Emit(envelope) = &sequences[4][0].action else { panic!("{sequences:?}") };
    let detail = envelope.detail(day(30));
    assert!(
        detail.contains("\"reason\":\"CVE-1\"") && detail.contains("\"named\":\"20260109T020000Z\""),
        "{detail}"
    );
}

#[test]
fn a_release_that_nothing_names_is_recalled_and_nothing_moves() {
    let sequences = scene([everywhere(8), everywhere(9)].concat(), 9).recalled(8);
    assert_eq!(moves(&sequences), BTreeMap::new());
    assert!(words(&sequences[1]).contains(&"share"));
}

#[test]
fn without_another_release_the_image_is_recalled_and_a_person_is_told_that_it_is_still_named() {
    let sequences = scene(everywhere(9), 9).recalled(9);
    assert_eq!(sequences.last().map(words), Some(vec!["tag", "reject"]));
    assert!(words(&sequences[1]).contains(&"share") && moves(&sequences).is_empty());
}

#[test]
fn a_rollback_to_a_release_ends_with_its_recall_and_what_was_rolled_back_from_is_not_named_again() {
    let mut images = [everywhere(7), everywhere(8), everywhere(9)].concat();
    for image in images.iter_mut().filter(|image| image.region == region("us-east-1")) {
        if image.id == id_of("us-east-1", 8) {
            *image = image.anchored(image.anchor().pinned(Pin { at: day(20), over: version(9) }));
            image.tags = image.tags.clone().with(tags::PIN_HOLDS, "yes");
        } else if image.id == id_of("us-east-1", 9) {
            *image = image.anchored(image.anchor().rolled_back_from(day(20)));
        }
    }
    let sequences = scene(images, 8).recalled(8);
    let Action::SetStage(_, _, more) = &sequences[0][1].action else { panic!("{sequences:?}") };
    assert_eq!(more.get(tags::PIN_HOLDS), Some("no"));
    assert_eq!(moves(&sequences), images_of(7));
}

#[test]
fn the_recall_of_what_somebody_rolled_back_to_does_not_revive_an_earlier_rollback() {
    let mut images = [everywhere(7), everywhere(8), everywhere(9)].concat();
    for image in images.iter_mut().filter(|image| image.region == region("us-east-1")) {
        let rolled_back = |at, over| Pin { at: day(at), over: version(over) };
        let anchor = image.anchor().clone();
        *image = match () {
            () if image.id == id_of("us-east-1", 9) => image.anchored(anchor.rolled_back_from(day(20))),
            () if image.id == id_of("us-east-1", 8) => {
                image.anchored(anchor.pinned(rolled_back(20, 9)).rolled_back_from(day(21)))
            }
            () => image.anchored(anchor.pinned(rolled_back(21, 9))),
        };
    }
    let sequences = scene(images, 7).recalled(7);
    assert_eq!(moves(&sequences), BTreeMap::new());
    assert_eq!(sequences.last().map(words), Some(vec!["tag", "reject"]));
}

#[test]
fn a_recall_that_died_after_its_first_call_is_finished_by_the_sweep_and_by_the_same_call() {
    let scene = scene([everywhere(8), everywhere(9)].concat(), 9);
    let first = vec![vec![scene.recalled(9)[0][0].clone()]];
    let scene = scene.after(&first);
    let (recipe, home) = (with_parameter(), region("us-east-1"));
    let state = ReleaseState::of(&recipe, &home, &scene.images, &scene.pointers, day(30));
    let swept = release::decide(&state, Drift::Repair);
    assert_eq!(moves(&swept), images_of(8));
    assert!(!swept.iter().any(|one| words(one).contains(&"emit")), "nothing was lost: {swept:?}");
    let open: Vec<_> = unfinished(scene.images[&home].as_ref().unwrap()).map(|(_, name, _)| name).collect();
    assert_eq!(open, [name("web", 9)]);
    let again = scene.recalled(9);
    assert_eq!(moves(&again), images_of(8));
    let done = scene.after(&again);
    assert_eq!(unfinished(done.images[&home].as_ref().unwrap()).count(), 0);
}

#[test]
fn a_region_that_cannot_be_read_keeps_no_other_from_being_marked() {
    let mut scene = scene([everywhere(8), everywhere(9)].concat(), 9);
    let away = region("eu-west-1");
    let error = CloudError::new("DescribeImages", "images", &away, "ServiceUnavailable", "an outage");
    scene.images.insert(away, Err(error));
    let sequences = scene.recalled(9);
    assert_eq!(words(&sequences[1]), ["retry"]);
    assert!([0, 3].iter().all(|at| words(&sequences[*at]).starts_with(&["anchor", "set-stage"])));
    assert!(moves(&sequences).is_empty(), "all Regions move together, once all can be read");
    let after = scene.after(&sequences);
    let open = unfinished(after.images[&region("us-east-1")].as_ref().unwrap()).count();
    assert_eq!(open, 1, "a sweep goes on with it");
    let again = after.recalled(9);
    assert!(!again.iter().any(|one| words(one).contains(&"emit")), "it is told once: {again:?}");
}

#[test]
fn a_recalled_image_that_was_disabled_and_that_somebody_enabled_is_not_marked_again_and_again() {
    let away = region("eu-west-1");
    let error = CloudError::new("DescribeImages", "images", &away, "ServiceUnavailable", "an outage");
    let mut scene = scene([everywhere(8), everywhere(9)].concat(), 9);
    scene.images.insert(away, Err(error));
    let first = scene.recalled(9);
    let mut later = scene.after(&first);
    for image in later.images.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
        image.tags = image.tags.clone().with(tags::STAGE, Stage::Disabled);
    }
    let again = later.recalled(9);
    assert!(!again.iter().any(|one| words(one).contains(&"anchor")), "it is marked already: {again:?}");
    assert!(!again.iter().any(|one| words(one).contains(&"emit")), "it is told once: {again:?}");
}

#[test]
fn nothing_is_recalled_while_the_home_region_cannot_be_read() {
    let mut scene = scene([everywhere(8), everywhere(9)].concat(), 9);
    let home = region("us-east-1");
    let error = CloudError::new("DescribeImages", "images", &home, "ServiceUnavailable", "an outage");
    scene.images.insert(home, Err(error));
    let begun = scene.observed(|observed| begin(observed, version(9), "CVE-1"));
    assert_eq!(words(&begun), ["retry"]);
}

#[test]
fn a_recall_that_is_taken_back_makes_it_a_release_again_with_what_its_recipe_says() {
    let scene = scene([everywhere(8), everywhere(9)].concat(), 8);
    let recalled = scene.recalled(9);
    let scene = scene.after(&recalled);
    let back = scene.observed(|observed| reinstate(observed, version(9)));
    // Of the fixtures no image bears the time of its release: it begins anew.
    assert!(back[0].iter().any(|one| matches!(one.action, Action::Reactivate { .. })), "{back:?}");
    let mut scene = scene;
    for image in scene.images.values_mut().flat_map(|found| found.as_mut().unwrap()) {
        image.tags = image.tags.clone().with_time(tags::RELEASED_AT, day(9));
    }
    let back = scene.observed(|observed| reinstate(observed, version(9)));
    let anchors: Vec<&Region> = back[0]
        .iter()
        .filter(|one| matches!(one.action, Action::Anchor { .. }))
        .map(|one| &one.subject.region)
        .collect();
    assert_eq!(anchors.last(), Some(&&region("us-east-1")), "the home image last");
    assert_eq!(moves(&back), images_of(9));
    let last = back[0].last().unwrap();
    assert!(matches!(&last.action, Action::Emit(one) if one.detail_type() == "Image Reinstated"));
    let none = scene.observed(|observed| reinstate(observed, version(8)));
    assert!(none[0][0].reason.to_string().contains("nothing to bring back"), "{none:?}");
}

#[test]
fn what_is_not_there_is_refused() {
    let sequences = scene(everywhere(9), 9).recalled(5);
    assert_eq!(sequences.iter().map(words).collect::<Vec<_>>(), [["reject"]]);
}
