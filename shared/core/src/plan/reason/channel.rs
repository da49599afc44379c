//! Why a release comes to a channel, or does not.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::model::Version;
use crate::plan::text::{join, suffix};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a release comes to a channel, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChannelReason {
    #[error("{version} comes to channel {channel}: it has waited since {}", .since.to_rfc3339())]
    Comes { channel: String, version: Version, since: DateTime<Utc> },
    #[error("somebody approved {version} for channel {channel}")]
    Approved { channel: String, version: Version },
    #[error("channel {channel} was rolled back to {version}")]
    RolledBack { channel: String, version: Version },
    #[error(
        "there is no {} in channel {channel} to roll back to{}",
        .to.map_or("earlier release".to_owned(), |to| format!("release {to}")),
        suffix(.why)
    )]
    NoRollbackTarget { channel: String, to: Option<Version>, why: Vec<String> },
    #[error("{version} came to the channels of its recipe before this replica was there")]
    CameLater { version: Version },
    #[error("it has come to channel {0}, and what names it there has moved")]
    Told(String),
    #[error(
        "what the home Region names lets the channel go on; if not all Regions name it yet, a sweep does"
    )]
    HomeGoesOn,
    #[error("the recipe has no channel {channel}; it has {}", if .known.is_empty() { "none".to_owned() } else { join(.known) })]
    NoSuchChannel { channel: String, known: Vec<String> },
    #[error("no release waits for channel {0}")]
    NothingWaits(String),
    #[error("{version} came to channel {channel} at {}", .since.to_rfc3339())]
    IsThere { channel: String, version: Version, since: DateTime<Utc> },
    #[error(
        "{version} cannot come to channel {channel}: it is no release that can be launched, was rolled back from or recalled, has not come to the channel before, or a newer one came to this channel first"
    )]
    NotWaiting { channel: String, version: Version },
}
