//! What needs more than one crate, or more than one function: the simulation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is a tool for tests, and a wrong assumption in it should stop it"
)]

pub mod sim;
