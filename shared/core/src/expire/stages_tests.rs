use super::*;
use crate::expire::in_use::{UsageByRegion, UsageIndex};
use crate::expire::inventory::ImagesByRegion;
use crate::expire::keep_rules;
use crate::expire::lineage::Lineage;
use crate::fixtures::*;
use crate::inventory::usage::{Referrer, Target};
use crate::inventory::{CloudError, Deprecation, Reference, RegionUsage};
use crate::model::{Region, Tags, tags};
use crate::recipe::{Adopt, Recipe};

/// A recipe whose releases must be found unused twice, two days apart.
fn with_confirmation() -> Recipe {
    let mut recipe = recipe("web");
    recipe.expire.confirm_after = TimeDelta::days(2);
    recipe
}

fn home() -> Region {
    region("us-east-1")
}

/// Three releases; the recipe lets the first one go.
fn three_releases() -> Vec<Image> {
    [1, 2, 3].iter().map(|n| image("web", *n).released().build()).collect()
}

fn decided(images: &[Image], usage: RegionUsage, n: i64) -> Sequence {
    decided_with(images, Ok(usage), n)
}

fn decided_with(images: &[Image], usage: Result<RegionUsage, CloudError>, n: i64) -> Sequence {
    let found = ImagesByRegion::from([(home(), Ok(images.to_vec()))]);
    by(&with_confirmation(), &found, &UsageByRegion::from([(home(), usage)]), n)
}

/// What is decided when no image is shared with another account.
fn by(recipe: &Recipe, found: &ImagesByRegion, usage: &UsageByRegion, n: i64) -> Sequence {
    keep_rules::decide(recipe, &Lineage::of(found, &home()), &UsageIndex::of(&alone(usage, found)), day(n))
        .concat()
}

fn actions(sequence: &Sequence) -> Vec<&'static str> {
    sequence.iter().filter(|one| one.action != Action::Keep).map(|one| one.action.word()).collect()
}

/// The image as EC2 shows it after its actions in this sequence.
fn after(image: &Image, sequence: &Sequence) -> Image {
    let mut image = image.clone();
    for one in sequence.iter().filter(|one| one.subject.resource.as_deref() == Some(image.id.as_str())) {
        match &one.action {
            Action::Deprecate(_, since, _) => {
                image.tags = image.tags.and(&Tags::new().with_time(tags::UNUSED_SINCE, *since));
                image.deprecated = Some(*since);
            }
            Action::ClearUnused(_, deprecation) => {
                image.tags = image.tags.with(tags::UNUSED_SINCE, "no");
                image.deprecated = deprecation.time();
            }
            Action::Disable(_, since, _) => {
                let disabled =
                    Tags::new().with(tags::STAGE, Stage::Disabled).with_time(tags::DISABLED_AT, *since);
                image.tags = image.tags.and(&disabled);
                image.state = ImageState::Disabled;
            }
            _ => {}
        }
    }
    image
}

fn used_by_an_instance(image: &Image) -> RegionUsage {
    let user = Referrer::Instance("i-0fee".parse().unwrap());
    RegionUsage {
        uses: vec![Reference { names: Target::Image(image.id.clone()), by: user }],
        ..RegionUsage::default()
    }
}

#[test]
fn a_release_takes_each_step_after_its_own_waiting_time() {
    let mut images = three_releases();
    let steps = [
        (40, vec!["deprecate"]),
        (41, vec![]),
        (42, vec!["disable"]),
        (48, vec![]),
        (49, vec!["deregister"]),
    ];
    for (n, expected) in steps {
        let sequence = decided(&images, RegionUsage::default(), n);
        assert_eq!(actions(&sequence), expected, "on day {n}");
        images[0] = after(&images[0], &sequence);
    }
}

#[test]
fn a_use_between_the_two_checks_starts_the_removal_over() {
    let mut images = three_releases();
    images[0] = after(&images[0], &decided(&images, RegionUsage::default(), 40));
    let used = used_by_an_instance(&images[0]);
    let sequence = decided(&images, used, 41);
    assert_eq!(actions(&sequence), ["clear-unused"]);
    images[0] = after(&images[0], &sequence);
    assert_eq!(actions(&decided(&images, RegionUsage::default(), 43)), ["deprecate"]);
}

#[test]
fn clearing_the_unused_mark_restores_the_deprecation_of_the_recipe() {
    let mut image = image("web", 1).released().tagged("kiln:unused-since", &day(39).to_rfc3339()).build();
    image.deprecated = Some(day(39));
    let mut recipe = with_confirmation();
    recipe.publish.deprecate_after = Some(TimeDelta::days(90));
    let found = ImagesByRegion::from([(home(), Ok(vec![image.clone()]))]);
    let sequence = by(&recipe, &found, &UsageByRegion::new(), 40);
    assert_eq!(sequence[0].action, Action::ClearUnused(image.id, Deprecation::At(day(91))));
}

#[test]
fn an_image_whose_unused_mark_is_cleared_has_no_next_step() {
    let at = |n| image("web", n).released();
    let marked = at(35).tagged("kiln:unused-since", &day(39).to_rfc3339()).build();
    let images = ImagesByRegion::from([(home(), Ok(vec![marked.clone(), at(36).build()]))]);
    let mut recipe = with_confirmation();
    recipe.expire.keep = 1;
    let sequence = by(&recipe, &images, &UsageByRegion::new(), 40);
    let cleared =
        sequence.iter().find(|one| matches!(&one.action, Action::ClearUnused(id, _) if *id == marked.id));
    assert_eq!(cleared.and_then(|one| one.retention).map(|known| known.next), Some(None));
}

#[test]
fn unknown_usage_neither_confirms_nor_clears_the_unused_mark() {
    let mut images = three_releases();
    images[0] = after(&images[0], &decided(&images, RegionUsage::default(), 40));
    let denied = CloudError::new("DescribeInstances", "them", &home(), "UnauthorizedOperation", "no");
    for n in [41, 45] {
        assert!(actions(&decided_with(&images, Err(denied.clone()), n)).is_empty());
    }
    assert_eq!(actions(&decided(&images, RegionUsage::default(), 45)), ["disable"]);
}

#[test]
fn a_marked_image_that_is_no_longer_deprecated_is_marked_again() {
    let mut images = three_releases();
    images[0] = after(&images[0], &decided(&images, RegionUsage::default(), 40));
    images[0].deprecated = None;
    for n in [41, 50] {
        let sequence = decided(&images, RegionUsage::default(), n);
        let marked = sequence.iter().find(|one| one.action != Action::Keep).unwrap();
        assert_eq!(marked.action, Action::Deprecate(images[0].id.clone(), day(n), 3));
    }
}

#[test]
fn a_replica_that_appears_later_must_be_found_unused_twice_as_well() {
    let mut images = three_releases();
    images[0] = after(&images[0], &decided(&images, RegionUsage::default(), 40));
    let mut found = ImagesByRegion::from([(home(), Ok(images))]);
    let replica = image("web", 1).released().in_region("eu-west-1").build();
    found.insert(region("eu-west-1"), Ok(vec![replica]));
    let usage: UsageByRegion =
        ["us-east-1", "eu-west-1"].iter().map(|code| (region(code), Ok(RegionUsage::default()))).collect();
    let sequence = by(&with_confirmation(), &found, &usage, 42);
    assert_eq!(actions(&sequence), ["deprecate"]);
}

/// The first release with a disabled home image, and this replica of it.
fn beside_a_disabled_home(replica: ImageFixture) -> (ImagesByRegion, UsageByRegion) {
    let mut images = three_releases();
    images[0] = image("web", 1).disabled_on(30).tagged("kiln:unused-since", &day(20).to_rfc3339()).build();
    let replicas = vec![replica.in_region("eu-west-1").build()];
    let found = ImagesByRegion::from([(home(), Ok(images)), (region("eu-west-1"), Ok(replicas))]);
    let usage =
        ["us-east-1", "eu-west-1"].iter().map(|code| (region(code), Ok(RegionUsage::default()))).collect();
    (found, usage)
}

#[test]
fn a_replica_that_can_be_launched_is_found_unused_twice_though_its_home_image_is_disabled() {
    let (mut found, usage) = beside_a_disabled_home(image("web", 1).released());
    let first = by(&with_confirmation(), &found, &usage, 42);
    assert_eq!(actions(&first), ["deprecate"]);
    for (n, expected) in [(43, vec![]), (44, vec!["disable"])] {
        let replicas = found.get_mut(&region("eu-west-1")).unwrap().as_mut().unwrap();
        replicas[0] = after(&replicas[0], &first);
        assert_eq!(actions(&by(&with_confirmation(), &found, &usage, n)), expected, "on day {n}");
    }
}

#[test]
fn a_replica_that_somebody_enabled_again_is_found_unused_twice_before_it_is_disabled_again() {
    let enabled = image("web", 1).disabled_on(30).in_state(ImageState::Available);
    let (found, usage) = beside_a_disabled_home(enabled.tagged("kiln:unused-since", "no"));
    assert_eq!(actions(&by(&with_confirmation(), &found, &usage, 42)), ["deprecate"]);
}

#[test]
fn a_removal_that_died_half_way_goes_on_without_a_new_confirmation() {
    // The home image is marked first. The replica was found unused twice as well, and could not be disabled.
    let marked = image("web", 1).released().tagged("kiln:unused-since", &day(20).to_rfc3339());
    let (mut found, usage) = beside_a_disabled_home(marked);
    found.get_mut(&region("eu-west-1")).unwrap().as_mut().unwrap()[0].deprecated = Some(day(20));
    assert_eq!(actions(&by(&with_confirmation(), &found, &usage, 42)), ["disable"]);
}

#[test]
fn an_adopted_image_takes_only_the_snapshots_with_it_that_ec2_made_for_it() {
    let deregistered = |adopted: bool| {
        let mut gone = image("web", 1).disabled_on(30);
        if adopted {
            let address = image("web", 1).build().address().to_string();
            gone = gone.tagged("kiln:adopted", &address);
        }
        let images: Vec<Image> = [gone.build()].into_iter().chain(three_releases().split_off(1)).collect();
        let found = ImagesByRegion::from([(home(), Ok(images))]);
        let usage = UsageByRegion::from([(home(), Ok(RegionUsage::default()))]);
        let mut recipe = with_confirmation();
        recipe.adopt = Some(Adopt { name: "packer*".into(), deregister: true });
        let sequence = by(&recipe, &found, &usage, 40);
        let snapshots = |one: &Decision| match &one.action {
            Action::Deregister(_, snapshots) => Some(*snapshots),
            _ => None,
        };
        sequence.iter().find_map(snapshots)
    };
    assert_eq!(deregistered(true), Some(WithSnapshots::MadeForIt));
    assert_eq!(deregistered(false), Some(WithSnapshots::All));
}

#[test]
fn an_unused_mark_in_the_future_does_not_count() {
    let images = [image("web", 1).released().tagged("kiln:unused-since", &day(60).to_rfc3339()).build()];
    let images: Vec<Image> = images.into_iter().chain(three_releases().split_off(1)).collect();
    assert_eq!(actions(&decided(&images, RegionUsage::default(), 40)), ["deprecate"]);
}

#[test]
fn an_image_that_cannot_be_launched_needs_no_confirmation() {
    let mut images = three_releases();
    images[0].state = ImageState::Failed;
    assert_eq!(actions(&decided(&images, RegionUsage::default(), 40)), ["deregister"]);
}
