//! The answers to a request to bring an image back.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::model::{Region, Stage};
use crate::plan::text::join;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// The answer to a request to bring an image back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestoreReason {
    #[error("somebody asked to bring it back; it stays until its tag kiln:restored-at is removed")]
    AskedBack,
    #[error("there is nothing to bring back: its stage is {0}")]
    NotDisabled(Stage),
    #[error(
        "it is in no Region of the account, nor in a Recycle Bin there: it is deregistered and cannot be brought back; bake the recipe again, or roll back to a release that still exists"
    )]
    Gone,
    #[error("it is in no Region that could be read; it may be in {}, which could not be", join(.0))]
    NotFound(Vec<Region>),
    #[error(
        "it is deregistered, and in the Recycle Bin of {region} until {}: restore its snapshots there first, then the image (aws ec2 restore-image-from-recycle-bin), and ask again", .until.to_rfc3339()
    )]
    InRecycleBin { region: Region, until: DateTime<Utc> },
}
