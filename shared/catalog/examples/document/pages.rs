//! The reference of `catalog.json`, as a page and as a JSON Schema.

use serde_json::{Map, Value, json};

use super::items::{Body, Described, Holds, all};

const HEAD: &str = "# The catalogue's document

<!-- Made from shared/catalog/src/model by `make docs`: change it there. -->

`catalog.json` is all that the pages of the catalogue show, as one JSON object of the type [Catalog](#catalog).
[catalog.schema.json](catalog.schema.json) is the same as a JSON Schema. Times are RFC 3339, in UTC. Ids and versions
are texts as AWS and Kiln write them; versions of a recipe sort as texts.

A field that may be missing is left out if it is not known or was not kept. So no `users` means that nobody looked, and
an empty list that nobody was found.

## What stays

`schema` is 1. Within it

- no field is renamed, moved or removed, none changes its type or its meaning, and none that is always there becomes
  one that may be missing;
- fields may be added, and a list of words may get new ones. Ignore the fields that you do not know, and take a word
  that you do not know for `unknown`.

Anything else raises `schema`. A reader that finds a number that it does not know should stop and say so. The pages are
for people: their paths stay (`index.html`, `<recipe>/index.html`, `<recipe>/<version>.html`), their HTML may change.
";

/// The page.
pub fn reference() -> String {
    let types = all();
    let mut page = HEAD.to_owned();
    for one in &types {
        page += &format!("\n## {}\n\n{}\n\n", one.name, one.doc);
        page += &match &one.body {
            Body::Fields(fields) => {
                let rows = fields.iter().map(|field| {
                    let optional = if field.optional { ", may be missing" } else { "" };
                    format!(
                        "| `{}` | {}{optional} | {} |\n",
                        field.name,
                        shown(&field.holds, &types),
                        field.doc
                    )
                });
                format!("| field | type | meaning |\n|---|---|---|\n{}", rows.collect::<String>())
            }
            Body::Words(words) => {
                let rows = words.iter().map(|(word, doc)| format!("| `{word}` | {doc} |\n"));
                format!("| word | meaning |\n|---|---|\n{}", rows.collect::<String>())
            }
        };
    }
    page
}

fn shown(holds: &Holds, types: &[Described]) -> String {
    match holds {
        Holds::Text => "text".into(),
        Holds::Time => "time".into(),
        Holds::Number { whole: true } => "whole number".into(),
        Holds::Number { whole: false } => "number".into(),
        Holds::Flag => "true or false".into(),
        Holds::List(inside) => format!("list of {}", shown(inside, types)),
        Holds::Of(name) => {
            let is_word = types.iter().any(|one| one.name == *name && matches!(one.body, Body::Words(_)));
            format!("{}[{name}](#{})", if is_word { "word of " } else { "" }, name.to_lowercase())
        }
    }
}

/// The JSON Schema. `strict` forbids what the document does not have today, which only a test may do.
pub fn schema(strict: bool) -> String {
    let definitions: Map<String, Value> =
        all().iter().map(|one| (one.name.clone(), definition(one, strict))).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kiln's catalogue, schema 1",
        "$ref": "#/$defs/Catalog",
        "$defs": definitions,
    });
    format!("{schema:#}\n")
}

fn definition(one: &Described, strict: bool) -> Value {
    match &one.body {
        Body::Words(words) => {
            let words: Vec<&String> = words.iter().map(|(word, _)| word).collect();
            let key = if strict { "enum" } else { "examples" };
            json!({ "description": one.doc, "type": "string", key: words })
        }
        Body::Fields(fields) => {
            let required: Vec<&String> =
                fields.iter().filter(|field| !field.optional).map(|field| &field.name).collect();
            let property = |holds: &Holds, doc: &str| {
                let mut form = form(holds);
                form["description"] = doc.into();
                form
            };
            let mut properties: Map<String, Value> =
                fields.iter().map(|field| (field.name.clone(), property(&field.holds, &field.doc))).collect();
            if let Some(schema) = properties.get_mut("schema") {
                schema["const"] = 1.into();
            }
            let mut object = json!({
                "description": one.doc, "type": "object", "required": required, "properties": properties,
            });
            if strict {
                object["additionalProperties"] = false.into();
            }
            object
        }
    }
}

fn form(holds: &Holds) -> Value {
    match holds {
        Holds::Text => json!({ "type": "string" }),
        Holds::Time => json!({ "type": "string", "format": "date-time" }),
        Holds::Number { whole: true } => json!({ "type": "integer", "minimum": 0 }),
        Holds::Number { whole: false } => json!({ "type": "number" }),
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::List(inside) => json!({ "type": "array", "items": form(inside) }),
        Holds::Of(name) => json!({ "$ref": format!("#/$defs/{name}") }),
    }
}
