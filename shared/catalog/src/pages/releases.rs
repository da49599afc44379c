//! The versions of a recipe as a table: which there are, why each stays or goes, and when.

use maud::{Markup, html};

use super::table::{number, table, text as words};
use super::text::{self, Tone, badge, count, nothing};
use super::time::day;
use crate::model::{Catalog, Difference, NextStep, Recipe, State, Usage, Version};

/// The section.
pub fn section(catalog: &Catalog, recipe: &Recipe) -> Markup {
    let columns = [
        words("Version"),
        words("Stage"),
        words("Released"),
        words("Packages"),
        words("Why it stays or goes"),
        words("Next step"),
        number("A month"),
    ];
    html! {
        section aria-labelledby="versions" {
            h2 #versions { "Versions" }
            @if recipe.versions.is_empty() { p { (nothing("There is no version yet.")) } }
            @else {
                div.wide { (table("versions", &columns, recipe.versions.iter().map(|version| row(catalog, recipe, version)))) }
            }
        }
    }
}

fn row(catalog: &Catalog, recipe: &Recipe, version: &Version) -> Vec<Markup> {
    vec![
        html! {
            (text::version_here(recipe, &version.version))
            div.small { (places(version)) }
        },
        html! { (text::stage(version.stage)) (marks(recipe, version)) },
        match version.released_at {
            Some(at) => day(at, catalog.made_at),
            None => nothing("not released"),
        },
        packages(version),
        html! {
            @match &version.decision {
                Some(decision) => (text::sentence(&decision.reason)),
                None => (nothing("unknown")),
            }
            (usage(version))
        },
        next_step(catalog, version.next_step.as_ref()),
        version.cost.map_or_else(|| nothing("unknown"), |cost| html! { (text::dollars(cost)) }),
    ]
}

fn places(version: &Version) -> String {
    let there = version.images.iter().filter(|image| image.state != State::Deregistered).count();
    if there == 0 { "no image any more".into() } else { count(there, "image") }
}

/// What else is to be known of a version beside its stage.
pub fn marks(recipe: &Recipe, version: &Version) -> Markup {
    let named = recipe.named_in(&version.version).count();
    html! {
        @if version.recalled.is_some() { " " (badge(Tone::Bad, "recalled")) }
        @if version.pinned.is_some() { " " (badge(Tone::Note, "rolled back to")) }
        @if named > 0 { " " (badge(Tone::Note, &format!("named in {named} of {}", recipe.regions.len()))) }
        @if version.adopted { " " (badge(Tone::Quiet, "adopted")) }
    }
}

fn packages(version: &Version) -> Markup {
    match (&version.contents, &version.difference) {
        (None, _) => nothing("not kept"),
        (Some(contents), None) => html! { (contents.packages) },
        (Some(contents), Some(found)) => html! { (contents.packages) div.small.words { (summary(found)) } },
    }
}

/// A difference in a few words. A line never ends between a number and its word.
pub fn summary(found: &Difference) -> String {
    if found.is_empty() {
        return "the same as before".into();
    }
    let parts =
        [(found.changed.len(), "changed"), (found.added.len(), "added"), (found.removed.len(), "removed")];
    let some = parts.into_iter().filter(|(number, _)| *number > 0);
    some.map(|(number, word)| format!("{number}\u{a0}{word}")).collect::<Vec<_>>().join(", ")
}

fn usage(version: &Version) -> Markup {
    html! {
        @match (version.usage, &version.users) {
            (_, Some(users)) if !users.is_empty() => div.small { "Used by " (count(users.len(), "resource")) },
            (Some(Usage::Unknown), _) => div.small { "Whether it is used is unknown" },
            _ => {},
        }
    }
}

/// A next step with its day.
pub fn next_step(catalog: &Catalog, next: Option<&NextStep>) -> Markup {
    let Some(next) = next else { return nothing("none") };
    html! {
        (next.step.word()) " "
        @match next.at {
            Some(at) => (day(at, catalog.made_at)),
            None => (nothing("once a limit that blocks it is allowed")),
        }
    }
}
