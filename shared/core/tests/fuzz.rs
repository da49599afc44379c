//! No text makes the parser of recipes or the reader of consoles panic, and whatever is wrong is told with its field and
//! its line. `KILN_FUZZ_CASES=1000000 cargo test -p kiln-core --profile simulation --test fuzz` tries a million of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use kiln_core::model::ScriptOutcome;
use kiln_core::model::script_outcome::tail;
use kiln_core::recipe::reference::FIELDS;
use kiln_core::recipe::{Recipe, Violation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const SAMPLES: [(&str, &str); 5] = [
    ("web", include_str!("../../../infra/recipes/web.toml")),
    ("worker", include_str!("../../../infra/recipes/worker.toml")),
    ("bastion", include_str!("../../../infra/recipes/examples/bastion.toml")),
    ("database", include_str!("../../../infra/recipes/examples/database.toml")),
    ("docker-host", include_str!("../../../infra/recipes/examples/docker-host.toml")),
];

/// What a builder writes to its console, and what was left there by another bake.
const CONSOLE: &str = "[    0.000000] Linux version 6.1.0\r\nkiln-verdict old 0\nkiln-script 0a1b begins\n\
    \u{1b}[0;32mOK\u{1b}[0m 10%\r55%\r100%\r\nE: no package nginx\nkiln-script 0a1b ends\n\
    \nkiln-verdict 0a1b 100\r\n\nkiln-verdict 0a1b 100\n[   99.1] ok\nkiln-verdict 0a1b 0\nreboot: Power down\n";

/// What changes the meaning of the text around it.
const TOKENS: [&str; 40] = [
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\\",
    "\0",
    "${params.",
    "${params.docker}",
    "{{",
    "é",
    "\u{feff}",
    "\u{1b}]",
    "\u{1b}[",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    "nan",
    "1979-05-27",
    "true",
    "\"\" = 1\n",
    "name",
    "bake",
    "kiln-verdict 0a1b ",
    "kiln-verdict 0a1b 0\n",
    "kiln-script 0a1b ",
];

fn cases() -> ProptestConfig {
    let cases = env::var("KILN_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    // What was found stands here as a test of its own, not in a file of seeds.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A change of a text, at a place that is a part of its length.
#[derive(Debug, Clone)]
enum Edit {
    Delete(Index, usize),
    Insert(Index, Vec<u8>),
    Replace(Index, u8),
    DropLine(Index),
    MoveLine(Index, Index),
    CopyLine(Index, Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let edit = prop_oneof![
        (at(), 1usize..9).prop_map(|(at, bytes)| Edit::Delete(at, bytes)),
        (at(), select(&TOKENS[..])).prop_map(|(at, token)| Edit::Insert(at, token.into())),
        (at(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        at().prop_map(Edit::DropLine),
        (at(), at()).prop_map(|(from, to)| Edit::MoveLine(from, to)),
        (at(), at()).prop_map(|(from, to)| Edit::CopyLine(from, to)),
    ];
    vec(edit, 0..6)
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        match edit {
            Edit::Delete(at, most) => {
                let at = place(at);
                bytes.drain(at..bytes.len().min(at + most));
            }
            Edit::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Replace(at, byte) => {
                let at = place(at);
                bytes.splice(at..bytes.len().min(at + 1), [*byte]);
            }
            Edit::DropLine(_) | Edit::MoveLine(..) | Edit::CopyLine(..) if lines.is_empty() => {}
            Edit::DropLine(at) => {
                lines.remove(at.index(lines.len()));
                bytes = lines.concat();
            }
            Edit::MoveLine(from, to) => {
                let line = lines.remove(from.index(lines.len()));
                lines.insert(to.index(lines.len() + 1), line);
                bytes = lines.concat();
            }
            Edit::CopyLine(from, to) => {
                lines.insert(to.index(lines.len() + 1), lines[from.index(lines.len())]);
                bytes = lines.concat();
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The mistakes of a document. Each has its field, its problem, and a line that the document has, if it has one.
fn mistakes(name: &str, document: &str) -> Vec<Violation> {
    let Err(bad) = Recipe::parse(name, document) else { return Vec::new() };
    assert!(!bad.violations.is_empty(), "refused for nothing: {document:?}");
    let lines = document.matches('\n').count() + 1;
    for violation in &bad.violations {
        assert!(
            !violation.field.is_empty() && !violation.problem.is_empty(),
            "{violation:?} in {document:?}"
        );
        assert!(
            violation.line.is_none_or(|line| (1..=lines).contains(&line)),
            "{violation:?} in {document:?}"
        );
        assert!(
            violation.line.is_some() || !violation.problem.contains("not TOML"),
            "{violation:?} in {document:?}"
        );
    }
    bad.violations
}

/// The names of fields and tables, and names that nothing has.
fn keys() -> Vec<&'static str> {
    let known: BTreeSet<&str> = FIELDS.iter().flat_map(|field| field.path.split('.')).collect();
    known.into_iter().chain(["device", "in_image", "eu-west-1", "v", "none", "basse"]).collect()
}

/// A value in one line.
fn value() -> impl Strategy<Value = String> {
    const PLAIN: [&str; 34] = [
        "\"\"",
        "\"web\"",
        "'it'",
        "\"t4g.small\"",
        "\"45m\"",
        "\"0s\"",
        "\"999999999999d\"",
        "\"9é\"",
        "\"ami-0a\"",
        "\"ssm:/a/b\"",
        "\"recipe:web\"",
        "\"recipe:\"",
        "\"i-0a\"",
        "\"20G\"",
        "\"99999999999T\"",
        "\"gp3\"",
        "\"/dev/sdf\"",
        "\"/dev/xvd\"",
        "\"/dev/sdé\"",
        "\"alias/x\"",
        "\"arn:aws:kms:\"",
        "\"eu-west-1\"",
        "\"${params.v}\"",
        "\"${params.\"",
        "\"123456789012\"",
        "\"subnet-0a\"",
        "0",
        "5",
        "-9223372036854775808",
        "1.5",
        "nan",
        "true",
        "1979-05-27T07:32:00Z",
        "0xff",
    ];
    let plain = prop_oneof![
        4 => select(&PLAIN[..]).prop_map(str::to_owned),
        1 => "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    plain.prop_recursive(2, 6, 3, |inner| {
        let entry = (select(keys()), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(entry, 0..4).prop_map(|entries| {
                let entries: BTreeMap<&str, String> = entries.into_iter().collect();
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                format!("{{ {} }}", entries.join(", "))
            }),
        ]
    })
}

/// One table of a document: its header, and what is in it. A value may stand in lines of its own.
#[derive(Debug, Clone)]
struct Section {
    header: &'static str,
    entries: BTreeMap<&'static str, Vec<String>>,
    space: usize,
}

fn sections() -> impl Strategy<Value = Vec<Section>> {
    const HEADERS: [&str; 18] = [
        "params",
        "tags",
        "bake",
        "bake.base",
        "bake.root",
        "bake.network",
        "[bake.volumes]",
        "[bake.volumes]",
        "verify",
        "verify.network",
        "verify.regions.eu-west-1",
        "adopt",
        "publish",
        "publish.launch_template",
        "publish.share",
        "replicate",
        "replicate.kms_keys",
        "expire",
    ];
    let value = prop_oneof![4 => value().prop_map(|one| vec![one]), 1 => vec(value(), 2..4)];
    let entries = |keys: Vec<&'static str>| vec((select(keys), value.clone()), 0..5);
    // The top level has no table among its values, which a header below could define again.
    let top = entries(vec!["name", "nme", "v"]).prop_map(|entries| ("", entries));
    let below = vec((select(&HEADERS[..]), entries(keys())), 0..5);
    (top, below, vec(0usize..3, 8)).prop_map(|(top, below, spaces)| {
        let sections = [top].into_iter().chain(below).zip(spaces);
        let of = |((header, entries), space): ((&'static str, Vec<_>), usize)| Section {
            header,
            entries: entries.into_iter().collect(),
            space,
        };
        sections.map(of).collect()
    })
}

/// The text of a document, and the line in which each of its fields stands.
fn document(sections: &[Section]) -> (String, BTreeMap<String, usize>) {
    let (mut text, mut lines) = (String::new(), BTreeMap::<String, usize>::new());
    let mut volumes = 0;
    let mut given: BTreeSet<&str> = BTreeSet::new();
    for Section { header, entries, space } in sections {
        let is_list = header.starts_with('[');
        if !is_list && !given.insert(*header) {
            continue;
        }
        text += &"# a comment = 1\n\n".repeat(*space);
        let mut table = header.trim_matches(['[', ']']).to_owned();
        let here = text.matches('\n').count() + 1;
        if is_list {
            lines.entry(table.clone()).or_insert(here);
            table = format!("{table}[{volumes}]");
            volumes += 1;
        }
        // A table without a header of its own begins with the first one inside it.
        for (at, _) in table.match_indices('.') {
            lines.entry(table[..at].to_owned()).or_insert(here);
        }
        if !header.is_empty() {
            text += &format!("[{header}]\n");
            lines.insert(table.clone(), here);
        }
        // A key that is a table further down cannot be here too.
        let is_free = |key: &str| {
            let path = format!("{table}.{key}");
            !sections.iter().any(|other| {
                let other = other.header.trim_matches(['[', ']']);
                other == path || other.starts_with(&format!("{path}."))
            })
        };
        for (key, values) in entries.iter().filter(|(key, _)| is_free(key)) {
            let path = if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") };
            let here = text.matches('\n').count() + 1;
            lines.insert(path.clone(), here);
            if let [value] = values.as_slice() {
                text += &format!("{key} = {value}\n");
            } else {
                text += &format!("{key} = [\n  {},\n]\n", values.join(",\n  "));
                lines.extend((0..values.len()).map(|at| (format!("{path}[{at}]"), here + 1 + at)));
            }
        }
    }
    (text, lines)
}

/// The line of a field, or of what it is missing in.
fn line_of(field: &str, lines: &BTreeMap<String, usize>) -> Option<usize> {
    let mut rest = field;
    loop {
        if let Some(line) = lines.get(rest) {
            return Some(*line);
        }
        rest = &rest[..rest.rfind(['.', '['])?];
    }
}

/// Whether a console has a whole line that ends with the verdict 0 of one of the words.
fn has_passed(console: &str, words: &[String]) -> bool {
    let (whole, _) = console.rsplit_once('\n').unwrap_or_default();
    let verdicts: Vec<String> = words.iter().map(|word| format!("kiln-verdict {word} 0")).collect();
    let lines = whole.split('\n').map(|line| line.trim_end_matches('\r'));
    lines.into_iter().any(|line| verdicts.iter().any(|verdict| line.ends_with(verdict)))
}

fn read(console: &str, words: &[String]) {
    let outcome = ScriptOutcome::read(console, words);
    assert!(outcome != ScriptOutcome::Passed || has_passed(console, words), "passed: {console:?} {words:?}");
    let last = tail(console, words);
    assert!(last.lines().count() <= 20 && last.len() <= 4_000, "{console:?}");
    assert!(!last.chars().any(|one| one.is_control() && !"\t\n".contains(one)), "{console:?}");
    if let ScriptOutcome::Failed { status, tail } = outcome {
        assert!((1..256).contains(&status) && tail == last, "{console:?}");
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_text_is_a_recipe_or_is_refused_with_its_mistakes(
        text in prop_oneof!["(?s).{0,80}", "[\\[\\]{}=\"'#,.\n a-z0-9_-]{0,80}"]
    ) {
        mistakes("web", &text);
    }

    #[test]
    fn known_fields_with_any_values_are_refused_with_their_mistakes(
        entries in vec((select(keys()), value()), 0..8), odd in select(&["\"\"", "\"a.b\"", "\"[0]\"", "'\n'", "a.b", "\"é\""][..])
    ) {
        let mut entries: BTreeMap<&str, String> = entries.into_iter().collect();
        entries.insert(odd, "{ \"\" = 1, bake = { \"\".\"\" = 2 } }".to_owned());
        let text: String = entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        mistakes("web", &text);
    }

    #[test]
    fn a_sample_with_any_edits_is_a_recipe_or_is_refused_with_its_mistakes(
        (name, sample) in select(&SAMPLES[..]), edits in edits()
    ) {
        mistakes(name, &edited(sample, &edits));
    }

    #[test]
    fn every_mistake_is_told_with_the_line_of_its_field(sections in sections()) {
        let (text, lines) = document(&sections);
        for violation in mistakes("web", &text) {
            prop_assert!(!violation.problem.contains("not TOML"), "{violation} in\n{text}");
            prop_assert_eq!(violation.line, line_of(&violation.field, &lines), "{} in\n{}", violation, text);
        }
    }

    #[test]
    fn no_console_says_passed_without_a_whole_verdict(
        bytes in vec(any::<u8>(), 0..200), words in vec("[0-9a-f]{0,4}|(?s).{0,3}", 0..3)
    ) {
        read(&String::from_utf8_lossy(&bytes), &words);
    }

    #[test]
    fn an_edited_console_says_passed_only_with_a_whole_verdict(
        edits in edits(), words in vec(select(&["0a1b", "old", "0a", "", "0a1b "][..]).prop_map(str::to_owned), 0..3)
    ) {
        read(&edited(CONSOLE, &edits), &words);
    }
}
