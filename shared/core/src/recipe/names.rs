//! `${…}`: names that stand for a value in every text of a recipe but scripts, where they are the shell's.
//!
//! `${params.x}` and `${recipe.name}` stand for what the recipe says itself. `${recipe.variant}` and `${git.commit}` are
//! known where the recipe is put, and replaced there: see [`with_values`]. `${base.name}` and `${base.id}` are known once a
//! bake begins. Any other `${` is text.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::lines::path_of;
use super::table_reader::quoted;
use super::violation::Violations;
use crate::model::{Tags, tags};

const OPENS: &str = "${";
/// Known where the recipe is put.
const WHEN_PUT: [&str; 3] = ["recipe.variant", "git.commit", "git.branch"];
/// Known once a bake begins, each with the tag that tells it, and where it may stand.
const AT_BAKE: [(&str, &str); 2] = [("base.name", tags::BASE_NAME), ("base.id", tags::BASE)];
const MAY_STAND_IN: [&str; 2] = ["tags.", "image.description"];

/// The document with each of these names replaced by its value. Others stay.
pub fn with_values(document: &Table, values: &BTreeMap<String, String>) -> Table {
    let mut replaced = document.clone();
    each_text(&mut replaced, "", &mut |text, _| *text = expanded(text, |name| values.get(name).cloned()));
    replaced
}

/// The names in the document that only where it is put have values.
pub fn needed_when_put(document: &Table) -> Vec<&'static str> {
    let mut needed = Vec::new();
    each_text(&mut document.clone(), "", &mut |text, _| {
        needed.extend(WHEN_PUT.iter().filter(|name| text.contains(&format!("{OPENS}{name}}}"))));
    });
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// The document with each name replaced that the recipe itself gives a value.
pub(super) fn replaced(document: &Table, violations: &mut Violations) -> Table {
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let params: BTreeMap<String, String> = document
        .get("params")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let name = text("name");
    let mut replaced = document.clone();
    each_text(&mut replaced, "", &mut |text, path| {
        let mut value_of = |found: &str| match (found.split_once('.')?, &name) {
            (("params", param), _) => {
                if !params.contains_key(param) {
                    let known: Vec<String> = params.keys().map(|key| quoted(key)).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    let expected = format!("a name of [params] ({known})");
                    violations.add(path, format!("{OPENS}{found}}}"), expected);
                }
                params.get(param).cloned()
            }
            (("recipe", "name"), Some(name)) => Some(name.clone()),
            _ if WHEN_PUT.contains(&found) => {
                let problem = format!(
                    "{OPENS}{found}}} has its value where the recipe is put: put it by kiln recipes push"
                );
                violations.problem(path, problem);
                None
            }
            _ if AT_BAKE.iter().any(|(name, _)| *name == found) => {
                if !MAY_STAND_IN.iter().any(|place| path.starts_with(place)) {
                    let expected = "such a name in tags and image.description alone";
                    violations.add(path, format!("{OPENS}{found}}}"), expected);
                }
                None
            }
            _ => None,
        };
        *text = expanded(text, &mut value_of);
    });
    replaced
}

/// A text with the names replaced that a bake gave a value: `of` are the tags of its builder or image.
pub fn of_base(text: &str, of: &Tags) -> String {
    expanded(text, |found| {
        let (_, tag) = AT_BAKE.iter().find(|(name, _)| *name == found)?;
        Some(of.get(tag).unwrap_or("unknown").to_owned())
    })
}

/// Whether a text tells the name of the base.
pub(super) fn tells_base_name(text: &str) -> bool {
    text.contains("${base.name}")
}

/// The text with the value of each name that has one.
fn expanded(text: &str, mut value_of: impl FnMut(&str) -> Option<String>) -> String {
    let mut parts = text.split(OPENS);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(name, rest)| Some((value_of(name)?, rest))) {
            Some((value, rest)) => whole.push_str(&(value + rest)),
            None => whole.push_str(&format!("{OPENS}{part}")),
        }
    }
    whole
}

/// Calls `change` with each text of a document and its path. Not with scripts and the values themselves.
fn each_text(table: &mut Table, path: &str, change: &mut dyn FnMut(&mut String, &str)) {
    for (key, value) in table.iter_mut().filter(|(key, _)| !["params", "script"].contains(&key.as_str())) {
        in_value(value, &path_of(path, key), change);
    }
}

fn in_value(value: &mut Value, path: &str, change: &mut dyn FnMut(&mut String, &str)) {
    match value {
        Value::String(text) if text.contains(OPENS) => change(text, path),
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                in_value(item, &format!("{path}[{at}]"), change);
            }
        }
        Value::Table(table) => each_text(table, path, change),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_no_name_of_kilns_is_text() {
        let mut violations = Violations::default();
        let document =
            table("name = \"web\"\ntags = { a = \"${HOME} ${x ${params\", b = \"${recipe.name}-1\" }");
        let replaced = replaced(&document, &mut violations);
        let tags = replaced["tags"].as_table().unwrap();
        assert_eq!((tags["a"].as_str(), tags["b"].as_str()), (Some("${HOME} ${x ${params"), Some("web-1")));
        assert!(violations.0.is_empty());
    }

    #[test]
    fn what_is_known_where_it_is_put_is_replaced_there_and_nowhere_else() {
        let document = table(
            "name = \"web\"\ntags = { a = \"${git.commit} ${base.name}\" }\nscript = \"${git.commit}\"",
        );
        assert_eq!(needed_when_put(&document), ["git.commit"]);
        let put = with_values(&document, &[("git.commit".to_owned(), "0a1b".to_owned())].into());
        assert_eq!(put["tags"]["a"].as_str(), Some("0a1b ${base.name}"));
        assert_eq!(put["script"].as_str(), Some("${git.commit}"));
        let mut violations = Violations::default();
        replaced(&document, &mut violations);
        assert_eq!(violations.0.len(), 1);
        assert!(violations.0[0].problem.contains("kiln recipes push"), "{:?}", violations.0);
    }

    #[test]
    fn what_a_bake_knows_stands_in_tags_and_the_description_alone() {
        let mut violations = Violations::default();
        replaced(
            &table("tags = { a = \"${base.id}\" }\nbake = { base = \"${base.name}\" }"),
            &mut violations,
        );
        let fields: Vec<&str> = violations.0.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["bake.base"]);
        let of = Tags::new().with(tags::BASE_NAME, "al2023");
        assert_eq!(of_base("on ${base.name} (${base.id})", &of), "on al2023 (unknown)");
    }
}
