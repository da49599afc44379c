//! The events that Kiln sends to its bus.

mod batches;
mod envelope;
mod event;

pub use batches::{batches, coalesce};
pub use envelope::{Envelope, SCHEMA, SOURCE};
pub use event::{Event, ImageEntry, MOST_IMAGES, Transition, UsedBy};

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
