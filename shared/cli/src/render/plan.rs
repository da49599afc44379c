//! The plan of `expire`: what goes, what stays, why, and what it costs.

use super::decisions::decisions;
use super::{moment, table, wrapped};
use crate::answer::{Answer, Entry, PlanRow, Totals};

const HEADING: [&str; 6] = ["RELEASE", "AGE", "GB", "$/MONTH", "USAGE", "WHAT AND WHY"];
const RIGHT: [usize; 3] = [1, 2, 3];
/// What happens beside a decision about an image, and is no news.
const BESIDE: [&str; 2] = ["set-stage", "unprotect"];

/// The table, what is no image, and the sums. Images that their recipe keeps anyway are counted; `whole` lists them too.
pub fn plan(answer: &Answer, whole: bool) -> Vec<String> {
    let rows: Vec<_> = groups(answer).iter().map(|group| row(group, whole)).collect();
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines.extend(table(&HEADING, &rows, &RIGHT));
        lines.push(String::new());
    }
    let others: Vec<Entry> = answer.decisions.iter().filter(|one| is_told_beside(one)).cloned().collect();
    if !others.is_empty() {
        lines.extend(decisions(&Answer { decisions: others, ..Answer::default() }));
        lines.push(String::new());
    }
    if let Some(omitted) = answer.omitted {
        let text =
            format!("{omitted} images that their recipes keep are left out: ask for one recipe alone.");
        lines.push(text);
    }
    match &answer.totals {
        Some(totals) => lines.extend(summary(totals)),
        None if rows.is_empty() => lines.push("There is nothing to plan for.".into()),
        None => {}
    }
    lines
}

fn is_told_beside(entry: &Entry) -> bool {
    entry.plan.is_none() && !BESIDE.contains(&entry.action.as_str())
}

/// The images of one release for which the same was decided.
type Group<'a> = Vec<(&'a Entry, &'a PlanRow)>;

fn groups(answer: &Answer) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (entry, plan) in answer.decisions.iter().filter_map(|entry| Some((entry, entry.plan.as_ref()?))) {
        let key = |(entry, plan): (&Entry, &PlanRow)| {
            let next = (plan.usage.clone(), plan.next_step.clone(), plan.next_step_at.clone());
            (entry.recipe.clone(), entry.version.clone(), entry.action.clone(), entry.reason.clone(), next)
        };
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| key(*first) == key((entry, plan))))
        {
            Some(group) => group.push((entry, plan)),
            None => groups.push(vec![(entry, plan)]),
        }
    }
    groups
}

fn row(group: &Group<'_>, whole: bool) -> Vec<String> {
    let Some((entry, plan)) = group.first() else { return Vec::new() };
    let recipe = entry.recipe.as_deref().unwrap_or_default();
    let version = entry.version.as_deref().unwrap_or_default();
    let sum = |of: fn(&PlanRow) -> f64| group.iter().map(|(_, plan)| of(plan)).sum::<f64>();
    let mut what = format!("{}: {}", entry.action, entry.reason);
    if let Some(step) = plan.next_step.as_ref().filter(|step| **step != entry.action) {
        let from = plan.next_step_at.as_ref().map(|at| format!(" from {}", moment(at)));
        what.push_str(&format!("; next: {step}{}", from.unwrap_or_default()));
    }
    let is_kept_anyway = entry.action == "keep" && plan.usage.is_none();
    if is_kept_anyway && !whole {
        what.push_str(&format!(" ({} {})", group.len(), if group.len() == 1 { "image" } else { "images" }));
    } else {
        for (entry, _) in group {
            what.push_str(&format!("\n{} {}", entry.resource.as_deref().unwrap_or_default(), entry.region));
        }
    }
    vec![
        format!("{recipe}\n{version}"),
        format!("{} d", plan.age_days),
        format!("{}", sum(|plan| plan.gb)),
        format!("{:.2}", sum(|plan| plan.monthly_usd)),
        plan.usage.clone().unwrap_or_else(|| "-".into()),
        what,
    ]
}

fn summary(totals: &Totals) -> Vec<String> {
    let Totals { images, gb, monthly_usd, unused_images, unused_gb, yearly_saving_usd, prices } = totals;
    let others: String =
        prices.regions.iter().map(|(region, price)| format!(", {price} in {region}")).collect();
    let sentences = [
        format!("{images} images with {gb} GB of snapshots cost at most {monthly_usd:.2} dollars a month."),
        format!(
            "{unused_images} of them are unused, and their recipes let them go: {unused_gb} GB, which saves at most {yearly_saving_usd:.2} dollars a year."
        ),
        format!(
            "At {} dollars for a GB and month{others} (the stack's parameter SnapshotPrices); snapshots share blocks, so less may be freed.",
            prices.usd_per_gb_month
        ),
    ];
    sentences.iter().flat_map(|sentence| wrapped(sentence, 0)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(version: &str, region: &str, image: &str, more: &Value) -> Value {
        let mut entry = json!({
            "recipe": "web", "version": version, "region": region, "resource": image, "action": "keep",
            "outcome": "unchanged", "reason": "it is the newest release",
            "plan": { "state": "available", "age_days": 2, "gb": 8.0, "monthly_usd": 0.4 },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            entry[key] = value.clone();
        }
        entry
    }

    fn answer() -> Answer {
        let goes = json!({
            "action": "deprecate", "outcome": "planned", "reason": "it is unused, and 2 newer releases are kept",
            "plan": { "state": "available", "age_days": 691, "gb": 8.0, "monthly_usd": 0.4, "usage": "unused",
                      "next_step": "deprecate", "next_step_at": "2026-11-27T03:00:00Z" },
        });
        Answer::read(&json!({
            "decisions": [
                entry("20250101T020000Z", "us-east-1", "ami-0123456789abcdef0", &goes),
                entry("20250101T020000Z", "eu-west-1", "ami-0123456789abcdef1", &goes),
                entry("20261125T020000Z", "us-east-1", "ami-0123456789abcdef2", &Value::Null),
                entry("20261125T020000Z", "eu-west-1", "ami-0123456789abcdef3", &Value::Null),
                { "region": "eu-west-1", "action": "retry", "outcome": "failed", "reason": "it could not be read", "error": "denied" },
            ],
            "totals": { "images": 4, "gb": 32.0, "monthly_usd": 1.6, "unused_images": 2, "unused_gb": 16.0,
                        "yearly_saving_usd": 9.6, "prices": { "usd_per_gb_month": 0.05, "regions": { "sa-east-1": 0.068 } } },
        }))
        .unwrap()
    }

    #[test]
    fn what_goes_is_told_with_its_images_and_what_its_recipe_keeps_is_counted() {
        let expected = "\
RELEASE             AGE  GB  $/MONTH  USAGE   WHAT AND WHY
web               691 d  16     0.80  unused  deprecate: it is unused, and 2 newer releases are kept
20250101T020000Z                              ami-0123456789abcdef0 us-east-1
                                              ami-0123456789abcdef1 eu-west-1
web                 2 d  16     0.80  -       keep: it is the newest release (2 images)
20261125T020000Z

retry (failed): it could not be read
    eu-west-1  denied

4 images with 32 GB of snapshots cost at most 1.60 dollars a month.
2 of them are unused, and their recipes let them go: 16 GB, which saves at most 9.60 dollars a year.
At 0.05 dollars for a GB and month, 0.068 in sa-east-1 (the stack's parameter SnapshotPrices);
snapshots share blocks, so less may be freed.";
        assert_eq!(plan(&answer(), false).join("\n"), expected);
    }

    #[test]
    fn of_one_recipe_every_image_is_listed() {
        let lines = plan(&answer(), true).join("\n");
        assert!(
            lines.contains("ami-0123456789abcdef3 eu-west-1") && !lines.contains("(2 images)"),
            "{lines}"
        );
    }

    #[test]
    fn without_a_recipe_there_is_nothing_to_plan_for() {
        assert_eq!(plan(&Answer::default(), false), ["There is nothing to plan for."]);
    }
}
