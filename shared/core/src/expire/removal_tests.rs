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
