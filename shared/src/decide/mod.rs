//! The rules. Each is a pure function of what was observed, the recipe and the time, and answers with typed
//! actions, each with its reason. Nothing here does I/O, reads a clock or is async.
//!
//! | module | decides |
//! |---|---|
//! | [`bake`] | whether a builder is launched, and from what |
//! | [`capture`] | whether a stopped builder becomes an image, and when it is terminated |
//! | [`replicate`] | which Regions still need a replica, and whether an image is released |
//! | [`expire`] | which images stay and which go |
//! | [`leftovers`] | which snapshots were left behind |
//! | [`sweep`] | what of all this an event that was lost, or a function that died, left undone |

pub mod action;
pub mod bake;
pub mod capture;
pub mod expire;
pub mod leftovers;
pub mod reason;
pub mod replicate;
pub mod sweep;

#[cfg(test)]
pub mod fixtures;

pub use action::{Action, Chain, Decision, Subject};
pub use reason::Reason;
