//! The payloads that invoke Kiln's functions, the events that Kiln sends, and how a sweep wakes a function.

pub mod inbound;
pub mod outbound;
pub mod wake;
