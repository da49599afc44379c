//! Tests that need more than one crate or more than one function: the simulation of all functions together, and the
//! contract that the simulated cloud shares with AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a tool for tests, and a wrong assumption in it must stop the test"
)]

pub mod contract;
pub mod sim;
