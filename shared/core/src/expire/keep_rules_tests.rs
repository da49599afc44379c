use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::expire::in_use::UsageByRegion;
use crate::expire::inventory::ImagesByRegion;
use crate::fixtures::*;
use crate::inventory::usage::{Referrer, Target};
use crate::inventory::{CloudError, ImageState, Protection, Reference, RegionUsage};
use crate::model::{ImageId, Region, Stage, Version, tags};
use crate::plan::{Action, Decision};

fn home() -> Region {
    region("us-east-1")
}

fn found(images: Vec<Image>) -> ImagesByRegion {
    let mut found: ImagesByRegion = REGIONS.iter().map(|code| (region(code), Ok(vec![]))).collect();
    for image in images {
        found.get_mut(&image.region).unwrap().as_mut().unwrap().push(image);
    }
    found
}

pub(super) fn unused() -> UsageByRegion {
    REGIONS.iter().map(|code| (region(code), Ok(RegionUsage::default()))).collect()
}

/// Releases of these days at home alone.
pub(super) fn releases_of(days: &[i64]) -> Vec<Image> {
    days.iter().map(|day| image("web", *day).released().build()).collect()
}

fn decided(images: Vec<Image>, usage: &UsageByRegion) -> Vec<Sequence> {
    by(&recipe("web"), images, usage, day(40))
}

/// What is decided when no image is shared with another account.
pub(super) fn by(
    recipe: &Recipe,
    images: Vec<Image>,
    usage: &UsageByRegion,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let found = found(images);
    decide(recipe, &Lineage::of(&found, &home()), &UsageIndex::of(&alone(usage, &found)), now)
}

/// Every action but `keep`, by the day of the image and its Region.
pub(super) fn actions(sequences: &[Sequence]) -> Vec<(String, &'static str)> {
    let action = |decision: &Decision| {
        let version = decision.subject.version.unwrap();
        (
            format!("{}@{}", (version.time() - day(0)).num_days(), decision.subject.region),
            decision.action.word(),
        )
    };
    sequences.iter().flatten().filter(|decision| decision.action != Action::Keep).map(action).collect()
}

fn why(sequences: &[Sequence], n: i64) -> String {
    let version = Version::at(day(n)).unwrap();
    sequences
        .iter()
        .flatten()
        .find(|decision| decision.subject.version == Some(version))
        .unwrap()
        .reason
        .to_string()
}

fn template(image: &ImageId) -> Reference {
    Reference { names: Target::Image(image.clone()), by: Referrer::TemplateVersion("lt-0a".into(), 7) }
}

/// Somebody took the replica of 9: until it is copied anew, all Regions go back to 8.
#[test]
fn a_release_that_lost_a_replica_is_kept_and_takes_no_place_among_the_newest() {
    let mut recipe = recipe("web");
    recipe.expire.keep = 1;
    let everywhere = |n: i64| {
        let home = image("web", n).released().build();
        let tags = home.tags.clone().with(tags::RELEASED_IN, "us-east-1 eu-west-1");
        [Image { tags, ..home }, image("web", n).released().in_region("eu-west-1").build()]
    };
    let all = || [9, 8, 7].into_iter().flat_map(everywhere).collect::<Vec<Image>>();
    let going = |recipe: &Recipe, images| {
        let first = |one: (String, &str)| one.0.split('@').next().unwrap().to_owned();
        let of = actions(&by(recipe, images, &unused(), day(40)));
        of.into_iter().map(first).collect::<BTreeSet<String>>()
    };
    assert_eq!(going(&recipe, all()), ["7".to_owned(), "8".to_owned()].into());
    let mut lost = all();
    lost.remove(1);
    assert_eq!(going(&recipe, lost.clone()), ["7".to_owned()].into());
    assert!(why(&by(&recipe, lost.clone(), &unused(), day(40)), 9).contains("eu-west-1 any more"));
    let mut unread = found(lost.clone());
    let error = CloudError::new("DescribeImages", "images", &region("eu-west-1"), "Unavailable", "");
    unread.insert(region("eu-west-1"), Err(error));
    let lineage = Lineage::of(&unread, &home());
    assert_eq!(candidates(&recipe, &lineage, day(40)).len(), 2, "what was not read is not known to be lost");
    recipe.replicate.best_effort = vec![region("eu-west-1")];
    assert_eq!(going(&recipe, lost).len(), 2, "what is best effort is in nobody's way");
}

#[test]
fn keeps_the_newest_releases_regardless_of_their_age() {
    let sequences = decided(releases_of(&[1, 2, 3]), &unused());
    assert_eq!(actions(&sequences), [("1@us-east-1".to_owned(), "disable")]);
    assert_eq!(why(&sequences, 2), "it is number 2 of the 2 newest releases that the recipe keeps");
}

#[test]
fn keeps_releases_younger_than_older_than() {
    let sequences = decided(releases_of(&[29, 31, 32, 33, 34]), &unused());
    assert_eq!(actions(&sequences), [("29@us-east-1".to_owned(), "disable")]);
    assert_eq!(why(&sequences, 31), "it is 9d old, and the recipe keeps images younger than 10d");
}

#[test]
fn a_release_takes_its_first_step_on_the_day_that_both_rules_allow_it() {
    assert_eq!(
        actions(&decided(releases_of(&[30, 31, 32]), &unused())),
        [("30@us-east-1".to_owned(), "disable")]
    );
}

#[test]
fn setting_the_version_tag_back_does_not_make_an_image_older() {
    let mut images = releases_of(&[1, 2, 3]);
    images[0].created = Some(day(39));
    assert!(actions(&decided(images, &unused())).is_empty());
}

#[test]
fn an_instance_that_uses_one_image_keeps_the_whole_release() {
    let mut images = releases_of(&[1, 2, 3]);
    let replica = image("web", 1).released().in_region("eu-west-1").build();
    let mut usage = unused();
    let user = Reference {
        names: Target::Image(replica.id.clone()),
        by: Referrer::Instance("i-0fee".parse().unwrap()),
    };
    usage.insert(region("eu-west-1"), Ok(RegionUsage { uses: vec![user], ..RegionUsage::default() }));
    images.push(replica);
    let sequences = decided(images, &usage);
    assert!(actions(&sequences).is_empty());
    let reasons: Vec<String> = sequences[2].iter().map(|decision| decision.reason.to_string()).collect();
    let used = "it is used by instance arn:aws:ec2:eu-west-1:123456789012:instance/i-0fee";
    assert_eq!(reasons[0], used);
    assert!(reasons[1].contains(&format!("stays, because {used}")));
}

#[test]
fn keeps_an_image_that_any_version_of_a_launch_template_names() {
    let images = releases_of(&[1, 2, 3]);
    let mut usage = unused();
    let uses = vec![template(&images[0].id)];
    usage.insert(region("us-east-1"), Ok(RegionUsage { uses, ..RegionUsage::default() }));
    let sequences = decided(images, &usage);
    assert!(actions(&sequences).is_empty());
    assert_eq!(
        why(&sequences, 1),
        "it is used by version 7 of launch template arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0a"
    );
}

#[test]
fn a_reference_in_another_region_does_not_keep_an_image() {
    let images = releases_of(&[1, 2, 3]);
    let mut usage = unused();
    let uses = vec![template(&images[0].id)];
    usage.insert(region("eu-west-1"), Ok(RegionUsage { uses, ..RegionUsage::default() }));
    assert_eq!(actions(&decided(images, &usage)).len(), 1);
}

#[test]
fn an_unresolved_reference_keeps_every_image_of_its_region() {
    let mut usage = unused();
    let names = Target::Unresolved("resolve:ssm:/x".into());
    let uses = vec![Reference { names, by: Referrer::TemplateVersion("lt-0a".into(), 1) }];
    usage.insert(region("us-east-1"), Ok(RegionUsage { uses, ..RegionUsage::default() }));
    let sequences = decided(releases_of(&[1, 2, 3]), &usage);
    assert!(actions(&sequences).is_empty());
    assert!(why(&sequences, 1).contains("resolve:ssm:/x, which could not be resolved"));
}

#[test]
fn keeps_every_image_when_images_or_usage_could_not_be_read() {
    let denied = CloudError::new(
        "DescribeLaunchTemplateVersions",
        "lt-0a",
        &region("us-east-1"),
        "UnauthorizedOperation",
        "no",
    );
    let mut usage = unused();
    usage.insert(region("us-east-1"), Err(denied.clone()));
    let sequences = decided(releases_of(&[1, 2, 3]), &usage);
    assert!(actions(&sequences).is_empty());
    assert!(
        why(&sequences, 1)
            .contains("unknown, so it is kept: DescribeLaunchTemplateVersions on lt-0a in us-east-1")
    );
    assert!(actions(&decided(releases_of(&[1, 2, 3]), &UsageByRegion::new())).is_empty());
    let mut unobservable = found(releases_of(&[1, 2, 3]));
    unobservable.insert(region("eu-west-1"), Err(denied));
    assert!(
        actions(&decide(
            &recipe("web"),
            &Lineage::of(&unobservable, &home()),
            &UsageIndex::of(&alone(&unused(), &unobservable)),
            day(40)
        ))
        .is_empty()
    );
}

#[test]
fn keeps_images_that_are_held_protected_or_managed_by_aws_backup() {
    for (key, value) in [("kiln:hold", "audit"), ("aws:backup:source-resource", "x")] {
        let mut images = releases_of(&[2, 3]);
        images.push(image("web", 1).released().tagged(key, value).build());
        assert!(actions(&decided(images, &unused())).is_empty(), "{key}");
    }
    let mut images = releases_of(&[1, 2, 3]);
    images[0].protection = Protection::On("enabled-with-cooldown".into());
    assert!(actions(&decided(images, &unused())).is_empty());
}

#[test]
fn keeps_an_image_whose_stage_tag_was_changed_by_hand() {
    let mut images = releases_of(&[1, 2, 3]);
    images[0].tags = images[0].tags.clone().with("kiln:stage", "golden");
    let sequences = decided(images, &unused());
    assert!(actions(&sequences).is_empty());
    assert!(
        sequences
            .iter()
            .flatten()
            .any(|decision| decision.reason.to_string().contains("kiln:stage is 'golden'"))
    );
}

#[test]
fn keeps_the_newest_release_even_when_newer_images_were_never_released() {
    let mut images = releases_of(&[1]);
    images.extend((2..9).map(|n| image("web", n).build()));
    assert!(actions(&decided(images, &unused())).is_empty());
}

#[test]
fn an_unreleased_image_is_disabled_once_it_is_old_and_has_enough_newer_releases() {
    let mut images = releases_of(&[2, 3]);
    images.push(image("web", 1).build());
    assert_eq!(actions(&decided(images, &unused())), [("1@us-east-1".to_owned(), "disable")]);
}

#[test]
fn a_release_with_a_pending_copy_is_kept() {
    let mut images = releases_of(&[1, 2, 3]);
    images.push(image("web", 1).in_region("eu-west-1").in_state(ImageState::Pending).build());
    assert!(actions(&decided(images, &unused())).is_empty());
}

#[test]
fn a_release_is_disabled_as_a_whole_the_home_image_first() {
    let mut images = releases_of(&[2, 3]);
    images.push(image("web", 1).released().build());
    images.push(image("web", 1).released().in_region("eu-west-1").build());
    assert_eq!(
        actions(&decided(images, &unused())),
        [("1@us-east-1".to_owned(), "disable"), ("1@eu-west-1".to_owned(), "disable")]
    );
}

#[test]
fn a_release_is_deregistered_after_its_quarantine_replicas_first() {
    let disabled_since = |since| {
        let mut images = releases_of(&[2, 3]);
        images.push(image("web", 1).disabled_on(since).build());
        images.push(image("web", 1).in_region("eu-west-1").disabled_on(since).build());
        decided(images, &unused())
    };
    assert_eq!(
        actions(&disabled_since(33)),
        [("1@eu-west-1".to_owned(), "deregister"), ("1@us-east-1".to_owned(), "deregister")]
    );
    let sequences = disabled_since(34);
    assert!(actions(&sequences).is_empty());
    assert_eq!(why(&sequences, 1), "it is in quarantine until 2026-02-11T02:00:00+00:00");
}

#[test]
fn a_half_disabled_release_is_disabled_completely_before_it_is_deregistered() {
    let mut images = releases_of(&[2, 3]);
    images.push(image("web", 1).disabled_on(20).build());
    images.push(image("web", 1).released().in_region("eu-west-1").build());
    assert_eq!(actions(&decided(images, &unused())), [("1@eu-west-1".to_owned(), "disable")]);
}

#[test]
fn an_image_that_was_enabled_by_hand_is_disabled_again_and_its_quarantine_restarts() {
    let mut images = releases_of(&[2, 3]);
    images.push(image("web", 1).disabled_on(20).in_state(ImageState::Available).build());
    assert_eq!(actions(&decided(images, &unused())), [("1@us-east-1".to_owned(), "disable")]);
}

#[test]
fn a_failed_copy_is_deregistered_with_its_release_without_being_disabled() {
    let with_failed = |fixture: ImageFixture| {
        let mut images = releases_of(&[2, 3]);
        images.push(fixture.build());
        images.push(
            image("web", 1)
                .in_region("eu-west-1")
                .staged(Stage::Rejected)
                .in_state(ImageState::Failed)
                .build(),
        );
        actions(&decided(images, &unused()))
    };
    assert_eq!(with_failed(image("web", 1).released()), [("1@us-east-1".to_owned(), "disable")]);
    assert_eq!(
        with_failed(image("web", 1).disabled_on(30)),
        [("1@eu-west-1".to_owned(), "deregister"), ("1@us-east-1".to_owned(), "deregister")]
    );
}

#[test]
fn usage_is_read_only_for_images_that_the_rules_let_go() {
    let found = found(releases_of(&[1, 2, 3, 39]));
    let candidates = candidates(&recipe("web"), &Lineage::of(&found, &home()), day(40));
    let ids: Vec<ImageId> = candidates.iter().map(|image| image.id.clone()).collect();
    assert_eq!(ids, [id_of("us-east-1", 2), id_of("us-east-1", 1)]);
}

proptest! {
    #[test]
    fn never_acts_on_a_newest_young_used_held_or_unread_image(
        days in proptest::collection::btree_set(0i64..40, 1..12),
        keep in 1usize..6, older_than in 0i64..30, quarantine in 0i64..9,
        used in proptest::collection::btree_set(0i64..40, 0..4),
        held in proptest::collection::btree_set(0i64..40, 0..3),
        with_replica in proptest::collection::btree_set(0i64..40, 0..6),
        disabled in proptest::collection::btree_map(0i64..40, 0i64..40, 0..6),
        unobservable in proptest::option::weighted(0.1, 0usize..3),
    ) {
        let mut rules = recipe("web");
        rules.expire.keep = keep;
        rules.expire.older_than = TimeDelta::days(older_than);
        rules.expire.quarantine = TimeDelta::days(quarantine);
        let make = |n: i64| {
            let fixture = image("web", n).released();
            let fixture = if held.contains(&n) { fixture.tagged("kiln:hold", "x") } else { fixture };
            match disabled.get(&n) { Some(since) => fixture.disabled_on(*since), None => fixture }
        };
        let mut images: Vec<Image> = days.iter().map(|n| make(*n).build()).collect();
        images.extend(days.intersection(&with_replica).map(|n| make(*n).in_region("eu-west-1").build()));
        let mut usage = unused();
        let user = || Referrer::Instance("i-01".parse().unwrap());
        let uses = used.iter().map(|n| Reference { names: Target::Image(id_of("us-east-1", *n)), by: user() }).collect();
        usage.insert(region("us-east-1"), Ok(RegionUsage { uses, ..RegionUsage::default() }));
        if let Some(at) = unobservable {
            let error = CloudError::new("DescribeInstances", "x", &region(REGIONS[at]), "RequestLimitExceeded", "");
            usage.insert(region(REGIONS[at]), Err(error));
        }
        let sequences = by(&rules, images.clone(), &usage, day(40));

        // There is a decision about every image.
        let decided: BTreeSet<String> = sequences.iter().flatten().filter_map(|decision| decision.subject.resource.clone()).collect();
        prop_assert_eq!(decided.len(), images.len());

        let not_disabled: Vec<i64> = days.iter().rev().copied().filter(|n| !disabled.contains_key(n)).collect();
        for decision in sequences.iter().flatten().filter(|decision| decision.action != Action::Keep) {
            let n = (decision.subject.version.unwrap().time() - day(0)).num_days();
            prop_assert!(!not_disabled.iter().take(keep).any(|newest| *newest == n), "newest {}", n);
            prop_assert!(40 - n >= older_than, "young {}", n);
            prop_assert!(!used.contains(&n) && !held.contains(&n), "used or held {}", n);
            prop_assert!(unobservable != Some(0), "not read {}", n);
            prop_assert!(unobservable != Some(1) || !with_replica.contains(&n), "replica not read {}", n);
            if let Action::Deregister(..) = decision.action {
                let since = disabled.get(&n).copied();
                prop_assert!(quarantine == 0 || since.is_some_and(|since| since + quarantine <= 40), "quarantine {}", n);
            }
        }
        // The same observation leads to the same decisions.
        prop_assert_eq!(by(&rules, images, &usage, day(40)), sequences);
    }
}

#[test]
fn a_kept_image_that_was_enabled_by_hand_is_reactivated() {
    let mut enabled = image("web", 1).disabled_on(30).tagged("kiln:hold", "audit").build();
    enabled.state = ImageState::Available;
    let images = [releases_of(&[5, 6, 7]), vec![enabled.clone()]].concat();
    let sequences = by(&recipe("web"), images, &unused(), day(40));
    let action = |id: &ImageId| {
        let of = |decision: &&Decision| decision.subject.resource.as_deref() == Some(id.as_str());
        sequences.iter().flatten().find(of).unwrap().action.clone()
    };
    assert_eq!(action(&enabled.id), Action::reactivate(&enabled, &enabled.record().unwrap(), day(40)));
}

#[test]
fn an_image_that_was_enabled_by_hand_is_not_reactivated_while_its_usage_is_unknown() {
    let mut enabled = image("web", 1).disabled_on(30).build();
    enabled.state = ImageState::Available;
    let images = [releases_of(&[5, 6, 7]), vec![enabled.clone()]].concat();
    let sequences = by(&recipe("web"), images, &UsageByRegion::new(), day(40));
    let of = |decision: &&Decision| decision.subject.resource.as_deref() == Some(enabled.id.as_str());
    assert_eq!(sequences.iter().flatten().find(of).unwrap().action, Action::Keep);
}
