//! What happened to a recipe.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Something that happened to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub event: Event,
    /// The version that it happened to; for a rollback, the one that is named since.
    pub version: String,
    /// For a rollback, the version that was named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who did it; absent if Kiln did, or it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Why; absent if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The Regions in which it happened; empty if it is about none in particular.
    pub regions: Vec<String>,
}

/// What can happen to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It became a release.
    Released,
    /// It came to a channel: the reason tells which.
    Promoted,
    /// The Regions were made to name it again.
    RolledBack,
    /// Somebody declared that it must not be used any more.
    Recalled,
    /// That recall was taken back.
    Reinstated,
    /// It failed its test or its scan.
    Rejected,
    /// It has nothing that the newest release has not, so it is no release.
    Unchanged,
    /// Its bake did not begin, because something was in the way.
    Refused,
    /// Its bake failed.
    Failed,
    /// It was found unused, and deprecated.
    Deprecated,
    /// It was disabled.
    Disabled,
    /// It was brought back.
    Restored,
    /// It was deregistered.
    Deregistered,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Its words for a page.
    pub fn words(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Promoted => "came to channel",
            Self::RolledBack => "rolled back to",
            Self::Recalled => "recalled",
            Self::Reinstated => "reinstated",
            Self::Rejected => "rejected",
            Self::Unchanged => "found unchanged",
            Self::Refused => "bake refused",
            Self::Failed => "bake failed",
            Self::Deprecated => "deprecated",
            Self::Disabled => "disabled",
            Self::Restored => "restored",
            Self::Deregistered => "deregistered",
            Self::Unknown => "something else",
        }
    }
}
