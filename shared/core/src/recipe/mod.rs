//! The recipe: what images are baked from, how they are customised and tested, where they go, how long they are kept.
//!
//! A recipe is a TOML document. [`Recipe::parse`] checks all of it and returns either a valid recipe, or every
//! mistake at once. [`reference`] describes every field.

mod bounds;
mod channels;
mod conflicts;
mod cycles;
mod disks;
mod fingerprint;
mod found_network;
mod image;
mod instance_types;
mod lines;
pub mod names;
mod network;
mod params;
mod parse;
mod publish;
pub mod reference;
pub mod schema;
mod steps;
mod table_reader;
mod testers;
mod together;
mod types;
mod validate;
mod violation;

pub use bounds::{Bounds, Patterns};
pub use disks::{DiskSettings, Disks, Volume};
pub use found_network::{BadTags, FoundNetwork, LaunchPlace};
pub use lines::Lines;
pub use network::{Network, RegionTests};
pub use together::checked;
pub use types::{
    Adopt, Bake, Base, Channel, Expire, Gate, ImageSettings, LaunchTemplate, OnLoss, Publish, Recipe,
    ReleaseStrategy, Replicate, Share, Verify,
};
pub use violation::{BadRecipe, Violation};
