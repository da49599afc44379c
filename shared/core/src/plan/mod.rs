//! The language of decisions: every rule answers with an action on a subject, and the reason for it.

pub mod action;
pub mod anchored;
pub mod decision;
pub mod ends;
pub mod reason;
pub mod step;
pub mod text;

pub use action::Action;
pub use decision::{Decision, Sequence, Subject};
pub use ends::Ends;
pub use reason::Reason;
pub use step::{NextStep, Retention, Step, Usage};
