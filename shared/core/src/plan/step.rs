//! The three steps that remove an image, and what an expiry rule knows about an image besides its reason.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A step that removes an image. The first two can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The image is deprecated, because it was found unused for the first time.
    Deprecate,
    /// The image is disabled: nobody can launch it.
    Disable,
    /// The image is deregistered, and its snapshots are deleted.
    Deregister,
}

/// The next step of an image, and when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextStep {
    /// The step.
    pub step: Step,
    /// The earliest time of the step; `None` if a limit blocks it until somebody allows it.
    pub at: Option<DateTime<Utc>>,
}

/// Whether an image is used, as far as Kiln checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// The image is referenced, launched, held or otherwise needed.
    InUse,
    /// Every check was made, and none found a use.
    Unused,
    /// A check could not be made, so the image is kept.
    Unknown,
}

/// What an expiry rule knows about an image besides its reason. Every rule must give it, so no keep rule can forget to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether the image is used; `None` if that was not checked, because its recipe keeps it anyway.
    pub usage: Option<Usage>,
    /// The next step of the image, if there is one.
    pub next: Option<NextStep>,
    /// Whether a person or another service keeps an image that the recipe no longer keeps; then `Image Kept` is sent.
    pub by_choice: bool,
}

impl Retention {
    /// An unused image that takes a step at the given time.
    pub fn leaving(step: Step, at: DateTime<Utc>) -> Self {
        Self { usage: Some(Usage::Unused), next: Some(NextStep { step, at: Some(at) }), by_choice: false }
    }
}
