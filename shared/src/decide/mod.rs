//! The rules. Each is a pure function of what was observed, the recipe and the time, and answers with typed
//! actions, each with its reason. Nothing here does I/O, reads a clock or is async.
//!
//! | module | decides |
//! |---|---|
//! | [`bake`] | whether a builder is launched, and from what |
//! | [`capture`] | whether a stopped builder becomes an image, and when it is terminated |
//! | [`adopt`] | whether an image that somebody else made is taken in |
//! | [`verify`] | whether an image is tested, and what its tester tells |
//! | [`publish`] | whether an image that passed is published |
//! | [`share`] | who may use an image, as its recipe says |
//! | [`replicate`] | which Regions still need a replica, and which replicas are published |
//! | [`release`] | which release every Region names, forward and back |
//! | [`template`] | what lets a launch template name a release |
//! | [`layers`] | which recipes are baked anew because their base was released |
//! | [`preflight`] | what would make a bake, or what follows on it, fail |
//! | [`expire`] | which images stay and which go |
//! | [`family`] | what becomes of a release once its use is known |
//! | [`used`] | whether an image is used, unused, or nobody knows |
//! | [`elsewhere`] | the same of its use by other accounts |
//! | [`strays`] | what becomes of replicas in Regions that left their recipe |
//! | [`ended`] | what becomes of the images of a deleted recipe |
//! | [`census`] | whether a Region shows far fewer images than before |
//! | [`blast`] | how much one run may take away |
//! | [`plan`] | what a plan tells of each image: its cost, its verdict, its next step and when |
//! | [`story`] | what one image is, and what will become of it |
//! | [`restore`] | what brings a retired release back |
//! | [`leftovers`] | which snapshots were left behind |
//! | [`onward`] | how far each image goes on, all of them at once |
//! | [`sweep`] | what of all this an event that was lost, or a function that died, left undone |

pub mod action;
pub mod adopt;
pub mod bake;
pub mod blast;
pub mod capture;
pub mod census;
pub mod elsewhere;
pub mod ended;
pub mod expire;
pub mod family;
pub mod layers;
pub mod leftovers;
pub mod onward;
pub mod plan;
pub mod preflight;
pub mod publish;
pub mod reason;
pub mod release;
pub mod replicate;
pub mod restore;
mod retire;
pub mod share;
pub mod story;
pub mod strays;
pub mod sweep;
pub mod template;
pub mod used;
pub mod verify;
mod words;

#[cfg(test)]
pub mod fixtures;

pub use action::{Action, Chain, Decision, Subject};
pub use reason::Reason;
