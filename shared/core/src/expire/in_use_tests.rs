use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::Reference;
use crate::plan::reason::UseReason;
use crate::recipe::Recipe;

fn names(image: &Image, by: Referrer) -> Reference {
    Reference { names: Target::Image(image.id.clone()), by }
}

/// The reason that keeps the image with this usage in its Region, if there is one.
fn keep_reason(image: &Image, usage: RegionUsage) -> Option<String> {
    let usage = RegionUsage { shared: nobody_else(&[image]).shared, ..usage };
    let found = UsageByRegion::from([(image.region.clone(), Ok(usage))]);
    UsageIndex::of(&found)
        .keep_reason(RetentionPolicy::of(&recipe("web"), None), image, day(40))
        .map(|keep| keep.reason.to_string())
}

fn an_image() -> Image {
    image("web", 1).released().build()
}

#[test]
fn each_kind_of_user_keeps_an_image_and_is_named_by_its_arn() {
    let configuration =
        "arn:aws:autoscaling:us-east-1:123456789012:launchConfiguration:x:launchConfigurationName/old";
    for (by, text) in [
        (
            Referrer::Instance("i-0fee".parse().unwrap()),
            "instance arn:aws:ec2:us-east-1:123456789012:instance/i-0fee",
        ),
        (
            Referrer::TemplateVersion("lt-0a".into(), 3),
            "version 3 of launch template arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0a",
        ),
        (
            Referrer::Other("launch configuration", configuration.into()),
            &format!("launch configuration {configuration}"),
        ),
        (
            Referrer::SpotFleet("sfr-1".into()),
            "Spot Fleet arn:aws:ec2:us-east-1:123456789012:spot-fleet-request/sfr-1",
        ),
        (Referrer::Fleet("fleet-1".into()), "EC2 Fleet arn:aws:ec2:us-east-1:123456789012:fleet/fleet-1"),
        (
            Referrer::Parameter("/golden/web".into()),
            "parameter arn:aws:ssm:us-east-1:123456789012:parameter/golden/web",
        ),
    ] {
        let image = an_image();
        let usage = RegionUsage { uses: vec![names(&image, by)], ..RegionUsage::default() };
        assert_eq!(keep_reason(&image, usage), Some(format!("it is used by {text}")));
    }
}

#[test]
fn the_first_five_users_are_named_and_the_others_counted() {
    let image = an_image();
    let fleet = |n: i32| names(&image, Referrer::Fleet(format!("fleet-{n}")));
    let usage = RegionUsage { uses: (1..=7).map(fleet).collect(), ..RegionUsage::default() };
    let text = keep_reason(&image, usage).unwrap();
    assert!(text.contains("fleet/fleet-5 and 2 more") && !text.contains("fleet-6"), "{text}");
}

#[test]
fn a_use_of_another_image_does_not_keep_an_image() {
    let other = image("web", 2).build();
    let usage = RegionUsage {
        uses: vec![names(&other, Referrer::Fleet("fleet-1".into()))],
        ..RegionUsage::default()
    };
    assert_eq!(keep_reason(&an_image(), usage), None);
}

#[test]
fn an_image_is_kept_while_an_image_baked_from_it_exists() {
    let (base, layer) = (an_image(), image("app", 2).build());
    let usage = RegionUsage { baked: [(base.id.clone(), layer.id.clone())].into(), ..RegionUsage::default() };
    assert_eq!(
        keep_reason(&base, usage),
        Some(format!("{} was baked from it, and can still be launched", layer.id))
    );
}

#[test]
fn an_image_that_another_service_manages_is_kept() {
    for (key, service) in [
        ("aws:backup:source-resource", "AWS Backup"),
        ("aws:dlm:lifecycle-policy-id", "Data Lifecycle Manager"),
        ("Ec2ImageBuilderArn", "EC2 Image Builder"),
    ] {
        let image = image("web", 1).released().tagged(key, "x").build();
        assert_eq!(
            keep_reason(&image, RegionUsage::default()),
            Some(format!("managed by {service}; Kiln does not remove it"))
        );
    }
}

#[test]
fn an_adopted_image_that_image_builder_made_is_not_kept_for_that() {
    let adopted = image("web", 1).released().tagged("Ec2ImageBuilderArn", "x");
    let adopted = adopted.tagged(tags::ADOPTED, "us-east-1/ami-0a").build();
    assert_eq!(keep_reason(&adopted, RegionUsage::default()), None);
}

#[test]
fn an_image_whose_snapshot_is_locked_is_kept() {
    let image = an_image();
    let needed = BTreeMap::from([(image.snapshots[0].clone(), "it is locked (governance)".to_owned())]);
    let usage = RegionUsage { needed, ..RegionUsage::default() };
    assert_eq!(keep_reason(&image, usage).as_deref(), Some("it is locked (governance)"));
}

#[test]
fn a_recently_launched_image_is_kept_if_the_recipe_sets_idle() {
    let mut rules = recipe("web");
    let mut image = an_image();
    let found = UsageByRegion::from([(region("us-east-1"), Ok(nobody_else(&[&image])))]);
    let why = |rules: &Recipe, image: &Image| {
        UsageIndex::of(&found).keep_reason(RetentionPolicy::of(rules, None), image, day(40))
    };
    image.last_launched = Some(day(35));
    assert_eq!(why(&rules, &image), None);
    rules.expire.idle = TimeDelta::days(5);
    assert_eq!(why(&rules, &image), None);
    rules.expire.idle = TimeDelta::days(6);
    assert_eq!(
        why(&rules, &image).unwrap().reason.to_string(),
        "it was launched at 2026-02-05T02:00:00+00:00, and the recipe keeps images launched within 6d"
    );
    image.last_launched = None;
    assert_eq!(why(&rules, &image), None);
    image.created = Some(day(0) - TimeDelta::days(3_650));
    assert_eq!(why(&rules, &image), Some(Keep::unknown(UseReason::LaunchUnknown)));
}
