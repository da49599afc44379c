//! The page of a recipe: how it is, what each Region names, its versions, what happened.

use maud::{Markup, html};

use super::attention;
use super::commands;
use super::facts::facts;
use super::layout::Frame;
use super::releases;
use super::table::{table, text as words};
use super::text::{self, Tone, badge, copied, count, nothing, own};
use super::time::{day, moment};
use super::waits;
use crate::model::{Catalog, Entry, Event, Place, Recipe};

/// The page.
pub fn page(catalog: &Catalog, recipe: &Recipe) -> Markup {
    let matters = attention::of(recipe, catalog.made_at);
    let main = html! {
        p.kind { "Recipe" }
        h1 { (own(&recipe.name)) }
        @if let Some(description) = &recipe.description { p.lead dir="auto" { (description) } }
        @if !matters.is_empty() {
            section.alert aria-label="Needs attention" { (attention::list(&matters)) }
        }
        (about(catalog, recipe))
        (regions(recipe))
        (releases::section(catalog, recipe))
        (history(catalog, recipe))
        (commands::section(&commands::of_recipe(catalog, recipe)))
    };
    let title = format!("{} – Kiln catalogue", recipe.name);
    let here = html! { span aria-current="page" { (own(&recipe.name)) } };
    Frame { title: &title, up: "../", way: &[here] }.around(catalog, &main)
}

fn about(catalog: &Catalog, recipe: &Recipe) -> Markup {
    facts([
        ("Newest release", newest(catalog, recipe)),
        ("Baked from", base(catalog, recipe)),
        ("Findings in it", text::findings(recipe.findings)),
        ("Snapshots of all versions", cost(recipe)),
        ("Channels", channels(catalog, recipe)),
        ("Last failure", failure(catalog, recipe)),
        ("Its text", text::file(recipe.text.as_ref(), "the recipe as it is now", 1, "not kept")),
    ])
}

fn newest(catalog: &Catalog, recipe: &Recipe) -> Markup {
    let Some(newest) = &recipe.newest else { return nothing("none yet") };
    html! {
        (text::version_here(recipe, &newest.version))
        div.small {
            @match newest.released_at {
                Some(at) => { "released " (moment(at, catalog.made_at)) },
                None => { "the time of its release is unknown" },
            }
        }
    }
}

fn base(catalog: &Catalog, recipe: &Recipe) -> Markup {
    let Some(base) = &recipe.base else { return nothing("unknown") };
    html! {
        code.base { (base.base) }
        @if let Some(layer) = &base.layer {
            div.small {
                @match &layer.baked_from {
                    Some(version) => { "its newest release from " (text::version_of(catalog, &layer.recipe, version, "../")) },
                    None => { "from which release of it is unknown" },
                }
                @match layer.is_behind() {
                    Some(true) => { " " (badge(Tone::Warn, "behind its base")) },
                    Some(false) => { " " (badge(Tone::Good, "up to date")) },
                    None => {},
                }
            }
        }
    }
}

fn cost(recipe: &Recipe) -> Markup {
    match recipe.cost {
        None => nothing("unknown"),
        Some(cost) => {
            html! { (text::dollars(cost)) " a month at most" div.small { (text::gigabytes(cost, 0)) } }
        }
    }
}

fn channels(catalog: &Catalog, recipe: &Recipe) -> Markup {
    html! {
        @if recipe.channels.is_empty() { (nothing("none")) }
        @for channel in &recipe.channels {
            div {
                (own(&channel.name)) ": "
                @match &channel.version {
                    Some(version) => (text::version_here(recipe, version)),
                    None => (nothing("names none")),
                }
            }
            @if let Some(waiting) = &channel.waiting {
                div.small {
                    (text::version_here(recipe, &waiting.version)) " " (waits::for_what(catalog, waiting))
                }
            }
        }
    }
}

fn failure(catalog: &Catalog, recipe: &Recipe) -> Markup {
    let Some(failure) = &recipe.last_failure else { return nothing("none is known") };
    html! {
        (own(&failure.event)) " for "
        (text::version_here(recipe, &failure.version))
        div.small { (moment(failure.at, catalog.made_at)) }
        div.small { (text::sentence(&failure.reason)) }
        div.small { "Log: " (text::file(failure.log.as_ref(), "open", 1, "not kept")) }
    }
}

fn regions(recipe: &Recipe) -> Markup {
    let columns = [words("Region"), words("Named by"), words("Version"), words("Image")];
    let launch = recipe.regions.iter().find_map(|place| place.parameter.as_ref());
    html! {
        section aria-labelledby="regions" {
            h2 #regions { "What each Region names now" }
            @if recipe.regions.is_empty() { p { (nothing("Its Regions are unknown.")) } }
            @else { (table("regions", &columns, recipe.regions.iter().map(|place| region(recipe, place)))) }
            @if let Some(parameter) = launch {
                p.small { "Launch it by its name: " (copied(&format!("resolve:ssm:{parameter}"))) }
            }
        }
    }
}

fn region(recipe: &Recipe, place: &Place) -> Vec<Markup> {
    let is_newest = place.version.is_some()
        && place.version.as_deref() == recipe.newest.as_ref().map(|newest| newest.version.as_str());
    let is_pinned = || {
        let named = place.version.as_deref().and_then(|version| recipe.version(version));
        named.is_some_and(|version| version.pinned.is_some())
    };
    let (tone, word) = match is_newest {
        true => (Tone::Good, "newest"),
        false if is_pinned() => (Tone::Note, "rolled back to"),
        false => (Tone::Warn, "not the newest"),
    };
    let names: Vec<_> = [("parameter", &place.parameter), ("launch template", &place.launch_template)]
        .into_iter()
        .filter_map(|(what, name)| Some((what, name.as_ref()?)))
        .collect();
    vec![
        html! { span.id { (place.region) } @if !place.required { " " span.small { "best effort" } } },
        html! {
            @if names.is_empty() { (nothing("nothing: the recipe has no name for it")) }
            @for (what, name) in &names { div { span.small { (what) } " " span.id { (own(name)) } } }
        },
        match &place.version {
            Some(version) => html! {
                (text::version_here(recipe, version))
                " " (badge(tone, word))
            },
            None if names.is_empty() => nothing("none"),
            None => nothing("none of its versions, or unknown"),
        },
        match &place.image {
            Some(image) => copied(image),
            None => nothing("unknown"),
        },
    ]
}

fn history(catalog: &Catalog, recipe: &Recipe) -> Markup {
    entries(
        catalog,
        recipe,
        &recipe.history.iter().collect::<Vec<_>>(),
        "It has no history yet, or none was kept.",
    )
}

/// What happened, as a section.
pub fn entries(catalog: &Catalog, recipe: &Recipe, entries: &[&Entry], none: &str) -> Markup {
    let columns = [words("When"), words("What"), words("Where"), words("By")];
    let row = |entry: &&Entry| {
        vec![
            day(entry.at, catalog.made_at),
            html! {
                @if entry.event == Event::RolledBack { "rolled back to " }
                (text::version_here(recipe, &entry.version))
                @if entry.event != Event::RolledBack { " " (entry.event.words()) }
                @if let Some(from) = &entry.from { " from " (text::version_here(recipe, from)) }
            },
            match entry.regions.len() {
                0 => nothing("–"),
                1..=3 => html! { @for region in &entry.regions { span.id.one-line { (region) } " " } },
                more => html! { (count(more, "Region")) },
            },
            html! {
                @match &entry.who { Some(who) => span.id { (own(who)) }, None => "Kiln" }
                @if let Some(reason) = &entry.reason { div.small { (text::sentence(reason)) } }
            },
        ]
    };
    html! {
        section aria-labelledby="history" {
            h2 #history { "What happened" }
            @if entries.is_empty() { p { (nothing(none)) } }
            @else { (table("history", &columns, entries.iter().map(row))) }
        }
    }
}
