//! Why an image is kept whatever its recipe says: it is in use or held, or its use is unknown.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use thiserror::Error;

use crate::inventory::CloudError;
use crate::model::duration::show;
use crate::model::{ImageId, RecipeName};
use crate::plan::text::{first_few, join};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image is kept whatever its recipe says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UseReason {
    #[error("it is used by {}", first_few(.0))]
    Used(Vec<String>),
    #[error("it was launched at {}, and the recipe keeps images launched within {}", .at.to_rfc3339(), show(*.idle))]
    LaunchedLately { at: DateTime<Utc>, idle: TimeDelta },
    #[error("last launch unknown: the image predates EC2's launch tracking (May 2017), so it is kept")]
    LaunchUnknown,
    #[error("it is used by {}, according to the usage report of {}", join(.by), .asked.to_rfc3339())]
    UsedByOtherAccounts { by: Vec<String>, asked: DateTime<Utc> },
    #[error("whether other accounts use it is unknown, so it is kept: {0}")]
    ReportMissing(ReportStatus),
    #[error("whether it is shared with other accounts is unknown, so it is kept")]
    SharingUnknown,
    #[error("{0} was baked from it, and can still be launched")]
    BakedInto(ImageId),
    #[error("a rollback to it is in force, and no newer release has come since")]
    Pinned,
    #[error("recipe {0} uses it as its base")]
    BaseOfRecipe(RecipeName),
    #[error("{by} references {what}, which could not be resolved; kept because it may be this image")]
    UnresolvedReference { by: String, what: String },
    #[error("whether it is used is unknown, so it is kept: {0}")]
    Unknown(CloudError),
    #[error("deregistration protection is {0}")]
    Protected(String),
    #[error("it is held: kiln:hold = '{0}'")]
    Held(String),
    #[error("managed by {0}; Kiln does not remove it")]
    ManagedBy(&'static str),
    #[error("{0}")]
    SnapshotNeeded(String),
    #[error("it was brought back at {0}; remove its tag kiln:restored-at when it may go")]
    Restored(String),
}

/// Why there is no usage report that answers the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportStatus {
    /// There is no recent report, so one is requested now.
    Requested,
    /// There is no report, and none is requested, because the image is kept anyway.
    NotRequested,
    /// The report that was requested at this time is not ready.
    Pending(DateTime<Utc>),
    /// EC2 could not create the last report; with EC2's reason.
    Failed(String),
}

impl fmt::Display for ReportStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("a usage report is requested now and read on a later night"),
            Self::NotRequested => f.write_str("no usage report is requested, since it is kept anyway"),
            Self::Pending(asked) => {
                let asked = asked.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the usage report requested at {asked} is not ready")
            }
            Self::Failed(why) => write!(f, "the usage report failed: {why}"),
        }
    }
}
