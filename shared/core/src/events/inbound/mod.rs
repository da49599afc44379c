//! The payloads that invoke Kiln's functions. Only ids are taken from an event; the state is read from AWS.

mod calls;
mod catalog;
mod expire;
pub mod news;
pub mod payload;
mod reconcile;

pub use calls::{BakeCall, BakeTarget, CaptureCall, PublishCall, ReplicateCall, VerifyCall};
pub use catalog::{CatalogCall, KEPT, Past, history_prefix, is_key_of_failure};
pub use expire::{ExpireCall, ExpireRun, Scope};
pub use news::NotifyCall;
pub use payload::{BadEvent, Mode};
pub use reconcile::{FailuresCall, ReconcileCall};

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
