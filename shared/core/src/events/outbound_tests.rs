use super::*;

#[test]
fn an_event_names_recipe_version_region_and_what_happened() {
    let envelope = Envelope {
        name: "web-20261123T020000Z".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        news: Event::BakeFailed {
            instance: "i-0123456789abcdef0".parse().unwrap(),
            reason: "the script failed with status 1".into(),
            console_tail: "line\n\"quoted\"".into(),
        },
    };
    assert_eq!(envelope.detail_type(), "Bake Failed");
    assert_eq!(
        envelope.detail(),
        r#"{"recipe":"web","version":"20261123T020000Z","region":"us-east-1","instance":"i-0123456789abcdef0","reason":"the script failed with status 1","console-tail":"line\n\"quoted\""}"#
    );
}

fn kept(recipe: &str, day: u32, region: &str, image: &str) -> Envelope {
    let version: Version = format!("202611{day:02}T020000Z").parse().unwrap();
    let text = ImageEntry {
        image: image.parse().unwrap(),
        version,
        region: region.parse().unwrap(),
        reason: "somebody holds it".into(),
        snapshots: None,
    };
    Envelope {
        name: ImageName { recipe: recipe.parse().unwrap(), version },
        region: region.parse().unwrap(),
        news: Event::Images { transition: Transition::Kept, images: vec![text] },
    }
}

fn images(envelope: &Envelope) -> Vec<&str> {
    match &envelope.news {
        Event::Images { images, .. } => images.iter().map(|text| text.image.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn one_event_tells_of_all_images_of_a_recipe_that_the_same_became_of() {
    let mut retired = kept("web", 1, "us-east-1", "ami-05");
    if let Event::Images { transition, .. } = &mut retired.news {
        *transition = Transition::Disabled;
    }
    let text = coalesce(vec![
        kept("web", 1, "us-east-1", "ami-01"),
        kept("app", 1, "us-east-1", "ami-02"),
        kept("web", 2, "eu-west-1", "ami-03"),
        retired,
    ]);
    let of: Vec<Vec<&str>> = text.iter().map(images).collect();
    assert_eq!(of, [vec!["ami-01", "ami-03"], vec!["ami-02"], vec!["ami-05"]]);
    assert_eq!(
        text[0].detail(),
        r#"{"recipe":"web","images":[{"image":"ami-01","version":"20261101T020000Z","region":"us-east-1","reason":"somebody holds it"},{"image":"ami-03","version":"20261102T020000Z","region":"eu-west-1","reason":"somebody holds it"}]}"#
    );
}

#[test]
fn no_event_tells_of_more_than_a_hundred_images_and_none_is_left_out() {
    let news = (0..250).map(|number| kept("web", 1, "us-east-1", &format!("ami-{number:04x}"))).collect();
    let text = coalesce(news);
    assert_eq!(text.iter().map(|one| images(one).len()).collect::<Vec<_>>(), [100, 100, 50]);
    let all: std::collections::BTreeSet<&str> = text.iter().flat_map(images).collect();
    assert_eq!(all.len(), 250);
}

#[test]
fn other_news_stay_events_of_their_own() {
    let one = || Envelope {
        name: "web-20261123T020000Z".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        news: Event::ImagePublished { image: "ami-01".parse().unwrap() },
    };
    assert_eq!(coalesce(vec![one(), one()]), [one(), one()]);
}

#[test]
fn a_call_says_ten_events_at_most_and_no_more_bytes_than_it_takes() {
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
