//! The rules of Kiln, as pure functions: time comes in as an argument, and nothing here calls AWS.
//!
//! Each folder is a room with one purpose. Imports point one way, which `tests/rooms.rs` enforces.
//!
//! | room | holds | may import |
//! |---|---|---|
//! | [`model`] | ids, names, versions, tags, tokens, user data, console outcome | nothing |
//! | [`inventory`] | what was read from AWS: images, instances, permissions, references; requests; errors | `model` |
//! | [`events`] | the payloads that invoke a function, and the events that Kiln sends | `model` |
//! | [`failures`] | what waits in the queues, and whether it can be sent again | `model`, `events` |
//! | [`numbers`] | what is counted of events, sweeps and nights: the metrics | `model`, `events` |
//! | [`news`] | what people are told of an event | `events` |
//! | [`recipe`] | the recipe, its parser and its checks | the rooms above |
//! | [`plan`] | the language of decisions: action, subject, reason, step | the rooms above |
//! | [`release`] | which release every Region names; rollback; launch templates | `model` to `plan` |
//! | [`capture`] | whether a stopped builder becomes an image | `model` to `plan` |
//! | [`orphans`] | snapshots whose image is gone | `model` to `plan` |
//! | [`publish`] | scan findings, permissions, deprecation, protection | `model` to `plan` |
//! | [`channel`] | to which channels a release comes, and what they name | `model` to `verify` |
//! | [`verify`] | testers and their outcome; what is the same as a release; adoption of images made elsewhere | `model` to `release` |
//! | [`bake`] | base, builder, preflight, layers | `model` to `verify` |
//! | [`expire`] | which images are kept or removed, and why; limits; restore; forecast | `model` to `verify` |
//! | [`replicate`] | copies to other Regions, and their attempts | `model` to `verify` |
//! | [`recall`] | a bad release is taken back, or brought back; who uses it | `model` to `verify` |
//! | [`reconcile`] | one sweep: what every recipe and image needs next | all rooms above |

pub mod bake;
pub mod capture;
pub mod channel;
pub mod events;
pub mod expire;
pub mod failures;
pub mod inventory;
pub mod model;
pub mod news;
pub mod numbers;
pub mod orphans;
pub mod plan;
pub mod publish;
pub mod recall;
pub mod recipe;
pub mod reconcile;
pub mod release;
pub mod replicate;
pub mod verify;

#[cfg(test)]
mod fixtures;
