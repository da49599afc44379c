//! How long the scan takes at most. It is measured on request: `cargo test --profile simulation -- --ignored`.

use std::time::{Duration, Instant};

use std::fs;
use std::path::Path;

use kiln_recipes::secrets::scan;
use kiln_recipes::{DOCUMENT, MOST_BYTES, Source, ready};

#[test]
#[ignore = "it measures time, which needs an optimised build and a quiet machine"]
fn the_largest_recipe_is_scanned_well_within_a_second_whatever_it_holds() {
    for (name, text) in [
        ("a script", "  export PATH=\"$PATH:/opt/bin\" && echo 'the next step' # of 10\n"),
        ("one line of JSON", "{\"name\":\"value\",\"count\":12,\"token\":\"short\"},"),
        ("base64", "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuTWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdv\n"),
        ("assignments", "token=token:"),
        ("bare values", "password=aaaaaaaa"),
        ("found values", "password=a1b2c3d4e5f6"),
        ("placeholders", "password='a1b2c3d4e5f6xxx'"),
        ("many findings", "password=a1b2c3d4e5f6\n"),
        ("open quotes", "password='"),
        ("beginnings of tokens", " eyJ-AKIA-ghp_ "),
        ("long words", "eyJaaaaaaaaaa.eyJaaaaaaaaaa."),
        ("dashes", "-----BEGIN -"),
        ("signs", "="),
        ("colons", "a:"),
        ("spaces", "        ="),
        ("nothing", "\n"),
    ] {
        let text = text.repeat(MOST_BYTES / text.len());
        let begun = Instant::now();
        let found = scan("a", text.as_bytes()).len();
        let took = begun.elapsed();
        println!("{name}: {} ms, {found} found", took.as_millis());
        assert!(took < Duration::from_secs(1), "{name}: {took:?}");
    }
}

#[test]
#[ignore = "it measures time, which needs an optimised build and a quiet machine"]
fn two_hundred_folders_of_40_kb_are_read_scanned_packed_and_checked_within_a_second() {
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/recipes/examples/ci-runner").join(DOCUMENT);
    let text = fs::read_to_string(&sample).unwrap().replace("${git.commit}", "none");
    let begun = Instant::now();
    for _ in 0..200 {
        let source = Source { document: text.clone(), ..Source::read(&sample).unwrap() };
        assert!(ready(&source).iter().all(Result::is_ok));
    }
    let took = begun.elapsed();
    println!("200 folders: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(1), "{took:?}");
}
