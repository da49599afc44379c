use super::*;
use crate::inventory::{Template, TemplatePoint};
use crate::recipe::LaunchTemplate;

fn best_effort() -> Recipe {
    let mut recipe = with_parameter();
    recipe.replicate.best_effort = vec![region("ap-southeast-2")];
    recipe
}

fn unreadable(scene: &mut Scene, code: &str) {
    let error = CloudError::new("DescribeImages", "images", &region(code), "ServiceUnavailable", "an outage");
    scene.images.insert(region(code), Err(error));
}

#[test]
fn a_region_of_best_effort_moves_by_itself_and_holds_up_neither_the_others_nor_the_release() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let mut scene = scene([old.clone(), new].concat(), &showing(&old));
    let sequences = scene.decided(&best_effort());
    assert_eq!(
        sequences.iter().map(|one| moves(std::slice::from_ref(one)).len()).collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(words(&sequences[1]), ["move-parameters"]);
    unreadable(&mut scene, "ap-southeast-2");
    let sequences = scene.decided(&best_effort());
    assert_eq!(words(&sequences[0]), ["retry"]);
    assert_eq!(words(&sequences[1]), ["move-parameters", "tag", "set-stage", "emit", "anchor", "set-stage"]);
}

#[test]
fn a_region_of_best_effort_without_its_launch_template_does_not_hold_the_release_up() {
    let mut recipe = best_effort();
    recipe.publish.launch_template = Some(LaunchTemplate { name: "web".into(), default: true });
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Published));
    let mut scene = scene([old.clone(), new].concat(), &showing(&old));
    for (pointers, image) in scene.pointers.values_mut().zip(["us-east-1", "eu-west-1"]) {
        let point = TemplatePoint {
            number: 7,
            image: old.iter().find(|one| one.region.as_str() == image).map(|one| one.id.clone()),
        };
        pointers.template =
            Some(Ok(Some(Template { id: "lt-0a".into(), latest: point.clone(), default: point })));
    }
    scene.pointers.get_mut(&region("ap-southeast-2")).unwrap().template = Some(Ok(None));
    let sequences = scene.decided(&recipe);
    let refused = |sequence: &Sequence| words(sequence).contains(&"reject");
    assert_eq!(sequences.iter().filter(|one| refused(one)).count(), 1);
    assert!(
        sequences.iter().any(|one| !refused(one) && words(one).ends_with(&["emit", "anchor", "set-stage"]))
    );
}

#[test]
fn a_region_of_best_effort_that_cannot_follow_does_not_stop_a_rollback_and_is_told() {
    let (old, new) = (everywhere(8, Stage::Released), everywhere(9, Stage::Released));
    let mut away = scene([old.clone(), new.clone()].concat(), &showing(&new));
    unreadable(&mut away, "ap-southeast-2");
    assert_eq!(
        words(&away.rolled_back(&best_effort(), None)),
        ["tag", "anchor", "anchor", "move-parameters", "emit", "keep"]
    );
    assert_eq!(words(&away.rolled_back(&with_parameter(), None)), ["retry"]);
    let without = scene([&old[..2], &new[..]].concat(), &showing(&new));
    let sequence = without.rolled_back(&best_effort(), None);
    assert_eq!(words(&sequence), ["tag", "anchor", "anchor", "move-parameters", "emit", "keep"]);
    assert!(sequence[5].reason.to_string().contains("ap-southeast-2 is of best effort"));
    assert_eq!(words(&without.rolled_back(&with_parameter(), None)), ["reject"]);
}
