use chrono::TimeDelta;

use super::*;
use crate::events::outbound::Envelope;
use crate::expire::in_use::{UsageByRegion, UsageIndex};
use crate::expire::keep_rules::decide;
use crate::expire::lineage::Lineage;
use crate::fixtures::*;
use crate::inventory::{ImageState, RegionUsage};

/// A recipe that keeps one release, without a quarantine.
fn rules(max_per_run: usize, max_percent: usize) -> Recipe {
    let mut rules = recipe("web");
    rules.expire.keep = 1;
    rules.expire.quarantine = TimeDelta::zero();
    (rules.expire.max_per_run, rules.expire.max_percent) = (max_per_run, max_percent);
    rules
}

/// One release per day in these Regions.
fn found(days: i64, regions: &[&str]) -> ImagesByRegion {
    let of = |code: &str| {
        let images = (1..=days)
            .filter(|_| regions.contains(&code))
            .map(|n| image("web", n).released().at(code).build());
        (region(code), Ok(images.collect()))
    };
    REGIONS.iter().map(|code| of(code)).collect()
}

fn run(rules: &Recipe, found: &ImagesByRegion, allow: Option<usize>) -> Vec<Sequence> {
    let usage: UsageByRegion =
        REGIONS.iter().map(|code| (region(code), Ok(RegionUsage::default()))).collect();
    let home = region("us-east-1");
    let usage = alone(&usage, found);
    enforce(
        rules,
        &home,
        found,
        &[],
        decide(rules, &Lineage::of(found, &home), &UsageIndex::of(&usage), day(40)),
        allow,
    )
}

fn deregistered(sequences: &[Sequence]) -> usize {
    sequences.iter().flatten().filter(|decision| matches!(decision.action, Action::Deregister(..))).count()
}

fn blocked_events(sequences: &[Sequence]) -> Vec<String> {
    let events = sequences.iter().flatten().filter_map(|decision| match &decision.action {
        Action::Emit(Envelope { news: Event::ExpiryBlocked { images, reason }, .. }) => {
            Some(format!("{images}: {reason}"))
        }
        _ => None,
    });
    events.collect()
}

#[test]
fn a_run_may_remove_exactly_as_many_images_as_the_limit() {
    let sequences = run(&rules(9, 75), &found(4, &REGIONS), None);
    assert_eq!((deregistered(&sequences), blocked_events(&sequences)), (9, vec![]));
}

#[test]
fn one_image_more_than_max_per_run_blocks_the_run() {
    let sequences = run(&rules(8, 100), &found(4, &REGIONS), None);
    assert_eq!(deregistered(&sequences), 0);
    assert!(sequences.iter().flatten().all(|one| matches!(one.action, Action::Keep | Action::Emit(_))));
    let [event] = blocked_events(&sequences).try_into().unwrap();
    assert!(
        event.starts_with(
            "9: blocked: 9 images would be removed, but the limit is 8 (expire.max_per_run = 8)"
        )
    );
    assert!(event.ends_with("allow it: `kiln apply web --allow 9`"), "{event}");
}

#[test]
fn a_larger_share_than_max_percent_blocks_the_run() {
    let sequences = run(&rules(100, 74), &found(4, &REGIONS), None);
    assert_eq!(deregistered(&sequences), 0);
    assert!(blocked_events(&sequences)[0].contains("(expire.max_percent = 74, of 12 images)"));
}

#[test]
fn one_release_may_exceed_max_percent() {
    let sequences = run(&rules(100, 10), &found(2, &REGIONS), None);
    assert_eq!((deregistered(&sequences), blocked_events(&sequences)), (3, vec![]));
}

#[test]
fn allow_replaces_the_limits_of_the_recipe() {
    let found = found(4, &REGIONS);
    assert_eq!(deregistered(&run(&rules(1, 1), &found, Some(9))), 9);
    let sequences = run(&rules(1, 1), &found, Some(8));
    assert_eq!(deregistered(&sequences), 0);
    assert!(blocked_events(&sequences)[0].contains("the limit is 8 (allow = 8)"));
}

#[test]
fn a_region_that_shows_no_image_blocks_the_run_unless_it_is_allowed() {
    let found = found(4, &REGIONS[..2]);
    let sequences = run(&rules(100, 100), &found, None);
    assert_eq!(deregistered(&sequences), 0);
    assert!(
        blocked_events(&sequences)[0]
            .contains("ap-southeast-2 shows no image of the recipe, although us-east-1/ami-")
    );
    assert_eq!(deregistered(&run(&rules(100, 100), &found, Some(6))), 6);
}

#[test]
fn a_home_region_that_shows_no_image_keeps_every_replica() {
    let sequences = run(&rules(100, 100), &found(4, &REGIONS[1..]), None);
    assert_eq!((deregistered(&sequences), blocked_events(&sequences)), (0, vec![]));
}

#[test]
fn a_best_effort_region_may_be_empty() {
    let mut rules = rules(100, 100);
    rules.replicate.best_effort = vec![region("ap-southeast-2")];
    assert_eq!(deregistered(&run(&rules, &found(4, &REGIONS[..2]), None)), 6);
}

#[test]
fn no_event_is_sent_if_nothing_would_be_removed() {
    assert_eq!(blocked_events(&run(&rules(1, 1), &found(1, &REGIONS[..1]), None)), Vec::<String>::new());
}

#[test]
fn max_percent_counts_each_step_separately() {
    let mut rules = rules(100, 50);
    (rules.expire.quarantine, rules.expire.confirm_after) = (TimeDelta::days(7), TimeDelta::days(2));
    let mut unused = image("web", 2).released().tagged("kiln:unused-since", &day(30).to_rfc3339()).build();
    unused.deprecated = Some(day(30));
    let images = vec![
        image("web", 1).disabled_on(20).build(),
        unused,
        image("web", 3).released().build(),
        image("web", 4).released().build(),
    ];
    rules.replicate.regions.clear();
    let found = ImagesByRegion::from([(region("us-east-1"), Ok(images))]);
    let words: Vec<&str> =
        run(&rules, &found, None).iter().flatten().map(|decision| decision.action.word()).collect();
    assert_eq!(words, ["keep", "deprecate", "disable", "deregister"]);
}

/// A Region in which every copy failed leaves the recipe.
#[test]
fn failed_copies_are_no_images_that_would_go() {
    let (rules, found, home) = (rules(100, 50), found(1, &REGIONS), region("us-east-1"));
    let failed = |n| image("web", n).in_region("eu-central-1").in_state(ImageState::Failed).build();
    let removed: Vec<Image> = (1..=9).map(failed).collect();
    let usage = UsageByRegion::from([(region("eu-central-1"), Ok(RegionUsage::default()))]);
    let uses = UsageIndex::of(&usage);
    let decided = crate::expire::removed_regions::decide(&rules, &home, &removed, &uses, day(40));
    let sequences = enforce(&rules, &home, &found, &removed, decided, None);
    assert_eq!((deregistered(&sequences), blocked_events(&sequences)), (9, vec![]));
}
