use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::*;
use crate::recipe::Recipe;

/// A recipe with every field that can stand beside the others.
const FULL: &str = r#"
name = "web"
description = "What web servers are launched from."
tags = { team = "platform" }
[bake]
base = { owner = "self", name = "base-*" }
instance_type = "t4g.small"
instance_types = ["m7g.large"]
script = "true"
timeout = "45m"
window = "6h"
encrypt = "alias/golden"
network = { subnet_tags = { tier = "private" }, security_groups = ["sg-0a"], public_ip = false }
root = { size = "20G", type = "gp3", iops = 3000, throughput = 125 }
volumes = [{ device = "/dev/sdf", size = "1T", type = "gp3", iops = 3000, throughput = 125, in_image = false }]
allow_deprecated = true
allow_product_codes = true
on_base_release = false
[verify]
script = "true"
timeout = "15m"
instance_type = "t4g.small"
instance_types = ["m7g.large"]
network = { subnets = ["subnet-0a"], security_group_tags = { role = "tester" }, public_ip = true }
regions = { eu-west-1 = { subnets = ["subnet-0c"], security_groups = ["sg-0c"], public_ip = true, instance_types = ["m7g.large"] } }
[adopt]
name = "web-*"
deregister = true
[publish]
parameter = "/golden/web"
watermark = "verified"
parameter_accounts = []
deprecate_after = "90d"
protect = true
block_on_findings = "high"
findings_timeout = "1d"
launch_template = { name = "web", default = true }
[publish.share]
accounts = ["123456789012"]
organizations = ["arn:aws:organizations::123456789012:organization/o-a"]
organizational_units = ["arn:aws-cn:organizations::123456789012:ou/o-a/ou-b"]
public = false
snapshots = true
[channels.stage]
parameter = "/golden/web/stage"
after = "3d"
[channels.prod]
parameter = "/golden/web/prod"
follows = "stage"
approval = true
[channels.prod.share]
accounts = ["123456789012"]
organizations = ["arn:aws:organizations::123456789012:organization/o-a"]
organizational_units = ["arn:aws-cn:organizations::123456789012:ou/o-a/ou-b"]
snapshots = true
[replicate]
regions = ["eu-west-1", "us-gov-west-1"]
release = "each"
on_loss = "roll-back"
best_effort = ["eu-west-1"]
verify = true
kms_keys = { eu-west-1 = "alias/golden" }
[expire]
keep = 5
older_than = "30d"
confirm_after = "2d"
quarantine = "1w"
idle = "0s"
max_per_run = 100
max_percent = 50
"#;

/// What a field may be set to: everything that some field takes, and much that none does.
const VALUES: &str = r#"[
    "", "x", "web", "web-1", "Web", "1d", "0s", "36h", "1w", "7d", "24h", "30d", "d", "5", "t4g.small", "t4g", "ami-0a", "ssm:/a/b", "ssm:a",
    "recipe:base", "recipe:web", "i-0A", "/golden/x", "/a/", "alias/x", "arn:aws:kms:eu-west-1:1:key/1", "20G", "1TiB", "20",
    "gp3", "io2", "st1", "standard", "together", "each", "copy-back", "roll-back", "low", "critical", "HIGH", "self", "amazon",
    "123456789012", "subnet-0a", "sg-0a", "eu-west-1", "us-gov-west-1", "/dev/sdg", "web-*", "*",
    "arn:aws:organizations::123456789012:ou/x", "line\nline",
    0, 1, 5, 100, 125, 3000, 100000, -1, 1.0, 1.5, true, false,
    [], [1], [""], ["x", "x"], ["t4g.small"], ["subnet-0a", "subnet-0b"], ["sg-0a"], ["eu-west-1"], ["123456789012"], [["x"]],
    [{}], [{"device": "/dev/sdg", "size": "1G"}], [{"device": "/dev/sdg", "size": "1G", "type": "sc1"}],
    {}, {"a": "x"}, {"a": 1}, {"a": {}}, {"eu-west-1": "alias/x"}, {"eu-west-1": {}}, {"subnets": ["subnet-0a"]},
    {"owner": "self", "name": "x"}, {"name": "web"}, {"size": "30G"}, {"public": false}
]"#;

fn fields() -> Vec<Field> {
    FIELDS.iter().chain(INNER).copied().collect()
}

/// The JSON in which an editor sees a document.
fn seen(value: &toml::Value) -> Value {
    match value {
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), seen(value))).collect(),
        toml::Value::Array(items) => items.iter().map(seen).collect(),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
    }
}

fn document(text: &str) -> Value {
    seen(&toml::Value::Table(text.parse().unwrap()))
}

/// The text of a document.
fn written(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> =
                table.iter().map(|(key, value)| format!("{} = {}", json!(key), written(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn text_of(document: &Value) -> String {
    let entries = document.as_object().unwrap().iter();
    entries.map(|(key, value)| format!("{key} = {}\n", written(value))).collect()
}

/// What an editor would underline, if anything.
fn underlined(document: &Value) -> Option<String> {
    static COMPILED: OnceLock<(Schemas, SchemaIndex)> = OnceLock::new();
    let (schemas, index) = COMPILED.get_or_init(|| {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("recipe.schema.json", schema()).unwrap();
        let index = compiler.compile("recipe.schema.json", &mut schemas).unwrap();
        (schemas, index)
    });
    schemas.validate(document, *index).err().map(|error| error.to_string())
}

fn is_accepted(text: &str) -> bool {
    Recipe::parse("web", text).is_ok()
}

/// Called for each document of any test of this crate.
pub(in crate::recipe) fn holds(text: &str, accepted: bool) {
    if accepted && let Some(error) = underlined(&document(text)) {
        panic!("the parser accepts what the schema does not: {error}\n{text}");
    }
}

/// Sets the value at a path; an element or a key of the user's own is the first there is.
fn set(document: &mut Value, path: &str, value: Value) {
    let mut place = document;
    let mut so_far: Vec<&str> = Vec::new();
    for part in path.split('.') {
        let of_list = FIELDS.iter().any(|one| one.path == so_far.join(".") && one.kind.starts_with("list"));
        place = if part == ANY && of_list {
            if !place.is_array() {
                *place = json!([{}]);
            }
            &mut place[0]
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            let is_own = part == ANY || part.starts_with('<');
            &mut place[if is_own { "eu-west-1" } else { part }]
        };
        so_far.push(part);
    }
    *place = value;
}

/// A value of a type that no field of this kind takes, nor has in it.
fn wrong(kind: &str) -> Vec<Value> {
    let Some(types) = types(kind) else { return Vec::new() };
    let mut wrong = vec![json!(1.5)];
    for (of, value) in [
        ("string", json!("x")),
        ("integer", json!(1)),
        ("boolean", json!(true)),
        ("array", json!([])),
        ("object", json!({})),
    ] {
        wrong.extend((!types.contains(&of)).then_some(value));
    }
    match kind {
        LIST => wrong.extend([json!([1]), json!([["x"]]), json!([{}])]),
        "list of tables" => wrong.extend([json!(["x"]), json!([1])]),
        "table of strings" => wrong.extend([json!({ "eu-west-1": 1 }), json!({ "eu-west-1": {} })]),
        "table of tables" => wrong.extend([json!({ "eu-west-1": 1 }), json!({ "eu-west-1": "x" })]),
        _ => {}
    }
    wrong
}

fn is_of(value: &Value, types: &[&str]) -> bool {
    let of = match value {
        Value::String(_) => "string",
        Value::Number(_) => "integer",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        _ => "object",
    };
    types.contains(&of)
}

/// The tables in which every key is known.
fn closed() -> Vec<String> {
    let tables: BTreeSet<String> = fields()
        .iter()
        .map(|field| field.path.rsplit_once('.').map_or(String::new(), |(table, _)| table.to_owned()))
        .collect();
    tables.into_iter().filter(|table| contents(&fields(), table).contains_key("properties")).collect()
}

#[test]
fn every_sample_recipe_names_the_schema_and_is_valid_by_it() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let mut found = 0;
    for folder in ["infra/recipes", "infra/recipes/examples"].map(|folder| root.join(folder)) {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let documents = entries.map(|entry| if entry.is_dir() { entry.join("recipe.toml") } else { entry });
        for file in documents.filter(|file| file.is_file()) {
            let folder = file.parent().unwrap();
            let text = fs::read_to_string(&file).unwrap();
            let schema =
                text.lines().next().unwrap().strip_prefix("#:schema ").expect("a line with its schema");
            assert!(folder.join(schema).is_file(), "{}: there is no {schema}", file.display());
            assert_eq!(underlined(&document(&text)), None, "{}", file.display());
            found += 1;
        }
    }
    assert!(found >= 9);
}

#[test]
fn the_fields_inside_of_lists_are_those_of_the_parser() {
    let mut full = document(FULL);
    for table in ["bake.volumes.*", "verify.regions.*", "channels.prod", "channels.prod.share"] {
        set(&mut full, &format!("{table}.none"), json!(1));
    }
    let violations = Recipe::parse("web", &text_of(&full)).unwrap_err().violations;
    let mut known = BTreeSet::new();
    for violation in violations {
        let table = violation.field.strip_suffix("none").unwrap_or_else(|| panic!("{violation}"));
        let table = table
            .replace("volumes[0]", "volumes.*")
            .replace("eu-west-1", ANY)
            .replace("channels.prod", "channels.*");
        let (_, fields) = violation.problem.rsplit_once("(fields: ").unwrap();
        known.extend(fields.trim_end_matches(')').split(", ").map(|field| format!("{table}{field}")));
    }
    assert_eq!(INNER.iter().map(|field| field.path.to_owned()).collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_the_parser_misses_the_schema_misses_too() {
    let all = document(FULL);
    assert_eq!(underlined(&all), None);
    for path in ["/name", "/bake", "/bake/base", "/bake/base/owner", "/bake/base/name"].into_iter().chain([
        "/adopt/name",
        "/publish/launch_template/name",
        "/bake/volumes/0/device",
        "/bake/volumes/0/size",
    ]) {
        let (table, field) = path.rsplit_once('/').unwrap();
        let mut without = all.clone();
        without.pointer_mut(table).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        assert!(!is_accepted(&text_of(&without)), "{path}");
        assert!(underlined(&without).is_some(), "{path}");
    }
    let minimal = "name = \"web\"\n[bake]\ninstance = \"i-0a\"\ninstance_type = \"t4g.small\"\n";
    assert!(is_accepted(minimal) && underlined(&document(minimal)).is_none());
}

#[test]
fn whatever_value_of_a_field_the_parser_accepts_the_schema_accepts() {
    let values: Vec<Value> = serde_json::from_str(VALUES).unwrap();
    let mut accepted = BTreeSet::new();
    for field in fields() {
        // The other tables say nothing about it, and take time.
        let mut around = document(FULL);
        let own = field.path.split('.').next().unwrap();
        around
            .as_object_mut()
            .unwrap()
            .retain(|table, _| ["name", "bake", "replicate", own].contains(&table.as_str()));
        let types = types(field.kind);
        for value in values.iter().filter(|value| types.as_ref().is_none_or(|types| is_of(value, types))) {
            let mut given = around.clone();
            set(&mut given, field.path, value.clone());
            let mut named = given.clone();
            if value.is_string() {
                set(&mut named, field.path, json!("${params.v}"));
                named["params"] = json!({ "v": value });
            }
            // `holds` compares each with the schema.
            accepted.extend(is_accepted(&text_of(&given)).then_some(field.path));
            accepted.extend((named != given && is_accepted(&text_of(&named))).then_some(field.path));
        }
    }
    let full = document(FULL);
    let is_there = |path: &&str| full.pointer(&format!("/{}", path.replace('.', "/"))).is_some();
    let never: Vec<&str> =
        FIELDS.iter().map(|one| one.path).filter(is_there).filter(|path| !accepted.contains(path)).collect();
    assert!(never.is_empty(), "no value was right for {never:?}");
}

#[test]
fn a_kind_that_is_not_known_says_nothing_and_a_new_field_its_basic_type() {
    let of = |kind| Value::Object(value(&field("image.new", kind, "none", "whatever", "")));
    assert_eq!(of("colour"), json!({}));
    assert_eq!(of("string or colour"), json!({}));
    assert_eq!(of("table of colours"), json!({ "type": "object" }));
    assert_eq!(of("list of numbers"), json!({ "type": "array" }));
    assert_eq!(of("string or list of strings"), json!({ "type": ["string", "array"] }));
    assert_eq!(of("list of tables"), json!({ "type": "array", "items": { "type": "object" } }));
    assert_eq!(
        of_fields(&[field("variants.<name>.size", "number", "", "", "Its size.")])["properties"]["variants"],
        json!({
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": { "size": { "type": "integer", "description": "Its size.\n\nRequired." } },
                "additionalProperties": false,
                "required": ["size"],
            },
        })
    );
}

#[test]
fn a_field_tells_what_it_means_what_it_takes_and_what_it_is_without() {
    let keep = &schema()["properties"]["expire"]["properties"]["keep"];
    assert_eq!(
        *keep,
        json!({
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description":
                "How many of the newest releases are kept whatever their age.\n\nAccepted: 1 to 1000.\n\nDefault: 5.",
        })
    );
    let release = &schema()["properties"]["replicate"]["properties"]["release"];
    assert_eq!(release["anyOf"][0], json!({ "enum": ["together", "each"] }));
}

proptest! {
    #[test]
    fn part_of_a_right_recipe_is_underlined_only_if_the_parser_refuses_it(
        left_out in subsequence(fields().iter().map(|field| field.path).collect::<Vec<_>>(), 0..30)
    ) {
        let mut document = document(FULL);
        for path in left_out {
            let pointer = path.replace("volumes.*", "volumes.0").replace(ANY, "eu-west-1").replace('.', "/");
            let (table, field) = pointer.rsplit_once('/').unwrap_or(("", &pointer));
            let table = if table.is_empty() { String::new() } else { format!("/{table}") };
            if let Some(table) = document.pointer_mut(&table).and_then(Value::as_object_mut) {
                table.remove(field);
            }
        }
        // `holds` compares it with the schema.
        is_accepted(&text_of(&document));
    }

    #[test]
    fn a_wrong_type_is_refused_by_both(at in any::<Index>(), which in any::<Index>()) {
        let fields: Vec<Field> = fields().into_iter().filter(|field| types(field.kind).is_some()).collect();
        let field = at.get(&fields);
        let wrong = wrong(field.kind);
        let mut document = document(FULL);
        set(&mut document, field.path, which.get(&wrong).clone());
        prop_assert!(!is_accepted(&text_of(&document)), "{document}");
        prop_assert!(underlined(&document).is_some(), "{document}");
    }

    #[test]
    fn an_unknown_key_is_refused_by_both(at in any::<Index>(), key in "[a-z]{1,3}_x", value in any::<Index>()) {
        let values: Vec<Value> = serde_json::from_str(VALUES).unwrap();
        let tables = closed();
        let table = at.get(&tables);
        let path = if table.is_empty() { key } else { format!("{table}.{key}") };
        let mut document = document(FULL);
        set(&mut document, &path, value.get(&values).clone());
        prop_assert!(!is_accepted(&text_of(&document)), "{document}");
        prop_assert!(underlined(&document).is_some(), "{document}");
    }
}
