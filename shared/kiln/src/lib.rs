//! What every function depends on: the ports on AWS, and the frame that runs a handler on Lambda.

pub mod aws;
pub mod lambda;

pub use kiln_core::events;
pub use kiln_engine::handlers;
