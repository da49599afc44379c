//! `[publish]`: from the document to the recipe.

use chrono::TimeDelta;

use crate::inventory::Severity;
use crate::recipe::parse::{account_id, checked, minutes, optional, parameter_name};
use crate::recipe::table_reader::{Mistakes, Section, quoted};
use crate::recipe::{LaunchTemplate, Publish, Share};

pub(crate) fn publish(root: &mut Section<'_>, mistakes: &mut Mistakes) -> Publish {
    const PARAMETER: &str = "a parameter name such as \"/golden/web/latest\"";
    let mut section = root.section("publish", mistakes);
    let own = |text: &str| parameter_name(text) && !text.starts_with("/aws") && !text.starts_with("/ssm");
    let parameter = optional(&mut section, "parameter", PARAMETER, own, mistakes);
    let deprecate_after = section.take("deprecate_after").is_some().then(|| {
        section.span(
            "deprecate_after",
            TimeDelta::days(90),
            (TimeDelta::days(1), TimeDelta::days(3_650)),
            mistakes,
        )
    });
    let protect = section.flag("protect", mistakes);
    let block_on_findings = block_on_findings(&mut section, mistakes);
    let findings_timeout =
        section.span("findings_timeout", TimeDelta::days(1), (minutes(15), TimeDelta::days(30)), mistakes);
    let launch_template = launch_template(&mut section, mistakes);
    let share = share(&mut section, mistakes);
    section.end(mistakes);
    Publish {
        parameter,
        share,
        deprecate_after,
        protect,
        block_on_findings,
        findings_timeout,
        launch_template,
    }
}

fn block_on_findings(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<Severity> {
    let barred = |text: &str| {
        matches!(Severity::from(text), Severity::Low | Severity::Medium | Severity::High | Severity::Critical)
    };
    let word = optional(section, "block_on_findings", Severity::ALLOWED, barred, mistakes)?;
    Some(Severity::from(word.as_str()))
}

fn launch_template(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Option<LaunchTemplate> {
    const NAME: &str = "the name of a launch template: 3 to 128 of letters, digits, ( ) . - / _";
    let is_name = |text: &str| {
        (3..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"()./_-".contains(&byte))
    };
    section.take("launch_template")?;
    let mut template = section.section("launch_template", mistakes);
    let name = checked(&mut template, "name", NAME, is_name, mistakes);
    let default = template.flag("default", mistakes);
    template.end(mistakes);
    Some(LaunchTemplate { name: name?, default })
}

fn share(section: &mut Section<'_>, mistakes: &mut Mistakes) -> Share {
    let mut share = section.section("share", mistakes);
    let accounts: Vec<String> = share.list("accounts", "a 12-digit account id", mistakes);
    let organizations: Vec<String> = share.list("organizations", "the ARN of an organization", mistakes);
    let units: Vec<String> =
        share.list("organizational_units", "the ARN of an organizational unit", mistakes);
    let mut each = |key: &str, items: &[String], valid: fn(&str) -> bool, allowed: &str| {
        for (at, item) in items.iter().enumerate().filter(|(_, item)| !valid(item)) {
            mistakes.add(format!("publish.share.{key}[{at}]"), quoted(item), allowed);
        }
    };
    each("accounts", &accounts, account_id, "a 12-digit account id");
    each(
        "organizations",
        &organizations,
        |arn| organizations_arn(arn, "organization/"),
        "the ARN of an organization",
    );
    each(
        "organizational_units",
        &units,
        |arn| organizations_arn(arn, "ou/"),
        "the ARN of an organizational unit",
    );
    let public = share.flag("public", mistakes);
    let snapshots = share.flag("snapshots", mistakes);
    if snapshots && accounts.is_empty() {
        let allowed = "only with share.accounts: EC2 shares snapshots with accounts, not with organizations";
        mistakes.add("publish.share.snapshots", "true", allowed);
    }
    share.end(mistakes);
    Share { accounts, organizations, organizational_units: units, public, snapshots }
}

fn organizations_arn(text: &str, kind: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let whole = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("organizations")
        && parts.next() == Some("")
        && parts.next().is_some_and(account_id);
    whole && parts.next().is_some_and(|resource| resource.starts_with(kind) && resource.len() > kind.len())
}
