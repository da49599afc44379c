//! What is in a version, and what changed since the release before.

use serde::{Deserialize, Serialize};

use super::link::Link;

/// What is installed in a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The operating system, as the image names itself; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// How many packages.
    pub packages: u32,
    /// The SHA-256 of the sorted list. Two versions with the same digest have the same packages.
    pub digest: String,
    /// Where the list of packages lies; absent if it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Link>,
    /// Where its bill of materials lies as CycloneDX; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cyclonedx: Option<Link>,
    /// Where its bill of materials lies as SPDX; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spdx: Option<Link>,
}

/// What differs from the release before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The version of that release.
    pub from: String,
    /// The packages that only the newer one has.
    pub added: Vec<Package>,
    /// The packages that only the older one has.
    pub removed: Vec<Package>,
    /// The packages that both have, in different versions.
    pub changed: Vec<Change>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// A package that changed its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// Its version before. Several, if several were installed at once, are joined by commas.
    pub from: String,
    /// Its version now.
    pub to: String,
    /// What installed it.
    pub manager: Manager,
}

/// An installed package. Packages sort by name, then by version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, as its manager writes it: with epoch and release.
    pub version: String,
    /// What installed it.
    pub manager: Manager,
}

/// What installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// RPM: Amazon Linux, Red Hat, SUSE.
    Rpm,
    /// dpkg: Debian, Ubuntu.
    Dpkg,
    /// apk: Alpine.
    Apk,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl Manager {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rpm => "rpm",
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Unknown => "unknown",
        }
    }
}
