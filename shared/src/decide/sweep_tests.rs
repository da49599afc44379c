use chrono::TimeDelta;

use super::super::fixtures::*;
use super::*;
use crate::cloud::{CloudError, StopCause};

fn seen(instances: Vec<Instance>, images: Vec<Image>) -> Seen {
    let mut by_region: BTreeMap<Region, Cloudly<Vec<Image>>> =
        ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|code| (region(code), Ok(Vec::new()))).into();
    for image in images {
        by_region.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    Seen {
        home: region("us-east-1"),
        recipes: [("web".parse().unwrap(), recipe("web"))].into(),
        bad: vec![],
        instances: Ok(instances),
        snapshots: by_region.keys().map(|region| (region.clone(), Ok(Vec::new()))).collect(),
        images: by_region,
        closer: BTreeMap::new(),
        users: BTreeMap::new(),
    }
}

fn now() -> DateTime<Utc> {
    day(9) + TimeDelta::minutes(30)
}

fn words(chains: &[Chain]) -> Vec<Vec<&'static str>> {
    chains.iter().map(|chain| chain.iter().map(|decision| decision.action.word()).collect()).collect()
}

fn everywhere(n: i64) -> Vec<Image> {
    let replica = |code| image("web", n).released().in_region(code).build();
    vec![image("web", n).released().build(), replica("eu-west-1"), replica("ap-southeast-2")]
}

fn console(text: &str) -> Closer {
    Closer { console: text.to_owned(), named: vec![] }
}

fn denied() -> CloudError {
    CloudError::new("DescribeImages", "images", &region("eu-west-1"), "UnauthorizedOperation", "no")
}

#[test]
fn where_all_is_well_nothing_is_decided() {
    let running = builder("web", 9).in_state(InstanceState::Running);
    let images = [everywhere(7), everywhere(8)].concat();
    assert!(decide(&seen(vec![running], images), now()).is_empty());
}

#[test]
fn a_stopped_builder_without_its_image_becomes_one_once_its_console_says_so() {
    let mut stopped = seen(vec![builder("web", 9)], vec![]);
    assert_eq!(closer_looks(&stopped, now()), [(builder("web", 9).id, name("web", 9))]);
    let nonce = verdict_nonce(Role::Builder, &name("web", 9));
    stopped.closer.insert(builder("web", 9).id, Ok(console(&format!("kiln-verdict {nonce} 0\n"))));
    let chains = decide(&stopped, now());
    assert_eq!(words(&chains), [["capture"]]);
    assert_eq!(chains[0][0].since, Some(day(9)));
    stopped.closer.insert(builder("web", 9).id, Ok(console("")));
    assert!(decide(&stopped, now()).is_empty());
}

#[test]
fn a_builder_whose_images_name_is_anothers_is_refused_and_given_up_after_its_deadline() {
    let mut taken = seen(vec![builder("web", 9)], vec![]);
    let nonce = verdict_nonce(Role::Builder, &name("web", 9));
    let anothers = Image { name: name("web", 9).to_string(), ..foreign_image("ami-0f") };
    let closer = Closer { console: format!("kiln-verdict {nonce} 0\n"), named: vec![anothers] };
    taken.closer.insert(builder("web", 9).id, Ok(closer));
    assert_eq!(words(&decide(&taken, now())), [["refuse"]]);
    assert_eq!(words(&decide(&taken, day(9) + TimeDelta::hours(1))), [["say", "terminate"]]);
}

#[test]
fn a_hanging_builder_is_given_up_with_its_console_and_it_is_known_how_late() {
    let hanging = builder("web", 8).in_state(InstanceState::Running).stopped_by(StopCause::Unknown);
    let mut hangs = seen(vec![hanging], vec![]);
    hangs.closer.insert(builder("web", 8).id, Ok(console("waiting for a lock\n")));
    let chains = decide(&hangs, now());
    assert_eq!(words(&chains), [["say", "terminate"]]);
    assert_eq!(chains[0][1].since, Some(day(8) + TimeDelta::minutes(45)));
    let Action::Say(said) = &chains[0][0].action else { panic!() };
    assert!(said.detail().contains("waiting for a lock"));
}

#[test]
fn an_image_on_its_way_is_copied_where_it_lacks_a_replica() {
    let chains = decide(&seen(vec![], vec![image("web", 9).build()]), now());
    assert_eq!(words(&chains), [["copy"], ["copy"]]);
}

#[test]
fn the_newest_release_is_filled_in_and_older_ones_are_left_as_they_are() {
    let homes = vec![image("web", 7).released().build(), image("web", 8).released().build()];
    let chains = decide(&seen(vec![], homes), now());
    assert_eq!(words(&chains), [["copy"], ["copy"]]);
    assert!(chains.iter().flatten().all(|decision| decision.subject.version == Some(name("web", 8).version)));
}

#[test]
fn the_end_of_replication_that_nobody_heard_of_is_said_and_written() {
    let mut images = everywhere(9);
    images[0] = image("web", 9).build();
    assert_eq!(words(&decide(&seen(vec![], images), now())), [["say", "mark"]]);
}

#[test]
fn a_failed_image_is_cleared_away_by_its_builder_or_without_one() {
    let failed = || image("web", 9).in_state(ImageState::Failed).build();
    assert_eq!(words(&decide(&seen(vec![], vec![failed()]), now())), [["say", "deregister"]]);
    let with_builder = decide(&seen(vec![builder("web", 9)], vec![failed()]), now());
    assert_eq!(words(&with_builder), [["say", "terminate", "deregister"]]);
    let mut blind = seen(vec![], vec![failed()]);
    blind.instances = Err(denied());
    assert_eq!(words(&decide(&blind, now())), [["look-again"]]);
}

#[test]
fn a_region_that_cannot_be_seen_is_told_once_and_holds_no_other() {
    let images = (1..9).map(|n| image("web", n).build()).collect();
    let mut blind = seen(vec![], images);
    blind.images.insert(region("eu-west-1"), Err(denied()));
    let words = words(&decide(&blind, now()));
    assert_eq!(words.iter().filter(|chain| **chain == ["look-again"]).count(), 1);
    assert_eq!(words.iter().filter(|chain| **chain == ["copy"]).count(), 8);
}

#[test]
fn without_a_readable_recipe_nothing_is_copied_and_a_builder_waits_for_its_deadline() {
    let mut bad = seen(vec![builder("web", 9)], vec![image("web", 8).build()]);
    bad.recipes.clear();
    bad.bad = vec![Recipe::parse("web", "name = 1").unwrap_err()];
    assert_eq!(words(&decide(&bad, now())), [["leave"]]);
    let late = decide(&bad, day(9) + TimeDelta::hours(1));
    assert_eq!(words(&late), [vec!["leave"], vec!["say", "terminate"]]);
}

#[test]
fn a_snapshot_that_no_image_uses_is_on_its_way_out() {
    let left = Snapshot {
        id: "snap-01".parse().unwrap(),
        region: region("eu-west-1"),
        started: Some(day(1)),
        completed: true,
        tags: image("web", 1).build().tags,
    };
    let mut with = seen(vec![], vec![]);
    with.snapshots.insert(region("eu-west-1"), Ok(vec![left]));
    assert_eq!(suspects(&with, &region("eu-west-1"), now()).len(), 1);
    with.users.insert(region("eu-west-1"), Ok(vec![]));
    let chains = decide(&with, now());
    assert_eq!(words(&chains), [["mark-orphan"]]);
    assert_eq!(chains[0][0].since, Some(day(1)));
    let mut user = foreign_image("ami-0f");
    user.snapshots = vec!["snap-01".parse().unwrap()];
    with.users.insert(region("eu-west-1"), Ok(vec![user]));
    assert!(decide(&with, now()).is_empty());
}
