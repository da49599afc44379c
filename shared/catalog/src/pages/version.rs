//! The page of a version. Its sections are the questions that people bring.

use maud::{Markup, html};

use super::commands;
use super::facts::{facts, wide_facts};
use super::layout::Frame;
use super::recipe::entries;
use super::releases::{marks, next_step, summary};
use super::table::{table, text as words};
use super::text::{self, Tone, badge, copied, count, nothing, own};
use super::time::moment;
use super::version_images as images;
use crate::model::{Catalog, Contents, Difference, Package, Recipe, TestOutcome, TestResult, Usage, Version};

/// The page of the recipe's version at this place in its list.
pub fn page(catalog: &Catalog, recipe: &Recipe, at: usize) -> Markup {
    let version = &recipe.versions[at];
    let happened: Vec<_> = recipe
        .history
        .iter()
        .filter(|entry| entry.version == version.version || entry.from.as_ref() == Some(&version.version))
        .collect();
    let main = html! {
        p.kind { "Version of " (text::recipe(catalog, &recipe.name, "../")) }
        h1.version { (own(&version.version)) }
        p.lead {
            @match version.released_at {
                Some(at) => { "Released " (moment(at, catalog.made_at)) },
                None => { "Not released" },
            }
        }
        p { (text::stage(version.stage)) (marks(recipe, version)) }
        (recalled(catalog, version))
        (why(catalog, recipe, version))
        (images::section(catalog, version))
        (users(version))
        (contents(version.contents.as_ref()))
        (difference(recipe, version))
        (origin(catalog, version))
        (commands::section(&commands::of_version(catalog, recipe, version)))
        (entries(catalog, recipe, &happened, "Nothing is known to have happened to it, or it was not kept."))
        (neighbours(recipe, at))
    };
    let title = format!("{} {} – Kiln catalogue", recipe.name, version.version);
    let here = html! { span.version aria-current="page" { (own(&version.version)) } };
    Frame { title: &title, up: "../", way: &[text::recipe(catalog, &recipe.name, "../"), here] }
        .around(catalog, &main)
}

fn recalled(catalog: &Catalog, version: &Version) -> Markup {
    html! {
        @if let Some(recall) = &version.recalled {
            section.alert.bad aria-labelledby="recalled" {
                h2 #recalled { "Recalled: do not use it" }
                p { (text::sentence(&recall.reason)) }
                p.small {
                    (moment(recall.at, catalog.made_at))
                    @if let Some(who) = &recall.who { ", by " span.id { (own(who)) } }
                }
            }
        }
    }
}

fn why(catalog: &Catalog, recipe: &Recipe, version: &Version) -> Markup {
    let decision = match &version.decision {
        Some(decision) => html! {
            (badge(Tone::Quiet, &decision.action)) " " (text::sentence(&decision.reason))
        },
        None => nothing("unknown"),
    };
    let mut rows = vec![("Next step", next_step(catalog, version.next_step.as_ref()))];
    if let Some(pin) = &version.pinned {
        rows.push((
            "Rollback",
            html! {
                "in force"
                @if let Some(from) = &pin.from { " from " (text::version_here(recipe, from)) }
                @if let Some(at) = pin.at { " since " (moment(at, catalog.made_at)) }
                div.small { "It is kept until a newer version is released." }
            },
        ));
    }
    rows.push((
        "Snapshots",
        match version.cost {
            Some(cost) => {
                html! { (text::dollars(cost)) " a month at most for " (text::gigabytes(cost, 1)) }
            }
            None => nothing("unknown"),
        },
    ));
    html! {
        section aria-labelledby="why" { h2 #why { "Why it stays or goes" } p.verdict { (decision) } (facts(rows)) }
    }
}

fn users(version: &Version) -> Markup {
    let columns = [words("Resource"), words("Region")];
    html! {
        section aria-labelledby="users" {
            h2 #users { "Who uses it" }
            @match (&version.users, version.usage) {
                (Some(users), _) if !users.is_empty() => {
                    (table("users", &columns, users.iter().map(|user| vec![copied(&user.arn), html! { span.id { (user.region) } }])))
                },
                (_, Some(Usage::Unknown)) => p { (nothing("Unknown: a check could not be made, so it is kept.")) },
                (Some(_), Some(Usage::InUse)) => p { "It is needed, though no resource uses it: see why it stays." },
                (Some(_), _) => p { "Nothing that was found." },
                (None, _) => p { (nothing("Not looked for: its recipe keeps it anyway.")) },
            }
        }
    }
}

fn contents(contents: Option<&Contents>) -> Markup {
    html! {
        section aria-labelledby="contents" {
            h2 #contents { "What is in it" }
            @match contents {
                None => p { (nothing("Not kept.")) },
                Some(contents) => (facts([
                    ("System", contents.os.as_ref().map_or_else(|| nothing("unknown"), own)),
                    ("Packages", html! {
                        (contents.packages) " " span.small { (text::file(contents.list.as_ref(), "the whole list", 1, "the list is not kept")) }
                    }),
                    ("Bill of materials", html! {
                        span.or {
                            (text::file(contents.cyclonedx.as_ref(), "CycloneDX", 1, "no CycloneDX"))
                        } " "
                        (text::file(contents.spdx.as_ref(), "SPDX", 1, "no SPDX"))
                    }),
                    ("Digest of the list", html! { span.digest { (copied(&contents.digest)) } }),
                ])),
            }
        }
    }
}

fn difference(recipe: &Recipe, version: &Version) -> Markup {
    html! {
        section aria-labelledby="changed" {
            h2 #changed { "What changed since the release before" }
            @match &version.difference {
                None => p { (nothing("Unknown: the packages of one of the two were not kept, or there is none before.")) },
                Some(found) => {
                    p {
                        (summary(found)) " in comparison with "
                        (text::version_here(recipe, &found.from))
                        "."
                    }
                    (changes(found))
                },
            }
        }
    }
}

fn changes(found: &Difference) -> Markup {
    let columns = [words("Package"), words("Before"), words("Now")];
    let name = |name: &str, tone, word| html! { span.package { (own(name)) } " " (badge(tone, word)) };
    let number = |text: &str| html! { span.id { (own(text)) } };
    let added = |one: &Package| {
        vec![name(&one.name, Tone::Good, "added"), nothing("not there"), number(&one.version)]
    };
    let removed = |one: &Package| {
        vec![name(&one.name, Tone::Bad, "removed"), number(&one.version), nothing("not there")]
    };
    let changed = found
        .changed
        .iter()
        .map(|one| vec![name(&one.name, Tone::Note, "changed"), number(&one.from), number(&one.to)]);
    let rows = found.added.iter().map(added).chain(found.removed.iter().map(removed)).chain(changed);
    html! { @if !found.is_empty() { div.tight { (table("changed", &columns, rows)) } } }
}

fn origin(catalog: &Catalog, version: &Version) -> Markup {
    let time = |at| moment(at, catalog.made_at);
    html! {
        section aria-labelledby="origin" {
            h2 #origin { "Where it came from" }
            (facts([
                (if version.adopted { "Made elsewhere" } else { "Bake began" }, version.baked_at().map_or_else(|| nothing("unknown"), time)),
                ("Released", version.released_at.map_or_else(|| nothing("not released, or the time is unknown"), time)),
                ("Baked from", base(catalog, version)),
                ("Recipe", html! {
                    (text::file(version.recipe_text.as_ref(), "its text at that time", 1, "its text was not kept"))
                    @if let Some(digest) = &version.recipe_digest { div.digest { (copied(digest)) } }
                }),
                ("Test", test(catalog, version.test.as_ref())),
                ("Findings", text::findings(version.findings)),
            ]))
            (wide_facts([
                ("Log of the bake", text::file(version.logs.bake.as_ref(), "open", 1, "not kept")),
                ("Log of the test", text::file(version.logs.test.as_ref(), "open", 1, "not kept")),
            ]))
        }
    }
}

fn base(catalog: &Catalog, version: &Version) -> Markup {
    let Some(base) = &version.base else { return nothing("unknown") };
    html! {
        (copied(&base.image))
        div.small {
            @match (&base.recipe, &base.version) {
                (Some(recipe), Some(version)) => {
                    (text::recipe(catalog, recipe, "../")) " " (text::version_of(catalog, recipe, version, "../"))
                },
                (Some(recipe), None) => { "a version of " (text::recipe(catalog, recipe, "../")) },
                (None, _) => (base.name.as_ref().map_or_else(|| nothing("its name is unknown"), own)),
            }
        }
    }
}

fn test(catalog: &Catalog, test: Option<&TestResult>) -> Markup {
    let Some(test) = test else { return nothing("unknown") };
    let tone = match test.outcome {
        TestOutcome::Passed => Tone::Good,
        TestOutcome::Failed => Tone::Bad,
        TestOutcome::Running => Tone::Note,
        TestOutcome::Unknown => Tone::Quiet,
    };
    html! {
        (badge(tone, test.outcome.word()))
        @if let Some(zone) = &test.zone { " in " span.id { (zone) } }
        @if let Some(at) = test.at { div.small { (moment(at, catalog.made_at)) } }
        @if let Some(reason) = &test.reason { div.small { (text::sentence(reason)) } }
    }
}

/// The versions before and after, to leaf through them.
fn neighbours(recipe: &Recipe, at: usize) -> Markup {
    let older = recipe.versions.get(at + 1);
    let newer = at.checked_sub(1).and_then(|at| recipe.versions.get(at));
    html! {
        nav.neighbours aria-label="Other versions" {
            @if let Some(version) = older { span { "Older: " (text::version_here(recipe, &version.version)) } }
            span { a href="index.html" { "All " (count(recipe.versions.len(), "version")) } }
            @if let Some(version) = newer { span { "Newer: " (text::version_here(recipe, &version.version)) } }
        }
    }
}
