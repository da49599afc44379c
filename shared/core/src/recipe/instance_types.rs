//! The instance types that a recipe names in one table: `instance_type`, and `instance_types` in order of preference.

use super::table_reader::{TableReader, quoted};
use super::validate::optional;
use super::violation::Violations;

pub(super) const INSTANCE_TYPE: &str = "an instance type such as \"t4g.small\"";

/// The instance types of one table.
#[derive(Debug, Default)]
pub(super) struct InstanceTypes {
    /// The preferred one; `None` if the table names none.
    pub preferred: Option<String>,
    /// Those of the list, in order of preference.
    pub listed: Vec<String>,
}

/// Reads `instance_type` and `instance_types`. The first of the list is the preferred one where none is named for that.
pub(super) fn instance_types(table: &mut TableReader<'_>, violations: &mut Violations) -> InstanceTypes {
    let is_named = table.has("instance_type");
    let listed = list(table, violations);
    let named = optional(table, "instance_type", INSTANCE_TYPE, is_instance_type, violations);
    let preferred = if is_named { named } else { listed.first().cloned() };
    InstanceTypes { preferred, listed }
}

/// Reads `instance_types` alone.
pub(super) fn list(table: &mut TableReader<'_>, violations: &mut Violations) -> Vec<String> {
    let listed: Vec<String> = table.list("instance_types", INSTANCE_TYPE, violations);
    for bad in listed.iter().filter(|name| !is_instance_type(name)) {
        violations.add(table.path_of("instance_types"), quoted(bad), INSTANCE_TYPE);
    }
    listed
}

/// The preferred type, then each other one of the list.
pub(super) fn in_order<'a>(preferred: Option<&'a String>, listed: &'a [String]) -> Vec<&'a str> {
    let others = listed.iter().filter(|other| Some(*other) != preferred);
    preferred.into_iter().chain(others).map(String::as_str).collect()
}

/// The field of a table that names a type.
pub(super) fn field_of(table: &str, name: &str, listed: &[String]) -> String {
    let is_listed = listed.iter().any(|one| one == name);
    format!("{table}.instance_type{}", if is_listed { "s" } else { "" })
}

fn is_instance_type(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 64 && text.split_once('.').is_some_and(|(family, size)| word(family) && word(size))
}
