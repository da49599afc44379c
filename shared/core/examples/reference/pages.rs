//! The reference pages that are generated from the code.

#![allow(clippy::panic, reason = "a page that cannot be generated stops the run")]

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::DateTime;
use kiln_core::numbers::Metric;
use kiln_core::recipe::reference::{FIELDS, Field};
use kiln_core::recipe::schema::schema;
use serde_json::{Map, Value};

use crate::event_schema;
use crate::events::examples;
use crate::messages;
use crate::source::{Described, Source};

const TAGS: &str = include_str!("../../src/model/tags.rs");
const EVENTS: &str = include_str!("../../src/events/outbound/event.rs");
const NUMBERS: &str = include_str!("../../src/numbers/mod.rs");
const ACTIONS: &str = include_str!("../../src/plan/action.rs");
const REPORT: &str = include_str!("../../../engine/src/apply/report.rs");

/// The files of reasons, in the order of an image's life.
const REASONS: [(&str, &str); 20] = [
    ("General", include_str!("../../src/plan/reason/mod.rs")),
    ("Bake", include_str!("../../src/plan/reason/bake.rs")),
    ("Preflight", include_str!("../../src/plan/reason/preflight.rs")),
    ("Script", include_str!("../../src/plan/reason/script.rs")),
    ("Capture", include_str!("../../src/plan/reason/capture.rs")),
    ("Adoption", include_str!("../../src/plan/reason/adopt.rs")),
    ("Verify", include_str!("../../src/plan/reason/verify.rs")),
    ("Publish", include_str!("../../src/plan/reason/publish.rs")),
    ("Replicate", include_str!("../../src/plan/reason/replicate.rs")),
    ("Release", include_str!("../../src/plan/reason/release.rs")),
    ("Retention", include_str!("../../src/plan/reason/retention.rs")),
    ("Use", include_str!("../../src/plan/reason/in_use.rs")),
    ("Limits", include_str!("../../src/plan/reason/limits.rs")),
    ("Deleted recipes", include_str!("../../src/plan/reason/deleted_recipe.rs")),
    ("Hold", include_str!("../../src/plan/reason/hold.rs")),
    ("Restore", include_str!("../../src/plan/reason/restore.rs")),
    ("Channel", include_str!("../../src/plan/reason/channel.rs")),
    ("Recall", include_str!("../../src/plan/reason/recall.rs")),
    ("Orphaned snapshots", include_str!("../../src/plan/reason/orphans.rs")),
    ("Sweeps", include_str!("../../src/plan/reason/reconcile.rs")),
];

/// Each page, with its file name. The schemas are no pages, but made and held as they are.
pub fn pages() -> [(&'static str, String); 8] {
    [
        ("recipe.md", recipe()),
        ("recipe.schema.json", format!("{:#}\n", schema())),
        ("events.md", events()),
        ("messages.md", messages::page()),
        ("events.schema.json", format!("{:#}\n", event_schema::schema(false))),
        ("tags.md", tags()),
        ("metrics.md", metrics()),
        ("actions-and-reasons.md", actions_and_reasons()),
    ]
}

fn head(title: &str, from: &str) -> String {
    format!("# {title}\n\n<!-- Made from {from} by `make docs`: change it there. -->\n\n")
}

/// A cell of a table, escaped: a pipe would end the cell, `<` would begin a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn recipe() -> String {
    let mut page = head("Recipe fields", "shared/core/src/recipe/reference.rs");
    page += "A recipe is a TOML document of at most 8 KiB in SSM Parameter Store, below the path `/kiln/recipes/`. All of\n\
        it is checked before anything is done, and every mistake is reported at once, with its line and what is expected.\n\
        A time span is a whole number and a unit: `s`, `m`, `h`, `d` or `w`. `make check-recipes RECIPES=<folder>`\n\
        checks files without an account.\n\n\
        An editor checks a recipe while you write it, completes its fields and shows what they mean, once the first line of\n\
        the file names the [schema](recipe.schema.json): `#:schema <path or URL>`, as in the\n\
        [samples](../../infra/recipes). [Your first image](../guides/first-image.md#in-your-editor) tells how.\n";
    let mut tables: Vec<(&str, Vec<&Field>)> = Vec::new();
    for field in FIELDS {
        let table = match field.path.split_once('.') {
            None => "",
            Some((table, _)) => table,
        };
        match tables.last_mut() {
            Some((last, fields)) if *last == table => fields.push(field),
            _ => tables.push((table, vec![field])),
        }
    }
    for (table, fields) in tables {
        let title = if table.is_empty() { "The document".to_owned() } else { format!("`[{table}]`") };
        write!(
            page,
            "\n## {title}\n\n| field | type | default | accepted | meaning |\n|---|---|---|---|---|\n"
        )
        .unwrap_or_default();
        for field in fields {
            let name = field.path.strip_prefix(&format!("{table}.")).unwrap_or(field.path);
            let default = if field.default.is_empty() { "**required**" } else { field.default };
            let cells = [&format!("`{name}`"), field.kind, default, field.bounds, field.meaning].map(cell);
            writeln!(page, "| {} |", cells.join(" | ")).unwrap_or_default();
        }
    }
    page
}

fn tags() -> String {
    let mut page = head("Tags", "shared/core/src/model/tags.rs");
    page += "Kiln has no database: its state is in these tags on images, snapshots and instances. Times are RFC 3339.\n\
        Kiln writes the tags itself. Set only those that say so here, or that a guide tells you to set.\n\n\
        | tag | meaning |\n|---|---|\n";
    for tag in Source::of(TAGS).constants() {
        let name = tag.value.unwrap_or_default();
        if name.len() > "kiln:".len() {
            writeln!(page, "| `{name}` | {} |", cell(&tag.doc)).unwrap_or_default();
        }
    }
    page
}

fn metrics() -> String {
    let mut page = head("Metrics", "shared/core/src/numbers/mod.rs");
    page += "The functions write these metrics into their logs, in CloudWatch's embedded metric format; CloudWatch makes metrics of\n\
        the namespace `Kiln` of them. The only dimension is `Stack`: one for each recipe would cost as much as so many\n\
        metrics. The log line has `recipe` and `version` beside the value, and with `HoursSinceRelease` the recipe that\n\
        waits longest as `stalest`. [The runbook](../runbook.md#what-to-watch) tells the alarms.\n\n\
        | metric | unit | meaning |\n|---|---|---|\n";
    for one in Source::of(NUMBERS).variants("Metric") {
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == one.name);
        let unit = metric.map_or("", Metric::unit);
        writeln!(page, "| `{}` | {unit} | {} |", one.name, cell(&one.doc)).unwrap_or_default();
    }
    page
}

fn events() -> String {
    let source = Source::of(EVENTS);
    let mut documented: BTreeMap<String, Described> = BTreeMap::new();
    for one in source.variants("Event").into_iter().chain(source.variants("Transition")) {
        if let Some((name, meaning)) = one.doc.strip_prefix('`').and_then(|doc| doc.split_once("`: ")) {
            documented.insert(name.to_owned(), Described { doc: meaning.to_owned(), ..one });
        }
    }
    let entry = source.fields("ImageEntry");
    let mut page = head("Events", "shared/core/src/events/outbound");
    page += "Kiln sends these events to the stack's bus (`kiln`) with the source `kiln`. An event may come more than\n\
        once, and is lost if a function dies right after the change: tags are the record, events are notifications.\n\
        Every detail has `recipe`, and an `id` that all copies of an event share and no other event has: ignore an event\n\
        whose `id` you have seen. An event about one image or bake also has `version` and `region`. An event about\n\
        several images has a list `images` instead, of at most 100, with the fields below for each. The account stands\n\
        beside the detail, as in every event of EventBridge.\n\n\
        [events.schema.json](events.schema.json) is all of it as a JSON Schema, with a definition of each event's detail.\n\
        `schema` in a detail is the version of these definitions, `1`. Within it no field is renamed, moved or removed, and\n\
        none changes its type; fields and events may be added, so ignore what you do not know.\n\n\
        [News](../guides/news.md) shows how people hear of them.\n";
    for example in examples() {
        let name = example.detail_type();
        let described = documented.get(name).unwrap_or_else(|| panic!("no variant is documented as {name}"));
        let detail: Map<String, Value> =
            serde_json::from_str(&example.detail(DateTime::UNIX_EPOCH)).unwrap_or_default();
        let shown = json(name, &detail);
        let fields = if described.fields.is_empty() { &entry } else { &described.fields };
        write!(page, "\n## {name}\n\n{}{}\n\n", described.doc[..1].to_uppercase(), &described.doc[1..])
            .unwrap_or_default();
        page += "| field | meaning |\n|---|---|\n";
        for field in fields {
            writeln!(page, "| `{}` | {} |", field.name, cell(&field.doc)).unwrap_or_default();
        }
        write!(page, "\n```json\n{shown}\n```\n").unwrap_or_default();
    }
    page
}

/// An event as JSON: first what every detail has, then each other field on a line of its own.
fn json(name: &str, detail: &Map<String, Value>) -> String {
    const EVERY: [&str; 3] = ["recipe", "version", "region"];
    const FIRST: [&str; 2] = ["id", "schema"];
    let field = |key: &str| Some(format!("\"{key}\": {}", detail.get(key)?));
    let common: Vec<String> = EVERY.into_iter().filter_map(field).collect();
    let own = detail
        .keys()
        .map(String::as_str)
        .filter(|key| !EVERY.contains(key) && !FIRST.contains(key))
        .filter_map(field);
    let lines: Vec<String> =
        FIRST.into_iter().filter_map(field).chain([common.join(", ")]).chain(own).collect();
    let fields = lines.join(",\n  ");
    format!("{{\"source\": \"kiln\", \"detail-type\": \"{name}\", \"detail\": {{\n  {fields}\n}}}}")
}

fn actions_and_reasons() -> String {
    let mut page =
        head("Actions, outcomes and reasons", "shared/core/src/plan and shared/engine/src/apply/report.rs");
    page += "Each decision in an answer, a plan or a log line has an `action`, a `reason` and an `outcome`.\n\n\
        ## Actions\n\n| action | meaning |\n|---|---|\n";
    for action in Source::of(ACTIONS).variants("Action") {
        let word = word_of(&action.name);
        writeln!(page, "| `{word}` | {} |", cell(&action.doc)).unwrap_or_default();
    }
    page += "\n## Outcomes\n\n| outcome | meaning |\n|---|---|\n";
    for outcome in Source::of(REPORT).variants("Outcome") {
        writeln!(page, "| `{}` | {} |", outcome.name.to_lowercase(), cell(&outcome.doc)).unwrap_or_default();
    }
    page += "\n## Reasons\n\nA reason is a sentence. Text in angle brackets, or …, is a placeholder.\n";
    for (title, text) in REASONS {
        let source = Source::of(text);
        write!(page, "\n### {title}\n\n{}.\n\n", source.title()).unwrap_or_default();
        for name in source.enums() {
            let sentences = source.variants(&name).into_iter().filter_map(|variant| variant.sentence);
            for sentence in sentences.filter(|sentence| sentence != "…") {
                writeln!(page, "- {}", cell(&sentence)).unwrap_or_default();
            }
        }
        if let Some(sentence) = source.sentence("LimitExceeded") {
            writeln!(page, "- {}", cell(&sentence)).unwrap_or_default();
        }
    }
    page
}

/// The word of an action, from the function `word` in its source.
fn word_of(variant: &str) -> String {
    let arm = ACTIONS.lines().find_map(|line| {
        let (pattern, word) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
        let name: String = pattern.chars().take_while(|one| one.is_alphanumeric()).collect();
        (name == variant).then(|| word.trim_end_matches("\",").to_owned())
    });
    arm.unwrap_or_else(|| panic!("{variant} has no word"))
}
