use proptest::prelude::*;

use super::*;
use crate::recipe::Share;

const COMPLETE: &str = r#"
name = "web"
[tags]
team = "platform"
[bake]
base          = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
script        = """dnf -y upgrade && dnf -y install nginx && systemctl enable nginx"""
timeout       = "45m"
[verify]
script        = """curl -fsS localhost"""
timeout       = "15m"
[publish]
parameter     = "/golden/web/latest"
share         = { accounts = ["123456789012"], organizations = [], organizational_units = [] }
deprecate_after = "90d"
[replicate]
regions       = ["eu-west-1", "ap-southeast-2"]
release       = "together"
kms_keys      = { eu-west-1 = "alias/golden" }
[expire]
keep          = 5
older_than    = "30d"
quarantine    = "7d"
"#;

fn rejected(document: &str) -> BadRecipe {
    Recipe::parse("web", document).unwrap_err()
}

fn violations(document: &str) -> Vec<String> {
    rejected(document).violations.into_iter().map(|violation| violation.field).collect()
}

#[test]
fn every_field_is_parsed() {
    let recipe = recipe("web", COMPLETE).unwrap();
    assert_eq!(recipe.name.as_str(), "web");
    assert_eq!(recipe.tags.get("team"), Some("platform"));
    assert_eq!(recipe.bake.timeout, TimeDelta::minutes(45));
    assert_eq!(recipe.verify.timeout, TimeDelta::minutes(15));
    assert_eq!(recipe.publish.share.accounts, ["123456789012"]);
    assert_eq!(recipe.publish.deprecate_after, Some(TimeDelta::days(90)));
    assert_eq!(
        recipe.replicate.regions.iter().map(Region::as_str).collect::<Vec<_>>(),
        ["eu-west-1", "ap-southeast-2"]
    );
    assert_eq!(recipe.replicate.kms_keys.values().collect::<Vec<_>>(), ["alias/golden"]);
    assert_eq!(
        recipe.expire,
        Expire {
            keep: 5,
            older_than: TimeDelta::days(30),
            confirm_after: TimeDelta::days(2),
            quarantine: TimeDelta::days(7),
            idle: TimeDelta::zero(),
            max_per_run: 100,
            max_percent: 50
        }
    );
}

#[test]
fn a_base_can_be_given_in_four_ways() {
    let base = |text: &str| {
        recipe("web", &format!("name = \"web\"\n[bake]\nbase = {text}\ninstance_type = \"t4g.small\""))
            .map(|recipe| recipe.bake.base)
    };
    assert_eq!(base("\"ssm:/a/b\"").unwrap(), Base::Parameter("/a/b".into()));
    assert_eq!(base("\"ami-0123abcd\"").unwrap(), Base::Image("ami-0123abcd".parse().unwrap()));
    assert_eq!(base("\"recipe:base\"").unwrap(), Base::Recipe("base".parse().unwrap()));
    let newest = base("{ owner = \"136693071363\", name = \"debian-12-*\" }").unwrap();
    assert_eq!(newest, Base::Newest { owner: "136693071363".into(), name: "debian-12-*".into() });
    assert!(base("\"recipe:web\"").is_err(), "a recipe is not its own base");
    assert!(base("\"debian\"").is_err());
}

#[test]
fn absent_fields_have_safe_defaults() {
    let recipe =
        recipe("web", "name = \"web\"\n[bake]\nbase = \"ami-0123abcd\"\ninstance_type = \"t4g.small\"")
            .unwrap();
    assert_eq!(
        recipe.expire,
        Expire {
            keep: 5,
            older_than: TimeDelta::days(30),
            confirm_after: TimeDelta::days(2),
            quarantine: TimeDelta::days(7),
            idle: TimeDelta::zero(),
            max_per_run: 100,
            max_percent: 50
        }
    );
    assert!(recipe.replicate.regions.is_empty() && recipe.publish.share == Share::default());
    assert!(!recipe.bake.allow_deprecated);
}

#[test]
fn five_mistakes_are_reported_at_once() {
    let five = COMPLETE
        .replace("t4g.small", "small")
        .replace("\"45m\"", "45")
        .replace("\"eu-west-1\", ", "\"europe\", ")
        .replace("{ eu-west-1 =", "{ ap-southeast-2 =")
        .replace("keep          = 5", "keep          = 0\nkepe = 3");
    assert_eq!(
        violations(&five),
        ["bake.instance_type", "bake.timeout", "replicate.regions[0]", "expire.keep", "expire.kepe"]
    );
}

#[test]
fn a_mistake_is_reported_with_line_value_and_what_is_expected() {
    let error = rejected(&COMPLETE.replace("\"7d\"", "\"a week\""));
    assert_eq!(
        error.to_string(),
        "recipe web has 1 mistake; nothing was done:\n  - line 24: expire.quarantine: found \"a week\"; expected a whole \
         number and a unit: s, m, h, d or w, such as \"45m\" or \"30d\", between 0s and 3650d"
    );
}

#[test]
fn an_unknown_field_is_reported_with_the_most_similar_known_one() {
    let mistyped = COMPLETE.replace("older_than ", "max_per_rn = 3\nolder_than ");
    assert_eq!(
        rejected(&mistyped).violations[0].to_string(),
        "line 23: expire.max_per_rn: unknown field; did you mean max_per_run? (fields: confirm_after, idle, keep, \
         max_per_run, max_percent, older_than, quarantine)"
    );
    let unknown_table = COMPLETE.replace("[verify]", "[banana]\nx = 1\n[verify]");
    let text = rejected(&unknown_table).violations[0].to_string();
    assert!(text.starts_with("line 10: banana: unknown field (fields: adopt, archive, bake,"), "{text}");
}

#[test]
fn a_missing_field_is_reported_with_the_line_of_its_table() {
    let without = COMPLETE.replace("instance_type = \"t4g.small\"\n", "");
    assert_eq!(
        rejected(&without).violations[0].to_string(),
        "line 5: bake.instance_type: missing (required); expected an instance type such as \"t4g.small\""
    );
}

#[test]
fn an_empty_document_lacks_name_base_and_instance_type() {
    assert_eq!(violations(""), ["name", "bake.base", "bake.instance_type"]);
}

#[test]
fn the_name_must_be_that_of_the_parameter() {
    assert_eq!(violations(&COMPLETE.replace("\"web\"\n[tags]", "\"wbe\"\n[tags]")), ["name"]);
}

#[test]
fn a_document_that_is_not_toml_is_rejected_with_its_line() {
    let text = rejected("name = \"web\"\n[bake\n").violations[0].to_string();
    assert!(text.starts_with("line 2: the document: it is not TOML: "), "{text}");
}

#[test]
fn own_tags_may_not_have_kilns_prefix() {
    assert_eq!(violations(&COMPLETE.replace("team =", "\"kiln:stage\" =")), ["tags.kiln:stage"]);
}

#[test]
fn a_kms_key_for_a_region_without_a_replica_is_a_mistake() {
    assert_eq!(
        violations(&COMPLETE.replace("{ eu-west-1 =", "{ eu-west-9 =")),
        ["replicate.kms_keys.eu-west-9"]
    );
}

#[test]
fn keep_must_be_at_least_one() {
    assert_eq!(violations(&COMPLETE.replace("keep          = 5", "keep = 0")), ["expire.keep"]);
}

/// Mistakes for the complete recipe: the text, its replacement, and the field that must be reported.
fn faults() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("t4g.small", "t4g", "bake.instance_type"),
        ("\"45m\"", "\"45 minutes\"", "bake.timeout"),
        ("\"15m\"", "false", "verify.timeout"),
        ("\"/golden/web/latest\"", "\"golden\"", "publish.parameter"),
        ("123456789012", "1234", "publish.share.accounts[0]"),
        ("\"90d\"", "\"0d\"", "publish.deprecate_after"),
        ("\"together\"", "\"never\"", "replicate.release"),
        ("ap-southeast-2", "eu-west-1", "replicate.regions[1]"),
        ("keep          = 5", "keep = -1", "expire.keep"),
        ("older_than ", "older_then ", "expire.older_then"),
    ]
}

proptest! {
    #[test]
    fn exactly_the_mistakes_are_listed(chosen in proptest::sample::subsequence(faults(), 1..10)) {
        let mut document = COMPLETE.to_owned();
        for (right, wrong, _) in &chosen {
            document = document.replacen(right, wrong, 1);
        }
        let mut expected: Vec<&str> = chosen.iter().map(|(_, _, field)| *field).collect();
        let mut found = violations(&document);
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_text_makes_the_parser_panic(document in ".*") {
        let _ = recipe("web", &document);
    }

    #[test]
    fn no_values_make_the_parser_panic(
        values in proptest::collection::vec(
            prop_oneof![Just("1"), Just("\"x\""), Just("[1, \"a\"]"), Just("{ a = 1 }"), Just("1979-05-27"), Just("nan")], 9)
    ) {
        let document = format!(
            "name = {}\ntags = {}\nbake = {{ base = {}, script = {}, subnets = {} }}\npublish = {{ share = {} }}\n\
             replicate = {{ regions = {}, kms_keys = {} }}\nexpire = {}",
            values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7], values[8],
        );
        prop_assert!(recipe("web", &document).is_err());
    }
}

#[test]
fn what_parameter_store_or_ec2_would_reject_later_is_a_mistake() {
    let document = |script: &str, more: &str| {
        format!(
            "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\nscript = '''\n{script}\n'''\n{more}"
        )
    };
    let mistake = |script: &str, more: &str| {
        let error = Recipe::parse("web", &document(script, more)).unwrap_err().to_string();
        assert!(error.contains("1 mistake;"), "{error}");
        error
    };
    assert!(mistake(&"x".repeat(8_192), "").contains("at most 8192"));
    assert!(mistake("podman ps --format '{{.Names}}'", "").contains("it contains {{"));
    assert!(mistake("true", "[tags]\nName = \"x\"").contains("that is not Name"));
    let keys = "[replicate]\nregions = [\"eu-west-1\"]\nkms_keys = { eu-west-1 = \"arn:aws:kms:us-east-1:111122223333:key/1\" }";
    assert!(mistake("true", keys).contains("a key of eu-west-1"));
}

#[test]
fn a_recipe_says_on_one_line_what_it_is_for_and_keeps_its_own_text() {
    let document = format!("description = \"nginx für alle\"\n{}", COMPLETE.trim_start());
    let recipe = Recipe::parse("web", &document).unwrap();
    assert_eq!(recipe.description.as_deref(), Some("nginx für alle"));
    assert_eq!(recipe.document, document);
    for wrong in ["", "a\\nb", &"x".repeat(201)] {
        let document = format!("description = \"{wrong}\"\n{}", COMPLETE.trim_start());
        assert_eq!(violations(&document), ["description"], "{wrong}");
    }
}
