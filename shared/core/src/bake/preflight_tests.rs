use super::*;
use crate::fixtures::*;
use crate::inventory::{Architecture, Chosen, CloudError, Platform};
use crate::recipe::{Network, RegionTests};

fn denied(operation: &'static str) -> CloudError {
    CloudError::new(operation, "it", &region("eu-west-1"), "AccessDeniedException", "no")
}

fn text(recipe: &Recipe, observed: &Observed) -> Vec<String> {
    let home = region("us-east-1");
    problems(recipe, &home, &name("web", 9), observed).iter().map(ToString::to_string).collect()
}

/// Which problems stand in the way, and which are only told.
fn weighed(recipe: &Recipe, observed: &Observed) -> Vec<(&'static str, String)> {
    let home = region("us-east-1");
    let decisions = decisions(recipe, &home, &name("web", 9), observed);
    assert_eq!(is_refused(&decisions), decisions.iter().any(|one| one.action == Action::Reject));
    decisions.iter().map(|one| (one.action.word(), one.reason.to_string())).collect()
}

fn best_effort() -> Recipe {
    let mut recipe = sharing();
    recipe.publish.parameter = Some("/golden/web".into());
    recipe.publish.share.public = true;
    recipe.replicate.best_effort.push(region("ap-southeast-2"));
    recipe
}

fn outage(code: &str) -> CloudError {
    CloudError::new("PutParameter", "it", &region(code), "ServiceUnavailable", "regional outage")
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
        parameters: [((region("eu-west-1"), "/golden/web".into()), Err(denied("PutParameter")))].into(),
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
            defaults: Some(2),
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
fn a_base_with_watermarks_is_a_problem_only_for_public_images() {
    let mut base = foreign_image("ami-ba5e");
    base.watermarks.push("123456789012:verified".into());
    let observed = Observed { base: Some(base), ..Observed::default() };
    let mut recipe = recipe("web");
    assert!(text(&recipe, &observed).is_empty());
    recipe.publish.share.public = true;
    assert!(text(&recipe, &observed)[0].contains("bears watermarks (123456789012:verified)"));
}

#[test]
fn a_region_that_does_not_know_watermarks_is_told_and_stands_in_no_bakes_way() {
    let unknown = CloudError::new("DescribeImages", "it", &region("us-east-1"), "RequestLimitExceeded", "no");
    let observed = Observed {
        watermarks: [
            (region("us-east-1"), Err(unknown)),
            (region("eu-west-1"), Ok(false)),
            (region("ap-southeast-2"), Ok(true)),
        ]
        .into(),
        ..Observed::default()
    };
    let weighed = weighed(&recipe("web"), &observed);
    assert_eq!(weighed.len(), 1);
    assert_eq!(weighed[0].0, "keep");
    assert!(weighed[0].1.contains("EC2 in eu-west-1 does not know watermarks"), "{weighed:?}");
}

#[test]
fn it_is_a_problem_if_the_tester_has_no_zone_but_the_builders() {
    let zones = |builder: &[&str], tester: &[&str]| {
        let builder = builder.iter().enumerate();
        let builder = builder.map(|(n, zone)| (format!("subnet-{n}").parse().unwrap(), (*zone).to_owned()));
        let tester = tester.iter().map(|zone| (*zone).to_owned()).collect();
        let zones = Zones { builder: builder.collect(), tester, defaults: Some(2) };
        text(&recipe("web"), &Observed { zones: Some(Ok(zones)), ..Observed::default() }).len()
    };
    assert_eq!(zones(&[], &["a", "b"]), 0);
    assert_eq!(zones(&[], &["a"]), 1);
    assert_eq!(zones(&["a"], &["b"]), 0);
    assert_eq!(zones(&["a", "b"], &["b"]), 1);
}

#[test]
fn whatever_is_wrong_in_a_best_effort_region_is_told_and_stops_no_bake() {
    let away = region("ap-southeast-2");
    let key = |manager, enabled| Ok(Some(Key { manager, enabled }));
    let of = |change: &dyn Fn(&mut Observed)| {
        let mut observed = Observed::default();
        change(&mut observed);
        observed
    };
    let mut recipe = best_effort();
    recipe.replicate.kms_keys.insert(away.clone(), "alias/golden".into());
    for observed in [
        of(&|seen| {
            drop(seen.parameters.insert((away.clone(), "/golden/web".into()), Err(outage("ap-southeast-2"))))
        }),
        of(&|seen| seen.enabled = Some(Ok([region("us-east-1"), region("eu-west-1")].into()))),
        of(&|seen| drop(seen.keys.insert(away.clone(), Ok(None)))),
        of(&|seen| drop(seen.keys.insert(away.clone(), key(KeyManager::Customer, false)))),
        of(&|seen| drop(seen.keys.insert(away.clone(), key(KeyManager::Aws, true)))),
        of(&|seen| drop(seen.keys.insert(away.clone(), Err(outage("ap-southeast-2"))))),
        of(&|seen| drop(seen.defaults.insert(away.clone(), Err(outage("ap-southeast-2"))))),
        of(&|seen| drop(seen.public.insert(away.clone(), Ok(PublicImages::Blocked)))),
        of(&|seen| drop(seen.public.insert(away.clone(), Err(outage("ap-southeast-2"))))),
    ] {
        let weighed = weighed(&recipe, &observed);
        let [(action, reason)] = weighed.as_slice() else { panic!("{weighed:?}") };
        assert_eq!(*action, "keep", "{reason}");
        assert!(reason.contains("the best-effort Region ap-southeast-2, but: "), "{reason}");
    }
}

#[test]
fn the_same_in_a_region_that_a_release_waits_for_stands_in_the_way_and_so_does_the_home_region() {
    let mut recipe = best_effort();
    recipe.replicate.best_effort.push(region("us-east-1"));
    for code in ["eu-west-1", "us-east-1"] {
        let observed = Observed {
            parameters: [((region(code), "/golden/web".into()), Err(outage(code)))].into(),
            ..Observed::default()
        };
        assert_eq!(weighed(&recipe, &observed)[0].0, "reject", "{code}");
    }
}

#[test]
fn a_failed_look_at_the_enabled_regions_matters_only_to_what_waits_for_one() {
    let failed = Observed { enabled: Some(Err(outage("us-east-1"))), ..Observed::default() };
    assert_eq!(weighed(&best_effort(), &failed)[0].0, "reject");
    let mut recipe = best_effort();
    recipe.replicate.regions = vec![region("ap-southeast-2")];
    assert_eq!(weighed(&recipe, &failed)[0].0, "keep");
}

fn type_of(architecture: &str) -> InstanceType {
    InstanceType { architectures: vec![Architecture(architecture.into())], ..InstanceType::default() }
}

fn of_type(name: &str, known: Result<InstanceType>) -> BTreeMap<String, Result<InstanceType>> {
    [(name.to_owned(), known)].into()
}

/// The problems of a base of arm64 with these features, and a tester of this type.
fn tested_on(tester: InstanceType, features: Features) -> Vec<String> {
    let mut recipe = recipe("web");
    recipe.verify.instance_type = Some("t3.small".into());
    let observed = Observed {
        base: Some(Image { features, ..foreign_image("ami-ba5e") }),
        builders: [(
            "t4g.small".to_owned(),
            Ok(InstanceType { boot_modes: vec!["uefi".into()], nitro_tpm: true, ..type_of("arm64") }),
        )]
        .into(),
        testers: [(region("us-east-1"), of_type("t3.small", Ok(tester)))].into(),
        ..Observed::default()
    };
    text(&recipe, &observed)
}

#[test]
fn a_testers_type_that_cannot_boot_the_image_is_told_with_the_field_to_change() {
    let of_mode = |mode: &str| Features { boot_mode: mode.into(), ena: true, ..Features::default() };
    let bios = InstanceType { boot_modes: vec!["legacy-bios".into()], ..type_of("arm64") };
    for (tester, features, why) in [
        (type_of("x86_64"), of_mode(""), "because they are arm64, and it runs x86_64"),
        (bios.clone(), of_mode("uefi"), "because their boot mode is uefi, and it boots in legacy-bios"),
        (type_of("arm64"), Features { nitro_tpm: true, ..of_mode("") }, "because they need NitroTPM"),
        (
            InstanceType { requires_ena: true, ..type_of("arm64") },
            Features::default(),
            "because it needs the driver of ENA",
        ),
    ] {
        let problems = tested_on(tester, features);
        let [problem] = problems.as_slice() else { panic!("{why}: {problems:?}") };
        assert!(problem.starts_with("t3.small cannot boot images baked from ami-ba5e, "), "{problem}");
        assert!(problem.contains(why) && problem.ends_with("change verify.instance_type or bake.base"));
    }
    assert!(tested_on(bios, of_mode("uefi-preferred")).is_empty());
    assert!(tested_on(type_of("arm64"), of_mode("uefi")).is_empty(), "EC2 does not say its modes");
}

#[test]
fn a_base_encrypted_with_awss_key_is_a_problem_only_if_images_are_shared_and_one_that_cannot_be_seen_is_not()
{
    let of = |encrypted_by| Observed {
        base: Some(foreign_image("ami-ba5e")),
        base_keys: Some(encrypted_by),
        ..Observed::default()
    };
    let key = |manager| Ok(vec![("key/1".to_owned(), Some(Key { manager, enabled: true }))]);
    let problems = text(&sharing(), &of(key(KeyManager::Aws)));
    assert!(problems[0].contains("encrypted with key/1, which AWS manages; choose a base in bake.base"));
    assert!(text(&sharing(), &of(key(KeyManager::Customer))).is_empty());
    let hidden =
        |code| Err(CloudError::new("DescribeSnapshots", "snap-f0", &region("us-east-1"), code, "not there"));
    assert!(text(&sharing(), &of(hidden("InvalidSnapshot.NotFound"))).is_empty());
    assert_eq!(text(&sharing(), &of(hidden("UnauthorizedOperation"))).len(), 1);
}

#[test]
fn that_windows_is_experimental_is_told_and_a_parameter_of_another_kind_stands_in_the_way() {
    let mut recipe = best_effort();
    recipe.publish.share = crate::recipe::Share::default();
    let kind = |kind: &str, data_type: &str| ParameterKind { kind: kind.into(), data_type: data_type.into() };
    let observed = Observed {
        base: Some(Image {
            features: Features { platform: Platform::Windows, ..Features::default() },
            ..foreign_image("ami-ba5e")
        }),
        parameter_kinds: [
            ((region("us-east-1"), "/golden/web".into()), kind("String", "aws:ec2:image")),
            ((region("eu-west-1"), "/golden/web".into()), kind("String", "text")),
            ((region("ap-southeast-2"), "/golden/web".into()), kind("SecureString", "text")),
        ]
        .into(),
        ..Observed::default()
    };
    let weighed = weighed(&recipe, &observed);
    let told: Vec<&str> = weighed.iter().map(|(action, _)| *action).collect();
    assert_eq!(told, ["keep", "keep", "reject"], "{weighed:?}");
    assert!(
        weighed[0].1.contains("never run on Windows")
            && weighed[2].1.contains("is a String of data type text")
    );
}

#[test]
fn a_region_without_default_subnets_or_without_the_type_is_told_where_testers_are_launched() {
    let (home, west, away) = (region("us-east-1"), region("eu-west-1"), region("ap-southeast-2"));
    let no_type =
        CloudError::new("DescribeInstanceTypes", "t4g.small", &west, "InvalidInstanceType", "not supported");
    let observed = Observed {
        testers: [
            (home, of_type("t4g.small", Ok(type_of("arm64")))),
            (west.clone(), of_type("t4g.small", Err(no_type))),
        ]
        .into(),
        subnets: [(west, Ok(0)), (away, Ok(0))].into(),
        ..Observed::default()
    };
    let weighed = weighed(&best_effort(), &observed);
    let told: Vec<&str> = weighed.iter().map(|(action, _)| *action).collect();
    assert_eq!(told, ["reject", "keep", "reject"], "{weighed:?}");
    assert!(weighed[0].1.contains("no instance type t4g.small in eu-west-1; change bake.instance_type"));
    assert!(weighed[2].1.contains("eu-west-1 has no default subnets for the tester of a replica"));
}

#[test]
fn each_type_of_testers_is_told_with_the_field_and_the_region_that_name_it() {
    let (home, away) = (region("us-east-1"), region("eu-west-1"));
    let mut recipe = recipe("web");
    recipe.replicate.regions = vec![away.clone()];
    recipe.verify.instance_type = Some("t4g.small".into());
    recipe.verify.instance_types = vec!["t4g.small".into(), "t3.small".into()];
    let tests = RegionTests { network: Network::default(), instance_types: vec!["m9.huge".into()] };
    recipe.verify.regions = [(away.clone(), tests)].into();
    let unknown =
        CloudError::new("DescribeInstanceTypes", "m9.huge", &away, "InvalidInstanceType", "not supported");
    let mut at_home = of_type("t3.small", Ok(type_of("x86_64")));
    at_home.insert("t4g.small".into(), Ok(InstanceType { boot_modes: vec![], ..type_of("arm64") }));
    let observed = Observed {
        base: Some(foreign_image("ami-ba5e")),
        testers: [(home, at_home), (away, of_type("m9.huge", Err(unknown)))].into(),
        ..Observed::default()
    };
    let told = text(&recipe, &observed);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("t3.small cannot boot"), "{told:?}");
    assert!(told[0].ends_with("change verify.instance_types or bake.base"), "{told:?}");
    assert!(told[1].ends_with("m9.huge in eu-west-1; change verify.regions.eu-west-1.instance_types"));
}

#[test]
fn a_home_region_without_default_subnets_names_each_field_that_needs_one() {
    let zones = || Zones { defaults: Some(0), ..Zones::default() };
    let told = |recipe: &Recipe| {
        text(recipe, &Observed { zones: Some(Ok(zones())), ..Observed::default() }).join(" ")
    };
    let mut recipe = recipe("web");
    assert!(told(&recipe).contains("name subnets in bake.subnets and verify.subnets"));
    recipe.verify.network.subnets = Chosen::of(vec!["subnet-0a".parse().unwrap()]);
    assert!(told(&recipe).ends_with("name subnets in bake.subnets"));
}

#[test]
fn whoever_may_not_look_at_routes_is_told_so_and_bakes_and_any_other_failure_stands_in_the_way() {
    let failed = |code| {
        let error = CloudError::new("DescribeRouteTables", "routes", &region("us-east-1"), code, "no");
        Observed { ways: [(region("us-east-1"), Err(error))].into(), ..Observed::default() }
    };
    let told = weighed(&recipe("web"), &failed("UnauthorizedOperation"));
    assert_eq!(told[0].0, "keep");
    assert!(told[0].1.starts_with("the bake goes on, but whether its subnets have a way to S3"), "{told:?}");
    assert_eq!(weighed(&recipe("web"), &failed("ServiceUnavailable"))[0].0, "reject");
}

#[test]
fn a_subnet_without_a_way_to_s3_stands_in_the_way_but_in_a_best_effort_region() {
    let place = |code: &str| Place {
        region: region(code),
        role: crate::model::Role::Tester,
        field: format!("verify.regions.{code}"),
        public_ip: None,
        subnets: vec![crate::inventory::Subnet {
            id: "subnet-0a".parse().unwrap(),
            zone: "a".into(),
            vpc: "vpc-1".into(),
            gives_public_ip: false,
        }],
    };
    let table = crate::inventory::RouteTable {
        id: "rtb-1".into(),
        vpc: "vpc-1".into(),
        is_main: true,
        subnets: BTreeSet::new(),
        routes: Vec::new(),
    };
    let ways = || Ok(WaysOut { tables: vec![table.clone()], endpoints: Vec::new() });
    let observed = Observed {
        places: ["eu-west-1", "ap-southeast-2"].map(place).into(),
        ways: ["eu-west-1", "ap-southeast-2"].map(|code| (region(code), ways())).into(),
        ..Observed::default()
    };
    let told: Vec<_> = weighed(&best_effort(), &observed)
        .into_iter()
        .filter(|(_, reason)| reason.contains("no way"))
        .collect();
    assert_eq!(told.iter().map(|(action, _)| *action).collect::<Vec<_>>(), ["keep", "reject"], "{told:?}");
}
