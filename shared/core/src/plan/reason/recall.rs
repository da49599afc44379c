//! Why a release is recalled, brought back, or neither.

use thiserror::Error;

use crate::model::Version;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a release is recalled, brought back, or neither.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecallReason {
    #[error("{version} is recalled: {why}")]
    Recalled { version: Version, why: String },
    #[error("the recall of {0} is taken back")]
    BroughtBack(Version),
    #[error("the recall of {0} is taken back, and it is disabled: `kiln restore ami-…` brings it back")]
    BroughtBackDisabled(Version),
    #[error("there is no image of version {0}; `kiln plan` lists those that there are")]
    NoSuchVersion(Version),
    #[error("no image of version {0} is recalled, so there is nothing to bring back")]
    NotRecalled(Version),
    #[error(
        "{0} is recalled, and there is no other release to name in its place: what names it still does, and this account can still launch it. Bake another, or name one yourself"
    )]
    NothingInItsPlace(Version),
    #[error("its recall came to its end, or was taken back, since a sweep found it unfinished")]
    NothingUnfinished,
    #[error("it was recalled; it is not restored, tested again or copied before the recall is taken back")]
    IsRecalled,
}
