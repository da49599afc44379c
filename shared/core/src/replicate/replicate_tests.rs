use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::ErrorKind;
use crate::plan::Decision;

fn observed(image: Image, west: Vec<Image>, south: Vec<Image>) -> Observed {
    let record = image.record().unwrap();
    let regions = [(region("eu-west-1"), Ok(west)), (region("ap-southeast-2"), Ok(south))].into();
    Observed {
        image,
        record,
        regions,
        permissions: PermissionsByImage::new(),
        superseded_by: None,
        lost_in: BTreeSet::new(),
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

fn decided(observed: &Observed) -> Vec<Sequence> {
    decide(&recipe("web"), observed)
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
fn a_published_image_is_copied_to_every_region_with_its_tags() {
    let sequences = decided(&observed(home(), vec![], vec![]));
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
fn an_available_or_pending_replica_is_not_copied_again() {
    let pending = image("web", 9).in_region("ap-southeast-2").in_state(ImageState::Pending).build();
    let sequences = decided(&observed(home(), vec![replica("eu-west-1")], vec![pending]));
    assert_eq!(words(&sequences), [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["keep"])]);
}

#[test]
fn an_attempt_keeps_its_token_and_the_next_attempt_has_another() {
    let token = |failed_attempts: Vec<Image>| {
        let sequences = decided(&observed(home(), failed_attempts, vec![replica("ap-southeast-2")]));
        copies(&sequences)[0].token.clone()
    };
    assert_eq!(token(vec![]), token(vec![]));
    assert_ne!(token(vec![]), token(vec![failed("eu-west-1", 1)]));
}

#[test]
fn a_removed_replica_is_copied_with_a_new_token_six_hours_later_or_on_request() {
    let mut first = observed(home(), vec![], vec![replica("ap-southeast-2")]);
    let token = |observed: &Observed| copies(&decided(observed))[0].token.clone();
    let before = token(&first);
    let mut requested = first.clone();
    requested.image.tags = requested.image.tags.with(tags::RECOPY, "please");
    assert_ne!(token(&requested), before);
    // A sweep six hours after the one that made the image wakes several invocations: all of them make the same copy.
    let sweep = first.image.created.unwrap() + TimeDelta::hours(6);
    let next = sweep + TimeDelta::seconds(450);
    for now in [sweep - TimeDelta::seconds(1), sweep, next - TimeDelta::seconds(1)] {
        first.now = now;
        assert_eq!(token(&first), before);
    }
    first.now = next;
    assert_ne!(token(&first), before);
}

#[test]
fn who_asks_for_new_copies_gets_them_whatever_failed_and_however_old_the_release_is() {
    let given_up =
        image("web", 9).of_try("eu-west-1", 3).staged(Stage::Rejected).in_state(ImageState::Failed).build();
    let mut asked = observed(home(), vec![given_up.clone()], vec![replica("ap-southeast-2")]);
    asked.superseded_by = Some(name("web", 20).version);
    let (first, again) = copy_again(asked.clone());
    assert_eq!(
        words(&first).into_iter().flat_map(|(_, words)| words).collect::<Vec<_>>(),
        ["deregister", "tag"]
    );
    let sequences = decided(&again);
    let [copy] = copies(&sequences)[..] else { panic!("{sequences:?}") };
    assert_eq!((copy.region.as_str(), copy.tags.get("kiln:attempt")), ("eu-west-1", Some("1")));
    asked.regions.insert(region("eu-west-1"), Ok(vec![]));
    assert_ne!(copies(&decided(&Observed { superseded_by: None, ..asked }))[0].token, copy.token);
}

/// A failed attempt that began this many minutes after the image was published.
fn failed_after(minutes: i64, attempt: u32) -> Image {
    Image { created: Some(day(9) + TimeDelta::minutes(minutes)), ..failed("eu-west-1", attempt) }
}

/// What is decided for the Region whose attempts failed, this many minutes after the image was published.
fn minutes_later(attempts: Vec<Image>, minutes: i64) -> Vec<Decision> {
    let mut at = observed(home(), attempts, vec![replica("ap-southeast-2")]);
    at.now = day(9) + TimeDelta::minutes(minutes);
    let of_west = |one: &Decision| one.subject.region.as_str() == "eu-west-1";
    decided(&at).into_iter().flatten().filter(of_west).collect()
}

#[test]
fn the_pauses_between_attempts_grow_from_minutes_to_hours() {
    for (attempt, pause) in [(1, 5), (2, 15), (3, 60), (4, 240), (5, 240), (6, 240)] {
        let decided = |minutes| minutes_later(vec![failed_after(0, 1), failed_after(10, attempt)], minutes);
        let waits = &decided(10 + pause - 1)[0];
        assert_eq!(waits.action, Action::Keep, "attempt {attempt}: {}", waits.reason);
        let next = (day(9) + TimeDelta::minutes(10 + pause)).to_rfc3339();
        assert!(
            waits.reason.to_string().contains(&format!("the next one begins at {next}")),
            "{}",
            waits.reason
        );
        let Action::Copy(new) = &decided(10 + pause)[0].action else { panic!("attempt {attempt}") };
        assert_eq!(new.tags.get("kiln:attempt"), Some((attempt + 1).to_string().as_str()));
    }
}

#[test]
fn a_copy_that_always_fails_is_tried_nine_times_in_a_day_and_then_given_up_once() {
    let (mut attempts, mut minutes) = (vec![failed_after(0, 1)], 0);
    let given_up = loop {
        let decided = minutes_later(attempts.clone(), minutes);
        match &decided[0].action {
            Action::Copy(new) => {
                let attempt = new.tags.get("kiln:attempt").unwrap().parse().unwrap();
                attempts.push(failed_after(minutes, attempt));
            }
            Action::Keep => minutes += 5,
            _ => break decided,
        }
        assert!(minutes <= 24 * 60, "after a day it is given up");
    };
    assert_eq!(attempts.len(), 9);
    let words: Vec<&str> = given_up.iter().map(|one| one.action.word()).collect();
    assert_eq!(words, ["emit", "set-stage"]);
    let Action::Emit(envelope) = &given_up[0].action else { panic!() };
    let detail = envelope.detail(day(9));
    assert_eq!(envelope.detail_type(), "Replication Failed");
    assert!(detail.contains("Given key ID is not accessible") && detail.contains("eu-west-1"), "{detail}");
    assert!(detail.contains("copy") && detail.contains(home().id.as_str()), "it says what to do: {detail}");

    let last = attempts.last_mut().unwrap();
    let record = last.record().unwrap().at(Stage::Rejected);
    last.tags = last.tags.clone().and(&record.write());
    let after: Vec<&str> =
        minutes_later(vec![last.clone()], minutes + 24 * 60).iter().map(|one| one.action.word()).collect();
    assert_eq!(after, ["keep"], "what was given up stays so, although its window seems open again");
}

#[test]
fn a_pause_for_an_older_release_is_no_promise_of_another_attempt() {
    let mut at = observed(
        image("web", 9).released().build(),
        vec![failed_after(0, 1)],
        vec![replica("ap-southeast-2")],
    );
    at.superseded_by = Some(name("web", 10).version);
    at.now = day(9) + TimeDelta::minutes(1);
    assert_eq!(
        words(&decided(&at)),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["deregister"]), ("eu-west-1", vec!["keep"])]
    );
}

#[test]
fn an_available_replica_is_shared_and_published() {
    let available = image("web", 9).in_region("eu-west-1").build();
    let mut with = observed(home(), vec![available.clone()], vec![replica("ap-southeast-2")]);
    let key = (region("eu-west-1"), available.id.clone());
    with.permissions.insert(key, Ok(Permissions::default()));
    let mut shared = recipe("web");
    shared.publish.share.accounts.push("123456789012".into());
    let sequences = decide(&shared, &with);
    assert_eq!(
        words(&sequences),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["share", "publish", "emit"])]
    );
    let Action::Emit(envelope) = &sequences.iter().flatten().last().unwrap().action else { panic!() };
    assert_eq!(envelope.detail_type(), "Image Replicated");
}

#[test]
fn an_untested_or_rejected_replica_is_not_published_if_replicas_are_tested() {
    let mut tested = recipe("web");
    tested.replicate.verify = true;
    for (stage, why) in [(Stage::Captured, "must pass its test"), (Stage::Rejected, "was rejected")] {
        let available = image("web", 9).in_region("eu-west-1").staged(stage).build();
        let mut with = observed(home(), vec![available.clone()], vec![replica("ap-southeast-2")]);
        with.permissions.insert((region("eu-west-1"), available.id), Ok(Permissions::default()));
        let sequences = decide(&tested, &with);
        let west = sequences.iter().flatten().find(|one| one.subject.region.as_str() == "eu-west-1").unwrap();
        assert!(west.action == Action::Keep && west.reason.to_string().contains(why), "{west:?}");
    }
}

#[test]
fn a_release_with_a_replica_in_every_region_is_kept_as_it_is() {
    let done = image("web", 9).released().build();
    let sequences = decided(&observed(done, vec![replica("eu-west-1")], vec![replica("ap-southeast-2")]));
    assert!(sequences.iter().flatten().all(|decision| decision.action == Action::Keep));
}

#[test]
fn a_missing_replica_is_copied_only_for_the_newest_release() {
    let mut missing_regions =
        observed(image("web", 9).released().build(), vec![], vec![replica("ap-southeast-2")]);
    missing_regions.superseded_by = None;
    assert_eq!(copies(&decided(&missing_regions)).len(), 1);
    missing_regions.superseded_by = Some(name("web", 10).version);
    assert_eq!(
        words(&decided(&missing_regions)),
        [("ap-southeast-2", vec!["keep"]), ("eu-west-1", vec!["keep"])]
    );
}

#[test]
fn an_image_that_is_not_published_or_not_available_is_not_copied() {
    for stage in [Stage::Captured, Stage::Verified, Stage::Disabled, Stage::Rejected] {
        let sequences = decided(&observed(image("web", 9).staged(stage).build(), vec![], vec![]));
        assert_eq!(words(&sequences), [("us-east-1", vec!["keep"])]);
    }
    for state in [ImageState::Pending, ImageState::Disabled, ImageState::Deregistered, ImageState::Failed] {
        let sequences = decided(&observed(image("web", 9).in_state(state).build(), vec![], vec![]));
        assert_eq!(words(&sequences), [("us-east-1", vec!["keep"])]);
    }
}

#[test]
fn a_region_that_cannot_be_read_gets_no_copy_and_blocks_no_other() {
    let mut unobservable = observed(home(), vec![], vec![]);
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
fn an_image_with_another_origin_is_no_replica() {
    let mut lookalike = replica("eu-west-1");
    lookalike.tags = lookalike.tags.with("kiln:origin", "us-east-1/ami-0bad");
    let sequences = decided(&observed(home(), vec![lookalike], vec![]));
    assert_eq!(copies(&sequences).len(), 2);
}

#[test]
fn a_failed_attempt_is_deregistered_once_a_later_one_succeeded() {
    let later = image("web", 9).published().of_try("eu-west-1", 2).build();
    let sequences = decided(&observed(home(), vec![failed("eu-west-1", 1), later], vec![]));
    assert!(words(&sequences).contains(&("eu-west-1", vec!["deregister"])));
}

#[test]
fn a_failed_attempt_that_somebody_holds_stays() {
    let mut held = failed("eu-west-1", 1);
    held.tags = held.tags.with(tags::HOLD, "audit");
    let later = image("web", 9).published().of_try("eu-west-1", 2).build();
    let sequences = decided(&observed(home(), vec![held, later], vec![]));
    assert!(!words(&sequences).contains(&("eu-west-1", vec!["deregister"])));
}

#[test]
fn a_failed_attempt_is_deregistered_once_a_later_one_was_rejected() {
    let later = image("web", 9).staged(Stage::Rejected).of_try("eu-west-1", 2).build();
    let sequences = decided(&observed(home(), vec![failed("eu-west-1", 1), later], vec![]));
    assert!(words(&sequences).contains(&("eu-west-1", vec!["deregister"])));
}

#[test]
fn only_the_last_failed_attempt_stays_in_a_region_that_was_given_up() {
    let with = |stage: Stage| {
        let last = image("web", 9).of_try("eu-west-1", 3).staged(stage).in_state(ImageState::Failed).build();
        let attempts = vec![failed("eu-west-1", 1), failed("eu-west-1", 2), last];
        let sequences = decided(&observed(home(), attempts, vec![replica("ap-southeast-2")]));
        words(&sequences).iter().filter(|(_, words)| *words == ["deregister"]).count()
    };
    assert_eq!(with(Stage::Rejected), 2);
    assert_eq!(with(Stage::Captured), 0);
}

#[test]
fn each_region_can_have_its_own_key() {
    let mut keyed = recipe("web");
    keyed.replicate.kms_keys.insert(region("eu-west-1"), "alias/golden".into());
    let sequences = decide(&keyed, &observed(home(), vec![], vec![]));
    let keys: Vec<_> = copies(&sequences).iter().map(|new| new.encryption.clone()).collect();
    assert_eq!(keys, [Encryption::AsSource, Encryption::Key("alias/golden".into())]);
}

#[test]
fn what_somebody_took_of_a_release_is_copied_anew_within_the_hour_unless_the_recipe_rolls_back() {
    let at = day(9).to_rfc3339();
    let released = image("web", 9).released().tagged(tags::RELEASED_AT, &at).build();
    let mut lost = observed(released, Vec::new(), vec![replica("ap-southeast-2")]);
    lost.lost_in = [region("eu-west-1")].into();
    lost.now = day(9) + TimeDelta::minutes(61);
    let first = copies(&decided(&lost))[0].token.clone();
    let later = Observed { now: day(9) + TimeDelta::minutes(121), ..lost.clone() };
    assert_ne!(first, copies(&decided(&later))[0].token);
    // Another invocation may not see the release yet, and make the same copy.
    let soon = Observed { now: day(9) + TimeDelta::minutes(59), ..lost.clone() };
    let mut unreleased = soon.clone();
    unreleased.record.stage = Stage::Published;
    assert_eq!(copies(&decided(&soon))[0].token, copies(&decided(&unreleased))[0].token);
    let mut recipe = recipe("web");
    recipe.replicate.on_loss = OnLoss::RollBack;
    assert!(copies(&decide(&recipe, &lost)).is_empty());
    let new_region = Observed { lost_in: BTreeSet::new(), ..lost };
    assert_eq!(copies(&decide(&recipe, &new_region)).len(), 1);
}
