//! What needs more than one crate, or more than one function: the simulation, and the contract that it shares with AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is a tool for tests, and a wrong assumption in it should stop it"
)]

pub mod contract;
pub mod sim;
