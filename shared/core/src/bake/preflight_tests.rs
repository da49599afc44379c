use super::*;
use crate::fixtures::*;
use crate::inventory::CloudError;

fn denied(operation: &'static str) -> CloudError {
    CloudError::new(operation, "it", &region("eu-west-1"), "AccessDeniedException", "no")
}

fn text(recipe: &Recipe, observed: &Observed) -> Vec<String> {
    problems(recipe, &name("web", 9), observed).iter().map(ToString::to_string).collect()
}

fn sharing() -> Recipe {
    let mut recipe = recipe("web");
    recipe.publish.share.accounts.push("123456789012".into());
    recipe
}

#[test]
fn all_problems_are_reported_at_once_with_their_region_and_remedy() {
    let mut recipe = sharing();
    recipe.publish.parameter = Some("/golden/web".into());
    recipe.publish.share.public = true;
    recipe.replicate.kms_keys.insert(region("eu-west-1"), "alias/gone".into());
    let observed = Observed {
        named: vec!["ami-0f".parse().unwrap()],
        enabled: Some(Ok([region("us-east-1"), region("eu-west-1")].into())),
        parameters: [(region("eu-west-1"), Err(denied("PutParameter")))].into(),
        keys: [(region("eu-west-1"), Ok(None))].into(),
        public: [(region("us-east-1"), Ok(PublicImages::Blocked))].into(),
        vcpus: Some(Ok(Some(Vcpus { needed: 2, allowed: 1 }))),
        ..Observed::default()
    };
    let text = text(&recipe, &observed);
    for part in [
        "Region ap-southeast-2 does not exist or is not enabled",
        "publish.parameter /golden/web cannot be written in eu-west-1",
        "there is no KMS key alias/gone in eu-west-1",
        "the account blocks public images in us-east-1",
        "the name web-20260110T020000Z is taken by ami-0f",
        "needs 2 vCPUs, but the account's quota for its class is 1",
    ] {
        assert!(text.iter().any(|problem| problem.contains(part)), "{part}: {text:?}");
    }
    assert_eq!(text.len(), 6);
}

#[test]
fn no_problem_is_reported_if_every_check_passes() {
    let observed = Observed {
        base: Some(foreign_image("ami-ba5e")),
        enabled: Some(Ok(["us-east-1", "eu-west-1", "ap-southeast-2"].map(region).into())),
        zones: Some(Ok(Zones {
            builder: BTreeMap::new(),
            tester: ["us-east-1a".to_owned(), "us-east-1b".to_owned()].into(),
        })),
        vcpus: Some(Ok(None)),
        ..Observed::default()
    };
    assert!(text(&recipe("web"), &observed).is_empty());
}

#[test]
fn an_aws_managed_key_is_a_problem_only_if_images_are_shared() {
    let aws = Key { manager: KeyManager::Aws, enabled: true };
    let key = DefaultEncryption::Key("alias/aws/ebs".into());
    let observed = Observed {
        keys: [(region("eu-west-1"), Ok(Some(aws)))].into(),
        defaults: [(region("us-east-1"), Ok((key, Some(aws))))].into(),
        ..Observed::default()
    };
    assert!(text(&recipe("web"), &observed).is_empty());
    assert_eq!(text(&sharing(), &observed).len(), 2);
}

#[test]
fn product_codes_prevent_copies_unless_allowed_and_public_images_always() {
    let mut base = foreign_image("ami-ba5e");
    base.product_codes.push("abcd1234".into());
    let observed = Observed { base: Some(base), ..Observed::default() };
    let mut recipe = recipe("web");
    assert!(text(&recipe, &observed)[0].contains("bake.allow_product_codes = true"));
    recipe.bake.allow_product_codes = true;
    assert!(text(&recipe, &observed).is_empty());
    recipe.publish.share.public = true;
    assert!(text(&recipe, &observed)[0].contains("can never be public"));
}

#[test]
fn it_is_a_problem_if_the_tester_has_no_zone_but_the_builders() {
    let zones = |builder: &[&str], tester: &[&str]| {
        let builder = builder.iter().enumerate();
        let builder = builder.map(|(n, zone)| (format!("subnet-{n}").parse().unwrap(), (*zone).to_owned()));
        let tester = tester.iter().map(|zone| (*zone).to_owned()).collect();
        let zones = Zones { builder: builder.collect(), tester };
        text(&recipe("web"), &Observed { zones: Some(Ok(zones)), ..Observed::default() }).len()
    };
    assert_eq!(zones(&[], &["a", "b"]), 0);
    assert_eq!(zones(&[], &["a"]), 1);
    assert_eq!(zones(&["a"], &["b"]), 0);
    assert_eq!(zones(&["a", "b"], &["b"]), 1);
}
