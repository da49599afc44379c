use chrono::DateTime;

use super::*;
use crate::model::{ImageName, Version};

/// The detail without its id, which other tests look at.
fn detail(envelope: &Envelope) -> String {
    let id = envelope.id(DateTime::UNIX_EPOCH);
    envelope.detail(DateTime::UNIX_EPOCH).replace(id.as_str(), "")
}

fn event(day: u32, region: &str, news: Event) -> Envelope {
    let name = format!("web-202611{day:02}T020000Z").parse().unwrap();
    Envelope { name, region: region.parse().unwrap(), news, occasion: String::new() }
}

fn id(envelope: &Envelope) -> String {
    envelope.id(DateTime::UNIX_EPOCH).to_string()
}

#[test]
fn an_end_of_a_bake_has_one_id_whatever_was_found_the_second_time() {
    let failed = |reason: &str| Event::BakeFailed {
        instance: "i-0123456789abcdef0".parse().ok(),
        reason: reason.into(),
        console_tail: reason.into(),
        log: None,
    };
    let first = event(23, "us-east-1", failed("the instance stopped without a verdict"));
    assert_eq!(id(&first), id(&event(23, "us-east-1", failed("the script failed with status 1"))));
    let refused = Event::BakeRefused { reason: "there is no base".into() };
    let others =
        [event(24, "us-east-1", failed("the script failed with status 1")), event(23, "us-east-1", refused)];
    assert!(others.iter().all(|other| id(other) != id(&first)));
    assert_eq!(first.id(DateTime::UNIX_EPOCH), first.id(DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1)));
}

#[test]
fn another_region_another_tester_and_another_occasion_have_ids_of_their_own() {
    let rejected = |tester: &str| Event::ImageRejected {
        image: "ami-01".parse().unwrap(),
        instance: tester.parse().ok(),
        reason: "the script failed with status 7".into(),
        console_tail: String::new(),
        log: None,
    };
    let first = event(23, "us-east-1", rejected("i-01"));
    let again = Envelope { occasion: "2026-12-01T00:00:00Z".into(), ..first.clone() };
    let ids: std::collections::BTreeSet<String> = [
        &first,
        &again,
        &event(23, "us-east-1", rejected("i-02")),
        &event(23, "eu-west-1", rejected("i-01")),
    ]
    .into_iter()
    .map(id)
    .collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn what_is_told_every_night_has_an_id_for_each_night() {
    let kept = kept("web", 1, "us-east-1", "ami-01");
    let night = |n| DateTime::UNIX_EPOCH + chrono::TimeDelta::days(n);
    assert_eq!(kept.id(night(1)), kept.id(night(1)));
    assert_ne!(kept.id(night(1)), kept.id(night(2)));
}

#[test]
fn an_event_has_recipe_version_region_and_its_own_fields() {
    let envelope = Envelope {
        name: "web-20261123T020000Z".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        news: Event::BakeFailed {
            instance: "i-0123456789abcdef0".parse().ok(),
            reason: "the script failed with status 1".into(),
            console_tail: "line\n\"quoted\"".into(),
            log: None,
        },
        occasion: String::new(),
    };
    assert_eq!(envelope.detail_type(), "Bake Failed");
    assert_eq!(
        detail(&envelope),
        r#"{"id":"","schema":"1","recipe":"web","version":"20261123T020000Z","region":"us-east-1","instance":"i-0123456789abcdef0","reason":"the script failed with status 1","console-tail":"line\n\"quoted\""}"#
    );
}

fn kept(recipe: &str, day: u32, region: &str, image: &str) -> Envelope {
    let version: Version = format!("202611{day:02}T020000Z").parse().unwrap();
    let entry = ImageEntry {
        image: image.parse().unwrap(),
        version,
        region: region.parse().unwrap(),
        reason: "somebody holds it".into(),
        snapshots: None,
    };
    Envelope {
        name: ImageName { recipe: recipe.parse().unwrap(), version },
        region: region.parse().unwrap(),
        news: Event::Images { transition: Transition::Kept, images: vec![entry] },
        occasion: String::new(),
    }
}

fn images(envelope: &Envelope) -> Vec<&str> {
    match &envelope.news {
        Event::Images { images, .. } => images.iter().map(|entry| entry.image.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn images_of_one_recipe_with_the_same_transition_share_an_event() {
    let mut disabled = kept("web", 1, "us-east-1", "ami-05");
    if let Event::Images { transition, .. } = &mut disabled.news {
        *transition = Transition::Disabled;
    }
    let events = coalesce(vec![
        kept("web", 1, "us-east-1", "ami-01"),
        kept("app", 1, "us-east-1", "ami-02"),
        kept("web", 2, "eu-west-1", "ami-03"),
        disabled,
    ]);
    let of: Vec<Vec<&str>> = events.iter().map(images).collect();
    assert_eq!(of, [vec!["ami-01", "ami-03"], vec!["ami-02"], vec!["ami-05"]]);
    assert_eq!(
        detail(&events[0]),
        r#"{"id":"","schema":"1","recipe":"web","images":[{"image":"ami-01","version":"20261101T020000Z","region":"us-east-1","reason":"somebody holds it"},{"image":"ami-03","version":"20261102T020000Z","region":"eu-west-1","reason":"somebody holds it"}]}"#
    );
}

#[test]
fn an_event_has_at_most_100_images_and_no_image_is_left_out() {
    let news = (0..250).map(|number| kept("web", 1, "us-east-1", &format!("ami-{number:04x}"))).collect();
    let events = coalesce(news);
    assert_eq!(events.iter().map(|one| images(one).len()).collect::<Vec<_>>(), [100, 100, 50]);
    let all: std::collections::BTreeSet<&str> = events.iter().flat_map(images).collect();
    assert_eq!(all.len(), 250);
}

#[test]
fn other_events_are_not_combined() {
    let one = || Envelope {
        name: "web-20261123T020000Z".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        news: Event::ImagePublished { image: "ami-01".parse().unwrap() },
        occasion: String::new(),
    };
    assert_eq!(coalesce(vec![one(), one()]), [one(), one()]);
}

#[test]
fn a_call_has_at_most_ten_events_and_stays_below_the_size_limit() {
    let small = kept("web", 1, "us-east-1", "ami-01");
    let lengths = |news: &[Envelope]| batches(news).iter().map(|call| call.len()).collect::<Vec<_>>();
    assert_eq!(lengths(&[]), [0; 0]);
    assert_eq!(lengths(&vec![small.clone(); 21]), [10, 10, 1]);
    let mut large = small.clone();
    if let Event::Images { images, .. } = &mut large.news {
        images[0].reason = "x".repeat(400_000);
    }
    assert_eq!(lengths(&vec![large.clone(); 5]), [2, 2, 1]);
    if let Event::Images { images, .. } = &mut large.news {
        images[0].reason = "x".repeat(1_200_000);
    }
    assert_eq!(lengths(&[small.clone(), large, small]), [1, 1, 1]);
}
