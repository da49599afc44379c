use crate::recipe::{BadRecipe, Recipe};

fn parsed(publish: &str) -> Result<Recipe, BadRecipe> {
    let document = format!(
        "name = \"web\"\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n[publish]\n{publish}\n"
    );
    Recipe::parse("web", &document)
}

fn violations(publish: &str) -> Vec<String> {
    parsed(publish).unwrap_err().violations.iter().map(ToString::to_string).collect()
}

const SHARED: &str = "share = { accounts = [\"111122223333\", \"444455556666\"] }";

#[test]
fn the_parameter_goes_to_accounts_that_the_images_are_shared_with() {
    let recipe =
        parsed(&format!("parameter = \"/golden/web\"\nparameter_accounts = [\"444455556666\"]\n{SHARED}"));
    assert_eq!(recipe.unwrap().publish.parameter_accounts, ["444455556666"]);
    assert!(parsed(SHARED).unwrap().publish.parameter_accounts.is_empty());
}

#[test]
fn an_account_that_the_images_are_not_shared_with_is_refused_with_its_field() {
    let bad = violations(&format!(
        "parameter = \"/golden/web\"\nparameter_accounts = [\"111122223333\", \"999999999999\"]\n{SHARED}"
    ));
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(bad[0].contains("publish.parameter_accounts[1]"), "{bad:?}");
    assert!(bad[0].contains("an account that publish.share.accounts names"), "{bad:?}");
}

#[test]
fn accounts_without_a_parameter_are_refused() {
    let bad = violations(&format!("parameter_accounts = [\"111122223333\"]\n{SHARED}"));
    assert!(bad.len() == 1 && bad[0].contains("publish.parameter_accounts"), "{bad:?}");
}

#[test]
fn a_watermark_has_a_name_that_ec2_and_a_tag_take_and_is_for_private_images() {
    let named = |name: &str| format!("watermark = \"{name}\"");
    for name in ["verified", "golden-linux/v2", "ops@golden_1.0"] {
        assert_eq!(parsed(&named(name)).unwrap().publish.watermark.as_deref(), Some(name));
    }
    for wrong in ["", "ab", "a:b", "has space", &"x".repeat(65)] {
        assert!(violations(&named(wrong))[0].contains("publish.watermark"), "{wrong}");
    }
    let public = violations("watermark = \"verified\"\nshare = { public = true }");
    assert!(public[0].contains("publish.watermark") && public[0].contains("public"), "{public:?}");
}
