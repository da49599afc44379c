//! The language of decisions: what is done, to what, and why.

pub mod action;
pub mod reason;
pub mod text;

pub use action::{Action, Chain, Decision, Subject};
pub use reason::Reason;
