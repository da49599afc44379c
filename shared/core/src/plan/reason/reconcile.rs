//! What a sweep leaves to the next one.

use thiserror::Error;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a sweep wakes no further function.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReconcileReason {
    #[error("{0} more pieces of work are due; the next sweeps go on with them")]
    Later(usize),
}
