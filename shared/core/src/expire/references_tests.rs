use super::*;
use crate::fixtures::*;

const TEMPLATE: &str = "lt-0a";

fn releases() -> Vec<Image> {
    (1..=3).map(|n| image("web", n).released().build()).collect()
}

/// The version that Kiln wrote for a release.
fn version(image: &Image, number: i64) -> TemplateVersion {
    TemplateVersion {
        template: TEMPLATE.into(),
        name: "web-fleet".into(),
        number,
        names: Some(Target::Image(image.id.clone())),
        description: image.name.clone(),
        default: false,
    }
}

fn by_number(image: &Image, number: i64) -> Reference {
    Reference {
        names: Target::Image(image.id.clone()),
        by: Referrer::TemplateVersion(TEMPLATE.into(), number),
    }
}

/// As EC2 lists it: without the version.
fn by_template(image: &Image, template: &str) -> Reference {
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:launch-template/{template}");
    Reference { names: Target::Image(image.id.clone()), by: Referrer::Other("launch template", arn) }
}

/// The days of the releases that are still named when each release has its own version, and Kiln's are these.
fn still_named(own: &[TemplateVersion], pinned: &[(&str, i64)]) -> Vec<usize> {
    let images = releases();
    let pinned = pinned
        .iter()
        .map(|(template, number)| PinnedVersion { template: (*template).into(), number: *number })
        .collect();
    let named = |references: Vec<Reference>| {
        let left = without_own_history(references, own, &pinned, &images.iter().collect::<Vec<_>>());
        let named = |image: &Image| left.iter().any(|one| one.names == Target::Image(image.id.clone()));
        (1..=3).filter(|n| named(&images[n - 1])).collect::<Vec<usize>>()
    };
    let listed = named(images.iter().map(|image| by_template(image, TEMPLATE)).collect());
    let one_by_one = named(images.iter().zip(1..).map(|(image, number)| by_number(image, number)).collect());
    assert_eq!(listed, one_by_one, "EC2's list and the versions one by one tell the same");
    listed
}

fn kilns() -> Vec<TemplateVersion> {
    releases().iter().zip(1..).map(|(image, number)| version(image, number)).collect()
}

#[test]
fn an_old_version_that_kiln_wrote_into_its_own_template_is_no_use() {
    assert_eq!(still_named(&kilns(), &[]), [3]);
}

#[test]
fn the_default_version_of_kilns_template_is_a_use() {
    let mut own = kilns();
    own[0].default = true;
    assert_eq!(still_named(&own, &[]), [1, 3]);
}

#[test]
fn a_version_of_kilns_template_that_something_launches_from_by_its_number_is_a_use() {
    assert_eq!(still_named(&kilns(), &[(TEMPLATE, 2)]), [2, 3]);
    assert_eq!(still_named(&kilns(), &[("web-fleet", 1)]), [1, 3]);
    assert_eq!(still_named(&kilns(), &[("another", 1)]), [3]);
}

#[test]
fn a_version_that_a_person_wrote_into_kilns_template_is_a_use() {
    let mut own = kilns();
    own[1].description = "pinned for the audit".into();
    assert_eq!(still_named(&own, &[]), [2, 3]);
}

#[test]
fn an_image_that_another_version_of_kilns_template_names_is_used() {
    let images = releases();
    // A rollback: the latest version names the first release again.
    let own = [kilns(), vec![version(&images[0], 4)]].concat();
    let references = vec![by_template(&images[0], TEMPLATE)];
    let left = without_own_history(references.clone(), &own, &BTreeSet::new(), &[&images[0]]);
    assert_eq!(left, references);
}

#[test]
fn every_version_of_somebody_elses_template_is_a_use() {
    let images = releases();
    let references = vec![by_template(&images[0], "lt-0b")];
    let left = without_own_history(references.clone(), &kilns(), &BTreeSet::new(), &[&images[0]]);
    assert_eq!(left, references);
}

fn named_by(alias: &str) -> Reference {
    Reference {
        names: Target::Unresolved(format!("resolve:ssm:{alias}")),
        by: Referrer::TemplateVersion("lt-0b".into(), 1),
    }
}

#[test]
fn a_parameter_in_place_of_an_image_is_resolved_or_names_none_or_stays_unknown() {
    let names = |held: Option<Option<&str>>| {
        let values = held.map(|held| ("/golden/web:3".to_owned(), held.map(str::to_owned)));
        resolved(vec![named_by("/golden/web:3")], &values.into_iter().collect()).remove(0).names
    };
    assert_eq!(names(Some(Some("ami-0a"))), Target::Image("ami-0a".parse().unwrap()));
    assert_eq!(names(Some(None)), Target::Dangling("/golden/web:3".into()));
    assert_eq!(names(Some(Some("not an image"))), Target::Dangling("/golden/web:3".into()));
    assert_eq!(names(None), Target::Unresolved("resolve:ssm:/golden/web:3".into()));
    let other = Reference { names: Target::Unresolved("{{ami}}".into()), ..named_by("/x") };
    assert_eq!(aliases(&[named_by("/x"), other]), BTreeSet::from(["/x".to_owned()]));
}

#[test]
fn a_parameter_that_is_missing_might_name_only_the_images_that_its_path_or_owner_tells() {
    let mut web = recipe("web");
    web.publish.parameter = Some("/golden/web".into());
    let image = image("web", 1).released().build();
    let might = |parameter: &str| might_name(parameter, Some(&web), &image);
    assert!(might("/golden/web") && might("/golden/web:3") && might("/old/web/latest"));
    assert!(might("arn:aws:ssm:us-east-1:123456789012:parameter/golden/web"));
    assert!(!might("/team-x/gone") && !might("/golden/webserver"));
    // Another account launches only what is shared with it.
    let theirs = "arn:aws:ssm:us-east-1:111122223333:parameter/golden/web";
    assert!(!might(theirs));
    let mut shares = web.clone();
    shares.publish.share.accounts.push("111122223333".into());
    assert!(might_name(theirs, Some(&shares), &image));
}
