//! What every function of Kiln depends on.

pub mod aws;
pub mod lambda;

pub use kiln_core::events;
pub use kiln_engine::handlers;
