//! The simulation: Kiln's own observe → decide → act code over an in-memory cloud, in virtual time, with every fault
//! that AWS documents.
//!
//! One seed is one run. `make simulate SEED=…` replays it with what happened.
//!
//! | module | is |
//! |---|---|
//! | [`clock`] | virtual time |
//! | [`held`] | a thing with its history, for reads that lag |
//! | [`account`], [`ec2`] | what the account and each Region hold, and what a call does to them |
//! | [`world`] | one run's account, time and chance; how instances and images live |
//! | [`odds`] | how likely each fault is |
//! | [`cloud`], [`instances`] | the ports of `kiln_core::inventory`, over all that |
//! | [`publishing`] | the ports of sharing, parameters and surroundings, over it |
//! | [`lambda`] | events on their way, retries, dead letters, kills |
//! | [`people`] | people at work beside Kiln |
//! | [`bugs`] | planted bugs |
//! | [`watch`] | the promises that hold at every moment |
//! | [`releases`] | the promises on parameters, permissions, tests and rollbacks |
//! | [`ending`] | the promises that hold in the end |
//! | [`run`] | one run from a seed |
//! | [`ground`] | the in-memory cloud, held against the contract that AWS keeps |

pub mod account;
pub mod bugs;
pub mod clock;
pub mod cloud;
pub mod ec2;
pub mod elsewhere;
pub mod ending;
pub mod evidence;
pub mod ground;
pub mod held;
pub mod instances;
pub mod lambda;
pub mod misread;
pub mod odds;
pub mod people;
pub mod publishing;
pub mod releases;
pub mod run;
pub mod watch;
pub mod world;

pub use bugs::Bug;
pub use run::{Options, Outcome, run};
