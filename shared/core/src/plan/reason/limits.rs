//! Why a run removes nothing of a recipe.

use thiserror::Error;

use crate::model::{Origin, RecipeName, Region};

/// Why a run removes nothing of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "blocked: {images} images would be removed, but {limit}; nothing was removed. Review `kiln plan {recipe}`; if it is right, allow it: `kiln apply {recipe} --allow {images}`"
)]
pub struct LimitExceeded {
    /// The recipe.
    pub recipe: RecipeName,
    /// How many images would be deprecated, disabled or deregistered.
    pub images: usize,
    /// The limit that blocks the run.
    pub limit: Limit,
}

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// A limit on what one run removes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Limit {
    #[error("the limit is {most} ({setting})")]
    TooMany { most: usize, setting: String },
    #[error("{region} shows no image of the recipe, although {seen_by} is released in every Region")]
    EmptyRegion { region: Region, seen_by: Origin },
    #[error("{region} shows {now} images of the recipe, down from {before} at an earlier step")]
    FarFewer { region: Region, before: usize, now: usize },
}
