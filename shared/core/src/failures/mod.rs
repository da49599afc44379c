//! What did not end well and waits in a queue of the stack: what each message tells, and whether it can be sent again.

mod letter;

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

pub use letter::Letter;

/// A queue of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// Events on which a function failed, three times.
    Failures,
    /// Events that did not reach their function.
    Undelivered,
    /// Ends for which a person is needed.
    EndedBadly,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 3] = [Self::Failures, Self::Undelivered, Self::EndedBadly];

    /// Its name; that of the queue in SQS is the stack's name, a hyphen, and this.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Undelivered => "undelivered",
            Self::EndedBadly => "ended-badly",
        }
    }
}

/// A message, as SQS has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its queue.
    pub queue: Queue,
    /// Its id, which it keeps.
    pub id: String,
    /// What puts it back or removes it, once it was taken.
    pub receipt: String,
    /// When it came.
    pub sent: DateTime<Utc>,
    /// What was sent.
    pub body: String,
    /// What the sender says beside it, such as EventBridge's `ERROR_CODE`.
    pub attributes: BTreeMap<String, String>,
}

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

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen(Vec<String>);

impl Chosen {
    /// Those whose ids begin so; all, if none is given.
    pub fn of(ids: Vec<String>) -> Self {
        Self(ids)
    }

    /// Whether a message is one of them.
    pub fn has(&self, id: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|begin| id.starts_with(begin.as_str()))
    }

    /// The ids that none of these messages has.
    pub fn missing<'a>(&'a self, found: &[Message]) -> impl Iterator<Item = &'a str> {
        let is_found = |begin: &&String| !found.iter().any(|one| one.id.starts_with(begin.as_str()));
        self.0.iter().filter(is_found).map(String::as_str).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
