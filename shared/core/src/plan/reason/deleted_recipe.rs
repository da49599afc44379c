//! What happens to the images of a deleted recipe.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::model::RecipeName;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// What happens to the images of a deleted recipe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeletedRecipeReason {
    #[error("its recipe was deleted, and its images were released for removal at {}", .0.to_rfc3339())]
    Retired(DateTime<Utc>),
    #[error("recipe {0} exists again, so its images follow its rules")]
    RecipeIsBack(RecipeName),
    #[error("recipe {0} still exists; delete its parameter first, then retire it")]
    RecipeStillThere(RecipeName),
    #[error(
        "there is no recipe {0}; its images are kept until somebody calls {{\"retire_recipe\": \"{0}\"}}"
    )]
    RecipeMissing(RecipeName),
    #[error("there is no recipe {0}, nor any image of it")]
    NoImages(RecipeName),
}
