//! A JSON Schema of the recipe for editors, made from [`FIELDS`]: `docs/reference/recipe.schema.json`.
//!
//! An editor that follows the line `#:schema` in a file completes fields, shows what they mean, and underlines unknown
//! ones and values of the wrong kind. The schema accepts whatever the parser accepts: of what it cannot say for sure, it
//! says nothing. Whether a recipe is right, the parser alone knows.

use serde_json::{Map, Value, json};

use super::reference::{FIELDS, FLAG, Field, LIST, SPAN, field};

/// The fields of tables whose place is not a fixed path: each element of a list, or each key of the user's own, is `*`.
const INNER: &[Field] = &[
    field("bake.volumes.*.device", "string", "", "such as /dev/sdf, each once", "The name of the device."),
    field("bake.volumes.*.size", "string", "", "from \"1G\" to \"64T\"", "Its size."),
    field(
        "bake.volumes.*.type",
        "string",
        "EC2's",
        "\"gp3\", \"gp2\", \"io1\", \"io2\", \"st1\", \"sc1\" or \"standard\"",
        "The type of the volume.",
    ),
    field("bake.volumes.*.iops", "number", "EC2's", "as bake.root.iops", "Its operations per second."),
    field("bake.volumes.*.throughput", "number", "EC2's", "only with gp3", "Its throughput in MiB/s."),
    field("bake.volumes.*.in_image", FLAG, "true", "", "Whether the image has it too."),
    field("verify.regions.*.subnets", LIST, "the default VPC's subnets", "subnet ids of the Region", ""),
    field(
        "verify.regions.*.security_groups",
        LIST,
        "the default group of the VPC",
        "at most 16 security group ids, of the VPC of the subnets",
        "",
    ),
    field("verify.regions.*.subnet_tags", "table of strings", "none", "not beside subnets", ""),
    field(
        "verify.regions.*.security_group_tags",
        "table of strings",
        "none",
        "not beside security_groups",
        "",
    ),
    field("verify.regions.*.public_ip", FLAG, "as its subnet says", "", ""),
    field(
        "verify.regions.*.instance_types",
        LIST,
        "as verify.instance_types",
        "instance types that run the image's architecture",
        "The types of the testers in the Region, in order of preference.",
    ),
    field("channels.*.parameter", "string", "", "a parameter that nothing else names", ""),
    field("channels.*.follows", "string", "none: it follows the release itself", "the name of a channel", ""),
    field("channels.*.after", SPAN, "at once", "0s to 90d", "How long a release waits."),
    field(
        "channels.*.approval",
        FLAG,
        "false",
        "not beside after",
        "Whether it waits for somebody who approves it.",
    ),
    field("channels.*.share", "table", "as publish.share", "", "Who else may launch its images."),
    field("channels.*.share.accounts", LIST, "none", "12-digit account ids", ""),
    field("channels.*.share.organizations", LIST, "none", "ARNs of organizations", ""),
    field("channels.*.share.organizational_units", LIST, "none", "ARNs of organizational units", ""),
    field("channels.*.share.public", FLAG, "false", "false", ""),
    field("channels.*.share.snapshots", FLAG, "false", "only with accounts", ""),
];

const ANY: &str = "*";

/// The tables that every recipe without variants has, although the reference lists only what is in them.
const REQUIRED_TABLES: &[&str] = &["bake"];
const VARIANTS: &str = "variants";

/// Fields that are required unless another one of their table is there.
const UNLESS: &[(&str, &str)] = &[("bake.base", "bake.instance")];

/// What a text must look like, by the path or its end. Each is wider than the parser, never narrower.
const PATTERNS: &[(&str, &str)] = &[
    ("name", "^[a-z]([a-z0-9-]*[a-z0-9])?$"),
    ("bake.base", "^(ssm:/|ami-|recipe:[a-z])"),
    ("bake.instance", "^i-[0-9a-fA-F]+$"),
    (".instance_type", "^[a-z0-9-]+\\.[a-z0-9-]+$"),
    (".instance_types", "^[a-z0-9-]+\\.[a-z0-9-]+$"),
    (".subnets", "^subnet-[0-9a-fA-F]+$"),
    (".security_groups", "^sg-[0-9a-fA-F]+$"),
    ("bake.root.size", "^[0-9]+(G|GiB|T|TiB)$"),
    ("bake.volumes.*.size", "^[0-9]+(G|GiB|T|TiB)$"),
    (".parameter", "^/"),
    (".share.accounts", "^[0-9]{12}$"),
    (".share.organizations", "^arn:aws[^:]*:organizations:"),
    (".share.organizational_units", "^arn:aws[^:]*:organizations:"),
    ("publish.watermark", "^[A-Za-z0-9._/@-]{3,64}$"),
    ("publish.parameter_accounts", "^[0-9]{12}$"),
    ("replicate.regions", "^[a-z]+(-[a-z]+)+-[0-9]+$"),
    ("replicate.best_effort", "^[a-z]+(-[a-z]+)+-[0-9]+$"),
];

/// A value that is named in `[params]` may stand for any part of a text, so a text with one can be anything.
const WITH_PARAMS: &str = "\\$\\{params\\.";

/// The schema of a recipe, in the draft that editors of TOML read.
/// (<https://json-schema.org/draft-07>, <https://taplo.tamasfe.dev/configuration/directives.html>)
pub fn schema() -> Value {
    of_fields(&FIELDS.iter().chain(INNER).copied().collect::<Vec<_>>())
}

fn of_fields(fields: &[Field]) -> Value {
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#")),
        ("title".to_owned(), json!("A recipe of Kiln's")),
        ("$comment".to_owned(), json!("Made from shared/core/src/recipe/reference.rs by `make docs`.")),
        ("type".to_owned(), json!("object")),
    ]);
    schema.extend(contents(fields, ""));
    Value::Object(schema)
}

/// The schema of what stands at a path.
fn at(fields: &[Field], path: &str) -> Value {
    let Some(field) = fields.iter().find(|field| field.path == path) else {
        let mut table = contents(fields, path);
        table.insert("type".to_owned(), json!("object"));
        return Value::Object(table);
    };
    let mut schema = value(field);
    schema.insert("description".to_owned(), json!(description(field)));
    schema.extend(contents(fields, path));
    Value::Object(schema)
}

/// What a field is, in the words of the reference.
fn description(field: &Field) -> String {
    let accepted =
        if field.bounds.is_empty() { String::new() } else { format!("Accepted: {}.", field.bounds) };
    let default = match (field.default, UNLESS.iter().find(|(path, _)| *path == field.path)) {
        ("", Some((_, other))) => format!("Required, unless {other} is there."),
        ("", None) => "Required.".to_owned(),
        (default, _) => format!("Default: {default}."),
    };
    let parts = [field.meaning, &accepted, &default];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The schema of the value of a field. A kind that is not known here says nothing.
fn value(field: &Field) -> Map<String, Value> {
    let mut schema = Map::new();
    if let Some(types) = types(field.kind) {
        let types = if let [one] = types.as_slice() { json!(one) } else { json!(types) };
        schema.insert("type".to_owned(), types);
    }
    match field.kind {
        SPAN | "string" | "string or table" => schema.extend(text(field)),
        LIST => {
            let mut item = text(field);
            item.insert("type".to_owned(), json!("string"));
            schema.insert("items".to_owned(), Value::Object(item));
        }
        "list of tables" => {
            schema.insert("items".to_owned(), json!({ "type": "object" }));
        }
        "table of strings" => {
            schema.insert("additionalProperties".to_owned(), json!({ "type": "string" }));
        }
        "table of tables" => {
            schema.insert("additionalProperties".to_owned(), json!({ "type": "object" }));
        }
        "whole number" => {
            if let Some((least, most)) = range(field.bounds) {
                schema.insert("minimum".to_owned(), json!(least));
                schema.insert("maximum".to_owned(), json!(most));
            }
        }
        _ => {}
    }
    schema
}

/// The types of JSON that a kind can have; `None` if any of its words is not known.
fn types(kind: &str) -> Option<Vec<&'static str>> {
    if kind == FLAG {
        return Some(vec!["boolean"]);
    }
    let basic = |part: &str| match part.split(' ').next_back()? {
        _ if part.starts_with("list of") => Some("array"),
        _ if part.starts_with("table") => Some("object"),
        "string" | "span" => Some("string"),
        // Every number of a recipe is a whole one.
        "number" => Some("integer"),
        _ => None,
    };
    kind.split(" or ").map(basic).collect()
}

/// What a text must be: one of few words, or of a form. Beside that it may hold a value that is named once.
fn text(field: &Field) -> Map<String, Value> {
    // Beside a text there may be a table, which is none of the words.
    if let Some(words) = words(field.bounds).filter(|_| !field.kind.contains(" or ")) {
        let alternatives = json!([{ "enum": words }, { "type": "string", "pattern": WITH_PARAMS }]);
        return Map::from_iter([("anyOf".to_owned(), alternatives)]);
    }
    let is_meant =
        |place: &str| field.path == place || (place.starts_with('.') && field.path.ends_with(place));
    let pattern = match field.kind {
        SPAN => Some("^[0-9]+[smhdw]$"),
        _ => PATTERNS.iter().find(|(place, _)| is_meant(place)).map(|(_, pattern)| *pattern),
    };
    let pattern = pattern.map(|pattern| ("pattern".to_owned(), json!(format!("{pattern}|{WITH_PARAMS}"))));
    pattern.into_iter().collect()
}

/// The words of a list such as `"low", "high" or "critical"`; `None` if the bounds say anything else.
fn words(bounds: &str) -> Option<Vec<&str>> {
    let word = |part| -> Option<&str> { str::strip_prefix(part, '"')?.strip_suffix('"') };
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let parts = bounds.split(", ").flat_map(|part| part.split(" or "));
    parts.map(|part| word(part).filter(is_plain)).collect()
}

/// The numbers of bounds such as `1 to 1000`; `None` if they say anything else.
fn range(bounds: &str) -> Option<(u64, u64)> {
    let (least, most) = bounds.split_once(" to ")?;
    let number = |text: &str| text.replace(',', "").parse().ok();
    Some((number(least)?, number(most)?))
}

/// What the schema says about the inside of a table or list; nothing if the fields list nothing in it.
fn contents(fields: &[Field], path: &str) -> Map<String, Value> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    let below = |name: &str| format!("{prefix}{name}");
    let mut names: Vec<&str> = Vec::new();
    for inside in fields.iter().filter_map(|field| field.path.strip_prefix(&prefix)) {
        let name = inside.split('.').next().filter(|name| !names.contains(name));
        names.extend(name);
    }
    let field = |path: &str| fields.iter().find(|field| field.path == path);
    let mut schema = Map::new();
    // `<name>` is how a reference may write a key of the user's own.
    if let Some(any) = names.iter().find(|name| **name == ANY || name.starts_with('<')) {
        let is_list = field(path).is_some_and(|field| field.kind.starts_with("list"));
        let keyword = if is_list { "items" } else { "additionalProperties" };
        schema.insert(keyword.to_owned(), at(fields, &below(any)));
        return schema;
    }
    if names.is_empty() {
        return schema;
    }
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), at(fields, &below(name)))).collect();
    let unless = |name: &str| UNLESS.iter().find(|(path, _)| *path == below(name));
    let is_required = |name: &str| match field(&below(name)) {
        Some(field) => field.default.is_empty() && unless(name).is_none(),
        None => false,
    };
    let required: Vec<&str> = names.iter().copied().filter(|name| is_required(name)).collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    // Each variant may say what [bake] does not. Not in `allOf`: editors show nothing about a table that has one.
    if path.is_empty() && names.contains(&VARIANTS) {
        let bake = json!({ "if": { "required": ["instance"] }, "else": { "required": ["base"] } });
        let without = json!({ "required": REQUIRED_TABLES, "properties": { "bake": bake } });
        schema.insert("if".to_owned(), json!({ "required": [VARIANTS] }));
        schema.insert("else".to_owned(), without);
    }
    schema
}

#[cfg(test)]
#[path = "schema_tests.rs"]
pub(super) mod tests;
