use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::freshness::{hours_since_release, saw_all};
use super::*;
use crate::fixtures::*;
use crate::inventory::image::made_for;
use crate::inventory::{CloudError, Permissions, Result, Seal, Snapshot, StopReason, Subnet};
use crate::orphans::SnapshotReferences;
use crate::recipe::{Adopt, Recipe};
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
        waiting: Ok(Vec::new()),
        snapshots: by_region.keys().map(|region| (region.clone(), Ok(Vec::new()))).collect(),
        images: by_region,
        closer: BTreeMap::new(),
        needs: BTreeMap::new(),
        further: BTreeMap::new(),
        consoles: BTreeMap::new(),
        networks: BTreeMap::new(),
        permissions: BTreeMap::new(),
        findings: BTreeMap::new(),
        pointers: BTreeMap::new(),
        channels: BTreeMap::new(),
    }
}

fn now() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(30)
}

fn words(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().map(|decision| decision.action.word()).collect()
}

/// What would be changed, by which function; and what is told without waking one. Each wake stands for such a change.
fn found(observed: &Observed, now: DateTime<Utc>) -> Vec<String> {
    let (mut told, mut woken) = (Vec::new(), BTreeSet::new());
    for sequence in decide(observed, now) {
        match &sequence[0].action {
            Action::Wake(wake) => drop(woken.insert(wake.clone())),
            _ => told.push(words(&sequence).join("+")),
        }
    }
    let mut asking = BTreeSet::new();
    for Due { wake, sequence, .. } in due(observed, now) {
        let changes = |word: &&str| !["keep", "retry", "reject"].contains(word);
        let words: Vec<_> = words(&sequence).into_iter().filter(changes).collect();
        if !words.is_empty() {
            told.push(format!("{}: {}", wake.function().name(), words.join("+")));
            asking.insert(wake);
        }
    }
    assert_eq!(woken, asking);
    told
}

/// Since when the only change may be due.
fn since(observed: &Observed, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let sequences = decide(observed, now);
    assert_eq!((sequences.len(), sequences[0][0].action.word()), (1, "wake"));
    sequences[0][0].since
}

fn everywhere(n: i64) -> Vec<Image> {
    let replica = |code| image("web", n).released().in_region(code).build();
    vec![image("web", n).released().build(), replica("eu-west-1"), replica("ap-southeast-2")]
}

fn console(verdict: ScriptOutcome, tail: &str) -> BuilderDetail {
    BuilderDetail { console: Console { verdict, tail: tail.to_owned(), listing: None }, named: vec![] }
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
    assert_eq!(builders_to_inspect(&stopped, now()), [(&builder("web", 9), name("web", 9))]);
    stopped.closer.insert(builder("web", 9).id, Ok(console(ScriptOutcome::Passed, "")));
    assert_eq!(found(&stopped, now()), ["capture: capture"]);
    assert_eq!(since(&stopped, now()), Some(day(9)));
    stopped.closer.insert(builder("web", 9).id, Ok(console(ScriptOutcome::Silent, "")));
    assert!(decide(&stopped, now()).is_empty());
}

#[test]
fn a_builder_whose_image_name_is_taken_is_rejected_and_given_up_after_its_deadline() {
    let mut taken = observed(vec![builder("web", 9)], vec![]);
    let other = Image { name: name("web", 9).to_string(), ..foreign_image("ami-0f") };
    let closer = BuilderDetail { named: vec![other], ..console(ScriptOutcome::Passed, "") };
    taken.closer.insert(builder("web", 9).id, Ok(closer));
    assert_eq!(found(&taken, now()), ["reject"]);
    assert_eq!(found(&taken, day(9) + TimeDelta::hours(1)), ["capture: emit+end-builder"]);
}

#[test]
fn a_builder_past_its_deadline_is_given_up_with_its_console_and_the_time_it_was_due() {
    let hanging = builder("web", 8).in_state(InstanceState::Running).stopped_by(StopReason::Unknown);
    let mut past_deadline = observed(vec![hanging], vec![]);
    past_deadline
        .closer
        .insert(builder("web", 8).id, Ok(console(ScriptOutcome::Silent, "waiting for a lock")));
    assert_eq!(found(&past_deadline, now()), ["capture: emit+end-builder"]);
    assert_eq!(since(&past_deadline, now()), Some(day(8) + TimeDelta::minutes(45)));
}

#[test]
fn a_published_image_is_copied_to_the_regions_without_a_replica() {
    let published = observed(vec![], vec![image("web", 9).published().build()]);
    assert_eq!(found(&published, now()), ["replicate: copy"; 2]);
    assert_eq!(decide(&published, now()).len(), 1);
}

#[test]
fn missing_replicas_are_copied_only_for_the_newest_release() {
    let homes = vec![image("web", 7).released().build(), image("web", 8).released().build()];
    let released = observed(vec![], homes);
    assert_eq!(found(&released, now()), ["replicate: copy"; 2]);
    assert_eq!(decide(&released, now())[0][0].subject.version, Some(name("web", 8).version));
}

#[test]
fn an_image_with_all_its_replicas_is_released_even_if_the_event_was_lost() {
    let mut images = everywhere(9);
    images[0] = image("web", 9).published().build();
    let observed = observed(vec![], images);
    assert_eq!(found(&observed, now()), ["replicate: tag+emit+anchor+set-stage"]);
}

#[test]
fn a_failed_image_is_deregistered_with_or_without_its_builder() {
    let failed = || image("web", 9).in_state(ImageState::Failed).build();
    assert_eq!(found(&observed(vec![], vec![failed()]), now()), ["capture: emit+deregister"]);
    let with_builder = found(&observed(vec![builder("web", 9)], vec![failed()]), now());
    assert_eq!(with_builder, ["capture: emit+end-builder+deregister"]);
    let mut unobservable = observed(vec![], vec![failed()]);
    unobservable.instances = Err(denied());
    assert_eq!(found(&unobservable, now()), ["retry"]);
}

#[test]
fn a_sweep_knows_for_how_long_each_recipe_has_had_no_new_release() {
    let mut seen = observed(vec![], [everywhere(7), everywhere(8)].concat());
    assert_eq!(hours_since_release(&seen, day(9)), [("web".parse().unwrap(), 24.0)]);
    // Its mark tells the time better than its version.
    let marked = seen.images.get_mut(&region("us-east-1")).unwrap().as_mut().unwrap();
    marked[1].tags = marked[1].tags.clone().with_time(tags::RELEASED_AT, day(8) + TimeDelta::hours(18));
    assert_eq!(hours_since_release(&seen, day(9))[0].1, 6.0);
    // One that publishes only what changed may have nothing to release.
    seen.recipes.get_mut(&"web".parse().unwrap()).unwrap().publish.skip_unchanged = true;
    assert!(hours_since_release(&seen, day(9)).is_empty());
}

#[test]
fn a_recipe_that_was_never_released_has_no_age_and_an_image_that_is_none_makes_none() {
    let published = image("web", 8).staged(crate::model::Stage::Published).build();
    assert!(hours_since_release(&observed(vec![], vec![published]), day(9)).is_empty());
    let gone = Image { state: ImageState::Disabled, ..image("web", 8).released().build() };
    assert!(hours_since_release(&observed(vec![], vec![gone]), day(9)).is_empty());
}

#[test]
fn a_sweep_that_could_not_read_a_region_did_not_see_all() {
    let mut seen = observed(vec![], everywhere(8));
    assert!(saw_all(&seen));
    seen.images.insert(region("eu-west-1"), Err(denied()));
    assert!(!saw_all(&seen));
}

#[test]
fn a_region_that_cannot_be_read_is_reported_once_and_blocks_no_other() {
    let images = (1..9).map(|n| image("web", n).published().build()).collect();
    let mut unobservable = observed(vec![], images);
    unobservable.images.insert(region("eu-west-1"), Err(denied()));
    let found = found(&unobservable, now());
    assert_eq!(found.iter().filter(|told| *told == "retry").count(), 1);
    assert_eq!(found.iter().filter(|told| *told == "replicate: copy").count(), 8);
}

#[test]
fn with_an_invalid_recipe_nothing_is_copied_and_a_builder_waits_for_its_deadline() {
    let mut bad = observed(vec![builder("web", 9)], vec![image("web", 8).published().build()]);
    bad.recipes.clear();
    bad.bad = vec![Recipe::parse("web", "name = 1").unwrap_err()];
    assert_eq!(found(&bad, now()), ["keep"]);
    assert_eq!(found(&bad, day(9) + TimeDelta::hours(1)), ["keep", "capture: emit+end-builder"]);
}

#[test]
fn an_untested_image_is_tested_in_another_zone() {
    let image = image("web", 9).tagged(tags::ZONE, "us-east-1a").build();
    let mut untested = observed(vec![], vec![image]);
    let known = pipeline::known(&untested, now());
    assert_eq!(pipeline::images_needing_network(&untested, &known).len(), 1);
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.parse().unwrap(),
        zone: zone.into(),
        vpc: "vpc-0a".into(),
        gives_public_ip: true,
    };
    let both = vec![subnet("subnet-0a", "us-east-1a"), subnet("subnet-0b", "us-east-1b")];
    untested.networks.insert((region("us-east-1"), "web".parse().unwrap()), Ok(both.into()));
    assert_eq!(found(&untested, now()), ["verify: launch"]);
    let due = due(&untested, now());
    let launches = due.iter().flat_map(|one| &one.sequence).find_map(|one| match &one.action {
        Action::Launch(testers) => Some(testers),
        _ => None,
    });
    let testers = launches.unwrap();
    let subnets: Vec<_> = testers.iter().map(|new| new.subnet.as_ref().unwrap().as_str()).collect();
    assert_eq!(subnets, ["subnet-0b"]);
}

#[test]
fn a_tester_whose_image_is_gone_is_terminated_unless_its_region_cannot_be_read() {
    let image = image("web", 9).build();
    let left = observed(vec![tester(&image, 9)], vec![]);
    assert_eq!(found(&left, now()), ["verify: terminate"]);
    let replica = crate::fixtures::image("web", 9).in_region("eu-west-1").build();
    let mut other_region = observed(vec![], vec![]);
    other_region.further.insert(region("eu-west-1"), Ok(vec![tester(&replica, 9)]));
    assert_eq!(found(&other_region, now()), ["verify: terminate"]);
    other_region.images.insert(region("eu-west-1"), Err(denied()));
    assert_eq!(found(&other_region, now()), ["retry"]);
}

/// Two Kilns in one account: this one's further Region is the other's home.
#[test]
fn testers_and_builders_of_another_kiln_are_left_alone() {
    let theirs = Image { region: region("eu-west-1"), ..image("web", 9).build() };
    for seal in [Seal::Missing, Seal::Wrong] {
        let at_work = Instance { seal, ..tester(&theirs, 9) };
        let ours = Instance { seal, ..tester(&image("web", 9).build(), 9) };
        let mut both = observed(vec![ours], vec![]);
        both.images.insert(region("eu-west-1"), Ok(vec![Image { seal, ..theirs.clone() }]));
        both.further.insert(region("eu-west-1"), Ok(vec![at_work]));
        assert_eq!(found(&both, day(9) + TimeDelta::hours(30)), Vec::<String>::new(), "{seal:?}");
    }
}

#[test]
fn a_tagged_image_is_adopted_and_tested_in_one_sequence() {
    let given = Image { tags: Tags::new().with(tags::RECIPE, "web"), ..foreign_image("ami-0aa") };
    let mut with = observed(vec![], vec![given]);
    let asking = Adopt { name: "al2023*".into(), deregister: false };
    with.recipes.values_mut().for_each(|recipe| recipe.adopt = Some(asking.clone()));
    let subnet = Subnet {
        id: "subnet-0b".parse().unwrap(),
        zone: "us-east-1b".into(),
        vpc: "vpc-0a".into(),
        gives_public_ip: true,
    };
    with.networks.insert((region("us-east-1"), "web".parse().unwrap()), Ok(vec![subnet].into()));
    assert_eq!(found(&with, now()), ["verify: adopt+launch"]);
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
    let known = pipeline::known(&changed, now());
    let to_read: Vec<Image> = pipeline::images_needing_permissions(&known).into_iter().cloned().collect();
    assert_eq!(to_read.len(), 3);
    assert!(decide(&changed, now()).is_empty());
    for image in to_read {
        changed.permissions.insert((image.region, image.id), Ok(Permissions::default()));
    }
    assert_eq!(found(&changed, now()), ["publish: tag+share+tag"; 3]);
}

#[test]
fn a_sweep_inspects_a_limited_number_of_images_the_newest_first() {
    let images: Vec<Image> = (0..500).map(|n| image("web", n).released().build()).collect();
    let mut changed = observed(vec![], images);
    changed.recipes.get_mut(&"web".parse().unwrap()).unwrap().publish.share.public = true;
    let known = pipeline::known(&changed, now());
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
    assert_eq!(found(&with, now()), ["expire: mark-orphan"]);
    assert_eq!(since(&with, now()), Some(day(1)));
    let mut user = foreign_image("ami-0f");
    user.snapshots = vec!["snap-01".parse().unwrap()];
    with.needs.insert(
        region("eu-west-1"),
        Ok(SnapshotReferences { images: vec![user], ..SnapshotReferences::default() }),
    );
    assert!(decide(&with, now()).is_empty());
}

#[test]
fn a_layer_whose_base_was_released_is_baked_by_the_function_that_bakes() {
    let released = image("base", 8).released().tagged(tags::RELEASED_AT, &day(9).to_rfc3339()).build();
    let document = "name = \"web\"\n[bake]\nbase = \"recipe:base\"\ninstance_type = \"t4g.small\"\non_base_release = true\n";
    let mut missed = observed(vec![], vec![released.clone()]);
    missed.recipes = [("web".parse().unwrap(), Recipe::parse("web", document).unwrap())].into();
    assert_eq!(found(&missed, now()), ["bake: wake"]);
    let builder = builder("web", 9).in_state(InstanceState::Running);
    let builder = Instance { tags: builder.tags.clone().with(tags::BASE, &released.id), ..builder };
    missed.instances = Ok(vec![builder]);
    assert_eq!(found(&missed, now()), [] as [&str; 0]);
}

#[test]
fn a_tester_that_is_left_of_a_tested_image_is_terminated_though_the_image_needs_no_test() {
    let mut images = everywhere(9);
    let tester = tester(&images[0], 9);
    images[0] = image("web", 9).released().build();
    let left = observed(vec![tester.clone()], images);
    assert_eq!(found(&left, now()), ["verify: terminate"]);
    let Action::Wake(wake) = &decide(&left, now())[0][0].action else { panic!() };
    assert_eq!(*wake, Wake::Tester(region("us-east-1"), tester.id));
}
