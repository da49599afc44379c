use chrono::TimeDelta;

use super::*;
use crate::expire::in_use::{UsageByRegion, UsageIndex};
use crate::expire::keep_rules::decide;
use crate::expire::lineage::Lineage;
use crate::fixtures::*;
use crate::inventory::RegionUsage;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// A recipe that keeps one release, and disables nothing first.
fn rules(max_per_run: usize, max_percent: usize) -> Recipe {
    let mut rules = recipe("web");
    rules.expire.keep = 1;
    rules.expire.quarantine = TimeDelta::zero();
    (rules.expire.max_per_run, rules.expire.max_percent) = (max_per_run, max_percent);
    rules
}

/// Releases of so many days in those Regions.
fn found(days: i64, regions: &[&str]) -> ImagesByRegion {
    let of = |code: &str| {
        let made = (1..=days).filter(|_| regions.contains(&code)).map(|n| match code {
            "us-east-1" => image("web", n).released().build(),
            _ => image("web", n).released().in_region(code).build(),
        });
        (region(code), Ok(made.collect()))
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

fn gone(sequences: &[Sequence]) -> usize {
    sequences.iter().flatten().filter(|decision| matches!(decision.action, Action::Deregister(_))).count()
}

fn said(sequences: &[Sequence]) -> Vec<String> {
    let said = sequences.iter().flatten().filter_map(|decision| match &decision.action {
        Action::Emit(Envelope { news: Event::ExpiryBlocked { images, reason }, .. }) => {
            Some(format!("{images}: {reason}"))
        }
        _ => None,
    });
    said.collect()
}

#[test]
fn as_many_as_may_go_in_one_run_go() {
    let sequences = run(&rules(9, 75), &found(4, &REGIONS), None);
    assert_eq!((gone(&sequences), said(&sequences)), (9, vec![]));
}

#[test]
fn one_more_than_may_go_in_one_run_and_nothing_goes() {
    let sequences = run(&rules(8, 100), &found(4, &REGIONS), None);
    assert_eq!(gone(&sequences), 0);
    assert!(sequences.iter().flatten().all(|one| matches!(one.action, Action::Keep | Action::Emit(_))));
    let [said] = said(&sequences).try_into().unwrap();
    assert!(
        said.starts_with(
            "9: blocked: 9 images would be removed, but the limit is 8 (expire.max_per_run = 8)"
        )
    );
    assert!(said.ends_with(r#"{"recipe": "web", "dry_run": false, "allow": 9}"#), "{said}");
}

#[test]
fn a_larger_part_than_may_go_in_one_run_and_nothing_goes() {
    let sequences = run(&rules(100, 74), &found(4, &REGIONS), None);
    assert_eq!(gone(&sequences), 0);
    assert!(said(&sequences)[0].contains("(expire.max_percent = 74, of 12 images)"));
}

#[test]
fn one_release_is_never_too_large_a_part() {
    let sequences = run(&rules(100, 10), &found(2, &REGIONS), None);
    assert_eq!((gone(&sequences), said(&sequences)), (3, vec![]));
}

#[test]
fn who_has_seen_the_plan_may_allow_it() {
    let found = found(4, &REGIONS);
    assert_eq!(gone(&run(&rules(1, 1), &found, Some(9))), 9);
    let sequences = run(&rules(1, 1), &found, Some(8));
    assert_eq!(gone(&sequences), 0);
    assert!(said(&sequences)[0].contains("the limit is 8 (allow = 8)"));
}

#[test]
fn a_region_that_answers_with_nothing_stops_the_run() {
    let found = found(4, &REGIONS[..2]);
    let sequences = run(&rules(100, 100), &found, None);
    assert_eq!(gone(&sequences), 0);
    assert!(
        said(&sequences)[0].contains("ap-southeast-2 shows no image of the recipe, although us-east-1/ami-")
    );
    assert_eq!(gone(&run(&rules(100, 100), &found, Some(6))), 6);
}

#[test]
fn a_home_region_that_answers_with_nothing_keeps_every_replica() {
    let sequences = run(&rules(100, 100), &found(4, &REGIONS[1..]), None);
    assert_eq!((gone(&sequences), said(&sequences)), (0, vec![]));
}

#[test]
fn a_region_that_holds_no_release_up_may_be_empty() {
    let mut rules = rules(100, 100);
    rules.replicate.best_effort = vec![region("ap-southeast-2")];
    assert_eq!(gone(&run(&rules, &found(4, &REGIONS[..2]), None)), 6);
}

#[test]
fn nothing_is_said_where_nothing_would_go() {
    assert_eq!(said(&run(&rules(1, 1), &found(1, &REGIONS[..1]), None)), Vec::<String>::new());
}

#[test]
fn a_small_recipe_of_which_each_night_one_release_takes_each_step_goes_on() {
    let mut rules = rules(100, 50);
    (rules.expire.quarantine, rules.expire.confirm_after) = (TimeDelta::days(7), TimeDelta::days(2));
    let mut waits = image("web", 2).released().tagged("kiln:unused-since", &day(30).to_rfc3339()).build();
    waits.deprecated = Some(day(30));
    let images = vec![
        image("web", 1).disabled_on(20).build(),
        waits,
        image("web", 3).released().build(),
        image("web", 4).released().build(),
    ];
    rules.replicate.regions.clear();
    let found = ImagesByRegion::from([(region("us-east-1"), Ok(images))]);
    let words: Vec<&str> =
        run(&rules, &found, None).iter().flatten().map(|decision| decision.action.word()).collect();
    assert_eq!(words, ["keep", "deprecate", "disable", "deregister"]);
}
