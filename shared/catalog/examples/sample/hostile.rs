//! A catalogue in which every text is one that a page could take for something else.

use kiln_catalog::Catalog;
use kiln_catalog::model::*;
use serde_json::Value;

/// Put into every text. Run as a script it would say so in the page's title; shown as text it does no harm.
pub const EVIL: &str = "\"'><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&amp;\u{202e}\
                        עברית\u{0} 日本語 🔥 ${7*7} {{7*7}} `id` $(id) </title></style><!-- ";

/// The small fleet, with each text replaced but for those that have a form, such as times and words of lists.
pub fn catalog() -> Catalog {
    let mut catalog = crate::fleet::catalog(2, 3, 2);
    for recipe in &mut catalog.recipes {
        let waiting = Some(Wait { version: String::new(), since: catalog.made_at, comes_at: None });
        recipe.channels =
            vec![Channel { name: String::new(), version: Some(String::new()), since: None, waiting }];
        recipe.last_failure = Some(Failure {
            event: String::new(),
            version: "99999999T000000Z".into(),
            at: catalog.made_at,
            reason: String::new(),
            log: Some(Link(String::new())),
        });
        for version in &mut recipe.versions {
            version.recalled =
                Some(Recall { reason: String::new(), at: catalog.made_at, who: Some(String::new()) });
        }
    }
    catalog.gaps = vec![Gap { what: String::new(), reason: String::new() }];
    let mut value = serde_json::to_value(&catalog).unwrap_or_default();
    spoil(&mut value, "");
    serde_json::from_value(value).unwrap_or(catalog)
}

/// Words of lists and times stay: a document with others is not read at all.
const FORMED: [&str; 15] = [
    "made_at",
    "at",
    "since",
    "comes_at",
    "deadline",
    "released_at",
    "deprecated_at",
    "disabled_at",
    "deregistered_at",
    "stage",
    "state",
    "usage",
    "outcome",
    "manager",
    "step",
];

fn spoil(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| spoil(value, key)),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, key)),
        Value::String(text) if !FORMED.contains(&key) && !is_event(text) => *text = format!("{text}{EVIL}"),
        _ => {}
    }
}

fn is_event(text: &str) -> bool {
    text == "released"
}
