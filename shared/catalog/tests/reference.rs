//! The reference of the document is as its types are, and the document is as the reference says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]
// Not every test uses all of the sample.
#![allow(dead_code)]

#[path = "../examples/sample/fleet.rs"]
mod fleet;
#[path = "../examples/sample/hostile.rs"]
mod hostile;
#[path = "../examples/sample/installed.rs"]
mod installed;
#[path = "../examples/document/items.rs"]
mod items;
#[path = "../examples/document/pages.rs"]
mod pages;
#[path = "../examples/sample/story.rs"]
mod story;
#[path = "../examples/sample/twists.rs"]
mod twists;

use std::path::PathBuf;
use std::{env, fs};

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Read when the test runs: clones that share a target folder share what was compiled, too.
fn written(name: &str) -> String {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../docs/reference");
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

#[test]
fn the_reference_is_as_the_types_are() {
    for (name, text) in [("catalog.md", pages::reference()), ("catalog.schema.json", pages::schema(false))] {
        assert!(
            written(name) == text,
            "docs/reference/{name} is not as the code is: run make docs, and commit it"
        );
    }
}

fn is_valid(document: &Value, strict: bool) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&pages::schema(strict)).unwrap();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("catalog.json", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("catalog.json", &mut schemas).unwrap();
    schemas.validate(document, index).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_document_has_no_field_and_no_word_that_the_reference_lacks() {
    for catalog in [story::catalog().0, hostile::catalog(), fleet::catalog(2, 2, 2)] {
        let document = serde_json::to_value(&catalog).unwrap();
        is_valid(&document, true).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn what_a_later_kiln_adds_is_valid_and_a_later_schema_is_not() {
    let mut document = serde_json::to_value(fleet::catalog(1, 1, 1)).unwrap();
    document["recipes"][0]["owner"] = "platform".into();
    document["recipes"][0]["versions"][0]["stage"] = "quarantined".into();
    is_valid(&document, false).unwrap_or_else(|error| panic!("{error}"));
    assert!(is_valid(&document, true).is_err(), "a strict reader would say so");
    document["schema"] = 2.into();
    assert!(is_valid(&document, false).is_err());
}
