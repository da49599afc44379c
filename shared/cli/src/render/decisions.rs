//! The decisions of an answer, those of one reason together.

use serde_json::Value;

use super::{rows_below, table, wrapped};
use crate::answer::{Answer, Entry, UsedBy};

/// One paragraph for each reason: what was decided for it, how that ended, and of what.
pub fn decisions(answer: &Answer) -> Vec<String> {
    let mut groups: Vec<((&str, &str), Vec<&Entry>)> = Vec::new();
    for entry in &answer.decisions {
        let key = (entry.outcome.as_str(), entry.reason.as_str());
        match groups.iter_mut().find(|(of, _)| *of == key) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((key, vec![entry])),
        }
    }
    let mut lines = Vec::new();
    for ((outcome, reason), entries) in groups {
        let actions = once(entries.iter().map(|entry| entry.action.clone())).join(", ");
        lines.extend(wrapped(&format!("{actions} ({outcome}): {reason}"), 0));
        lines.extend(subjects(&entries));
    }
    lines.extend(beside(answer));
    lines
}

/// What these are about, each once.
fn subjects(entries: &[&Entry]) -> Vec<String> {
    let rows = once(entries.iter().map(|entry| {
        let name =
            [&entry.recipe, &entry.version].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let waits = || entry.waiting_for.as_ref().map(|what| format!("waits for {what}"));
        let found = entry.error.clone().or_else(waits).unwrap_or_default();
        vec![entry.region.clone(), name, entry.resource.clone().unwrap_or_default(), found]
    }));
    // A column in which nothing stands is left out.
    let is_filled = |at: &usize| rows.iter().any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()));
    let filled: Vec<usize> = (0..4).filter(is_filled).collect();
    let pick = |row: &Vec<String>| filled.iter().filter_map(|at| row.get(*at).cloned()).collect();
    rows_below(&rows.iter().map(pick).collect::<Vec<Vec<String>>>())
}

/// What an answer says of itself: what it leaves out, and what could not be put onto the bus.
fn beside(answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(omitted) = answer.omitted {
        lines.push(format!("{omitted} more decisions are left out here: the function's log has all."));
    }
    if let Some(error) = &answer.event_error {
        let error = error.as_str().map_or_else(|| Value::to_string(error), str::to_owned);
        lines.extend(wrapped(&format!("Some of it was done, but no event says so: {error}"), 0));
    }
    lines
}

/// What uses the images of a recall, each with its ARN and Region.
pub fn users(used_by: &[UsedBy]) -> Vec<String> {
    if used_by.is_empty() {
        return vec!["Nobody is seen to use it.".into()];
    }
    let heading = match used_by.len() {
        1 => "1 uses it, and goes on with what it has:".to_owned(),
        many => format!("{many} use it, and go on with what they have:"),
    };
    let rows: Vec<_> =
        used_by.iter().map(|one| vec![one.region.clone(), one.kind.clone(), one.arn.clone()]).collect();
    let mut lines = vec![heading];
    lines.extend(table(&["REGION", "USED BY", "ARN"], &rows, &[]));
    lines
}

fn once<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(answer: Value) -> String {
        decisions(&Answer::read(&answer).unwrap()).join("\n")
    }

    #[test]
    fn decisions_of_one_reason_stand_together_each_with_what_it_is_about() {
        let of = |region: &str, action: &str| {
            json!({ "recipe": "web", "version": "20261123T020000Z", "region": region, "resource": "ami-0a1b2c3d",
                    "action": action, "outcome": "done", "reason": "the release is restored" })
        };
        let answer = json!({ "decisions": [of("us-east-1", "enable"), of("us-east-1", "tag"), of("eu-west-1", "tag")] });
        let expected = "\
enable, tag (done): the release is restored
    us-east-1  web 20261123T020000Z  ami-0a1b2c3d
    eu-west-1  web 20261123T020000Z  ami-0a1b2c3d";
        assert_eq!(told(answer), expected);
    }

    #[test]
    fn what_failed_what_waits_and_what_was_left_out_is_told() {
        let answer = json!({
            "decisions": [
                { "region": "us-east-1", "action": "copy", "outcome": "failed", "reason": "it lacks a replica", "error": "CopyImage was denied" },
                { "region": "us-east-1", "action": "tag", "outcome": "waiting", "reason": "then", "waiting_for": "the image" },
            ],
            "omitted": 7,
            "event_error": { "code": "Denied" },
        });
        let expected = "\
copy (failed): it lacks a replica
    us-east-1  CopyImage was denied
tag (waiting): then
    us-east-1  waits for the image
7 more decisions are left out here: the function's log has all.
Some of it was done, but no event says so: {\"code\":\"Denied\"}";
        assert_eq!(told(answer), expected);
    }

    #[test]
    fn a_recall_tells_who_uses_the_images() {
        let one = UsedBy {
            kind: "instance".into(),
            arn: "arn:aws:ec2:eu-west-1:1:instance/i-1".into(),
            region: "eu-west-1".into(),
        };
        let lines = users(&[one.clone(), one]);
        assert_eq!(lines[0], "2 use it, and go on with what they have:");
        assert_eq!(lines[2], "eu-west-1  instance  arn:aws:ec2:eu-west-1:1:instance/i-1");
        assert_eq!(users(&[]), ["Nobody is seen to use it."]);
    }
}
