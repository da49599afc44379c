//! What is installed in an image: the list, its digest, what changed, and its bills of materials.
//!
//! The bills are plain structs of our own. `serde-cyclonedx` would bring 45 crates, `cyclonedx-bom` 57 and `spdx-rs` 41,
//! for some forty fields that do not change any more; the tests hold the result against the official schemas.

mod bill;
mod cyclonedx;
mod forms;
mod hash;
mod packages;
mod purl;
mod spdx;

pub use bill::{Bill, Os};
pub use packages::{Packages, difference};
