//! The effect of one applied action, or why it failed.

use kiln_core::inventory::CloudError;
use kiln_core::model::SnapshotId;
use kiln_core::plan::Reason;

/// The effect of one applied action.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// The id of what it created, or found already created.
    pub made: Option<String>,
    /// The snapshots that were deleted.
    pub deleted: Vec<SnapshotId>,
    /// The snapshots that should have been deleted but were not, each with EC2's code.
    pub undeleted: Vec<String>,
    /// Whether somebody else, or another run, had done it before.
    pub before: bool,
    /// Why it was not done, where nothing else waits for it.
    pub missed: Option<CloudError>,
    /// Why it was not done, where it need not be: it is told, and is no failure.
    pub forgone: Option<String>,
}

impl Effect {
    pub fn of(made: impl ToString) -> Self {
        Self { made: Some(made.to_string()), ..Self::default() }
    }

    /// It was not done, and no retry would help; what follows it is done all the same.
    pub fn missed(error: CloudError) -> Self {
        Self { missed: Some(error), ..Self::default() }
    }

    /// It was not done, no retry would help, and nothing depends on it: it is told.
    pub fn forgone(why: impl ToString) -> Self {
        Self { forgone: Some(why.to_string()), ..Self::default() }
    }

    /// Somebody else, or another run, had done it before.
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
    /// It was done, but the effect is not visible yet. The event that reports it, or the next sweep, continues.
    #[error("{0}")]
    NotYet(Reason),
}

impl ApplyError {
    /// Whether a retry cannot help.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Cloud(error) => !error.kind.is_retryable(),
            Self::Rule(_) => true,
            Self::NotYet(_) => false,
        }
    }
}
