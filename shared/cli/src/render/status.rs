//! How the recipes are, as a table and what is to be looked at below it.

use chrono::{DateTime, Utc};
use kiln_catalog::model::{Failure, UnderWay};
use kiln_catalog::status::{QueueStatus, RecipeStatus, Status};

use super::moves::named;
use super::{ago, table, version_moment, wrapped};

/// The table. A failure is told below it unless a newer release has come since; of one recipe (`whole`) it always is.
pub fn status(status: &Status, whole: bool) -> Vec<String> {
    let now = status.made_at;
    let mut lines = Vec::new();
    if status.recipes.is_empty() {
        lines.push("There are no recipes: kiln validate checks one, and kiln recipes push puts it.".into());
    } else {
        let rows: Vec<_> = status.recipes.iter().map(|recipe| row(recipe, now)).collect();
        lines.extend(table(&["RECIPE", "NEWEST RELEASE", "AGE", "UNDER WAY", "NAMED"], &rows, &[2]));
    }
    let failures: Vec<_> = status.recipes.iter().filter_map(|recipe| failure(recipe, whole, now)).collect();
    if !failures.is_empty() {
        lines.extend([String::new(), "Last failures:".into()]);
        lines.extend(failures.iter().flat_map(|text| wrapped(text, 2)));
    }
    lines.extend(queues(&status.queues, whole));
    if !status.gaps.is_empty() {
        lines.extend([String::new(), "What could not be read:".into()]);
        let gaps = status.gaps.iter();
        lines.extend(gaps.flat_map(|gap| wrapped(&format!("{}: {}", gap.what, gap.reason), 2)));
    }
    lines
}

/// What waits in the queues; of one recipe only if something does, for it may be another's.
fn queues(queues: &[QueueStatus], whole: bool) -> Vec<String> {
    let waiting: Vec<_> = queues.iter().filter(|queue| queue.waiting > 0).collect();
    if waiting.is_empty() {
        let told = [String::new(), "Nothing waits in the queues.".into()];
        return if queues.is_empty() || whole { Vec::new() } else { told.into() };
    }
    let each: Vec<_> = waiting.iter().map(|queue| format!("{} in {}", queue.waiting, queue.name)).collect();
    let told = format!("Something waits in the queues: {}. kiln failures list tells what.", each.join(", "));
    [vec![String::new()], wrapped(&told, 0)].concat()
}

/// What is done to a version, and since when.
pub fn phase(under_way: &UnderWay, now: DateTime<Utc>) -> String {
    let is_late = under_way.deadline.is_some_and(|deadline| deadline < now);
    let late = if is_late { ", overdue" } else { "" };
    format!("{} for {}{late}", under_way.phase.word(), ago(under_way.since, now))
}

fn row(recipe: &RecipeStatus, now: DateTime<Utc>) -> Vec<String> {
    let newest = recipe.newest.as_ref();
    let released = newest.and_then(|newest| newest.released_at.or_else(|| version_moment(&newest.version)));
    let under_way: Vec<_> = recipe.under_way.iter().map(|one| phase(one, now)).collect();
    vec![
        recipe.name.clone(),
        newest.map_or_else(|| "none".into(), |newest| newest.version.clone()),
        released.map_or_else(|| "-".into(), |at| ago(at, now)),
        if under_way.is_empty() { "-".into() } else { under_way.join("\n") },
        pointers(recipe),
    ]
}

/// What the Regions name: one line for each version.
fn pointers(recipe: &RecipeStatus) -> String {
    let mut by_name: Vec<(String, Vec<&str>)> = Vec::new();
    for pointer in &recipe.pointers {
        let what = named(pointer);
        match by_name.iter_mut().find(|(of, _)| *of == what) {
            Some((_, regions)) if regions.contains(&pointer.region.as_str()) => {}
            Some((_, regions)) => regions.push(&pointer.region),
            None => by_name.push((what, vec![&pointer.region])),
        }
    }
    let newest = recipe.newest.as_ref().map(|newest| newest.version.as_str());
    match by_name.as_slice() {
        [] => "no parameter, no launch template".into(),
        [(what, regions)] if Some(what.as_str()) == newest => in_regions("newest", regions),
        [(what, regions)] => in_regions(what, regions),
        several => {
            let line = |(what, regions): &(String, Vec<&str>)| format!("{what} in {}", regions.join(", "));
            several.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

fn in_regions(what: &str, regions: &[&str]) -> String {
    match regions {
        [one] => format!("{what} in {one}"),
        all => format!("{what} in all {} Regions", all.len()),
    }
}

fn failure(recipe: &RecipeStatus, whole: bool, now: DateTime<Utc>) -> Option<String> {
    let Failure { event, version, at, reason, log } = recipe.last_failure.as_ref()?;
    let is_past = recipe.newest.as_ref().is_some_and(|newest| newest.version > *version);
    let log = log.as_ref().map(|log| format!(" (log: {})", log.as_str())).unwrap_or_default();
    let text = || format!("{} {version}, {} ago, {event}: {reason}{log}", recipe.name, ago(*at, now));
    (whole || !is_past).then(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointer(region: &str, version: &str) -> serde_json::Value {
        json!({ "region": region, "required": true, "kind": "parameter", "name": "/golden/web", "image": "ami-0a1b2c3d", "version": version })
    }

    fn told(whole: bool) -> String {
        let (old, new) = ("20261116T020000Z", "20261126T020000Z");
        let found: Status = serde_json::from_value(json!({
            "schema": 1, "made_at": "2026-11-27T02:30:00Z", "kiln": "0.1.0", "home": "us-east-1",
            "gaps": [{ "what": "the history of batch", "reason": "GetObject was denied" }],
            "queues": [{ "name": "failures", "waiting": 2 }, { "name": "undelivered", "waiting": 0 }, { "name": "ended-badly", "waiting": 1 }],
            "recipes": [
                { "name": "batch", "under_way": [], "versions": [], "pointers": [],
                  "last_failure": { "event": "Bake Failed", "version": "20261127T020000Z", "at": "2026-11-27T02:20:00Z", "reason": "the script failed with status 1", "log": "s3://store/logs/batch" } },
                { "name": "edge", "newest": { "version": new, "released_at": "2026-11-26T02:41:00Z" }, "versions": [],
                  "under_way": [
                      { "version": "20261127T020000Z", "phase": "testing", "since": "2026-11-27T02:15:00Z", "deadline": "2026-11-27T02:20:00Z" },
                  ],
                  "pointers": [pointer("us-east-1", new), pointer("eu-west-1", old)],
                  "last_failure": { "event": "Image Rejected", "version": old, "at": "2026-11-16T02:20:00Z", "reason": "it did not boot" } },
                { "name": "web", "newest": { "version": new, "released_at": "2026-11-26T02:41:00Z" }, "versions": [], "under_way": [],
                  "pointers": [pointer("us-east-1", new), pointer("eu-west-1", new)] },
            ],
        }))
        .unwrap();
        status(&found, whole).join("\n")
    }

    #[test]
    fn each_recipe_is_a_row_and_what_needs_a_look_stands_below() {
        let expected = "\
RECIPE  NEWEST RELEASE     AGE  UNDER WAY                    NAMED
batch   none                 -  -                            no parameter, no launch template
edge    20261126T020000Z  23 h  testing for 15 min, overdue  20261126T020000Z in us-east-1
                                                             20261116T020000Z in eu-west-1
web     20261126T020000Z  23 h  -                            newest in all 2 Regions

Last failures:
  batch 20261127T020000Z, 10 min ago, Bake Failed: the script failed with status 1 (log:
  s3://store/logs/batch)

Something waits in the queues: 2 in failures, 1 in ended-badly. kiln failures list tells what.

What could not be read:
  the history of batch: GetObject was denied";
        assert_eq!(told(false), expected);
    }

    #[test]
    fn queues_in_which_nothing_waits_are_told_of_all_recipes_alone() {
        let empty = [QueueStatus { name: "failures".into(), waiting: 0 }];
        assert_eq!(queues(&empty, false), ["", "Nothing waits in the queues."]);
        // A function of before tells of none.
        assert!(queues(&empty, true).is_empty() && queues(&[], false).is_empty());
    }

    #[test]
    fn a_failure_before_the_newest_release_is_told_of_one_recipe_alone() {
        assert!(!told(false).contains("it did not boot") && told(true).contains("it did not boot"));
    }
}
