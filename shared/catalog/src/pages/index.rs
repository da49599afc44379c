//! The first page: what needs attention, what is under way, and every recipe in one table.

use maud::{Markup, html};

use super::attention::{self, Matter};
use super::facts::facts;
use super::layout::Frame;
use super::table::{Column, number, table, text as words};
use super::text::{self, Tone, badge, count, nothing, own};
use super::time::{self, lasting};
use super::waits;
use crate::model::{Catalog, Cost, Recipe, Stage, State, UnderWay};

const COLUMNS: [Column; 7] = [
    words("Recipe"),
    words("Newest release"),
    words("Baked from"),
    words("Newest named in"),
    words("Findings"),
    number("Used by"),
    number("A month"),
];

/// The page.
pub fn page(catalog: &Catalog) -> Markup {
    let matters: Vec<_> = catalog.recipes.iter().map(|one| attention::of(one, catalog.made_at)).collect();
    let main = html! {
        h1 { "Images" }
        p.lead { "As of " (catalog.made_at.format("%-d %b %Y %H:%M UTC")) }
        (totals(catalog))
        (gaps(catalog))
        (attention_section(catalog, &matters))
        (under_way(catalog))
        (waits::section(catalog))
        section aria-labelledby="recipes" {
            div.heading {
                h2 #recipes { "Recipes" }
                div.filter data-filter="all" hidden {
                    label for="words" { "Filter" }
                    input #words type="search" autocomplete="off" spellcheck="false";
                    span role="status" {}
                }
            }
            @if catalog.recipes.is_empty() {
                p { (nothing("There is no recipe yet.")) }
            } @else {
                div #all.wide {
                    (table("recipes", &COLUMNS, catalog.recipes.iter().zip(&matters).map(|(one, matters)| row(catalog, one, matters))))
                }
            }
        }
    };
    Frame { title: "Kiln catalogue", up: "", way: &[] }.around(catalog, &main)
}

fn totals(catalog: &Catalog) -> Markup {
    let versions = || catalog.recipes.iter().flat_map(|recipe| &recipe.versions);
    let releases = versions().filter(|version| version.stage == Stage::Released).count();
    let images = versions().flat_map(|version| &version.images);
    let images = images.filter(|image| image.state != State::Deregistered).count();
    let known: Vec<Cost> = catalog.recipes.iter().filter_map(|recipe| recipe.cost).collect();
    let cost = known.iter().fold(Cost { gb: 0.0, monthly_usd: 0.0 }, |sum, one| Cost {
        gb: sum.gb + one.gb,
        monthly_usd: sum.monthly_usd + one.monthly_usd,
    });
    let unknown = catalog.recipes.len() - known.len();
    html! {
        div.totals {
            (facts([
                ("Recipes", html! { (catalog.recipes.len()) }),
                ("Releases", html! { (releases) }),
                ("Images", html! { (images) }),
                ("Snapshots, at most", html! {
                    (text::dollars(cost)) span.unit { " a month for " (text::gigabytes(cost, 0)) }
                    @if unknown > 0 { span.unit { ", without " (count(unknown, "recipe")) " whose size is unknown" } }
                }),
            ]))
        }
    }
}

fn gaps(catalog: &Catalog) -> Markup {
    html! {
        @if !catalog.gaps.is_empty() {
            section.alert aria-labelledby="gaps" {
                h2 #gaps { "What could not be read" }
                p { "What follows says nothing about it." }
                ul.matters {
                    @for gap in &catalog.gaps {
                        li {
                            (badge(Tone::Warn, "unknown")) " "
                            span { strong { (own(&gap.what)) } ": " (text::sentence(&gap.reason)) }
                        }
                    }
                }
            }
        }
    }
}

fn attention_section(catalog: &Catalog, matters: &[Vec<Matter>]) -> Markup {
    let is_serious = |matter: &&Matter| matter.tone <= Tone::Warn;
    let mut found: Vec<(&Recipe, &Matter)> = catalog
        .recipes
        .iter()
        .zip(matters)
        .flat_map(|(recipe, matters)| matters.iter().filter(is_serious).map(move |matter| (recipe, matter)))
        .collect();
    found.sort_by_key(|(_, matter)| matter.tone);
    html! {
        section aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            @if found.is_empty() {
                p { (badge(Tone::Good, "nothing")) " No recipe needs anybody now." }
            } @else {
                ul.matters {
                    @for (recipe, matter) in found {
                        li {
                            (badge(matter.tone, matter.word)) " "
                            span {
                                strong { (text::recipe(catalog, &recipe.name, "")) } ": "
                                (text::sentence(&matter.sentence))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn under_way(catalog: &Catalog) -> Markup {
    let all: Vec<(&Recipe, &UnderWay)> =
        catalog.recipes.iter().flat_map(|one| one.under_way.iter().map(move |work| (one, work))).collect();
    let columns = [words("Recipe"), words("Version"), words("Now"), words("Since"), words("Deadline")];
    let row = |(recipe, work): (&Recipe, &UnderWay)| {
        vec![
            text::recipe(catalog, &recipe.name, ""),
            text::version_of(catalog, &recipe.name, &work.version, ""),
            badge(Tone::Note, work.phase.word()),
            html! { (work.since.format("%H:%M UTC")) " " span.age { "for " (lasting(work.since, catalog.made_at)) } },
            deadline(catalog, work),
        ]
    };
    html! {
        @if !all.is_empty() {
            section aria-labelledby="under-way" {
                h2 #under-way { "Under way" }
                (table("under-way", &columns, all.into_iter().map(row)))
            }
        }
    }
}

fn deadline(catalog: &Catalog, work: &UnderWay) -> Markup {
    match work.deadline {
        None => nothing("none"),
        Some(at) if at < catalog.made_at => {
            badge(Tone::Warn, &format!("{} over", lasting(at, catalog.made_at)))
        }
        Some(at) => html! { (at.format("%H:%M UTC")) " " span.age { "in " (lasting(catalog.made_at, at)) } },
    }
}

fn row(catalog: &Catalog, recipe: &Recipe, matters: &[Matter]) -> Vec<Markup> {
    let words = matters.iter().filter(|one| one.word != "findings" && one.word != "no release");
    vec![
        html! {
            strong { (text::recipe(catalog, &recipe.name, "")) }
            @for matter in words { " " (badge(matter.tone, matter.word)) }
            @if let Some(description) = &recipe.description { p.small dir="auto" { (description) } }
        },
        match &recipe.newest {
            None => nothing("none yet"),
            Some(newest) => html! {
                (text::version_of(catalog, &recipe.name, &newest.version, "")) " "
                @if let Some(at) = newest.released_at { span.age { (time::age(at, catalog.made_at)) } }
            },
        },
        base(catalog, recipe),
        named(recipe),
        text::findings(recipe.findings),
        users(recipe),
        recipe.cost.map_or_else(|| nothing("unknown"), |cost| html! { (text::dollars(cost)) }),
    ]
}

fn base(catalog: &Catalog, recipe: &Recipe) -> Markup {
    match &recipe.base {
        None => nothing("unknown"),
        Some(base) => match &base.layer {
            Some(layer) => html! { "recipe " (text::recipe(catalog, &layer.recipe, "")) },
            None => html! { code.base { (base.base) } },
        },
    }
}

/// In how many Regions the newest release is named.
fn named(recipe: &Recipe) -> Markup {
    let all = recipe.regions.len();
    if !recipe.regions.iter().any(|place| place.parameter.is_some() || place.launch_template.is_some()) {
        return nothing("nowhere: it names none");
    }
    let newest = recipe.newest.as_ref().map_or(0, |newest| recipe.named_in(&newest.version).count());
    html! { span.one-line { (newest) " of " (count(all, "Region")) } }
}

/// How many resources use its versions, as far as it was looked for.
fn users(recipe: &Recipe) -> Markup {
    let known: Vec<_> = recipe.versions.iter().filter_map(|version| version.users.as_ref()).collect();
    if known.is_empty() {
        nothing("not looked for")
    } else {
        html! { (known.iter().map(|users| users.len()).sum::<usize>()) }
    }
}
