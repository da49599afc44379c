//! Who may use an image, and what Amazon Inspector found in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::SnapshotId;

/// One that may launch an image, or make volumes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// An account, by its id.
    Account(String),
    /// All accounts of an organization, by its ARN.
    Organization(String),
    /// All accounts of an organizational unit, by its ARN.
    Unit(String),
    /// Everyone.
    Everyone,
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => f.write_str(id),
            Self::Organization(arn) | Self::Unit(arn) => f.write_str(arn),
            Self::Everyone => f.write_str("everyone"),
        }
    }
}

/// What is added to, and taken from, those that may use something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionChange {
    /// Those that may use it from now on.
    pub add: BTreeSet<Grantee>,
    /// Those that may no more.
    pub remove: BTreeSet<Grantee>,
}

impl PermissionChange {
    /// What leads from those that may to those that shall; `None` where they are the same.
    pub fn between(may: &BTreeSet<Grantee>, shall: &BTreeSet<Grantee>) -> Option<Self> {
        let change = Self {
            add: shall.difference(may).cloned().collect(),
            remove: may.difference(shall).cloned().collect(),
        };
        (change != Self::default()).then_some(change)
    }
}

impl fmt::Display for PermissionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |sign: &'static str, of: &BTreeSet<Grantee>| {
            of.iter().map(|one| format!("{sign}{one}")).collect::<Vec<_>>()
        };
        f.write_str(&[list("+", &self.add), list("-", &self.remove)].concat().join(" "))
    }
}

/// Who may use one image at present.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Who may launch it.
    pub launch: BTreeSet<Grantee>,
    /// Who may make volumes of each of its snapshots.
    pub volumes: BTreeMap<SnapshotId, BTreeSet<Grantee>>,
}

/// How bad something is that Amazon Inspector found.
/// (<https://docs.aws.amazon.com/inspector/latest/user/findings-understanding-severity.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A CVSS score of 0.
    Informational,
    /// Up to 3.9.
    Low,
    /// Up to 6.9.
    Medium,
    /// Up to 8.9.
    High,
    /// Up to 10.
    Critical,
    /// A word that Kiln does not know: worse than all.
    Unknown,
}

impl Severity {
    /// The words of those that a recipe may name, from the least.
    pub const ALLOWED: &str = "\"low\", \"medium\", \"high\" or \"critical\"";
}

impl From<&str> for Severity {
    fn from(word: &str) -> Self {
        match word {
            "informational" => Self::Informational,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "critical" => Self::Critical,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        })
    }
}

/// Something that Amazon Inspector found in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub title: String,
    /// Whether there is a fix for it.
    pub fixable: bool,
}
