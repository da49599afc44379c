use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::image::made_for;
use crate::inventory::{CloudError, Permissions, Result, Seal, Snapshot, StopReason, Subnet};
use crate::model::tags;
use crate::orphans::SnapshotReferences;
use crate::recipe::Recipe;
use crate::verify::Console;

fn observed(instances: Vec<Instance>, images: Vec<Image>) -> Observed {
    let mut by_region: BTreeMap<Region, Result<Vec<Image>>> =
        ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|code| (region(code), Ok(Vec::new()))).into();
    for image in images {
        by_region.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    Observed {
        home: region("us-east-1"),
        recipes: [("web".parse().unwrap(), recipe("web"))].into(),
        bad: vec![],
        instances: Ok(instances),
        snapshots: by_region.keys().map(|region| (region.clone(), Ok(Vec::new()))).collect(),
        images: by_region,
        closer: BTreeMap::new(),
        needs: BTreeMap::new(),
        further: BTreeMap::new(),
        consoles: BTreeMap::new(),
        subnets: BTreeMap::new(),
        permissions: BTreeMap::new(),
        findings: BTreeMap::new(),
    }
}

fn now() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(30)
}

fn words(sequences: &[Sequence]) -> Vec<Vec<&'static str>> {
    sequences
        .iter()
        .map(|sequence| sequence.iter().map(|decision| decision.action.word()).collect())
        .collect()
}

fn everywhere(n: i64) -> Vec<Image> {
    let replica = |code| image("web", n).released().in_region(code).build();
    vec![image("web", n).released().build(), replica("eu-west-1"), replica("ap-southeast-2")]
}

fn console(verdict: ScriptOutcome, tail: &str) -> BuilderDetail {
    BuilderDetail { console: Console { verdict, tail: tail.to_owned() }, named: vec![] }
}

fn denied() -> CloudError {
    CloudError::new("DescribeImages", "images", &region("eu-west-1"), "UnauthorizedOperation", "no")
}

#[test]
fn nothing_is_decided_if_nothing_was_left_undone() {
    let running = builder("web", 9).in_state(InstanceState::Running);
    let images = [everywhere(7), everywhere(8)].concat();
    assert!(decide(&observed(vec![running], images), now()).is_empty());
}

#[test]
fn a_stopped_builder_without_an_image_is_captured_once_its_console_shows_success() {
    let mut stopped = observed(vec![builder("web", 9)], vec![]);
    assert_eq!(builders_to_inspect(&stopped, now()), [(builder("web", 9).id, name("web", 9))]);
    stopped.closer.insert(builder("web", 9).id, Ok(console(ScriptOutcome::Passed, "")));
    let sequences = decide(&stopped, now());
    assert_eq!(words(&sequences), [["capture"]]);
    assert_eq!(sequences[0][0].since, Some(day(9)));
    stopped.closer.insert(builder("web", 9).id, Ok(console(ScriptOutcome::Silent, "")));
    assert!(decide(&stopped, now()).is_empty());
}

#[test]
fn a_builder_whose_image_name_is_taken_is_rejected_and_given_up_after_its_deadline() {
    let mut taken = observed(vec![builder("web", 9)], vec![]);
    let other = Image { name: name("web", 9).to_string(), ..foreign_image("ami-0f") };
    let closer = BuilderDetail { named: vec![other], ..console(ScriptOutcome::Passed, "") };
    taken.closer.insert(builder("web", 9).id, Ok(closer));
    assert_eq!(words(&decide(&taken, now())), [["reject"]]);
    assert_eq!(words(&decide(&taken, day(9) + TimeDelta::hours(1))), [["emit", "terminate"]]);
}

#[test]
fn a_builder_past_its_deadline_is_given_up_with_its_console_and_the_time_it_was_due() {
    let hanging = builder("web", 8).in_state(InstanceState::Running).stopped_by(StopReason::Unknown);
    let mut past_deadline = observed(vec![hanging], vec![]);
    past_deadline
        .closer
        .insert(builder("web", 8).id, Ok(console(ScriptOutcome::Silent, "waiting for a lock")));
    let sequences = decide(&past_deadline, now());
    assert_eq!(words(&sequences), [["emit", "terminate"]]);
    assert_eq!(sequences[0][1].since, Some(day(8) + TimeDelta::minutes(45)));
    let Action::Emit(envelope) = &sequences[0][0].action else { panic!() };
    assert!(envelope.detail().contains("waiting for a lock"));
}

#[test]
fn a_published_image_is_copied_to_the_regions_without_a_replica() {
    let sequences = decide(&observed(vec![], vec![image("web", 9).published().build()]), now());
    assert_eq!(words(&sequences), [["copy"], ["copy"]]);
}

#[test]
fn missing_replicas_are_copied_only_for_the_newest_release() {
    let homes = vec![image("web", 7).released().build(), image("web", 8).released().build()];
    let sequences = decide(&observed(vec![], homes), now());
    assert_eq!(words(&sequences), [["copy"], ["copy"]]);
    assert!(
        sequences.iter().flatten().all(|decision| decision.subject.version == Some(name("web", 8).version))
    );
}

#[test]
fn an_image_with_all_its_replicas_is_released_even_if_the_event_was_lost() {
    let mut images = everywhere(9);
    images[0] = image("web", 9).published().build();
    let observed = observed(vec![], images);
    assert!(decide(&observed, now()).is_empty());
    let sequences = pipeline::releases(&observed, &BTreeMap::new(), now());
    assert_eq!(words(&sequences), [["tag", "emit", "set-stage"]]);
}

#[test]
fn a_failed_image_is_deregistered_with_or_without_its_builder() {
    let failed = || image("web", 9).in_state(ImageState::Failed).build();
    assert_eq!(words(&decide(&observed(vec![], vec![failed()]), now())), [["emit", "deregister"]]);
    let with_builder = decide(&observed(vec![builder("web", 9)], vec![failed()]), now());
    assert_eq!(words(&with_builder), [["emit", "terminate", "deregister"]]);
    let mut unobservable = observed(vec![], vec![failed()]);
    unobservable.instances = Err(denied());
    assert_eq!(words(&decide(&unobservable, now())), [["retry"]]);
}

#[test]
fn a_region_that_cannot_be_read_is_reported_once_and_blocks_no_other() {
    let images = (1..9).map(|n| image("web", n).published().build()).collect();
    let mut unobservable = observed(vec![], images);
    unobservable.images.insert(region("eu-west-1"), Err(denied()));
    let words = words(&decide(&unobservable, now()));
    assert_eq!(words.iter().filter(|sequence| **sequence == ["retry"]).count(), 1);
    assert_eq!(words.iter().filter(|sequence| **sequence == ["copy"]).count(), 8);
}

#[test]
fn with_an_invalid_recipe_nothing_is_copied_and_a_builder_waits_for_its_deadline() {
    let mut bad = observed(vec![builder("web", 9)], vec![image("web", 8).published().build()]);
    bad.recipes.clear();
    bad.bad = vec![Recipe::parse("web", "name = 1").unwrap_err()];
    assert_eq!(words(&decide(&bad, now())), [["keep"]]);
    let late = decide(&bad, day(9) + TimeDelta::hours(1));
    assert_eq!(words(&late), [vec!["keep"], vec!["emit", "terminate"]]);
}

#[test]
fn an_untested_image_is_tested_in_another_zone() {
    let image = image("web", 9).tagged(tags::ZONE, "us-east-1a").build();
    let mut untested = observed(vec![], vec![image]);
    let known = pipeline::known(&untested);
    assert_eq!(pipeline::images_needing_subnets(&untested, &known).len(), 1);
    let subnet = |id: &str, zone: &str| Subnet { id: id.parse().unwrap(), zone: zone.into() };
    let both = vec![subnet("subnet-0a", "us-east-1a"), subnet("subnet-0b", "us-east-1b")];
    untested.subnets.insert((region("us-east-1"), "web".parse().unwrap()), Ok(both));
    let sequences = decide(&untested, now());
    let [Action::Launch(testers)] =
        &sequences.iter().flatten().map(|one| one.action.clone()).collect::<Vec<_>>()[..]
    else {
        panic!("{sequences:?}")
    };
    let subnets: Vec<_> = testers.iter().map(|new| new.subnet.as_ref().unwrap().as_str()).collect();
    assert_eq!(subnets, ["subnet-0b"]);
}

#[test]
fn a_tester_whose_image_is_gone_is_terminated_unless_its_region_cannot_be_read() {
    let image = image("web", 9).build();
    let left = observed(vec![tester(&image, 9)], vec![]);
    assert_eq!(words(&decide(&left, now())), [["terminate"]]);
    let replica = crate::fixtures::image("web", 9).in_region("eu-west-1").build();
    let mut other_region = observed(vec![], vec![]);
    other_region.further.insert(region("eu-west-1"), Ok(vec![tester(&replica, 9)]));
    assert_eq!(words(&decide(&other_region, now())), [["terminate"]]);
    other_region.images.insert(region("eu-west-1"), Err(denied()));
    assert_eq!(words(&decide(&other_region, now())), [["retry"]]);
}

#[test]
fn a_tagged_image_is_adopted_and_tested_in_one_sequence() {
    let given =
        Image { tags: crate::model::Tags::new().with(tags::RECIPE, "web"), ..foreign_image("ami-0aa") };
    let mut with = observed(vec![], vec![given]);
    let subnet = Subnet { id: "subnet-0b".parse().unwrap(), zone: "us-east-1b".into() };
    with.subnets.insert((region("us-east-1"), "web".parse().unwrap()), Ok(vec![subnet]));
    assert_eq!(words(&decide(&with, now())), [["adopt", "launch"]]);
}

#[test]
fn a_changed_recipe_is_applied_to_every_image_that_differs_from_it() {
    let mut changed = observed(vec![], everywhere(9));
    changed
        .recipes
        .get_mut(&"web".parse().unwrap())
        .unwrap()
        .publish
        .share
        .accounts
        .push("123456789012".into());
    let known = pipeline::known(&changed);
    let to_read: Vec<Image> = pipeline::images_needing_permissions(&known).into_iter().cloned().collect();
    assert_eq!(to_read.len(), 3);
    assert!(decide(&changed, now()).is_empty());
    for image in to_read {
        changed.permissions.insert((image.region, image.id), Ok(Permissions::default()));
    }
    assert_eq!(words(&decide(&changed, now())), [["tag", "share", "tag"]; 3]);
}

#[test]
fn a_sweep_inspects_a_limited_number_of_images_the_newest_first() {
    let images: Vec<Image> = (0..500).map(|n| image("web", n).released().build()).collect();
    let mut changed = observed(vec![], images);
    changed.recipes.get_mut(&"web".parse().unwrap()).unwrap().publish.share.public = true;
    let known = pipeline::known(&changed);
    let to_read = pipeline::images_needing_permissions(&known);
    assert_eq!(to_read.len(), pipeline::MAX_INSPECTIONS);
    assert_eq!(to_read[0].name, name("web", 499).to_string());
}

#[test]
fn a_snapshot_that_no_image_uses_is_marked_as_an_orphan() {
    let left = Snapshot {
        id: "snap-01".parse().unwrap(),
        region: region("eu-west-1"),
        started: Some(day(1)),
        completed: true,
        made_for: made_for("Created by CreateImage(i-0b1d) for ami-0a"),
        seal: Seal::Valid,
        full_bytes: None,
        tags: image("web", 1).build().tags,
    };
    let mut with = observed(vec![], vec![]);
    with.snapshots.insert(region("eu-west-1"), Ok(vec![left]));
    assert_eq!(candidates(&with, &region("eu-west-1"), now()).len(), 1);
    with.needs.insert(region("eu-west-1"), Ok(SnapshotReferences::default()));
    let sequences = decide(&with, now());
    assert_eq!(words(&sequences), [["mark-orphan"]]);
    assert_eq!(sequences[0][0].since, Some(day(1)));
    let mut user = foreign_image("ami-0f");
    user.snapshots = vec!["snap-01".parse().unwrap()];
    with.needs.insert(
        region("eu-west-1"),
        Ok(SnapshotReferences { images: vec![user], ..SnapshotReferences::default() }),
    );
    assert!(decide(&with, now()).is_empty());
}
