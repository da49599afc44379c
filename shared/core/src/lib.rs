//! The rules of Kiln, as pure functions.

pub mod bake;
pub mod capture;
pub mod events;
pub mod expire;
pub mod inventory;
pub mod model;
pub mod orphans;
pub mod plan;
pub mod publish;
pub mod recipe;
pub mod reconcile;
pub mod release;
pub mod replicate;
pub mod verify;

#[cfg(test)]
mod fixtures;
