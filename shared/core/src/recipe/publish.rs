//! Parses the table `[publish]` of a recipe.

use chrono::TimeDelta;

use crate::inventory::Severity;
use crate::recipe::table_reader::{TableReader, quoted};
use crate::recipe::types::{LaunchTemplate, Publish, Share};
use crate::recipe::validate::{account_id, checked, minutes, optional, parameter_name};
use crate::recipe::violation::Violations;

pub(super) const PARAMETER: &str = "a parameter name such as \"/golden/web/latest\"";

/// Whether a parameter of this name can be written: AWS keeps two prefixes for itself.
pub(super) fn is_parameter(text: &str) -> bool {
    parameter_name(text) && !text.starts_with("/aws") && !text.starts_with("/ssm")
}

pub(crate) fn publish(root: &mut TableReader<'_>, violations: &mut Violations) -> Publish {
    let mut table = root.table("publish", violations);
    let parameter = optional(&mut table, "parameter", PARAMETER, is_parameter, violations);
    let parameter_accounts: Vec<String> = table.list("parameter_accounts", SHARED_WITH, violations);
    let watermark = optional(&mut table, "watermark", WATERMARK, is_watermark, violations);
    let deprecate_after = table.take("deprecate_after").is_some().then(|| {
        table.span(
            "deprecate_after",
            TimeDelta::days(90),
            (TimeDelta::days(1), TimeDelta::days(3_650)),
            violations,
        )
    });
    let protect = table.flag("protect", violations);
    let skip_unchanged = table.flag("skip_unchanged", violations);
    let block_on_findings = block_on_findings(&mut table, violations);
    let findings_timeout =
        table.span("findings_timeout", TimeDelta::days(1), (minutes(15), TimeDelta::days(30)), violations);
    let launch_template = launch_template(&mut table, violations);
    let share = share(&mut table, violations);
    table.end(violations);
    check_accounts(&parameter_accounts, parameter.is_some(), &share, violations);
    if let Some(name) = watermark.as_ref().filter(|_| share.public) {
        let allowed = "no value beside publish.share.public: EC2 puts no watermark on a public image";
        violations.add("publish.watermark", quoted(name), allowed);
    }
    Publish {
        parameter,
        parameter_accounts,
        share,
        watermark,
        deprecate_after,
        protect,
        block_on_findings,
        findings_timeout,
        launch_template,
        skip_unchanged,
    }
}

const SHARED_WITH: &str = "an account that publish.share.accounts names";

/// An account that may not launch an image could not name it: EC2 checks that before SSM shows the value.
fn check_accounts(accounts: &[String], is_named: bool, share: &Share, violations: &mut Violations) {
    if !accounts.is_empty() && !is_named {
        let allowed = "nothing, or accounts beside publish.parameter: that is what is written there";
        violations.add("publish.parameter_accounts", format!("a list of {}", accounts.len()), allowed);
    }
    for (at, account) in accounts.iter().enumerate().filter(|(_, one)| !share.accounts.contains(one)) {
        violations.add(format!("publish.parameter_accounts[{at}]"), quoted(account), SHARED_WITH);
    }
}

const WATERMARK: &str = "the name of a watermark: 3 to 64 letters, digits, . - _ / @";

/// EC2 takes a few characters more, which the tag that tells of it does not.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachImageWatermark.html>)
fn is_watermark(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/@".contains(&byte);
    (3..=64).contains(&text.len()) && text.bytes().all(usual)
}

fn block_on_findings(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<Severity> {
    let is_severity = |text: &str| {
        matches!(Severity::from(text), Severity::Low | Severity::Medium | Severity::High | Severity::Critical)
    };
    let word = optional(table, "block_on_findings", Severity::ALLOWED, is_severity, violations)?;
    Some(Severity::from(word.as_str()))
}

fn launch_template(table: &mut TableReader<'_>, violations: &mut Violations) -> Option<LaunchTemplate> {
    const NAME: &str = "the name of a launch template: 3 to 128 letters, digits, ( ) . - / _";
    let is_name = |text: &str| {
        (3..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"()./_-".contains(&byte))
    };
    table.take("launch_template")?;
    let mut template = table.table("launch_template", violations);
    let name = checked(&mut template, "name", NAME, is_name, violations);
    let default = template.flag("default", violations);
    template.end(violations);
    Some(LaunchTemplate { name: name?, default })
}

/// Reads `share`: who may launch images.
pub(super) fn share(table: &mut TableReader<'_>, violations: &mut Violations) -> Share {
    let mut share = table.table("share", violations);
    let path = table.path_of("share");
    let accounts: Vec<String> = share.list("accounts", "a 12-digit account id", violations);
    let organizations: Vec<String> = share.list("organizations", "the ARN of an organization", violations);
    let units: Vec<String> =
        share.list("organizational_units", "the ARN of an organizational unit", violations);
    let mut check = |key: &str, items: &[String], valid: fn(&str) -> bool, allowed: &str| {
        for (at, item) in items.iter().enumerate().filter(|(_, item)| !valid(item)) {
            violations.add(format!("{path}.{key}[{at}]"), quoted(item), allowed);
        }
    };
    check("accounts", &accounts, account_id, "a 12-digit account id");
    check(
        "organizations",
        &organizations,
        |arn| organizations_arn(arn, "organization/"),
        "the ARN of an organization",
    );
    check(
        "organizational_units",
        &units,
        |arn| organizations_arn(arn, "ou/"),
        "the ARN of an organizational unit",
    );
    let public = share.flag("public", violations);
    let snapshots = share.flag("snapshots", violations);
    if snapshots && accounts.is_empty() {
        let allowed = "false, or accounts in share.accounts: EC2 shares snapshots with accounts only";
        violations.add(format!("{path}.snapshots"), "true", allowed);
    }
    share.end(violations);
    Share { accounts, organizations, organizational_units: units, public, snapshots }
}

fn organizations_arn(text: &str, kind: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let is_prefix_valid = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("organizations")
        && parts.next() == Some("")
        && parts.next().is_some_and(account_id);
    is_prefix_valid
        && parts.next().is_some_and(|resource| resource.starts_with(kind) && resource.len() > kind.len())
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
