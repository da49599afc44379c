//! Where Kiln lives, and why a function did nothing at all.

use kiln_core::events::inbound::BadEvent;
use kiln_core::expire::forecast::Prices;
use kiln_core::inventory::CloudError;
use kiln_core::model::{RecipeName, Region};
use kiln_core::recipe::BadRecipe;
use thiserror::Error;

/// Where Kiln lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The Region in which images are made, and in which the functions run.
    pub home: Region,
    /// The path in SSM's Parameter Store below which the recipes are, without a slash at its end.
    pub recipes: String,
    /// What snapshots cost.
    pub prices: Prices,
}

/// A recipe that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "nothing was done: there is no recipe {name}; put it at {path}/{name} in {home} (make recipes), or correct the name"
)]
pub struct NoRecipe {
    /// Its name.
    pub name: RecipeName,
    /// Where it was looked for.
    pub path: String,
    /// In which Region.
    pub home: String,
}

/// Why a function did nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HandlerError {
    /// The event is not one that it understands.
    #[error("{0}")]
    Event(#[from] BadEvent),
    /// The recipe has mistakes.
    #[error("{0}")]
    Recipe(#[from] BadRecipe),
    /// There is no such recipe.
    #[error("{0}")]
    NoRecipe(#[from] NoRecipe),
    /// What must be known before anything is decided could not be observed.
    #[error("nothing was done: {0}")]
    Cloud(#[from] CloudError),
    /// The time of the bake cannot be a version.
    #[error("nothing was done: {0}")]
    Version(#[from] kiln_core::model::version::BadVersion),
}

impl HandlerError {
    /// The error's type, as Lambda reports it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "Kiln.BadEvent",
            Self::Recipe(_) => "Kiln.BadRecipe",
            Self::NoRecipe(_) => "Kiln.NoRecipe",
            Self::Cloud(_) => "Kiln.CloudError",
            Self::Version(_) => "Kiln.BadVersion",
        }
    }
}
