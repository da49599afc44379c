//! The payloads that invoke Kiln's functions, and the events that Kiln sends.

pub mod inbound;
pub mod outbound;
