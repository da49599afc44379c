//! What every function of Kiln shares.
//!
//! Kiln bakes, proves, ships and retires Amazon Machine Images on events. Each function is three verbs:
//! *observe* the cloud through the ports in [`cloud`], *decide* with a pure function of [`decide`], *act*
//! on what was decided with [`act`]. The modules in [`handle`] put the three together, one for each function.
//!
//! | module | holds |
//! |---|---|
//! | [`domain`] | the words: ids, versions, names, tags, tokens, verdicts; one codec each |
//! | [`recipe`] | the recipe, checked whole |
//! | [`cloud`] | what was observed of the cloud, and the ports through which it is observed and changed |
//! | [`decide`] | the rules, as pure functions; no I/O, no clock, no async |
//! | [`act`] | carries decisions out, each idempotent, and reports what became of each |
//! | [`events`] | the events that wake Kiln and the events that Kiln sends |
//! | [`handle`] | one module a function: observe, decide, act |
//! | `aws`, `runtime` | (feature `aws`) the AWS side of the ports; what every binary shares |

pub mod act;
pub mod cloud;
pub mod decide;
pub mod domain;
pub mod events;
pub mod handle;
pub mod recipe;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod runtime;
