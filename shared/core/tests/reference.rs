//! The pages of the reference that are made from the code are those in `docs/reference`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]

#[path = "../examples/reference/event_schema.rs"]
mod event_schema;
#[path = "../examples/reference/events.rs"]
mod events;
#[path = "../examples/reference/messages.rs"]
mod messages;
#[path = "../examples/reference/pages.rs"]
mod pages;
#[path = "../examples/reference/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use boon::{Compiler, SchemaIndex, Schemas};
use chrono::DateTime;
use kiln_core::events::outbound::Envelope;
use serde_json::{Value, json};

/// Read when the test runs: clones that share a target folder share what was compiled, too.
fn manifest() -> PathBuf {
    env::var("CARGO_MANIFEST_DIR").unwrap().into()
}

#[test]
fn the_pages_are_as_the_code_is() {
    let folder = manifest().join("../../docs/reference");
    for (name, text) in pages::pages() {
        let written = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(written == text, "docs/reference/{name} is not as the code is: run make docs, and commit it");
    }
}

#[test]
fn the_guide_shows_a_mail_and_a_card_as_the_code_makes_them() {
    let guide = manifest().join("../../docs/guides/news.md");
    let written = fs::read_to_string(guide).unwrap();
    assert!(
        written == messages::in_guide(&written),
        "docs/guides/news.md is not as the code is: run make docs, and commit it"
    );
}

#[test]
fn every_event_has_an_example() {
    let source = source::Source::of(include_str!("../src/events/outbound/event.rs"));
    let variants = source.variants("Event").into_iter().chain(source.variants("Transition"));
    let documented: BTreeSet<String> = variants
        .filter_map(|variant| Some(variant.doc.strip_prefix('`')?.split_once("`: ")?.0.to_owned()))
        .collect();
    let shown: BTreeSet<String> =
        events::examples().iter().map(|example| example.detail_type().to_owned()).collect();
    assert_eq!(shown, documented);
}

#[test]
fn every_file_of_reasons_is_in_the_reference() {
    let folder = manifest().join("src/plan/reason");
    let files = fs::read_dir(folder).unwrap().count();
    let (_, page) = pages::pages().into_iter().last().unwrap();
    assert_eq!(page.matches("\n### ").count(), files);
}

/// The schema of the events, compiled once.
struct Held(Schemas, SchemaIndex);

impl Held {
    fn by(strict: bool) -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource("events.json", event_schema::schema(strict)).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("events.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    /// What the schema says against an event as EventBridge delivers it; empty if it is valid.
    fn against(&self, event: &Value) -> String {
        self.0.validate(event, self.1).map_or_else(|error| format!("{error:#}"), |()| String::new())
    }
}

fn delivered(example: &Envelope) -> Value {
    let detail: Value = serde_json::from_str(&example.detail(DateTime::UNIX_EPOCH)).unwrap();
    json!({
        "version": "0", "id": "0", "detail-type": example.detail_type(), "source": "kiln", "account": "123456789012",
        "time": "2026-11-23T02:00:00Z", "region": "us-east-1", "resources": [], "detail": detail,
    })
}

#[test]
fn every_event_is_valid_and_has_no_field_that_its_schema_lacks() {
    let strict = Held::by(true);
    for example in events::examples() {
        let wrong = strict.against(&delivered(&example));
        assert!(wrong.is_empty(), "{}: {wrong}", example.detail_type());
    }
}

#[test]
fn a_field_that_is_made_up_missing_or_of_another_type_is_not_valid() {
    let (strict, lenient) = (Held::by(true), Held::by(false));
    for example in events::examples() {
        let event = delivered(&example);
        let kind = example.detail_type();
        let mut more = event.clone();
        more["detail"]["made-up"] = "x".into();
        assert!(!strict.against(&more).is_empty(), "{kind}");
        assert!(lenient.against(&more).is_empty(), "{kind}: a later Kiln may add fields");
        let mut without = event.clone();
        without["detail"].as_object_mut().unwrap().remove("id");
        let mut other = event.clone();
        other["detail"]["recipe"] = 7.into();
        let mut later = event;
        later["detail"]["schema"] = "2".into();
        for wrong in [without, other, later] {
            assert!(!lenient.against(&wrong).is_empty(), "{kind}: {wrong}");
        }
    }
}
