//! The recipe: one family of images; what to bake from, how to customise and test it, where it goes, how long
//! it stays.
//!
//! A recipe is a TOML document, checked whole before anything is done: [`Recipe::parse`] gives either a recipe
//! in which everything is right, or everything that is wrong at once.

pub mod cycles;
mod lines;
mod parse;
mod publish;
pub mod reference;
mod table_reader;
mod types;
mod validate;
mod violation;

pub use types::{
    Bake, Base, Expire, LaunchTemplate, Publish, Recipe, ReleaseStrategy, Replicate, Share, Verify,
};
pub use violation::{BadRecipe, Violation};
