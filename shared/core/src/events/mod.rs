//! The events that wake Kiln, and the events that Kiln sends.

pub mod inbound;
pub mod outbound;
