//! Decides which release the parameters and launch templates of each Region name, and when an image becomes a
//! release.
//!
//! With `release = "together"` nothing moves until every required Region is ready, and then all Regions move at once;
//! with `"each"` every Region moves on its own. Kiln never moves back to an older release on its own. Only a rollback
//! does, and after it nothing moves forward until there is a newer release.

pub mod launch_template;
mod moves;
pub mod newest;
pub mod rollback;
mod tries;

pub use moves::refused;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::{CloudError, Image, ImageState, Result, Template};
use crate::model::record::RecordError;
use crate::model::{ImageId, ImageRecord, Region, Stage, Tags, Version, tags};
use crate::plan::action::WaitFor;
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::{Recipe, ReleaseStrategy};
use crate::release::moves::How;

/// What a Region's parameter and launch template name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// The value of the recipe's parameter; read only if the recipe names one.
    pub parameter: Option<Result<Option<String>>>,
    /// The recipe's launch template; read only if the recipe names one.
    pub template: Option<Result<Option<Template>>>,
}

/// What is done about a parameter that names another image than the newest release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It is set to the newest release again.
    Repair,
    /// It is left unchanged, because it has just been written, perhaps by a rollback whose pin EC2 does not show yet.
    Ignore,
}

/// An image and its ready replicas: they are available and published, and were tested if the recipe asks for it.
#[derive(Debug, Clone)]
struct ReadyRelease<'a> {
    home: &'a Image,
    record: ImageRecord,
    ready: BTreeMap<&'a Region, &'a Image>,
}

/// All releases of one recipe, and what each Region names.
#[derive(Debug, Clone)]
pub struct ReleaseState<'a> {
    recipe: &'a Recipe,
    home: &'a Region,
    /// The published images that are available, newest first.
    releases: Vec<ReadyRelease<'a>>,
    /// The version of each available image that was not rejected or disabled, published or not, by Region and id.
    versions: BTreeMap<(&'a Region, &'a ImageId), Version>,
    /// The available images whose tags are not Kiln's own, each with the reason.
    unplaced: BTreeMap<(&'a Region, &'a ImageId), RecordError>,
    /// Regions of the recipe whose images could not be read.
    unobservable: BTreeMap<&'a Region, &'a CloudError>,
    pointers: &'a BTreeMap<Region, Pointers>,
}

impl<'a> ReleaseState<'a> {
    /// The state of a recipe's releases, from the images in each Region and what each Region names.
    pub fn of(
        recipe: &'a Recipe,
        home: &'a Region,
        images: &'a BTreeMap<Region, Result<Vec<Image>>>,
        pointers: &'a BTreeMap<Region, Pointers>,
    ) -> Self {
        let regions = || recipe.regions(home);
        let unobservable =
            regions().filter_map(|region| Some((region, images.get(region)?.as_ref().err()?))).collect();
        let mut replicas: BTreeMap<ImageId, BTreeMap<&Region, &Image>> = BTreeMap::new();
        let mut homes = Vec::new();
        let (mut versions, mut unplaced) = (BTreeMap::new(), BTreeMap::new());
        for region in regions() {
            for image in images.get(region).and_then(|found| found.as_ref().ok()).into_iter().flatten() {
                // The tag alone tells the recipe: a sweep passes the images of all recipes to each of them.
                let is_own = image.tags.get(tags::RECIPE) == Some(recipe.name.as_str());
                if !is_own || image.state != ImageState::Available {
                    continue;
                }
                let record = match image.record_for_home(home) {
                    Ok(record) => record,
                    Err(why) => {
                        unplaced.insert((region, &image.id), why);
                        continue;
                    }
                };
                if !matches!(record.stage, Stage::Rejected | Stage::Disabled) {
                    versions.insert((region, &image.id), record.name.version);
                }
                if !record.stage.is_published() {
                    continue;
                }
                match &record.copied {
                    None => homes.push((image, record)),
                    Some(copied) => {
                        replicas.entry(copied.origin.image.clone()).or_default().insert(region, image);
                    }
                }
            }
        }
        homes.sort_by_key(|(image, record)| std::cmp::Reverse((record.name.version, image.id.clone())));
        let releases = homes
            .into_iter()
            .map(|(image, record)| {
                let mut ready = replicas.remove(&image.id).unwrap_or_default();
                ready.insert(home, image);
                ReadyRelease { home: image, record, ready }
            })
            .collect();
        Self { recipe, home, releases, versions, unplaced, unobservable, pointers }
    }

    fn regions(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        self.recipe.regions(self.home)
    }

    fn required(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        let (recipe, home) = (self.recipe, self.home);
        self.regions().filter(move |region| *region == home || recipe.replicate.requires(region))
    }

    fn requires(&self, region: &Region) -> bool {
        self.required().any(|required| required == region)
    }

    /// The Regions that are filled in when they can be. Each moves by itself, and is in the way of no other.
    fn best_effort(&self) -> impl Iterator<Item = &'a Region> + use<'a> {
        let (recipe, home) = (self.recipe, self.home);
        self.regions().filter(move |region| *region != home && !recipe.replicate.requires(region))
    }

    /// Whether an image is a release: it already was one, or it is ready in every required Region.
    fn is_complete(&self, release: &ReadyRelease<'_>) -> bool {
        release.record.stage == Stage::Released
            || self.required().all(|region| release.ready.contains_key(region))
    }

    /// The release of the latest rollback, and the newest version that it was preferred to; `None` once a newer one
    /// is released.
    fn pinned(&self) -> Option<(&ReadyRelease<'a>, Version)> {
        let pins = self.releases.iter().filter_map(|release| {
            let over: Version = release.home.tags.read(tags::PINNED_OVER)?;
            Some((release.home.tags.time(tags::PINNED)?, over, release))
        });
        let (_, over, pinned) = pins.max_by_key(|(since, ..)| *since)?;
        let newer = self.releases.iter().any(|release| release.version() > over && self.is_complete(release));
        (!newer).then_some((pinned, over))
    }

    /// Lets the releases go that were rolled back to before: the right to remove an image asks for this tag.
    fn ended_rollbacks(&self, newer: &ReadyRelease<'_>) -> Sequence {
        let over = |release: &&ReadyRelease<'_>| release.home.tags.read::<Version>(tags::PINNED_OVER);
        let holds = |release: &&ReadyRelease<'_>| release.home.tags.get(tags::PIN_HOLDS) == Some("yes");
        let ended = self.releases.iter().filter(holds);
        let ended = ended.filter(|release| over(release).is_none_or(|over| over < newer.version()));
        let cleared = |release: &ReadyRelease<'_>| {
            let tag = Action::Tag(release.home.id.clone(), Tags::new().with(tags::PIN_HOLDS, "no"));
            Subject::image(release.home).decide(tag, ReleaseReason::Ready(newer.version()))
        };
        ended.map(cleared).collect()
    }

    /// The release that a Region should name, the newest version that it may replace, and the reason.
    fn target(&self, region: &Region) -> Option<(&ReadyRelease<'a>, Version, Reason)> {
        if let Some((pinned, over)) = self.pinned() {
            return Some((pinned, over, Reason::Release(ReleaseReason::RolledBackTo(pinned.version()))));
        }
        let fits = |release: &&ReadyRelease<'_>| match self.recipe.replicate.release {
            ReleaseStrategy::AllRegions => self.is_complete(release),
            ReleaseStrategy::PerRegion => release.ready.contains_key(region),
        };
        let target = self.releases.iter().find(fits)?;
        let reason = match (target.record.stage, self.recipe.replicate.release) {
            (Stage::Released, _) => Reason::Release(ReleaseReason::PointsElsewhere(target.version())),
            (_, ReleaseStrategy::AllRegions) => Reason::Release(ReleaseReason::Ready(target.version())),
            (_, ReleaseStrategy::PerRegion) => Reason::Release(ReleaseReason::ReadyHere(target.version())),
        };
        Some((target, target.version(), reason))
    }

    /// The release that a Region's parameter names, if it can be launched there.
    fn named(&self, region: &Region) -> Option<&ReadyRelease<'a>> {
        let named: ImageId = self.value(region)?.parse().ok()?;
        self.releases.iter().find(|release| release.ready.get(region).is_some_and(|image| image.id == named))
    }

    fn value(&self, region: &Region) -> Option<&str> {
        self.pointers.get(region)?.parameter.as_ref()?.as_ref().ok()?.as_deref()
    }

    /// The image that a Region should name; `None` if it is not ready there, or if a newer version is named already.
    fn pending_move(&self, region: &'a Region) -> Option<(&'a Image, Reason)> {
        let (target, over, reason) = self.target(region)?;
        let image = target.ready.get(region)?;
        // The images may have been read before the parameter. Only a rollback moves back, and not from a newer
        // version than it was preferred to.
        let named: Option<ImageId> = self.value(region).and_then(|value| value.parse().ok());
        let named = named.and_then(|image| self.versions.get(&(region, &image)).copied());
        let moves_back = named.is_some_and(|version| version > over && !self.is_lost(version));
        // Whether it is older or newer than the release is not known.
        let is_left = self.unplaced_in(region).is_some() && is_repair(&reason);
        (!moves_back && !is_left).then_some((*image, reason))
    }

    /// Whether Regions that go together name a release of which the home image can no longer be launched: then all of
    /// them go back to one that can be launched everywhere. An image whose tags cannot be read can still be launched.
    fn is_lost(&self, version: Version) -> bool {
        self.recipe.replicate.release == ReleaseStrategy::AllRegions
            && self.unplaced_in(self.home).is_none()
            && !self.versions.iter().any(|((region, _), at)| *region == self.home && *at == version)
    }

    /// What a Region's parameter names, if nobody can launch it there: the image is gone, disabled, or lost.
    fn dead_in(&self, region: &'a Region) -> Option<ImageId> {
        let named: ImageId = self.value(region)?.parse().ok()?;
        let is_alive = match self.versions.get(&(region, &named)) {
            Some(version) => !self.is_lost(*version),
            None => self.unplaced_in(region).is_some(),
        };
        (!is_alive).then_some(named)
    }

    /// The image that a Region's parameter names, if it can be launched but its tags are not Kiln's own, with the
    /// reason.
    fn unplaced_in(&self, region: &'a Region) -> Option<(&'a ImageId, &RecordError)> {
        let named = self.value(region)?;
        let mut unplaced = self.unplaced.iter();
        let ((_, image), why) =
            unplaced.find(|((place, image), _)| *place == region && image.as_str() == named)?;
        Some((*image, why))
    }

    /// What is said for each Region whose parameter is left at such an image.
    fn left(&self) -> Sequence {
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

    /// A retry for each Region whose images or parameter could not be read.
    fn unreadable(&self) -> Sequence {
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
    fn version(&self) -> Version {
        self.record.name.version
    }

    fn images(&self) -> BTreeMap<Region, ImageId> {
        self.ready.iter().map(|(region, image)| ((*region).clone(), image.id.clone())).collect()
    }
}

/// Whether a move only sets back what names another image than the newest release.
fn is_repair(reason: &Reason) -> bool {
    matches!(reason, Reason::Release(ReleaseReason::PointsElsewhere(_)))
}

/// Moves parameters and launch templates that name the wrong image, and makes releases of the images that are ready
/// in every required Region.
pub fn decide(state: &ReleaseState<'_>, drift: Drift, now: DateTime<Utc>) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> =
        state.unreadable().into_iter().chain(state.left()).map(|one| vec![one]).collect();
    // Acting on a partial view would move some Regions and not the others.
    if state.unreadable().iter().any(|one| state.requires(&one.subject.region)) {
        return sequences;
    }
    let how = How { drift, until: WaitFor::Visible, waits_at: Some(now) };
    let moved = state.moves(&state.required().collect::<Vec<_>>(), how);
    match moved {
        Err(waits) => sequences.push(vec![*waits]),
        Ok(moves) => sequences.extend(released(state, moves, now)),
    }
    let alone = state.best_effort().map(|region| state.moves(&[region], how));
    sequences.extend(alone.map(|moved| moved.unwrap_or_else(|waits| vec![*waits])));
    sequences.retain(|sequence| !sequence.is_empty());
    sequences
}

/// The moves, and behind them the end of each release that is complete; and the releases that another invocation ends.
fn released(state: &ReleaseState<'_>, moves: Sequence, now: DateTime<Utc>) -> Vec<Sequence> {
    let (mut sequence, mut sequences) = (moves, Vec::new());
    let complete_now: Vec<&ReadyRelease<'_>> = state
        .releases
        .iter()
        .rev()
        .filter(|release| release.record.stage == Stage::Published && state.is_complete(release))
        .collect();
    for release in complete_now {
        match release.home.tags.time(tags::RELEASED_AT).filter(|begun| now - *begun < FINISHING) {
            Some(_) => {
                let reason = ReleaseReason::BeingFinished(release.version());
                sequences.push(vec![Subject::image(release.home).decide(Action::Keep, reason)]);
            }
            None => sequence.extend(finish(state, release, now)),
        }
    }
    sequences.push(sequence);
    sequences
}

/// How long an invocation that wrote the time of a release is left to finish it. The parameters of all Regions report
/// the same release within a second; longer than a function runs, and shorter than the time between two sweeps.
const FINISHING: TimeDelta = TimeDelta::minutes(2);

/// Makes an image a release. The release time is written before the event is sent, so that a repeated event has the
/// same time. The stage of the home image is set last, because it marks the release as complete.
fn finish(state: &ReleaseState<'_>, release: &ReadyRelease<'_>, now: DateTime<Utc>) -> Sequence {
    let reason = || Reason::Release(ReleaseReason::Ready(release.version()));
    let home = || Subject::image(release.home);
    let text = |time: DateTime<Utc>, form| time.to_rfc3339_opts(form, true);
    let recorded = release.home.tags.get(tags::RELEASED_AT).map(str::to_owned);
    // In milliseconds, because of two invocations in one second the later one finishes the release.
    let released = recorded.clone().unwrap_or_else(|| text(now, SecondsFormat::Millis));
    let mut sequence = Sequence::new();
    if recorded.is_none() {
        let tag = Tags::new().with(tags::RELEASED_AT, &released);
        sequence.push(home().decide(Action::Tag(release.home.id.clone(), tag), reason()));
    }
    let news = Event::ImageReleased {
        image: release.home.id.clone(),
        images: release.images(),
        parameter: state.recipe.publish.parameter.clone(),
        baked: text(release.version().time(), SecondsFormat::Secs),
        released,
    };
    let marked = |image: &Image| {
        let record = image.record().ok()?.at(Stage::Released);
        Some(Subject::image(image).decide(Action::SetStage(image.id.clone(), record), reason()))
    };
    let replicas = release.ready.values().filter(|image| image.id != release.home.id);
    let unmarked = replicas.filter(|image| image.tags.get(tags::STAGE) != Some(Stage::Released.word()));
    sequence.extend(unmarked.filter_map(|image| marked(image)));
    sequence.extend(state.ended_rollbacks(release));
    // Just before the last tag: the event wakes `expire`, which counts the release only once it bears that tag.
    sequence.push(home().emit_again(&release.record.name, news, release.home.occasion(), reason()));
    sequence.extend(marked(release.home));
    sequence
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
