//! What a message tells a person, and what was done with it.

use serde::Serialize;

use super::message::Queue;

/// What a message tells a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its queue.
    pub queue: Queue,
    /// The id of the message.
    pub id: String,
    /// When it came (RFC 3339).
    pub at: String,
    /// The function that failed, or that was not reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the event is about.
    pub event: String,
    /// What failed.
    pub error: String,
    /// What to do.
    pub advice: String,
    /// What was done with it.
    pub outcome: Done,
}

/// What was done with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// It is where it was.
    Kept,
    /// Its function was sent the event again, and the message is gone.
    SentAgain,
    /// The message is gone.
    Removed,
    /// It could not be done, and the message is where it was.
    Failed(String),
}
