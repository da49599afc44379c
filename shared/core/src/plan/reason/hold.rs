//! The answers to a request to hold an image.

use thiserror::Error;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// The answer to a request to hold an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoldReason {
    #[error("somebody asked to hold it; it stays until its tag kiln:hold is removed")]
    AskedFor,
    #[error("it is held for that reason already")]
    IsHeld,
    #[error("it is deregistered already, and cannot be held")]
    IsGone,
}
