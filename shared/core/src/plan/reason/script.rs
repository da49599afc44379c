//! How the script of a builder or tester ended, according to the instance's state and console.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::inventory::InstanceState;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// How the script of a builder or tester ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScriptReason {
    #[error("the instance is {0}; only a stopped instance is acted on")]
    NotStopped(InstanceState),
    #[error("the script failed with status {0}")]
    Failed(i32),
    #[error("the instance was stopped by an API call before its script had ended")]
    StoppedBySomeone,
    #[error("somebody terminated the instance before its script had ended")]
    TerminatedBySomeone,
    #[error("the instance was stopped by {0}, not by its own shutdown")]
    StoppedByOther(String),
    #[error(
        "the instance shut itself down, but its console shows no verdict yet; EC2 posts the console a little later"
    )]
    NoVerdictYet,
    #[error("the instance stopped without a verdict on its console, and its deadline has passed")]
    NoVerdict,
    #[error("the instance had not stopped when its time was up at {}", .0.to_rfc3339())]
    TimeIsUp(DateTime<Utc>),
}
