//! What is known of one image, as a page for a person.

use super::decisions::decisions;
use super::{moment, table, wrapped};
use crate::answer::{Answer, Explanation};

/// The page, or what was answered in its place.
pub fn explain(answer: &Answer) -> Vec<String> {
    let Some(told) = &answer.explanation else {
        let instead = decisions(answer);
        return if instead.is_empty() { vec!["Nothing is known of it.".into()] } else { instead };
    };
    let mut lines = Vec::new();
    for text in [heading(told), made(told), cost(told)] {
        lines.extend(wrapped(&text, 0));
    }
    let members: Vec<_> = told
        .members
        .iter()
        .map(|one| vec![one.region.clone(), one.image.clone(), one.state.clone()])
        .collect();
    lines.extend([String::new(), "Its release:".into()]);
    lines.extend(indented(table(&["REGION", "IMAGE", "STATE"], &members, &[])));
    lines.push(String::new());
    lines.extend(listed("Nothing was found that uses it", "It is used by", &told.used_by));
    lines.extend(listed("Nothing keeps it but its recipe and its release", "It is kept by", &told.kept_by));
    let usage = told.plan.usage.as_deref().unwrap_or("not looked for, because its recipe keeps it");
    lines.push(format!("Its usage is {usage}."));
    let steps: Vec<String> =
        told.past_steps.iter().map(|one| format!("{}  {}", moment(&one.at), one.step)).collect();
    lines.extend(listed("No step of its removal was taken", "Steps of its removal so far", &steps));
    lines.push(next(told));
    lines.extend(wrapped(&format!("Decided now: {}, because {}.", told.action, told.reason), 0));
    if !answer.decisions.is_empty() {
        lines.extend([String::new(), "What could not be found out:".into()]);
        lines.extend(decisions(answer));
    }
    lines
}

fn heading(told: &Explanation) -> String {
    let Explanation { image, region, recipe, version, stage, .. } = told;
    format!("{image} in {region} is {recipe} {version} (stage {stage}, state {}).", told.plan.state)
}

fn made(told: &Explanation) -> String {
    let made = &told.provenance;
    let at = moment(&made.baked_at);
    let mut text = match (&made.copied_from, made.adopted) {
        (Some(origin), _) => format!("It is a copy of {origin}, whose bake began {at}"),
        (None, true) => format!("Somebody made it {at} and handed it to Kiln"),
        (None, false) => {
            let on = made.builder.as_ref().map(|builder| format!(" on instance {builder}"));
            format!("Its bake began {at}{}", on.unwrap_or_default())
        }
    };
    if let Some(base) = &made.base {
        text.push_str(&format!("; its base is {base}"));
    }
    if let Some(released) = &told.released_at {
        text.push_str(&format!("; it was released {}", moment(released)));
    }
    text + "."
}

fn cost(told: &Explanation) -> String {
    let plan = &told.plan;
    format!(
        "It is {} days old and costs {} GB of snapshots, at most {:.2} dollars a month.",
        plan.age_days, plan.gb, plan.monthly_usd
    )
}

fn next(told: &Explanation) -> String {
    match (&told.plan.next_step, &told.plan.next_step_at) {
        (Some(step), Some(at)) => format!("Its next step is {step}, from {} on.", moment(at)),
        (Some(step), None) => format!("Its next step is {step}."),
        (None, _) => "No step of its removal comes next.".into(),
    }
}

/// One sentence for none, one line for one, a list for more.
fn listed(none: &str, some: &str, all: &[String]) -> Vec<String> {
    match all {
        [] => vec![format!("{none}.")],
        [one] => wrapped(&format!("{some}: {one}"), 0),
        all => {
            let mut lines = vec![format!("{some}:")];
            lines.extend(all.iter().flat_map(|one| wrapped(one, 4)));
            lines
        }
    }
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("    {line}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(change: impl Fn(&mut Value)) -> String {
        let mut told = json!({
            "image": "ami-0123456789abcdef0", "region": "eu-west-1", "recipe": "web", "version": "20250101T020000Z",
            "stage": "released", "provenance": { "baked_at": "2025-01-01T02:00:00Z", "builder": "i-1", "base": "ami-0b", "adopted": false },
            "released_at": "2025-01-01T02:41:00Z",
            "members": [{ "region": "us-east-1", "image": "ami-0123456789abcdef0", "state": "available" }],
            "used_by": ["arn:one", "arn:two"], "kept_by": [],
            "past_steps": [{ "step": "found unused and deprecated", "at": "2026-11-20T03:00:00Z" }],
            "plan": { "state": "available", "age_days": 691, "gb": 8.0, "monthly_usd": 0.4, "usage": "unused",
                      "next_step": "disable", "next_step_at": "2026-11-22T03:00:00Z" },
            "action": "keep", "reason": "it is unused since 2026-11-20",
        });
        change(&mut told);
        let answer = Answer::read(&json!({ "decisions": [], "explanation": told })).unwrap();
        explain(&answer).join("\n")
    }

    #[test]
    fn the_page_tells_origin_cost_release_users_steps_and_what_comes_next() {
        let expected = "\
ami-0123456789abcdef0 in eu-west-1 is web 20250101T020000Z (stage released, state available).
Its bake began 2025-01-01 02:00 on instance i-1; its base is ami-0b; it was released 2025-01-01
02:41.
It is 691 days old and costs 8 GB of snapshots, at most 0.40 dollars a month.

Its release:
    REGION     IMAGE                  STATE
    us-east-1  ami-0123456789abcdef0  available

It is used by:
    arn:one
    arn:two
Nothing keeps it but its recipe and its release.
Its usage is unused.
Steps of its removal so far: 2026-11-20 03:00 found unused and deprecated
Its next step is disable, from 2026-11-22 03:00 on.
Decided now: keep, because it is unused since 2026-11-20.";
        assert_eq!(told(|_| {}), expected);
    }

    #[test]
    fn a_copy_and_an_adopted_image_tell_where_they_come_from() {
        let copy = told(|told| told["provenance"]["copied_from"] = json!("us-east-1/ami-0a"));
        assert!(
            copy.contains("It is a copy of us-east-1/ami-0a, whose bake began 2025-01-01 02:00"),
            "{copy}"
        );
        let adopted = told(|told| told["provenance"]["adopted"] = json!(true));
        assert!(adopted.contains("Somebody made it 2025-01-01 02:00 and handed it to Kiln"), "{adopted}");
    }

    #[test]
    fn of_an_unknown_image_the_decision_is_told_in_place_of_a_page() {
        let entry = json!({ "region": "us-east-1", "action": "keep", "outcome": "unchanged", "reason": "it is not Kiln's" });
        let answer = Answer::read(&json!({ "decisions": [entry] })).unwrap();
        assert_eq!(explain(&answer)[0], "keep (unchanged): it is not Kiln's");
        assert_eq!(explain(&Answer::default()), ["Nothing is known of it."]);
    }
}
