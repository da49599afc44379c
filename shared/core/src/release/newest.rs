//! Finds the newest release of a recipe.

use std::collections::BTreeMap;

use crate::inventory::{Image, ImageState};
use crate::model::{RecipeName, Stage, Version};

/// The newest release of each recipe among the images of the home Region. Replicas and images that are not available
/// do not count.
pub fn newest_releases(images: &[Image]) -> BTreeMap<RecipeName, (Version, &Image)> {
    let mut newest: BTreeMap<RecipeName, (Version, &Image)> = BTreeMap::new();
    for image in images.iter().filter(|image| image.state == ImageState::Available) {
        match image.record() {
            Ok(record) if record.copied.is_none() && record.stage == Stage::Released => {
                let version = record.name.version;
                let current = newest.entry(record.name.recipe).or_insert((version, image));
                if current.0 < version {
                    *current = (version, image);
                }
            }
            _ => {}
        }
    }
    newest
}

/// The newest release of one recipe; `None` if it has none.
pub fn newest_release<'a>(recipe: &RecipeName, images: &'a [Image]) -> Option<(Version, &'a Image)> {
    newest_releases(images).remove(recipe)
}
