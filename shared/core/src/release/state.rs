//! The releases of one recipe as they are: which images are ready where, and what each Region names.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{CloudError, Image, ImageState, Result, Template};
use crate::model::record::RecordError;
use crate::model::{ImageId, ImageRecord, Region, Stage, Tags, Version, tags};
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;
use crate::release::launch_template::current_point;
use crate::release::newest::latest_pin;

/// What a Region's parameter and launch template name, and the parameter in other accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// The value of the recipe's parameter; read only if the recipe names one.
    pub parameter: Option<Result<Option<String>>>,
    /// The value of the same parameter in each of the recipe's other accounts.
    pub accounts: BTreeMap<String, Result<Option<String>>>,
    /// The recipe's launch template; read only if the recipe names one.
    pub template: Option<Result<Option<Template>>>,
    /// Whether they name an image that is none of the recipe's, and that can be launched.
    pub is_foreign: bool,
    /// Whether that image has the name of one of the recipe's: somebody took its tag `kiln:recipe` away.
    pub is_spoiled: bool,
}

impl Pointers {
    /// The image that a recipe's parameter names here, or its launch template if it has no parameter.
    pub fn named(&self, recipe: &Recipe) -> Option<ImageId> {
        match recipe.publish.parameter {
            Some(_) => self.value()?.parse().ok(),
            None => self.by_template(recipe).cloned(),
        }
    }

    /// What the recipe's parameter holds here.
    pub fn value(&self) -> Option<&str> {
        self.parameter.as_ref()?.as_ref().ok()?.as_deref()
    }

    /// What instances get from the recipe's launch template here.
    pub fn by_template(&self, recipe: &Recipe) -> Option<&ImageId> {
        let template = self.template.as_ref()?.as_ref().ok()?.as_ref()?;
        current_point(recipe.publish.launch_template.as_ref()?, template).image.as_ref()
    }
}

/// What is done about a parameter that names another image than the newest release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It is set to the newest release again.
    Repair,
    /// It is left unchanged, because it has just been written, perhaps by a rollback whose pin EC2 does not show yet.
    Ignore,
}

/// How long an invocation that wrote the time of a release is left to finish it. The parameters of all Regions report
/// the same release within a second; longer than a function runs, and shorter than the time between two sweeps.
const FINISHING: TimeDelta = TimeDelta::minutes(2);

/// An image and its ready replicas: they are available and published, and were tested if the recipe asks for it.
#[derive(Debug, Clone)]
pub(super) struct ReadyRelease<'a> {
    pub(super) home: &'a Image,
    pub(super) record: ImageRecord,
    pub(super) ready: BTreeMap<&'a Region, &'a Image>,
}

/// All releases of one recipe, and what each Region names.
#[derive(Debug, Clone)]
pub struct ReleaseState<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) home: &'a Region,
    /// The published images that are available, newest first.
    pub(super) releases: Vec<ReadyRelease<'a>>,
    /// The version of each available image that was not rejected or disabled, published or not, by Region and id.
    pub(super) versions: BTreeMap<(&'a Region, &'a ImageId), Version>,
    /// The images that somebody recalled, or that do not count.
    pub(super) recalled: BTreeSet<(&'a Region, &'a ImageId)>,
    /// The versions whose home image is among them.
    pub(super) recalled_versions: BTreeSet<Version>,
    /// The images that are being made.
    pub(super) pending: BTreeSet<(&'a Region, &'a ImageId)>,
    /// The available images whose tags are not Kiln's own, each with the reason.
    pub(super) unplaced: BTreeMap<(&'a Region, &'a ImageId), RecordError>,
    /// Regions of the recipe whose images could not be read.
    pub(super) unobservable: BTreeMap<&'a Region, &'a CloudError>,
    pub(super) pointers: &'a BTreeMap<Region, Pointers>,
    pub(super) now: DateTime<Utc>,
}

impl<'a> ReleaseState<'a> {
    /// The state of a recipe's releases, from the images in each Region and what each Region names.
    pub fn of(
        recipe: &'a Recipe,
        home: &'a Region,
        images: &'a BTreeMap<Region, Result<Vec<Image>>>,
        pointers: &'a BTreeMap<Region, Pointers>,
        now: DateTime<Utc>,
    ) -> Self {
        Self::of_some(recipe, home, images, pointers, now, |_| true)
    }

    /// The same, as if only these versions had ever been: nothing is said of the others, as if they were recalled.
    pub fn of_some(
        recipe: &'a Recipe,
        home: &'a Region,
        images: &'a BTreeMap<Region, Result<Vec<Image>>>,
        pointers: &'a BTreeMap<Region, Pointers>,
        now: DateTime<Utc>,
        counts: impl Fn(Version) -> bool,
    ) -> Self {
        let regions = || recipe.regions(home);
        let unobservable =
            regions().filter_map(|region| Some((region, images.get(region)?.as_ref().err()?))).collect();
        let mut replicas: BTreeMap<Version, Vec<(&Region, &Image, ImageRecord)>> = BTreeMap::new();
        let mut homes = Vec::new();
        let (mut versions, mut unplaced) = (BTreeMap::new(), BTreeMap::new());
        let (mut recalled, mut recalled_versions) = (BTreeSet::new(), BTreeSet::new());
        let mut pending = BTreeSet::new();
        for region in regions() {
            for image in images.get(region).and_then(|found| found.as_ref().ok()).into_iter().flatten() {
                // The tag alone tells the recipe: a sweep passes the images of all recipes to each of them.
                let is_own = image.tags.get(tags::RECIPE) == Some(recipe.name.as_str());
                if is_own && image.state == ImageState::Pending {
                    pending.insert((region, &image.id));
                }
                if !is_own || image.state != ImageState::Available {
                    continue;
                }
                let record = match image.record_for_home(home) {
                    // What EC2 can launch is not disabled, whatever its tags say.
                    Ok(record) if record.stage == Stage::Disabled && image.was_released() => {
                        record.at(Stage::Released)
                    }
                    Ok(record) => record,
                    Err(why) => {
                        unplaced.insert((region, &image.id), why);
                        continue;
                    }
                };
                let is_counted = counts(record.name.version);
                if image.is_out() || !is_counted {
                    recalled.insert((region, &image.id));
                    recalled_versions.extend((region == home).then_some(record.name.version));
                }
                if !is_counted {
                    continue;
                }
                if !record.stage.is_out() && record.stage != Stage::Disabled {
                    versions.insert((region, &image.id), record.name.version);
                }
                if !record.stage.is_published() {
                    continue;
                }
                match &record.copied {
                    None => homes.push((image, record)),
                    Some(_) => replicas.entry(record.name.version).or_default().push((region, image, record)),
                }
            }
        }
        // What was copied back stands for the image that somebody took away, even if that comes back.
        homes.sort_by_key(|(image, record)| {
            std::cmp::Reverse((record.name.version, record.copied_back.is_some(), image.id.clone()))
        });
        let releases = homes
            .into_iter()
            .map(|(image, record)| {
                let of_version = replicas.get(&record.name.version).into_iter().flatten();
                let own = of_version.filter(|(_, _, its)| image.is_origin_of(&record, its));
                let mut ready: BTreeMap<&Region, &Image> =
                    own.map(|(region, replica, _)| (*region, *replica)).collect();
                ready.insert(home, image);
                ReadyRelease { home: image, record, ready }
            })
            .collect();
        Self {
            recipe,
            home,
            releases,
            versions,
            recalled,
            recalled_versions,
            pending,
            unplaced,
            unobservable,
            pointers,
            now,
        }
    }

    /// The version that the home Region should name; `None` if there is no release to name.
    pub fn to_name(&self) -> Option<Version> {
        self.target(self.home).map(|(target, ..)| target.version())
    }

    /// Whether somebody recalled an image, so that nothing was lost.
    pub(super) fn is_recalled(&self, region: &Region, image: &ImageId) -> bool {
        let version = self.versions.get(&(region, image));
        self.recalled.contains(&(region, image))
            || version.is_some_and(|version| self.recalled_versions.contains(version))
    }

    pub(super) fn regions(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        self.recipe.regions(self.home)
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        let (recipe, home) = (self.recipe, self.home);
        self.regions().filter(move |region| *region == home || recipe.replicate.requires(region))
    }

    pub(super) fn requires(&self, region: &Region) -> bool {
        self.required().any(|required| required == region)
    }

    /// The Regions that are filled in when they can be. Each moves by itself, and is in the way of no other.
    pub(super) fn best_effort(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        let (recipe, home) = (self.recipe, self.home);
        self.regions().filter(move |region| *region != home && !recipe.replicate.requires(region))
    }

    /// Whether an image is a release: it already was one, or it is ready in every required Region. One that was said to be
    /// released needs only the Regions that there were then.
    pub(super) fn is_complete(&self, release: &ReadyRelease<'_>) -> bool {
        let is_said = || release.home.tags.time(tags::RELEASED_AT).is_some();
        let is_left = || {
            let mut then = self.required().filter(|region| release.was_in(region));
            then.all(|region| release.ready.contains_key(region))
        };
        release.record.stage == Stage::Released || self.is_everywhere(release) || is_said() && is_left()
    }

    /// Whether a published image is no release yet, because one of its required Regions is not ready.
    pub fn waits(&self, version: Version) -> bool {
        let mut its = self.releases.iter().filter(|release| release.version() == version);
        its.any(|release| !self.is_complete(release))
    }

    /// Whether a release can be launched in every required Region.
    pub(super) fn is_everywhere(&self, release: &ReadyRelease<'_>) -> bool {
        self.required().all(|region| release.ready.contains_key(region))
    }

    /// The release of the latest rollback, and the newest version that it was preferred to; `None` once a newer one
    /// is released. What was rolled back from since is no such release, though the one that it went to was recalled.
    pub(super) fn pinned(&self) -> Option<(&ReadyRelease<'a>, Version)> {
        let kept = self.releases.iter().filter(|release| !release.home.anchor().is_rolled_back_from());
        let (pinned, over) = latest_pin(kept, |release| release.home)?;
        let newer = self.releases.iter().any(|release| release.version() > over && self.is_complete(release));
        (!newer).then_some((pinned, over))
    }

    /// The release before this one, if the tags of both tell that their contents are kept.
    pub(super) fn compared_with(&self, release: &ReadyRelease<'_>) -> Option<Version> {
        let mut older = self.releases.iter().filter(|other| other.version() < release.version());
        let before = older.find(|other| other.record.stage == Stage::Released)?;
        let is_listed = |one: &ReadyRelease<'_>| one.home.tags.has(tags::CONTENTS);
        (is_listed(release) && is_listed(before)).then(|| before.version())
    }

    /// Lets the releases go that were rolled back to before: the right to remove an image asks for this tag.
    pub(super) fn ended_rollbacks(&self, newer: &ReadyRelease<'_>) -> Sequence {
        let over = |release: &&ReadyRelease<'_>| release.home.anchor().pin.map(|pin| pin.over);
        let holds = |release: &&ReadyRelease<'_>| release.home.tags.get(tags::PIN_HOLDS) == Some("yes");
        let ended = self.releases.iter().filter(holds);
        let ended = ended.filter(|release| over(release).is_none_or(|over| over < newer.version()));
        let cleared = |release: &ReadyRelease<'_>| {
            let tag = Action::Tag(release.home.id.clone(), Tags::new().with(tags::PIN_HOLDS, "no"));
            Subject::image(release.home).decide(tag, ReleaseReason::Ready(newer.version()))
        };
        ended.map(cleared).collect()
    }

    /// The release that a Region's parameter names, if it can be launched there.
    pub(super) fn named(&self, region: &Region) -> Option<&ReadyRelease<'a>> {
        let named: ImageId = self.value(region)?.parse().ok()?;
        self.release_of(region, &named)
    }

    /// The release of an image that can be launched in a Region.
    pub(super) fn release_of(&self, region: &Region, image: &ImageId) -> Option<&ReadyRelease<'a>> {
        self.releases.iter().find(|release| release.ready.get(region).is_some_and(|ready| ready.id == *image))
    }

    pub(super) fn value(&self, region: &Region) -> Option<&str> {
        self.pointers.get(region)?.value()
    }

    /// The image that a Region should name; `None` if it is not ready there, or if a newer version is named already.
    pub(super) fn pending_move(&self, region: &'a Region) -> Option<(&'a Image, Reason)> {
        let (target, over, reason) = self.target(region)?;
        let image = *target.ready.get(region).or_else(|| self.stand_in(region, over))?;
        let named: Option<ImageId> = self.value(region).and_then(|value| value.parse().ok());
        let moves_back = named.is_some_and(|named| self.is_back_from(region, &named));
        // Whether it is older or newer than the release is not known.
        let is_held = self.unplaced_in(region).is_some() || self.requires(region) && self.is_held();
        let is_left = is_held && is_repair(&reason);
        let parts = self.requires(region) && self.would_part(target);
        (!moves_back && !is_left && !parts).then_some((image, reason))
    }

    /// What instances get from a Region's launch template.
    pub(super) fn named_by_template(&self, region: &Region) -> Option<&ImageId> {
        self.pointers.get(region)?.by_template(self.recipe)
    }

    /// The image that a Region's parameter names, if it can be launched but its tags are not Kiln's own, with the
    /// reason.
    pub(super) fn unplaced_in(&self, region: &'a Region) -> Option<(&'a ImageId, &RecordError)> {
        let named = self.value(region)?;
        let mut unplaced = self.unplaced.iter();
        let ((_, image), why) =
            unplaced.find(|((place, image), _)| *place == region && image.as_str() == named)?;
        Some((*image, why))
    }

    /// What is said for each Region whose parameter is left at such an image.
    pub(super) fn left(&self) -> Sequence {
        let left = |region: &'a Region| {
            let (image, why) = self.unplaced_in(region)?;
            self.target(region).filter(|(_, _, reason)| is_repair(reason))?;
            let reason = ReleaseReason::NamesUnknown {
                parameter: self.recipe.publish.parameter.clone()?,
                image: image.clone(),
                why: why.clone(),
            };
            Some(Subject::resource(image, region).decide(Action::Keep, reason))
        };
        self.regions().filter_map(left).collect()
    }

    /// A retry for each Region that the recipe requires and that could not be read.
    pub(crate) fn unread_where_required(&self) -> Sequence {
        self.unreadable().into_iter().filter(|one| self.requires(&one.subject.region)).collect()
    }

    /// A retry for each Region whose images or parameter could not be read.
    pub(super) fn unreadable(&self) -> Sequence {
        let unobservable = self.unobservable.iter().map(|(region, error)| (*region, *error));
        let parameters = self.regions().filter_map(|region| {
            let pointers = self.pointers.get(region)?;
            Some((region, pointers.parameter.as_ref()?.as_ref().err()?))
        });
        unobservable
            .chain(parameters)
            .map(|(region, error)| Subject::region(region).retry_later(error))
            .collect()
    }
}

impl ReadyRelease<'_> {
    pub(super) fn version(&self) -> Version {
        self.record.name.version
    }

    /// Whether it was released in a Region. One that is not marked so was: only a Region that came to the recipe later was
    /// not.
    pub(super) fn was_in(&self, region: &Region) -> bool {
        self.home.tags.lists(tags::RELEASED_IN, region.as_str()).unwrap_or(true)
    }

    /// Whether it is a release, or is being made one: its time was written.
    pub(super) fn is_released(&self) -> bool {
        self.record.stage == Stage::Released || self.home.tags.time(tags::RELEASED_AT).is_some()
    }

    /// Whether an invocation wrote its time so short a while ago that it may be finishing it, and that what was read of it may
    /// be of different moments.
    pub(super) fn is_being_finished(&self, now: DateTime<Utc>) -> bool {
        let begun = self.home.tags.time(tags::RELEASED_AT);
        begun.is_some_and(|begun| (now - begun).abs() < FINISHING)
    }

    pub(super) fn images(&self) -> BTreeMap<Region, ImageId> {
        self.ready.iter().map(|(region, image)| ((*region).clone(), image.id.clone())).collect()
    }
}

/// Whether a move only sets back what names another image than the newest release.
pub(super) fn is_repair(reason: &Reason) -> bool {
    matches!(reason, Reason::Release(ReleaseReason::PointsElsewhere(_) | ReleaseReason::GivesWay { .. }))
}
