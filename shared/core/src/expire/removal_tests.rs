use chrono::TimeDelta;

use super::tests::{actions, by, releases_of, unused};
use crate::fixtures::*;
use crate::inventory::Image;
use crate::model::tags;
use crate::recipe::Adopt;

#[test]
fn an_adopted_release_is_deprecated_and_goes_no_further_unless_its_recipe_lets_it() {
    let adopted = |images: Vec<Image>| {
        let adopt = |image: Image| {
            let address = image.address().to_string();
            if image.record().unwrap().name == name("web", 1) {
                tagged(image, tags::ADOPTED, &address)
            } else {
                image
            }
        };
        images.into_iter().map(adopt).collect::<Vec<_>>()
    };
    let mut keeping = recipe("web");
    keeping.adopt = Some(Adopt { name: "packer*".into(), deregister: false });
    let first = by(&keeping, adopted(releases_of(&[1, 2, 3])), &unused(), day(40));
    assert_eq!(actions(&first), [("1@us-east-1".to_owned(), "deprecate")]);
    let mut marked = adopted(releases_of(&[1, 2, 3]));
    for image in marked.iter_mut().filter(|image| image.tags.has(tags::ADOPTED)) {
        *image = tagged(image.clone(), tags::UNUSED_SINCE, &day(30).to_rfc3339());
        image.deprecated = Some(day(30));
    }
    assert!(actions(&by(&keeping, marked, &unused(), day(60))).is_empty());
    keeping.adopt = Some(Adopt { name: "packer*".into(), deregister: true });
    let allowed = by(&keeping, adopted(releases_of(&[1, 2, 3])), &unused(), day(40));
    assert_eq!(actions(&allowed), [("1@us-east-1".to_owned(), "disable")]);
}

fn tagged(image: Image, key: &str, value: &str) -> Image {
    Image { tags: image.tags.clone().with(key, value), ..image }
}

#[test]
fn without_quarantine_the_home_image_is_marked_before_its_replicas_go() {
    let mut without_quarantine = recipe("web");
    without_quarantine.expire.quarantine = TimeDelta::zero();
    let mut images = releases_of(&[1, 2, 3]);
    images.push(image("web", 1).released().in_region("eu-west-1").build());
    let sequences = by(&without_quarantine, images, &unused(), day(40));
    assert_eq!(
        actions(&sequences),
        [
            ("1@us-east-1".to_owned(), "mark-disabled"),
            ("1@eu-west-1".to_owned(), "deregister"),
            ("1@us-east-1".to_owned(), "deregister")
        ]
    );
}

/// Its Region had left the recipe, so the replica was disabled by itself, and it is back.
#[test]
fn a_replica_that_kiln_disabled_is_enabled_again_with_the_release_that_is_kept() {
    let replica = |n| image("web", n).in_region("eu-west-1").disabled_on(38).build();
    let all = [releases_of(&[5, 6, 7]), vec![replica(7)]].concat();
    let back = [("7@eu-west-1".to_owned(), "enable"), ("7@eu-west-1".to_owned(), "reactivate")];
    let decided = actions(&by(&recipe("web"), all, &unused(), day(40)));
    assert_eq!(decided.iter().filter(|(of, _)| of.starts_with('7')).cloned().collect::<Vec<_>>(), back);
}

#[test]
fn a_replica_that_a_person_disabled_stays_so_and_one_of_a_disabled_release_too() {
    let mut by_person = image("web", 7).released().in_region("eu-west-1").build();
    by_person.state = crate::inventory::ImageState::Disabled;
    let all = [releases_of(&[5, 6, 7]), vec![by_person]].concat();
    let of_seven = |images| {
        let decided = actions(&by(&recipe("web"), images, &unused(), day(40)));
        decided.into_iter().filter(|(of, _)| of.starts_with('7')).count()
    };
    assert_eq!(of_seven(all), 0);
    let gone = vec![
        image("web", 7).disabled_on(38).build(),
        image("web", 7).in_region("eu-west-1").disabled_on(38).build(),
    ];
    assert_eq!(of_seven([releases_of(&[5, 6]), gone].concat()), 0);
}
