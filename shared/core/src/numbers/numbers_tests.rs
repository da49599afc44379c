use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{day, name};
use crate::model::Region;

fn event(news: Event) -> Envelope {
    let region: Region = "us-east-1".parse().unwrap();
    Envelope { name: name("web", 9), region, news, occasion: String::new() }
}

fn released(at: DateTime<Utc>) -> Event {
    Event::ImageReleased {
        image: "ami-0123456789abcdef0".parse().unwrap(),
        images: std::collections::BTreeMap::new(),
        parameter: None,
        baked: String::new(),
        released: at.to_rfc3339(),
        before: None,
        difference: None,
    }
}

fn only_line(numbers: &Numbers) -> Value {
    let lines = numbers.lines("kiln", day(30));
    assert_eq!(lines.len(), 1);
    serde_json::from_str(&lines[0]).unwrap()
}

#[test]
fn a_release_is_counted_with_the_time_since_its_bake_began() {
    let baked = name("web", 9).version.time();
    let numbers = Numbers::of_event(&event(released(baked + TimeDelta::minutes(20)))).unwrap();
    let expected = [(Metric::ImagesReleased, vec![1.0]), (Metric::SecondsToRelease, vec![1200.0])];
    assert_eq!(numbers.values(), expected);
}

#[test]
fn a_line_bears_the_stack_as_its_only_dimension_and_what_it_is_about_beside() {
    let failed = Event::BakeFailed {
        instance: None,
        reason: "no room".into(),
        console_tail: String::new(),
        log: None,
    };
    let line = only_line(&Numbers::of_event(&event(failed)).unwrap());
    assert_eq!(
        line,
        json!({
            "_aws": {
                "Timestamp": day(30).timestamp_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "Kiln",
                    "Dimensions": [["Stack"]],
                    "Metrics": [{ "Name": "BakesFailed", "Unit": "Count" }, { "Name": "NothingCame", "Unit": "Count" }],
                }],
            },
            "Stack": "kiln",
            "BakesFailed": 1.0,
            "NothingCame": 1.0,
            "recipe": "web",
            "version": name("web", 9).version.to_string(),
        })
    );
}

#[test]
fn what_is_told_of_a_single_image_every_time_is_not_counted() {
    let started = Event::BakeStarted { instance: "i-0123456789abcdef0".parse().unwrap() };
    assert_eq!(Numbers::of_event(&event(started)), None);
}

#[test]
fn a_repair_is_counted_with_how_late_it_is_where_that_is_known() {
    for (late, many) in [(Some(90), 2), (None, 1)] {
        let repaired = Event::DriftRepaired {
            actions: vec!["copy"],
            resource: None,
            reason: "its event was lost".into(),
            late_seconds: late,
        };
        assert_eq!(Numbers::of_event(&event(repaired)).unwrap().values().len(), many);
    }
}

#[test]
fn a_sweep_tells_the_age_of_each_release_and_which_recipe_waits_longest() {
    let hours = [("web".parse().unwrap(), 20.0), ("batch".parse().unwrap(), 90.0)];
    let line = only_line(&Numbers::of_sweep(&hours, true));
    assert_eq!(
        (&line["HoursSinceRelease"], &line["stalest"], &line["Sweeps"]),
        (&json!([20.0, 90.0]), &json!("batch"), &json!(1.0))
    );
}

#[test]
fn a_sweep_that_did_not_see_everything_is_not_counted_as_one() {
    let numbers = Numbers::of_sweep(&[], false);
    assert!(numbers.values().is_empty() && numbers.lines("kiln", day(30)).is_empty());
}

#[test]
fn more_values_than_a_line_may_hold_are_told_in_several() {
    let hours: Vec<(RecipeName, f64)> =
        (0..250).map(|n| (format!("web{n}").parse().unwrap(), f64::from(n))).collect();
    let lines = Numbers::of_sweep(&hours, true).lines("kiln", day(30));
    let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ages: Vec<usize> =
        read.iter().map(|line| line["HoursSinceRelease"].as_array().unwrap().len()).collect();
    assert_eq!(ages, [100, 100, 50]);
    let sweeps = read.iter().filter(|line| line.get("Sweeps").is_some()).count();
    assert_eq!(sweeps, 1, "one sweep is counted once");
}

#[test]
fn a_night_tells_what_is_kept_and_what_it_takes() {
    let line = only_line(&Numbers::of_night(12, 1, 96.0));
    assert_eq!(
        (&line["ImagesKept"], &line["ImagesUnknown"], &line["SnapshotGigabytes"]),
        (&json!(12.0), &json!(1.0), &json!(96.0))
    );
}

#[test]
fn every_metric_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), Metric::ALL.len());
}
