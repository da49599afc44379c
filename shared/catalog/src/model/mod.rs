//! The document `catalog.json`: one value that holds all that the pages show.
//!
//! What may be missing is an `Option`, and is then left out of the JSON: absent means that it is not known or was not
//! kept, never that there is none. A list that may be unknown is an `Option` of a list, so that "nobody uses it" and
//! "nobody looked" differ.

mod contents;
mod figures;
mod history;
mod image;
mod link;
mod recipe;
mod version;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use contents::{Change, Contents, Difference, Manager, Package};
pub use figures::{Cost, Findings};
pub use history::{Entry, Event};
pub use image::{Image, Sharing, State};
pub use link::Link;
pub use recipe::{Channel, Failure, Layer, Newest, Phase, Place, Recipe, RecipeBase, UnderWay, Wait};
pub use version::{
    Base, Decision, Logs, NextStep, Pin, Recall, Stage, Step, TestOutcome, TestResult, Usage, User, Version,
};

/// The version of the document's form. It is raised only when something is renamed, removed or changes its meaning.
pub const SCHEMA: u32 = 1;

/// All of Kiln's images in one account, as they were at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The version of the document's form: 1.
    pub schema: u32,
    /// When everything in it was observed. All ages on the pages count to here.
    pub made_at: DateTime<Utc>,
    /// The version of Kiln that made it.
    pub kiln: String,
    /// The id of the account.
    pub account: String,
    /// The home Region, in which Kiln runs.
    pub home: String,
    /// What could not be read. Whatever it would have shown is missing from the document.
    pub gaps: Vec<Gap>,
    /// The recipes, by name. A deleted recipe is among them as long as it has images.
    pub recipes: Vec<Recipe>,
}

impl Catalog {
    /// One of its recipes.
    pub fn recipe(&self, name: &str) -> Option<&Recipe> {
        self.recipes.iter().find(|recipe| recipe.name == name)
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// What it is, such as a Region or a recipe.
    pub what: String,
    /// Why it could not be read.
    pub reason: String,
}
