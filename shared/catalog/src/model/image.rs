//! One image in one Region.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An image or a replica of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its Region.
    pub region: String,
    /// Its id.
    pub image: String,
    /// Its state in EC2.
    pub state: State,
    /// From when on EC2 shows it as deprecated; absent if it has no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<DateTime<Utc>>,
    /// When it was disabled; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When it was deregistered; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deregistered_at: Option<DateTime<Utc>>,
    /// Who beside its own account may launch it; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
}

/// The state of an image, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is being made.
    Pending,
    /// It can be launched.
    Available,
    /// It could not be made.
    Failed,
    /// Nobody can launch it, and it can be enabled again.
    Disabled,
    /// It is gone, and kept here for the record.
    Deregistered,
    /// Any other state.
    #[serde(other)]
    Unknown,
}

impl State {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
            Self::Deregistered => "deregistered",
            Self::Unknown => "unknown",
        }
    }
}

/// Who may launch an image, beside its own account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// How many accounts.
    pub accounts: u32,
    /// How many organizations.
    pub organizations: u32,
    /// How many organizational units.
    pub organizational_units: u32,
    /// Whether everyone may.
    pub everyone: bool,
}
