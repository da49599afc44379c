//! What wakes Kiln. Only ids are taken from an event; what is true is read from the cloud.

mod calls;
mod expire;
pub mod payload;

pub use calls::{BakeCall, BakeTarget, CaptureCall, PublishCall, ReconcileCall, ReplicateCall, VerifyCall};
pub use expire::{ExpireCall, ExpireRun, Scope};
pub use payload::{BadEvent, Mode};

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
