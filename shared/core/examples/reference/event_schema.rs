//! The events that Kiln sends, as a JSON Schema made from their types.

#![allow(clippy::panic, reason = "a schema that cannot be generated stops the run")]

use serde_json::{Map, Value, json};
use syn::{GenericArgument, PathArguments, Type};

use super::source::{Field, Source};

const SOURCES: [&str; 2] =
    [include_str!("../../src/events/outbound/event.rs"), include_str!("../../src/model/difference.rs")];
const ENVELOPE: &str = include_str!("../../src/events/outbound/envelope.rs");

/// The types of which each has a definition of its own. `Changed` stands in the event as one object with `FromTo`.
const TYPES: [&str; 6] = ["UsedBy", "ImageEntry", "Difference", "Named", "Changed", "FromTo"];

/// The schema of an event as EventBridge delivers it. `strict` forbids fields that no event has today, which only a test
/// may do.
pub fn schema(strict: bool) -> Value {
    let mut definitions = Map::new();
    for name in TYPES {
        definitions.insert(name.into(), object(&fields_of(name), None, strict));
    }
    let mut kinds = Vec::new();
    for (kind, fields, doc) in events() {
        let name = kind.replace(' ', "");
        definitions.insert(name.clone(), object(&fields, Some(&doc), strict));
        kinds.push((kind, name));
    }
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    let each: Vec<Value> = kinds
        .iter()
        .map(|(kind, name)| {
            json!({
                "if": { "properties": { "detail-type": { "const": kind } } },
                "then": { "properties": { "detail": { "$ref": format!("#/$defs/{name}") } } },
            })
        })
        .collect();
    // A consumer may meet an event that a later Kiln adds.
    let kind = if strict { json!({ "enum": names }) } else { json!({ "type": "string", "examples": names }) };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The events of Kiln, schema 1",
        "$comment": "Made from shared/core/src/events/outbound by `make docs`.",
        "type": "object",
        "required": ["account", "detail", "detail-type", "source", "time"],
        "properties": {
            "account": { "type": "string", "description": "The account in which Kiln runs." },
            "time": { "type": "string", "format": "date-time", "description": "When the event was sent." },
            "source": { "const": "kiln" },
            "detail-type": kind,
            "detail": { "type": "object" },
        },
        "allOf": each,
        "$defs": definitions,
    })
}

/// Each event: its detail-type, the fields of its detail, and what it says.
fn events() -> Vec<(String, Vec<Field>, String)> {
    let source = Source::of(SOURCES[0]);
    let said = |doc: &str| {
        let (kind, meaning) = doc.strip_prefix('`')?.split_once("`: ")?;
        Some((kind.to_owned(), meaning.to_owned()))
    };
    let mut events = Vec::new();
    for variant in source.variants("Event") {
        if let Some((kind, meaning)) = said(&variant.doc) {
            // What an event about one image or bake always has.
            let common = common().into_iter().map(|field| Field { optional: false, ..field });
            events.push((kind, common.chain(variant.fields).collect(), meaning));
        }
    }
    for transition in source.variants("Transition") {
        let (kind, meaning) = said(&transition.doc).unwrap_or_else(|| panic!("a transition says no event"));
        let common = common().into_iter().filter(|field| !field.optional);
        let list = source.variants("Event").into_iter().find(|variant| variant.name == "Images");
        let list = list.unwrap_or_else(|| panic!("there is no event of several images")).fields;
        events.push((kind, common.chain(list).collect(), meaning));
    }
    events
}

/// What the detail of every event has.
fn common() -> Vec<Field> {
    Source::of(ENVELOPE).fields("Detail").into_iter().filter(|field| !field.flat).collect()
}

fn fields_of(name: &str) -> Vec<Field> {
    let found = SOURCES.iter().find_map(|text| Source::of(text).find_fields(name));
    let fields = found.unwrap_or_else(|| panic!("there is no struct {name}"));
    let flat = |field: Field| match (field.flat, &field.ty) {
        (true, Type::Path(path)) => fields_of(&last(path)),
        _ => vec![field],
    };
    fields.into_iter().flat_map(flat).collect()
}

fn object(fields: &[Field], doc: Option<&str>, strict: bool) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| !field.optional).map(|field| field.name.as_str()).collect();
    let mut properties = Map::new();
    for field in fields {
        let mut form = form(&field.ty);
        if field.name == "schema" {
            form["const"] = "1".into();
        }
        form["description"] = field.doc.as_str().into();
        properties.insert(field.name.clone(), form);
    }
    let mut object = json!({ "type": "object", "required": required, "properties": properties });
    if let Some(doc) = doc {
        object["description"] = doc.into();
    }
    if strict {
        object["additionalProperties"] = false.into();
    }
    object
}

/// What a value of this type looks like.
fn form(ty: &Type) -> Value {
    if let Type::Reference(reference) = ty {
        return form(&reference.elem);
    }
    let Type::Path(path) = ty else { panic!("a field of this type has no form in the schema") };
    let inside = arguments(path);
    let matching = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match (last(path).as_str(), inside.as_slice()) {
        ("Option" | "Box", [inside]) => form(inside),
        ("Vec", [inside]) => json!({ "type": "array", "items": form(inside) }),
        ("BTreeMap", [_, inside]) => json!({ "type": "object", "additionalProperties": form(inside) }),
        ("String" | "str" | "Region", []) => json!({ "type": "string" }),
        ("Version", []) => matching("^[0-9]{8}T[0-9]{6}Z$"),
        ("ImageId", []) => matching("^ami-"),
        ("InstanceId", []) => matching("^i-"),
        ("SnapshotId", []) => matching("^snap-"),
        ("usize" | "u64", []) => json!({ "type": "integer", "minimum": 0 }),
        ("i64", []) => json!({ "type": "integer" }),
        (name, []) if TYPES.contains(&name) => json!({ "$ref": format!("#/$defs/{name}") }),
        (name, _) => panic!("a field of the type {name} has no form in the schema"),
    }
}

fn last(path: &syn::TypePath) -> String {
    path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn arguments(path: &syn::TypePath) -> Vec<&Type> {
    let Some(PathArguments::AngleBracketed(found)) = path.path.segments.last().map(|one| &one.arguments)
    else {
        return Vec::new();
    };
    let types = found.args.iter().filter_map(|one| match one {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
