use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::ErrorKind;

fn seen(image: Image, west: Vec<Image>, south: Vec<Image>) -> Observed {
    let record = image.record().unwrap();
    let regions = [(region("eu-west-1"), Ok(west)), (region("ap-southeast-2"), Ok(south))].into();
    Observed {
        image,
        record,
        regions,
        permissions: PermissionsByImage::new(),
        newest: None,
        now: day(9) + TimeDelta::minutes(9),
    }
}

fn home() -> Image {
    image("web", 9).published().build()
}

fn replica(code: &str) -> Image {
    image("web", 9).published().in_region(code).build()
}

fn failed(code: &str, attempt: u32) -> Image {
    let mut image = image("web", 9).of_try(code, attempt).in_state(ImageState::Failed).build();
    image.state_reason = "Given key ID is not accessible".into();
    image
}

fn decided(seen: &Observed) -> Vec<Sequence> {
    decide(&recipe("web"), seen)
}

fn words(sequences: &[Sequence]) -> Vec<(&str, Vec<&'static str>)> {
    let mut words: Vec<_> = sequences
        .iter()
        .map(|sequence| {
            (
                sequence[0].subject.region.as_str(),
                sequence.iter().map(|decision| decision.action.word()).collect(),
            )
        })
        .collect();
    words.sort();
    words
}

fn copies(sequences: &[Sequence]) -> Vec<&NewReplica> {
    let actions = sequences.iter().flatten().map(|decision| &decision.action);
    actions.filter_map(|action| if let Action::Copy(new) = action { Some(new) } else { None }).collect()
}

#[test]
fn an_available_image_is_copied_to_every_region_at_once_with_its_record() {
    let sequences = decided(&seen(home(), vec![], vec![]));
    let copies = copies(&sequences);
    assert_eq!(
        copies.iter().map(|new| new.region.as_str()).collect::<Vec<_>>(),
        ["ap-southeast-2", "eu-west-1"]
    );
    for new in copies {
        assert_eq!(new.name, "web-20260110T020000Z");
        assert_eq!(new.tags.get("kiln:stage"), Some("captured"));
        assert_eq!(new.tags.get("kiln:origin"), Some(format!("us-east-1/{}", home().id).as_str()));
        assert_eq!(new.tags.get("kiln:attempt"), Some("1"));
        assert_eq!(new.tags.get("team"), Some("platform"));
        assert!(new.token.as_str().len() <= 64);
    }
}

#[test]
fn what_exists_is_not_copied_again() {
    let pending = image("web", 9).in_region("ap-southeast-2").in_state(ImageState::Pending).build();
    let sequences = decided(&seen(home(), vec![replica("eu-west-1")], vec![pending]));
    assert_eq!(words(&sequences), [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["keep"])]);
}

#[test]
fn the_token_is_the_same_for_the_same_try_and_another_for_the_next() {
    let token = |failed_tries: Vec<Image>| {
        let sequences = decided(&seen(home(), failed_tries, vec![replica("ap-southeast-2")]));
        copies(&sequences)[0].token.clone()
    };
    assert_eq!(token(vec![]), token(vec![]));
    assert_ne!(token(vec![]), token(vec![failed("eu-west-1", 1)]));
}

#[test]
fn a_replica_that_somebody_took_away_is_copied_with_another_token_on_another_day_or_when_asked_to() {
    let mut first = seen(home(), vec![], vec![replica("ap-southeast-2")]);
    let token = |seen: &Observed| copies(&decided(seen))[0].token.clone();
    let before = token(&first);
    let mut again = first.clone();
    again.image.tags = again.image.tags.with(tags::RECOPY, "please");
    assert_ne!(token(&again), before);
    first.now = day(10) - TimeDelta::seconds(1);
    assert_eq!(token(&first), before);
    first.now = day(10);
    assert_ne!(token(&first), before);
}

#[test]
fn a_failed_copy_is_tried_anew_twice_and_then_given_up_once() {
    let sequences = decided(&seen(home(), vec![failed("eu-west-1", 1), failed("eu-west-1", 2)], vec![]));
    let west = *copies(&sequences).iter().find(|new| new.region.as_str() == "eu-west-1").unwrap();
    assert_eq!(west.tags.get("kiln:attempt"), Some("3"));
    let last = failed("eu-west-1", 3);
    let sequences = decided(&seen(home(), vec![last.clone()], vec![replica("ap-southeast-2")]));
    assert_eq!(
        words(&sequences),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["emit", "set-stage"])]
    );
    let Action::Emit(said) =
        &sequences.iter().flatten().find(|decision| decision.action.word() == "emit").unwrap().action
    else {
        panic!()
    };
    assert_eq!(said.detail_type(), "Replication Failed");
    assert!(said.detail().contains("Given key ID is not accessible") && said.detail().contains("eu-west-1"));
    let marked =
        image("web", 9).of_try("eu-west-1", 3).staged(Stage::Rejected).in_state(ImageState::Failed).build();
    let sequences = decided(&seen(home(), vec![marked], vec![replica("ap-southeast-2")]));
    assert_eq!(words(&sequences), [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["keep"])]);
}

#[test]
fn a_replica_that_arrived_is_shared_and_published_once() {
    let arrived = image("web", 9).in_region("eu-west-1").build();
    let mut with = seen(home(), vec![arrived.clone()], vec![replica("ap-southeast-2")]);
    let key = (region("eu-west-1"), arrived.id.clone());
    with.permissions.insert(key, Ok(Permissions::default()));
    let mut shared = recipe("web");
    shared.publish.share.accounts.push("123456789012".into());
    let sequences = decide(&shared, &with);
    assert_eq!(
        words(&sequences),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["share", "publish", "emit"])]
    );
    let Action::Emit(said) = &sequences.iter().flatten().last().unwrap().action else { panic!() };
    assert_eq!(said.detail_type(), "Image Replicated");
}

#[test]
fn where_replicas_are_tested_one_that_is_not_yet_or_was_rejected_is_not_published() {
    let mut tested = recipe("web");
    tested.replicate.verify = true;
    for (stage, why) in [(Stage::Captured, "must pass its test"), (Stage::Rejected, "was rejected")] {
        let arrived = image("web", 9).in_region("eu-west-1").staged(stage).build();
        let mut with = seen(home(), vec![arrived.clone()], vec![replica("ap-southeast-2")]);
        with.permissions.insert((region("eu-west-1"), arrived.id), Ok(Permissions::default()));
        let sequences = decide(&tested, &with);
        let west = sequences.iter().flatten().find(|one| one.subject.region.as_str() == "eu-west-1").unwrap();
        assert!(west.action == Action::Keep && west.reason.to_string().contains(why), "{west:?}");
    }
}

#[test]
fn a_release_that_is_everywhere_is_left_as_it_is() {
    let done = image("web", 9).released().build();
    let sequences = decided(&seen(done, vec![replica("eu-west-1")], vec![replica("ap-southeast-2")]));
    assert!(sequences.iter().flatten().all(|decision| decision.action == Action::Keep));
}

#[test]
fn what_somebody_took_away_is_filled_in_for_the_newest_release_alone() {
    let mut missing_regions =
        seen(image("web", 9).released().build(), vec![], vec![replica("ap-southeast-2")]);
    missing_regions.newest = Some(name("web", 9).version);
    assert_eq!(copies(&decided(&missing_regions)).len(), 1);
    missing_regions.newest = Some(name("web", 10).version);
    assert_eq!(
        words(&decided(&missing_regions)),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["keep"])]
    );
}

#[test]
fn an_image_on_its_way_out_is_not_copied_however_often_it_becomes_available() {
    for stage in [Stage::Captured, Stage::Verified, Stage::Disabled, Stage::Rejected] {
        let sequences = decided(&seen(image("web", 9).staged(stage).build(), vec![], vec![]));
        assert_eq!(words(&sequences), [("us-east-1", vec!["keep"])]);
    }
    for state in [ImageState::Pending, ImageState::Disabled, ImageState::Deregistered, ImageState::Failed] {
        let sequences = decided(&seen(image("web", 9).in_state(state).build(), vec![], vec![]));
        assert_eq!(words(&sequences), [("us-east-1", vec!["keep"])]);
    }
}

#[test]
fn a_region_that_cannot_be_seen_gets_no_copy_and_holds_no_other() {
    let mut unobservable = seen(home(), vec![], vec![]);
    let error =
        CloudError::new("DescribeImages", "images", &region("eu-west-1"), "UnauthorizedOperation", "no");
    assert_eq!(error.kind, ErrorKind::Denied);
    unobservable.regions.insert(region("eu-west-1"), Err(error));
    assert_eq!(
        words(&decided(&unobservable)),
        [("ap-southeast-2", vec!["copy"]), ("eu-west-1", vec!["retry"])]
    );
}

#[test]
fn an_image_that_only_bears_the_name_is_no_replica() {
    let mut alike = replica("eu-west-1");
    alike.tags = alike.tags.with("kiln:origin", "us-east-1/ami-0bad");
    let sequences = decided(&seen(home(), vec![alike], vec![]));
    assert_eq!(copies(&sequences).len(), 2);
}

#[test]
fn a_failed_try_goes_once_a_later_one_succeeded() {
    let later = image("web", 9).published().of_try("eu-west-1", 2).build();
    let sequences = decided(&seen(home(), vec![failed("eu-west-1", 1), later], vec![]));
    assert!(words(&sequences).contains(&("eu-west-1", vec!["deregister"])));
}

#[test]
fn a_failed_try_goes_once_a_later_one_was_rejected() {
    let later = image("web", 9).staged(Stage::Rejected).of_try("eu-west-1", 2).build();
    let sequences = decided(&seen(home(), vec![failed("eu-west-1", 1), later], vec![]));
    assert!(words(&sequences).contains(&("eu-west-1", vec!["deregister"])));
}

#[test]
fn of_the_tries_of_a_region_that_was_given_up_the_last_alone_stays_as_the_record() {
    let with = |stage: Stage| {
        let last = image("web", 9).of_try("eu-west-1", 3).staged(stage).in_state(ImageState::Failed).build();
        let tries = vec![failed("eu-west-1", 1), failed("eu-west-1", 2), last];
        let sequences = decided(&seen(home(), tries, vec![replica("ap-southeast-2")]));
        words(&sequences).iter().filter(|(_, words)| *words == ["deregister"]).count()
    };
    assert_eq!(with(Stage::Rejected), 2);
    assert_eq!(with(Stage::Captured), 0);
}

#[test]
fn each_region_has_its_own_key() {
    let mut keyed = recipe("web");
    keyed.replicate.kms_keys.insert(region("eu-west-1"), "alias/golden".into());
    let sequences = decide(&keyed, &seen(home(), vec![], vec![]));
    let keys: Vec<_> = copies(&sequences).iter().map(|new| new.encryption.clone()).collect();
    assert_eq!(keys, [Encryption::AsSource, Encryption::Key("alias/golden".into())]);
}
