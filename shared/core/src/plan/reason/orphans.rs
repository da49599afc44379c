//! Why a snapshot without an image is deleted, or kept.

use thiserror::Error;

use crate::model::SnapshotId;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a snapshot without an image is deleted, or kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrphanReason {
    #[error("its image is gone, and no other image uses it")]
    ImageGone,
    #[error("an image uses {0}")]
    SnapshotUsed(SnapshotId),
}
