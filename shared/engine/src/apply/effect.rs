//! What carrying out one action brought, or why it failed.

use kiln_core::inventory::CloudError;
use kiln_core::model::SnapshotId;
use kiln_core::plan::Reason;

/// What carrying out one action brought.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// The id of what it made or found made.
    pub made: Option<String>,
    /// The snapshots that went.
    pub deleted: Vec<SnapshotId>,
    /// The snapshots that should have gone and stayed, each with EC2's word for why.
    pub undeleted: Vec<String>,
    /// Whether somebody had done it before.
    pub before: bool,
}

impl Effect {
    pub fn of(made: impl ToString) -> Self {
        Self { made: Some(made.to_string()), ..Self::default() }
    }

    /// Somebody, or another run, was faster.
    pub fn before() -> Self {
        Self { before: true, ..Self::default() }
    }
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("{0}")]
    Cloud(#[from] CloudError),
    #[error("{0}")]
    Rule(Reason),
    /// It was done, and is not seen yet: whoever is woken by that, or the next sweep, goes on.
    #[error("{0}")]
    NotYet(Reason),
}

impl ApplyError {
    /// Whether trying again cannot help.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Cloud(error) => !error.kind.is_retryable(),
            Self::Rule(_) => true,
            Self::NotYet(_) => false,
        }
    }
}
