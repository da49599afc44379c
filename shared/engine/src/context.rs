//! What every handler knows about this installation, and the errors that stop a handler before it does anything.

use kiln_core::events::inbound::BadEvent;
use kiln_core::expire::forecast::Prices;
use kiln_core::inventory::CloudError;
use kiln_core::model::{RecipeName, Region};
use kiln_core::recipe::{BadRecipe, Bounds};
use thiserror::Error;

/// What every handler knows about this installation of Kiln.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The home Region: images are baked and the functions run here.
    pub home: Region,
    /// The path in SSM's Parameter Store that holds the recipes, without a trailing slash.
    pub recipes: String,
    /// What no recipe passes.
    pub bounds: Bounds,
    /// What snapshots cost.
    pub prices: Prices,
}

/// A recipe that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "nothing was done: there is no recipe {name}; put it at {path}/{name} in {home} (kiln recipes push), or correct the name"
)]
pub struct NoRecipe {
    /// Its name.
    pub name: RecipeName,
    /// The path that was searched.
    pub path: String,
    /// The home Region.
    pub home: String,
}

/// Why a function did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HandlerError {
    /// The function does not understand the event.
    #[error("{0}")]
    Event(#[from] BadEvent),
    /// The recipe has mistakes.
    #[error("{0}")]
    Recipe(#[from] BadRecipe),
    /// There is no such recipe.
    #[error("{0}")]
    NoRecipe(#[from] NoRecipe),
    /// Something that must be known before any decision could not be read.
    #[error("nothing was done: {0}")]
    Cloud(#[from] CloudError),
    /// A file of the catalogue could not be made, so none is put in its place.
    #[error("{0} of the catalogue could not be made, and what lay there before is still there: {1}")]
    Document(&'static str, String),
    /// People are told through no topic.
    #[error(
        "nothing was sent: the stack has no topic; give its parameter NotifyTopic the ARN of an SNS topic in {0}"
    )]
    NoTopic(Region),
    /// The time of the bake is not a valid version.
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
            Self::Document(..) => "Kiln.BadDocument",
            Self::NoTopic(_) => "Kiln.NoTopic",
            Self::Version(_) => "Kiln.BadVersion",
        }
    }
}
