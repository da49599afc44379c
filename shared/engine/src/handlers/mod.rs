//! One module for each function: it observes, lets the rules decide, and applies the decisions.

pub mod bake;
pub mod capture;
pub mod catalog;
mod channels;
pub mod expire;
pub mod failures;
pub mod notify;
pub mod publish;
mod recall;
pub mod reconcile;
pub mod replicate;
pub mod verify;

pub use expire::image_deregistered::Debounce;
