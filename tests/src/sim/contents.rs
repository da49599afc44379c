//! What is in the images of a run, as their testers list it, and the promise that nothing new is thrown away.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_core::inventory::{Image, ImageState};
use kiln_core::model::{Contents, ImageId, ImageName, Region, Stage, Version};

use super::account::Account;
use super::invariants::Invariants;

/// What the checks of contents remember.
#[derive(Debug, Default)]
pub struct ContentsSeen {
    /// What is in each image that a tester listed.
    pub of: BTreeMap<ImageId, u32>,
    /// The images that an event told to be the same as a release.
    pub unchanged: BTreeMap<(Region, ImageId), ImageName>,
}

/// The list of an image of which the packages were updated so often.
pub fn list(updates: u32) -> Contents {
    Contents::new(format!("kernel 6.12\ncmdline ro\ndpkg nginx 1.28.{updates} arm64\n"))
}

/// What a tester prints.
pub fn printed(contents: &Contents, word: &str) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(contents.text().as_bytes());
    let packed = STANDARD.encode(encoder.finish().unwrap_or_default());
    let count = contents.packages().count();
    format!("kiln-contents {word} {count} {}\n{packed}\nkiln-contents {word} ends\n", contents.digest().hex())
}

impl Invariants {
    /// An event told that an image is the same as a release.
    pub(super) fn told_unchanged(
        &mut self,
        home: &Region,
        name: &ImageName,
        image: &ImageId,
        same_as: Version,
    ) {
        let twin = ImageName { version: same_as, ..name.clone() };
        self.contents.unchanged.insert((home.clone(), image.clone()), twin);
        if !self.recipes.get(&name.recipe).is_some_and(|promised| promised.skips_unchanged) {
            self.broken_promise(format!("{name} was not published, though its recipe asks for each"));
        }
        if !self.contents.of.contains_key(image) || same_as == name.version {
            self.broken_promise(format!("{name} is told to be unchanged, and nothing is known of {image}"));
        }
    }

    /// Whether an event told that an image is the same as a release.
    pub(super) fn was_unchanged(&self, region: &Region, image: &ImageId) -> bool {
        self.contents.unchanged.contains_key(&(region.clone(), image.clone()))
    }

    /// Whether an image that is told to be the same as a release has other contents.
    pub(super) fn broken_contents(&self, account: &Account, home: &Region) -> Vec<String> {
        let home_of = |name: &ImageName| {
            let ec2 = account.regions.get(home)?;
            let mut all = ec2.images.iter();
            // Of one that is gone by now the last state tells its name.
            all.find(|(_, history)| {
                let record = history.first().and_then(|image| image.record().ok());
                record.is_some_and(|its| its.copied.is_none() && its.name == *name)
            })
        };
        let differs = |((_, image), twin): (&(Region, ImageId), &ImageName)| {
            let (other, _) = home_of(twin)?;
            let (one, other) = (self.contents.of.get(image)?, self.contents.of.get(other)?);
            (one != other)
                .then(|| format!("{image} is told to be the same as {twin}, and has other packages"))
        };
        self.contents.unchanged.iter().filter_map(differs).collect()
    }

    /// The images that nobody uses and that were to go at once.
    pub(super) fn left_unchanged(&self, account: &Account, now: DateTime<Utc>) -> Vec<String> {
        let is_left = |image: &&Image| {
            image.state == ImageState::Available
                && image.record().is_ok_and(|its| its.stage == Stage::Unchanged)
                && !image.tags.has(kiln_core::model::tags::HOLD)
                && account.regions.get(&image.region).is_some_and(|ec2| {
                    ec2.instances_of(std::slice::from_ref(&image.id), now).is_empty()
                        && ec2.references(&image.region, std::slice::from_ref(&image.id), now).is_empty()
                })
        };
        let told = |image: &Image| format!("{} has nothing new, and is left behind", image.id);
        account.images().filter(is_left).map(told).collect()
    }
}
