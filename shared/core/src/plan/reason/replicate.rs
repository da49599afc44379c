//! Why an image is copied to a Region, or is not.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::inventory::ImageState;
use crate::model::{ImageId, Stage, Version};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image is copied to a Region, or is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplicateReason {
    #[error("the replica must pass its test before it counts as ready")]
    ReplicaUntested,
    #[error("the replica {0} was rejected")]
    ReplicaRejected(ImageId),
    #[error("its stage is {0}; only a published image is copied")]
    SourceStage(Stage),
    #[error("somebody took the home image away, and {0} is left to copy it back from")]
    HomeImageGone(String),
    #[error("the home image {0} no longer exists")]
    OriginGone(String),
    #[error("the recipe names this Region, and it has no replica yet")]
    ReplicaMissing,
    #[error("attempt {attempt} to copy it failed: {why}")]
    CopyFailed { attempt: u32, why: String },
    #[error("attempt {attempt} to copy it failed: {why}; the next one begins at {}", .next.to_rfc3339())]
    NextAttempt { attempt: u32, why: String, next: DateTime<Utc> },
    #[error(
        "{attempts} attempts to copy it failed within a day, the last one with: {why}; remove the cause, then ask for another copy: {{\"copy\": \"{image}\"}}"
    )]
    GaveUp { attempts: u32, why: String, image: ImageId },
    #[error("the replica {0} is {1}, and is left as it is")]
    ReplicaNot(ImageId, ImageState),
    #[error("the copy is under way")]
    ReplicaPending,
    #[error("the replica is available")]
    ReplicaAvailable,
    #[error("{0} is the newest release; older ones are not copied any more")]
    NotNewest(Version),
    #[error("somebody took its replica away, and the recipe asks for a rollback then")]
    RolledBackFrom,
    #[error("somebody asked to copy it anew")]
    AskedAgain,
    #[error("this attempt to copy it failed, and a later one is finished")]
    FailedTry,
}
