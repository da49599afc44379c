//! The images of one recipe, as they were observed in EC2.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::inventory::{CloudError, Image};
use crate::model::Region;
use crate::recipe::Recipe;

/// The images of one recipe, by Region. A Region that could not be read is an error.
pub type ImagesByRegion = BTreeMap<Region, Result<Vec<Image>, CloudError>>;

/// All images in the Regions that could be read.
pub fn observed_images(images: &ImagesByRegion) -> impl Iterator<Item = &Image> {
    images.values().filter_map(|images| images.as_ref().ok()).flatten()
}

/// Everything observed of one recipe, before the usage of its images is read.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The recipe; `None` if it was deleted.
    pub recipe: Option<Recipe>,
    /// When a user retired the deleted recipe, so that its images may be removed.
    pub retired_at: Option<DateTime<Utc>>,
    /// The images in the recipe's own Regions; for a deleted recipe, all images.
    pub images: ImagesByRegion,
    /// The images in Regions that the recipe no longer names.
    pub removed: Vec<Image>,
}

impl Observed {
    /// All images of the recipe, wherever they are.
    pub fn all(&self) -> impl Iterator<Item = &Image> {
        observed_images(&self.images).chain(&self.removed)
    }
}
