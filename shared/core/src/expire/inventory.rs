//! The images of one recipe, as they were observed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::inventory::{CloudError, Image};
use crate::model::Region;
use crate::recipe::Recipe;

/// The images of one recipe, by Region. A Region that could not be read is an error.
pub type ImagesByRegion = BTreeMap<Region, Result<Vec<Image>, CloudError>>;

/// All images that were observed.
pub fn observed_images(images: &ImagesByRegion) -> impl Iterator<Item = &Image> {
    images.values().filter_map(|images| images.as_ref().ok()).flatten()
}

/// All that was observed of one recipe, before it is known who uses its images.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The recipe; `None` where it was deleted.
    pub recipe: Option<Recipe>,
    /// When somebody said that the images of the deleted recipe may go.
    pub retired_at: Option<DateTime<Utc>>,
    /// The images in the recipe's own Regions; of a deleted recipe, all images.
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
