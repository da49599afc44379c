//! The queues of a stack, and their messages as SQS has them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

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

    /// Those that none of these ids begins with.
    pub fn missing<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone) -> Vec<&str> {
        let is_missing = |begin: &&str| !ids.clone().any(|id| id.starts_with(begin));
        self.0.iter().map(String::as_str).filter(is_missing).collect()
    }
}
