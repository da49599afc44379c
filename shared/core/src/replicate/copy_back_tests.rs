use super::*;
use crate::fixtures::*;
use crate::model::{Pin, tags};

fn scene(home: Vec<Image>, replicas: Vec<Image>) -> BTreeMap<Region, Result<Vec<Image>>> {
    [
        (region("us-east-1"), Ok(home)),
        (region("eu-west-1"), Ok(replicas)),
        (region("ap-southeast-2"), Ok(Vec::new())),
    ]
    .into()
}

fn replica(n: i64) -> Image {
    image("web", n).released().in_region("eu-west-1").build()
}

fn decided(home: Vec<Image>, replicas: Vec<Image>) -> Sequence {
    decide(&recipe("web"), &region("us-east-1"), &scene(home, replicas), day(30))
        .into_iter()
        .flatten()
        .collect()
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|one| one.action.word()).collect()
}

#[test]
fn the_home_image_of_the_newest_release_is_copied_back_from_a_replica() {
    let sequence = decided(vec![image("web", 8).released().build()], vec![replica(8), replica(9)]);
    assert_eq!(words(&sequence), ["copy"]);
    let Action::Copy(new) = &sequence[0].action else { panic!() };
    assert_eq!((&new.region, &new.image), (&region("us-east-1"), &replica(9).id));
    assert_eq!(new.tags.get(tags::COPIED_BACK), Some(&*replica(9).address().to_string()));
    assert!(!new.tags.has(tags::ORIGIN) && new.tags.get(tags::STAGE) == Some("captured"));
}

#[test]
fn what_came_back_is_the_home_image_of_all_replicas_with_its_name() {
    let sequence = decided(Vec::new(), vec![replica(9)]);
    let Action::Copy(new) = &sequence[1].action else { panic!() };
    let back = Image {
        id: "ami-0bac".parse().unwrap(),
        name: new.name.clone(),
        tags: keys().tags_of_replica(new),
        source_image: Some(replica(9).address()),
        source_instance: None,
        ..image("web", 9).build()
    };
    let mut opened = back.clone();
    keys().open_image(&mut opened);
    let record = opened.record().unwrap();
    assert!(record.copied.is_none() && opened.is_origin_of(&record, &replica(9).record().unwrap()));
    assert!(!opened.is_origin_of(&record, &replica(8).record().unwrap()));
    let mut forged = Image { source_image: Some(replica(8).address()), ..back };
    keys().open_image(&mut forged);
    assert!(forged.record().is_err(), "EC2 says that it was copied from another image");
}

#[test]
fn nothing_is_copied_back_that_is_there_or_older_or_was_rolled_back_from() {
    let home = |n| image("web", n).released().build();
    assert_eq!(words(&decided(vec![home(9)], vec![replica(9)])), [""; 0]);
    assert_eq!(words(&decided(vec![home(9)], vec![replica(8)])), [""; 0]);
    let pin = Pin { at: day(20), over: name("web", 9).version };
    let pinned = home(8).anchored(home(8).anchor().pinned(pin));
    assert_eq!(words(&decided(vec![pinned], vec![replica(8), replica(9)])), [""; 0]);
    for state in [ImageState::Pending, ImageState::Disabled] {
        let there = Image { state, ..home(9) };
        assert_eq!(words(&decided(vec![home(8), there], vec![replica(9)])), [""; 0]);
    }
    let mut recipe = recipe("web");
    recipe.replicate.on_loss = OnLoss::RollBack;
    let images = scene(vec![home(8)], vec![replica(9)]);
    assert!(decide(&recipe, &region("us-east-1"), &images, day(30)).is_empty());
    let nothing_else = scene(Vec::new(), vec![replica(9)]);
    assert_eq!(decide(&recipe, &region("us-east-1"), &nothing_else, day(30)).len(), 1);
}

#[test]
fn it_is_told_where_no_other_release_can_be_named_and_tried_again_in_the_next_hour() {
    let sequence = decided(Vec::new(), vec![replica(9)]);
    assert_eq!(words(&sequence), ["emit", "copy"]);
    let token = |minutes| {
        let (now, images) = (day(30) + chrono::TimeDelta::minutes(minutes), scene(vec![], vec![replica(9)]));
        let decided = decide(&recipe("web"), &region("us-east-1"), &images, now);
        let Action::Copy(new) = &decided[0][1].action else { panic!() };
        new.token.clone()
    };
    assert!(token(0) == token(59) && token(0) != token(60));
}
