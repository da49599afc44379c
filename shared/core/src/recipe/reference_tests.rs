use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::*;
use crate::model::duration::show;
use crate::recipe::{Expire, Recipe};

/// A document with every table of a recipe, and in each table an unknown field `none`.
const UNKNOWN: &str = "none = 1\nname = \"web\"\n[bake]\nnone = 1\ninstance_type = \"t4g.small\"\n[bake.root]\nnone = 1\n[bake.network]\nnone = 1\n[verify.network]\nnone = 1\n\
    [bake.base]\nnone = 1\nowner = \"self\"\nname = \"x\"\n[verify]\nnone = 1\n[image]\nnone = 1\n[adopt]\nnone = 1\nname = \"web-*\"\n[publish]\nnone = 1\n\
    [publish.launch_template]\nnone = 1\nname = \"web\"\n[publish.share]\nnone = 1\n\
    [replicate]\nnone = 1\n[expire]\nnone = 1\n";

/// The fields that the parser knows, as it lists them in its error messages.
fn known_to_the_parser() -> BTreeSet<String> {
    let violations = Recipe::parse("web", UNKNOWN).unwrap_err().violations;
    let mut known = BTreeSet::new();
    for violation in violations {
        let table = violation.field.strip_suffix("none").unwrap_or_else(|| panic!("{violation}")).to_owned();
        let (_, fields) = violation.problem.rsplit_once("(fields: ").unwrap();
        known.extend(fields.trim_end_matches(')').split(", ").map(|field| format!("{table}{field}")));
    }
    known
}

#[test]
fn the_reference_lists_exactly_the_fields_that_the_parser_knows() {
    let tables = ["bake", "verify", "image", "adopt", "publish", "replicate", "expire"].map(str::to_owned);
    let documented: BTreeSet<String> =
        FIELDS.iter().map(|field| field.path.to_owned()).chain(tables).collect();
    assert_eq!(documented, known_to_the_parser());
}

#[test]
fn the_defaults_of_the_reference_are_those_of_the_parser() {
    let minimal = "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n";
    let recipe = Recipe::parse("web", minimal).unwrap();
    let usual = Expire::DEFAULT;
    let spans: [(&str, TimeDelta); 7] = [
        ("bake.timeout", recipe.bake.timeout),
        ("verify.timeout", recipe.verify.timeout),
        ("publish.findings_timeout", recipe.publish.findings_timeout),
        ("expire.older_than", usual.older_than),
        ("expire.confirm_after", usual.confirm_after),
        ("expire.quarantine", usual.quarantine),
        ("expire.idle", usual.idle),
    ];
    let numbers = [
        ("expire.keep", usual.keep),
        ("expire.max_per_run", usual.max_per_run),
        ("expire.max_percent", usual.max_percent),
    ];
    let spans = spans.map(|(path, span)| (path, show(span)));
    let numbers = numbers.map(|(path, number)| (path, number.to_string()));
    for (path, default) in spans.into_iter().chain(numbers) {
        let text = FIELDS.iter().find(|field| field.path == path).unwrap().default;
        let same = text == default
            || text.starts_with(&format!("{default}:"))
            || crate::model::duration::parse(text).map(show).as_ref() == Some(&default);
        assert!(same, "{path}: the reference says {text}, the parser {default}");
    }
}

#[test]
fn the_bounds_of_the_reference_are_those_of_the_parser() {
    let is_rejected = |path: &str, value: &str| {
        let (table, field) = path.rsplit_once('.').unwrap();
        let document = match table {
            "bake" => format!(
                "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n{field} = {value}\n"
            ),
            _ => format!(
                "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n[{table}]\n{field} = {value}\n"
            ),
        };
        Recipe::parse("web", &document).is_err()
    };
    for field in FIELDS.iter().filter(|field| [SPAN, "whole number"].contains(&field.kind)) {
        let (least, most) = field.bounds.split_once(" to ").unwrap();
        let quoted = |value: &str| if field.kind == SPAN { format!("\"{value}\"") } else { value.to_owned() };
        assert!(
            !is_rejected(field.path, &quoted(least)) && !is_rejected(field.path, &quoted(most)),
            "{}",
            field.path
        );
        let beyond = match most.parse::<usize>() {
            Ok(number) => (number + 1).to_string(),
            Err(_) => format!(
                "{}{}",
                most.trim_end_matches(char::is_alphabetic).parse::<usize>().unwrap() + 1,
                most.trim_start_matches(|one: char| one.is_ascii_digit())
            ),
        };
        assert!(is_rejected(field.path, &quoted(&beyond)), "{} takes {beyond}", field.path);
    }
}
