//! What of a recipe needs somebody's attention: a pure reading of the document.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::text::{self, Tone, count};
use crate::model::{Recipe, Version};

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matter {
    /// How much.
    pub tone: Tone,
    /// In a word or two.
    pub word: &'static str,
    /// As a sentence without its full stop.
    pub sentence: String,
}

/// All that needs attention in a recipe, the most serious first.
pub fn of(recipe: &Recipe, now: DateTime<Utc>) -> Vec<Matter> {
    let mut found = Vec::new();
    let mut add = |tone, word, sentence| found.push(Matter { tone, word, sentence });
    for version in recipe.versions.iter().filter(|version| version.recalled.is_some()) {
        if let Some(sentence) = recalled(recipe, version) {
            add(Tone::Bad, "recalled", sentence);
        }
    }
    if let Some(found) = recipe.findings {
        if found.critical > 0 {
            add(
                Tone::Bad,
                "findings",
                format!("the newest release has {}", count(found.critical as usize, "critical finding")),
            );
        } else if found.high > 0 {
            add(
                Tone::Warn,
                "findings",
                format!("the newest release has {} of high severity", count(found.high as usize, "finding")),
            );
        }
    }
    let newest = recipe.newest.as_ref().map(|newest| newest.version.as_str());
    if let Some(failure) = &recipe.last_failure
        && newest.is_none_or(|newest| failure.version.as_str() >= newest)
    {
        add(Tone::Bad, "failed", format!("{} for {}: {}", failure.event, failure.version, failure.reason));
    }
    if let Some(newest) = newest {
        if let Some((tone, word, sentence)) = elsewhere(recipe, newest) {
            add(tone, word, sentence);
        }
    } else {
        add(Tone::Note, "no release", "it has no release yet".into());
    }
    if let Some(layer) = recipe.base.as_ref().and_then(|base| base.layer.as_ref())
        && layer.is_behind() == Some(true)
        && let (Some(from), Some(newest)) = (&layer.baked_from, &layer.newest)
    {
        let sentence = format!("it was baked from {} {from}, and {newest} is the newest", layer.recipe);
        add(Tone::Warn, "behind its base", sentence);
    }
    for one in &recipe.under_way {
        if one.deadline.is_some_and(|deadline| deadline < now) {
            let sentence = format!("{} is {} past its deadline", one.version, one.phase.word());
            add(Tone::Warn, "overdue", sentence);
        }
    }
    found.sort_by_key(|matter| matter.tone);
    found
}

/// That a recalled version is still named or used; `None` if it is neither.
fn recalled(recipe: &Recipe, version: &Version) -> Option<String> {
    let named = recipe.named_in(&version.version).count();
    let users = version.users.as_ref().map_or(0, Vec::len);
    let what = match (named, users) {
        (0, 0) => return None,
        (0, users) => format!("still used by {}", count(users, "resource")),
        (named, 0) => format!("still named in {}", count(named, "Region")),
        (named, users) => {
            format!("still named in {} and used by {}", count(named, "Region"), count(users, "resource"))
        }
    };
    Some(format!("{} was recalled, and is {what}", version.version))
}

/// That required Regions name another version than the newest release.
fn elsewhere(recipe: &Recipe, newest: &str) -> Option<(Tone, &'static str, String)> {
    let names = |place: &&crate::model::Place| {
        (place.parameter.is_some() || place.launch_template.is_some()) && place.required
    };
    let others: Vec<_> = recipe
        .regions
        .iter()
        .filter(names)
        .filter(|place| place.version.as_deref() != Some(newest))
        .collect();
    let first = others.first()?;
    let regions = others.iter().map(|place| place.region.as_str()).collect::<Vec<_>>().join(", ");
    let Some(named) = first.version.as_deref() else {
        return Some((
            Tone::Warn,
            "not named",
            format!("what is named in {regions} is none of its versions, or unknown"),
        ));
    };
    if recipe.version(named).is_some_and(|version| version.pinned.is_some()) {
        return Some((Tone::Note, "rolled back", format!("a rollback to {named} is in force in {regions}")));
    }
    match named.cmp(newest) {
        Ordering::Greater => None,
        _ => Some((
            Tone::Warn,
            "lagging",
            format!("{named} is named in {regions}, and {newest} is the newest release"),
        )),
    }
}

/// The matters as a list.
pub fn list(matters: &[Matter]) -> Markup {
    html! {
        ul.matters {
            @for matter in matters {
                li {
                    (text::badge(matter.tone, matter.word)) " "
                    span { (text::sentence(&matter.sentence)) }
                }
            }
        }
    }
}
