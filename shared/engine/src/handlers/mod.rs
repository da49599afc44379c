//! One module a function: observe, decide, apply.

pub mod bake;
pub mod capture;
pub mod expire;
pub mod publish;
pub mod reconcile;
pub mod replicate;
pub mod verify;

pub use expire::image_deregistered::Debounce;
