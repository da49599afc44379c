//! The three steps of an image on its way out, and what a rule knows of an image that it lets go or keeps.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A step of an image on its way out. All but the last can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It is deprecated, because it was found unused once.
    Deprecate,
    /// It is disabled: nobody can launch it any more.
    Disable,
    /// It is deregistered with its snapshots.
    Deregister,
}

/// The next step of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextStep {
    /// The step.
    pub step: Step,
    /// When it is taken at the earliest; `None` where somebody must lift a limit first.
    pub at: Option<DateTime<Utc>>,
}

/// Whether an image is used, as far as it was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Something or somebody uses it, or holds it.
    InUse,
    /// Nothing and nobody does.
    Unused,
    /// It could not be found out, so the image is kept.
    Unknown,
}

/// What the rule that decided about an image knows of it, beside its reason. A rule cannot decide without saying it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether it is used; `None` where nobody looked, because its recipe keeps it anyway.
    pub usage: Option<Usage>,
    /// Its next step, where there is one.
    pub next: Option<NextStep>,
    /// Whether a person or another service keeps what the recipe would let go: then an event says so.
    pub by_choice: bool,
}

impl Retention {
    /// Of an image that takes a step now, or later.
    pub fn leaving(step: Step, at: DateTime<Utc>) -> Self {
        Self { usage: Some(Usage::Unused), next: Some(NextStep { step, at: Some(at) }), by_choice: false }
    }
}
