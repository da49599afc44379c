//! Checks of single values that several tables share.

use chrono::TimeDelta;
use toml::Value;

use super::table_reader::{TableReader, show};
use super::violation::Violations;
use crate::model::Region;

/// A required string that must be valid; otherwise a violation.
pub(crate) fn checked(
    table: &mut TableReader<'_>,
    key: &'static str,
    allowed: &str,
    valid: impl Fn(&str) -> bool,
    violations: &mut Violations,
) -> Option<String> {
    let path = table.path_of(key);
    match table.take(key) {
        Some(Value::String(text)) if valid(text) => return Some(text.clone()),
        Some(other) => violations.add(path, show(other), allowed),
        None => violations.missing(path, allowed),
    }
    None
}

/// An optional string that must be valid if it is present; otherwise a violation.
pub(crate) fn optional(
    table: &mut TableReader<'_>,
    key: &'static str,
    allowed: &str,
    valid: impl Fn(&str) -> bool,
    violations: &mut Violations,
) -> Option<String> {
    table.take(key)?;
    checked(table, key, allowed, valid, violations)
}

pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

pub(crate) fn account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn parameter_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (2..=1_011).contains(&text.len())
        && text.starts_with('/')
        && !text.ends_with('/')
        && text.bytes().all(allowed)
}

pub(crate) fn kms_key(text: &str) -> bool {
    let is_id_or_alias = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
    };
    match text.strip_prefix("arn:") {
        Some(rest) => rest.contains(":kms:") && (rest.contains(":key/") || rest.contains(":alias/")),
        None => is_id_or_alias(text),
    }
}

/// Whether a KMS key is given as an ARN of another Region.
pub(crate) fn elsewhere(kms_key: &str, region: &Region) -> bool {
    kms_key.starts_with("arn:") && kms_key.split(':').nth(3) != Some(region.as_str())
}
