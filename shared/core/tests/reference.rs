//! The pages of the reference that are made from the code are those in `docs/reference`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]

#[path = "../examples/reference/events.rs"]
mod events;
#[path = "../examples/reference/pages.rs"]
mod pages;
#[path = "../examples/reference/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

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
fn every_event_has_an_example() {
    let source = source::Source::of(include_str!("../src/events/outbound.rs"));
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
