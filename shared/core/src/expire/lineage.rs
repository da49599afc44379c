//! All releases of one recipe, newest first.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::fleet_size::FleetSize;
use super::inventory::{ImagesByRegion, observed_images};
use crate::inventory::{CloudError, Image, ImageState};
use crate::model::record::RecordError;
use crate::model::{AnchoredEnd, ImageRecord, Region, Stage, Version, tags};
use crate::plan::reason::RetentionReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// An image or a replica of a release, with its record.
pub type Member<'a> = (&'a Image, ImageRecord);

/// An image and its replicas. They are kept or removed together: a replica that is removed while its home image is
/// kept would be copied again.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    /// Its version.
    pub version: Version,
    /// Replicas first, the home image last: as long as the home image exists, a run after a crash still finds the
    /// release.
    pub members: Vec<Member<'a>>,
}

/// All releases of one recipe. The record of each image is parsed once.
#[derive(Debug, Clone)]
pub struct Lineage<'a> {
    /// The releases, newest first.
    pub releases: Vec<Release<'a>>,
    /// The newest version that is released.
    pub newest: Option<Version>,
    /// How many images there are in each Region.
    pub fleet: FleetSize,
    /// The Regions that could be read.
    read: BTreeSet<&'a Region>,
    /// The error of a Region that could not be read, if there is one.
    pub unobservable: Option<&'a CloudError>,
    /// Images that carry the recipe's tag but no valid record.
    unreadable: Vec<(&'a Image, RecordError)>,
}

impl<'a> Lineage<'a> {
    /// Groups the observed images into releases.
    pub fn of(images: &'a ImagesByRegion, home: &Region) -> Self {
        let (releases, unreadable) = group_by_version(observed_images(images), home);
        Self {
            newest: releases.iter().find(|release| release.is_released()).map(|release| release.version),
            releases,
            fleet: FleetSize::of_regions(images),
            read: images.iter().filter(|(_, images)| images.is_ok()).map(|(region, _)| region).collect(),
            unobservable: images.values().find_map(|images| images.as_ref().err()),
            unreadable,
        }
    }

    /// The Regions that the recipe requires in which a release was, and can be launched no more. Of a Region that could not
    /// be read that is not known.
    pub fn lost_in(&self, recipe: &Recipe, release: &Release<'_>) -> Vec<Region> {
        let home = release.home();
        let can_be_launched = |region: &Region| {
            release.members.iter().any(|(image, record)| {
                image.region == *region
                    && image.state == ImageState::Available
                    && (record.stage.is_published() || record.stage == Stage::Disabled)
            })
        };
        let required = recipe.replicate.regions.iter().filter(|region| recipe.replicate.requires(region));
        let listed = |region: &Region| home?.0.tags.lists(tags::RELEASED_IN, region.as_str());
        let was_in = |region: &&Region| listed(region).unwrap_or(false);
        let seen = required.filter(was_in).filter(|region| self.read.contains(*region));
        seen.filter(|region| !can_be_launched(region)).cloned().collect()
    }

    /// All images with a valid record.
    pub fn members(&self) -> impl Iterator<Item = &'a Image> {
        self.releases.iter().flat_map(Release::images)
    }

    /// One sequence for each image without a valid record: the image is kept, with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = Sequence> {
        let why = |(image, why): &(&Image, RecordError)| {
            vec![Subject::image(image).decide(Action::Keep, Reason::NotManaged(why.clone()))]
        };
        self.unreadable.iter().map(why)
    }
}

/// The releases of these images, newest first. Images without a valid record are left out.
pub fn releases<'a>(images: impl IntoIterator<Item = &'a Image>, home: &Region) -> Vec<Release<'a>> {
    group_by_version(images, home).0
}

fn group_by_version<'a>(
    images: impl IntoIterator<Item = &'a Image>,
    home: &Region,
) -> (Vec<Release<'a>>, Vec<(&'a Image, RecordError)>) {
    let mut by_version: BTreeMap<Version, Vec<Member<'a>>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for image in images {
        // EC2 lists an image for a while after it was deregistered.
        if image.state == ImageState::Deregistered {
            continue;
        }
        match image.record_for_home(home) {
            Ok(record) => by_version.entry(record.name.version).or_default().push((image, record)),
            Err(why) => unreadable.push((image, why)),
        }
    }
    let release = |(version, mut members): (Version, Vec<Member<'a>>)| {
        members.sort_by(|(image, record), (other, other_record)| {
            let key =
                |image: &'a Image, record: &ImageRecord| (record.copied.is_none(), &image.region, &image.id);
            key(image, record).cmp(&key(other, other_record))
        });
        Release { version, members }
    };
    (by_version.into_iter().rev().map(release).collect(), unreadable)
}

impl<'a> Release<'a> {
    /// Its images, without their records.
    pub fn images(&self) -> impl Iterator<Item = &'a Image> + use<'a, '_> {
        self.members.iter().map(|(image, _)| *image)
    }

    /// Its home image with its record; the first of several.
    pub fn home(&self) -> Option<&Member<'a>> {
        self.members.iter().find(|(_, record)| record.copied.is_none())
    }

    /// When the youngest of its home images was created. Setting the version tag back does not make a release older.
    pub fn effective_age_from(&self) -> DateTime<Utc> {
        let homes = self.members.iter().filter(|(_, record)| record.copied.is_none());
        homes.map(|(image, _)| image.effective_age_from(self.version)).max().unwrap_or(self.version.time())
    }

    /// Whether it counts among the newest: it was released and can be launched. A release whose stage is `disabled`
    /// counts too while it can be launched: it was enabled again, or the run that was to disable it did not finish.
    pub fn is_released(&self) -> bool {
        self.members.iter().any(|(image, record)| {
            record.copied.is_none()
                && matches!(record.stage, Stage::Released | Stage::Disabled)
                && image.state == ImageState::Available
                && !image.is_out()
        })
    }

    /// Why it goes though nothing newer was released: it was never to be published, or somebody recalled it.
    pub fn is_out(&self) -> Option<RetentionReason> {
        self.home().and_then(|(image, _)| match image.anchor().end? {
            AnchoredEnd::Unchanged => Some(RetentionReason::Unchanged),
            AnchoredEnd::Recalled => Some(RetentionReason::Recalled),
            AnchoredEnd::Rejected | AnchoredEnd::Released => None,
        })
    }

    /// The state of its home image; without one, the state of its first replica.
    pub fn state(&self) -> ImageState {
        self.home()
            .or(self.members.first())
            .map_or(ImageState::Deregistered, |(image, _)| image.state.clone())
    }

    /// An image whose state can still change. The whole release waits for it.
    pub fn under_way(&self) -> Option<&'a Image> {
        self.images().find(|image| matches!(image.state, ImageState::Pending | ImageState::Unknown(_)))
    }
}
