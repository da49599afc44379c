//! Who uses the images of a release, for people: each with its ARN and Region.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::outbound::UsedBy;
use crate::inventory::usage::{Referrer, ReportState, Target};
use crate::inventory::{Grantee, Image, LaunchSources, Reference, UsageReport};

/// What was read about the use of images in one Region.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// The references to them.
    pub references: Vec<Reference>,
    /// What launches instances without a person.
    pub launchers: LaunchSources,
    /// The usage reports that there are.
    pub reports: Vec<UsageReport>,
    /// Who may launch each of them.
    pub shared: BTreeMap<crate::model::ImageId, BTreeSet<Grantee>>,
}

/// Who uses these images of one Region, each once, in a fixed order. A group counts that launches from a template which
/// names one of them. Another account counts by EC2's report; without one, as long as it may launch the image.
pub fn of(images: &[&Image], usage: &Usage) -> Vec<UsedBy> {
    let mut found = BTreeSet::new();
    for image in images {
        let is_of = |target: &Target| *target == Target::Image(image.id.clone());
        let named_by = |by: &Referrer| UsedBy {
            kind: by.to_string(),
            arn: by.arn(&image.region, &image.owner),
            region: image.region.clone(),
            image: image.id.clone(),
        };
        let all = usage.references.iter().chain(&usage.launchers.uses);
        let referrers: Vec<&Referrer> = all.filter(|one| is_of(&one.names)).map(|one| &one.by).collect();
        found.extend(referrers.iter().map(|by| named_by(by)));
        // EC2's own list of references tells a template by its ARN.
        let template = |by: &&Referrer| {
            let arn = by.arn(&image.region, &image.owner);
            arn.rsplit_once(":launch-template/").map(|(_, id)| id.to_owned())
        };
        let templates: BTreeSet<String> = referrers.iter().filter_map(template).collect();
        let groups = usage.launchers.by_template.iter();
        let groups = groups.filter(|(template, _)| templates.contains(template));
        found.extend(groups.map(|(_, by)| named_by(by)));
        found.extend(accounts(image, usage));
    }
    found.into_iter().collect()
}

fn accounts(image: &Image, usage: &Usage) -> Vec<UsedBy> {
    let account = |account: &str, kind: String| UsedBy {
        kind,
        arn: format!("arn:{}:iam::{account}:root", image.region.partition()),
        region: image.region.clone(),
        image: image.id.clone(),
    };
    let own = usage.reports.iter().filter(|report| report.image == image.id);
    let newest =
        own.filter(|report| matches!(report.says, ReportState::Ready(_))).max_by_key(|one| one.asked);
    if let Some(UsageReport { says: ReportState::Ready(counts), .. }) = newest {
        let others = counts.iter().filter(|(id, count)| **id != image.owner && **count > 0);
        return others.map(|(id, count)| account(id, format!("account, with {count} resources"))).collect();
    }
    let may = usage.shared.get(&image.id).into_iter().flatten();
    may.filter_map(|grantee| match grantee {
        Grantee::Account(id) => Some(account(id, "account that may launch it".into())),
        Grantee::Organization(arn) | Grantee::Unit(arn) => {
            Some(UsedBy { arn: arn.clone(), ..account("", "accounts that may launch it".into()) })
        }
        Grantee::Everyone => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn reference(image: &Image, by: Referrer) -> Reference {
        Reference { names: Target::Image(image.id.clone()), by }
    }

    fn told(image: &Image, usage: &Usage) -> Vec<String> {
        of(&[image], usage).into_iter().map(|one| format!("{} {}", one.kind, one.arn)).collect()
    }

    #[test]
    fn instances_templates_groups_and_accounts_are_told_with_their_arns() {
        let image = image("web", 9).released().build();
        let group = Referrer::Other("Auto Scaling group", "arn:aws:autoscaling:us-east-1:1:group/web".into());
        let usage = Usage {
            references: vec![
                reference(&image, Referrer::Instance("i-0a".parse().unwrap())),
                reference(&image, Referrer::TemplateVersion("lt-0a".into(), 3)),
                reference(&image, Referrer::TemplateVersion("lt-0a".into(), 3)),
                reference(&foreign_image("ami-0f"), Referrer::Instance("i-0b".parse().unwrap())),
            ],
            launchers: LaunchSources {
                by_template: vec![("lt-0a".into(), group.clone()), ("lt-0b".into(), group)],
                ..LaunchSources::default()
            },
            reports: vec![],
            shared: BTreeMap::from([(
                image.id.clone(),
                BTreeSet::from([Grantee::Account("111111111111".into())]),
            )]),
        };
        assert_eq!(
            told(&image, &usage),
            [
                "Auto Scaling group arn:aws:autoscaling:us-east-1:1:group/web",
                "account that may launch it arn:aws:iam::111111111111:root",
                "instance arn:aws:ec2:us-east-1:123456789012:instance/i-0a",
                "version 3 of launch template arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0a",
            ]
        );
    }

    #[test]
    fn a_report_tells_which_other_accounts_use_it_and_which_only_might() {
        let image = image("web", 9).released().build();
        let counts = [("111111111111", 2), ("222222222222", 0), (image.owner.as_str(), 7)];
        let counts = counts.map(|(id, count)| (id.to_owned(), count)).into();
        let report = UsageReport {
            image: image.id.clone(),
            asked: day(9),
            whole: true,
            says: ReportState::Ready(counts),
        };
        let usage = Usage { reports: vec![report], ..Usage::default() };
        assert_eq!(told(&image, &usage), ["account, with 2 resources arn:aws:iam::111111111111:root"]);
    }
}
