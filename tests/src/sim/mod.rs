//! The simulation: Kiln's own observe → decide → act code over an in-memory cloud, in virtual time, with every fault
//! that AWS documents.
//!
//! One seed is one run. `make simulate SEED=…` replays it with what happened.
//!
//! | module | is |
//! |---|---|
//! | [`clock`] | virtual time |
//! | [`history`] | a thing with its history, for reads that lag |
//! | [`account`], [`ec2`] | what the account and each Region hold, and what a call does to them |
//! | [`world`] | one run's account, time and chance; how instances and images live |
//! | [`faults`] | how likely each fault is |
//! | [`cloud`], [`instances`] | the ports of `kiln_core::inventory`, over all that |
//! | [`publishing`] | the ports of sharing, parameters and surroundings, over it |
//! | [`lambda`] | events on their way, retries, dead letters, kills |
//! | [`operators`] | people at work beside Kiln |
//! | [`bugs`] | planted bugs |
//! | [`invariants`] | the promises that hold at every moment |
//! | [`releases`] | the promises on parameters, permissions, tests and rollbacks |
//! | [`final_state`] | the promises that hold in the end |
//! | [`run`] | one run from a seed |
//! | [`contract_adapter`] | the in-memory cloud, held against the contract that AWS keeps |

pub mod account;
pub mod bad_answers;
pub mod bugs;
pub mod clock;
pub mod cloud;
pub mod contract_adapter;
pub mod ec2;
pub mod faults;
pub mod final_state;
pub mod history;
pub mod instances;
pub mod invariants;
pub mod lambda;
pub mod operators;
pub mod other_accounts;
pub mod publishing;
pub mod releases;
pub mod run;
pub mod usage;
pub mod world;

pub use bugs::Bug;
pub use run::{Options, Outcome, run};
