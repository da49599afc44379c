//! Finds the release of a recipe that is to be named: the newest one, or the one that it was rolled back to.

use std::collections::BTreeMap;

use crate::inventory::{Image, ImageState};
use crate::model::{RecipeName, Stage, Version, tags};

/// The release of a recipe that is named, and from which layers are baked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedRelease<'a> {
    /// Its home image.
    pub image: &'a Image,
    /// Its version.
    pub version: Version,
    /// The newest version that it stands for: its own, or after a rollback the newest one that there was.
    pub over: Version,
}

impl NamedRelease<'_> {
    /// Whether a version came before, or was rolled back from.
    pub fn supersedes(&self, version: Version) -> bool {
        version != self.version && version <= self.over
    }
}

/// The named release of each recipe among the images of the home Region. Replicas and images that are not available
/// do not count.
pub fn named_releases<'a>(
    images: impl IntoIterator<Item = &'a Image>,
) -> BTreeMap<RecipeName, NamedRelease<'a>> {
    let mut releases: BTreeMap<RecipeName, Vec<NamedRelease<'a>>> = BTreeMap::new();
    for image in images.into_iter().filter(|image| image.state == ImageState::Available) {
        if let Ok(record) = image.record()
            && record.copied.is_none()
            && record.stage == Stage::Released
            && !image.anchor().is_rolled_back_from()
        {
            let version = record.name.version;
            let release = NamedRelease { image, version, over: version };
            releases.entry(record.name.recipe).or_default().push(release);
        }
    }
    releases.into_iter().filter_map(|(recipe, of_recipe)| Some((recipe, named_of(&of_recipe)?))).collect()
}

/// The release of the latest rollback, unless a newer one was released since; otherwise the newest.
fn named_of<'a>(releases: &[NamedRelease<'a>]) -> Option<NamedRelease<'a>> {
    let newest = releases.iter().max_by_key(|release| release.version)?;
    let latest = latest_pin(releases.iter(), |release| release.image);
    let latest = latest.map(|(pinned, over)| NamedRelease { over, ..*pinned });
    Some(latest.filter(|pinned| newest.version <= pinned.over).unwrap_or(*newest))
}

/// The release of the latest rollback among these, and the newest version that it was preferred to. `home` gives the home
/// image of a release.
pub(super) fn latest_pin<'r, R>(
    releases: impl Iterator<Item = &'r R>,
    home: impl Fn(&'r R) -> &'r Image,
) -> Option<(&'r R, Version)> {
    let pins = releases.filter_map(|release| Some((home(release).anchor().pin?, release)));
    pins.max_by_key(|(pin, _)| pin.at).map(|(pin, release)| (release, pin.over))
}

/// The named release of one recipe; `None` if it has none.
pub fn named_release<'a>(recipe: &RecipeName, images: &'a [Image]) -> Option<NamedRelease<'a>> {
    // The tag alone tells the recipe: a sweep passes the images of all recipes for each of them.
    let own = images.iter().filter(|image| image.tags.get(tags::RECIPE) == Some(recipe.as_str()));
    named_releases(own).remove(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn base() -> RecipeName {
        "base".parse().unwrap()
    }

    fn rolled_back_to(n: i64, over: i64) -> Image {
        let over = name("base", over).version;
        image("base", n).released().pinned_on(10, over).build()
    }

    #[test]
    fn the_newest_release_is_named_and_images_that_are_none_do_not_count() {
        let images = [
            image("base", 7).released().build(),
            image("base", 8).released().build(),
            image("base", 9).published().build(),
        ];
        let named = named_release(&base(), &images).unwrap();
        assert_eq!((named.version, named.over), (name("base", 8).version, name("base", 8).version));
        assert!(named.supersedes(name("base", 7).version) && !named.supersedes(name("base", 9).version));
    }

    #[test]
    fn what_was_rolled_back_from_is_named_no_more() {
        let images = [rolled_back_to(8, 9), image("base", 9).released().build()];
        let named = named_release(&base(), &images).unwrap();
        assert_eq!(named.version, name("base", 8).version);
        let supersedes = |n| named.supersedes(name("base", n).version);
        assert!(supersedes(9) && supersedes(7) && !supersedes(8) && !supersedes(10));
    }

    #[test]
    fn a_release_that_is_newer_than_all_that_there_were_ends_a_rollback() {
        let images =
            [rolled_back_to(8, 9), image("base", 9).released().build(), image("base", 10).released().build()];
        assert_eq!(named_release(&base(), &images).unwrap().version, name("base", 10).version);
    }
}
