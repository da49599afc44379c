//! Who may use an image, and the findings of Amazon Inspector.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::SnapshotId;

/// Who may launch an image, or create volumes from a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// An account, by its id.
    Account(String),
    /// All accounts of an organization, by its ARN.
    Organization(String),
    /// All accounts of an organizational unit, by its ARN.
    Unit(String),
    /// Everyone: the image is public.
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

/// A change of the permissions of an image or snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionChange {
    /// Who gets the permission.
    pub add: BTreeSet<Grantee>,
    /// Who loses the permission.
    pub remove: BTreeSet<Grantee>,
}

impl PermissionChange {
    /// The change from the current to the desired permissions; `None` if they are the same.
    pub fn between(current: &BTreeSet<Grantee>, desired: &BTreeSet<Grantee>) -> Option<Self> {
        let change = Self {
            add: desired.difference(current).cloned().collect(),
            remove: current.difference(desired).cloned().collect(),
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

/// The current permissions of one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Who may launch it.
    pub launch: BTreeSet<Grantee>,
    /// Who may create volumes from each of its snapshots.
    pub volumes: BTreeMap<SnapshotId, BTreeSet<Grantee>>,
}

/// The severity of a finding of Amazon Inspector.
/// (<https://docs.aws.amazon.com/inspector/latest/user/findings-understanding-severity.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A CVSS score of 0.
    Informational,
    /// A CVSS score of up to 3.9.
    Low,
    /// A CVSS score of up to 6.9.
    Medium,
    /// A CVSS score of up to 8.9.
    High,
    /// A CVSS score of up to 10.
    Critical,
    /// A severity that Kiln does not know. It counts as the highest.
    Unknown,
}

impl Severity {
    /// The severities that a recipe may name, for error messages.
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

/// A finding of Amazon Inspector in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The severity of the finding.
    pub severity: Severity,
    /// The title of the finding.
    pub title: String,
    /// Whether there is a fix for it.
    pub fixable: bool,
}
