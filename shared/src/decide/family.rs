//! The images of one recipe, release by release, and what becomes of a release once its use is known.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::elsewhere::Awaited;
use super::retire::{Fate, Member, next_step};
use super::used::Uses;
use super::{Action, Chain, Decision, Reason, Subject, share};
use crate::cloud::{CloudError, Image, ImageState};
use crate::domain::{ImageId, ImageRecord, Region, Stage, Version};
use crate::recipe::{Expire, Recipe};

/// The images of one recipe that bear a whole record, by Region. A Region that could not be seen is an error.
pub type Found = BTreeMap<Region, Result<Vec<Image>, CloudError>>;

/// An image and its replicas. They go or stay together: a replica that went while its image stays would be copied anew.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    /// Of which bake.
    pub version: Version,
    /// Replicas first: while the home image is there, whoever comes after a crash still finds the release.
    pub members: Vec<Member<'a>>,
}

/// By which rules a release goes, and what its recipe grants it where it stays.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The waiting times.
    pub expire: &'a Expire,
    /// The recipe; `None` where it was deleted.
    pub recipe: Option<&'a Recipe>,
    /// The newest release.
    pub newest: Option<Version>,
}

impl<'a> Rules<'a> {
    /// Those of a recipe.
    pub fn of(recipe: &'a Recipe, newest: Option<Version>) -> Self {
        Self { expire: &recipe.expire, recipe: Some(recipe), newest }
    }
}

/// The releases of a recipe, newest first.
pub fn releases<'a>(images: impl IntoIterator<Item = &'a Image>, home: &Region) -> Vec<Release<'a>> {
    let mut by_version: BTreeMap<Version, Vec<Member<'a>>> = BTreeMap::new();
    for image in images {
        // What is deregistered already is shown for a while.
        if image.state == ImageState::Deregistered {
            continue;
        }
        if let Ok(record) = image.record_at(home) {
            by_version.entry(record.name.version).or_default().push((image, record));
        }
    }
    let release = |(version, mut members): (Version, Vec<Member<'a>>)| {
        members.sort_by(|(one, its), (other, others)| {
            let of =
                |image: &'a Image, record: &ImageRecord| (record.copied.is_none(), &image.region, &image.id);
            of(one, its).cmp(&of(other, others))
        });
        Release { version, members }
    };
    by_version.into_iter().rev().map(release).collect()
}

impl<'a> Release<'a> {
    /// When the youngest of its home images came to be. A tag that someone set back makes no image old.
    pub fn born(&self) -> DateTime<Utc> {
        let homes = self.members.iter().filter(|(_, record)| record.copied.is_none());
        homes.map(|(image, _)| image.born(self.version)).max().unwrap_or(self.version.time())
    }

    /// Whether it counts among the newest: it was released, and can be launched. One that was to be retired and can
    /// still be launched counts as well: it was brought back, or its retirement was cut short.
    pub fn is_released(&self) -> bool {
        self.members.iter().any(|(image, record)| {
            record.copied.is_none()
                && matches!(record.stage, Stage::Released | Stage::Retired)
                && image.state == ImageState::Available
        })
    }

    /// The state of its home image, or of what is left.
    pub fn state(&self) -> ImageState {
        let home = self.members.iter().find(|(_, record)| record.copied.is_none());
        home.or(self.members.first()).map_or(ImageState::Deregistered, |(image, _)| image.state.clone())
    }

    /// A member that is on its way, for which the others wait.
    pub fn under_way(&self) -> Option<&'a Image> {
        let under_way = |image: &Image| matches!(image.state, ImageState::Pending | ImageState::Unknown(_));
        self.members.iter().map(|(image, _)| *image).find(|image| under_way(image))
    }

    /// What becomes of it once nothing but its use keeps it.
    pub fn by_use(&self, rules: Rules<'_>, uses: &Uses<'_>, fate: &Fate<'_>) -> Chain {
        let hold = |(image, _): &Member<'a>| Some((&image.id, uses.hold(rules, image, fate.now)?));
        let reasons: BTreeMap<&ImageId, Reason> = self.members.iter().filter_map(hold).collect();
        let certain = reasons.iter().find(|(_, why)| !why.awaits_report());
        let Some((image, why)) = certain.or(reasons.iter().next()) else {
            return next_step(rules.expire, &self.members, fate);
        };
        // Nothing is asked for that would not let it go.
        let ask = certain.is_none();
        self.keep(rules, fate.now, |member| match reasons.get(&member.id) {
            Some(Reason::NoReport(Awaited::Wanted)) if !ask => Reason::NoReport(Awaited::NotAsked),
            Some(own) => own.clone(),
            None => Reason::ReleaseStays { image: (*image).clone(), why: Box::new(why.clone()) },
        })
    }

    /// Keeps it. What bears the mark of retirement and can be launched is on its way again: some of its replicas may
    /// be gone, so it is brought to every Region before it is a release once more. A replica alone goes nowhere without its
    /// home image. What was deprecated for being unused is no longer; that its use is unknown changes nothing.
    pub fn keep(&self, rules: Rules<'_>, now: DateTime<Utc>, because: impl Fn(&Image) -> Reason) -> Chain {
        let of_home =
            |(image, record): &Member<'_>| record.copied.is_none() && image.state == ImageState::Available;
        let is_back = rules.recipe.is_some() && self.members.iter().any(of_home);
        let keep = |(image, record): &Member<'_>| -> Decision {
            let why = because(image);
            let action = match (&image.state, record.stage) {
                _ if why == Reason::NoReport(Awaited::Wanted) => Action::AskUsage(image.id.clone()),
                (ImageState::Available, Stage::Retired) if is_back => {
                    Action::BringBack(image.id.clone(), now)
                }
                (ImageState::Available, _) if image.unused().is_some() && !why.is_unknown() => {
                    let deprecated = rules.recipe.map(|recipe| share::deprecated_from(recipe, record, now));
                    Action::Spare(image.id.clone(), deprecated.flatten())
                }
                _ => Action::Leave,
            };
            Subject::image(image).so(action, why)
        };
        self.members.iter().map(keep).collect()
    }
}

/// Images that bear the recipe's tag but no record that can be believed: they stay, and it is said why.
pub fn unreadable<'a>(images: impl IntoIterator<Item = &'a Image>, home: &Region) -> Vec<Chain> {
    images
        .into_iter()
        .filter(|image| image.state != ImageState::Deregistered)
        .filter_map(|image| Some((image, image.record_at(home).err()?)))
        .map(|(image, why)| vec![Subject::image(image).so(Action::Leave, Reason::NotKilns(why))])
        .collect()
}

/// All that was seen.
pub fn seen(found: &Found) -> impl Iterator<Item = &Image> {
    found.values().filter_map(|images| images.as_ref().ok()).flatten()
}
