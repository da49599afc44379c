//! The images of one recipe, release by release, and what becomes of a release once its use is known.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::expire::cross_account::Awaited;
use crate::expire::fleet_size::Census;
use crate::expire::in_use::Uses;
use crate::expire::stages::{Fate, Member, next_step};
use crate::inventory::{CloudError, Image, ImageState};
use crate::model::record::NoRecord;
use crate::model::{ImageId, ImageRecord, Region, Stage, Version};
use crate::plan::{Action, Chain, Decision, Reason, Subject};
use crate::publish::sharing;
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

/// What was found of one recipe, with the record of every image read once.
#[derive(Debug, Clone)]
pub struct Kin<'a> {
    /// The releases, newest first.
    pub releases: Vec<Release<'a>>,
    /// The newest of those that are released.
    pub newest: Option<Version>,
    /// How many images there are.
    pub census: Census,
    /// Why a Region could not be seen, where one could not.
    pub blind: Option<&'a CloudError>,
    /// Images that bear the recipe's tag but no record that can be believed.
    unreadable: Vec<(&'a Image, NoRecord)>,
}

impl<'a> Kin<'a> {
    /// Of what was found.
    pub fn of(found: &'a Found, home: &Region) -> Self {
        let (releases, unreadable) = sorted(seen(found), home);
        Self {
            newest: releases.iter().find(|release| release.is_released()).map(|release| release.version),
            releases,
            census: Census::of_found(found),
            blind: found.values().find_map(|images| images.as_ref().err()),
            unreadable,
        }
    }

    /// All images with a record.
    pub fn members(&self) -> impl Iterator<Item = &'a Image> {
        self.releases.iter().flat_map(|release| release.members.iter().map(|(image, _)| *image))
    }

    /// What has no record stays, and it is said why.
    pub fn unreadable(&self) -> impl Iterator<Item = Chain> {
        let why = |(image, why): &(&Image, NoRecord)| {
            vec![Subject::image(image).so(Action::Leave, Reason::NotKilns(why.clone()))]
        };
        self.unreadable.iter().map(why)
    }
}

/// The releases among images, newest first.
pub fn releases<'a>(images: impl IntoIterator<Item = &'a Image>, home: &Region) -> Vec<Release<'a>> {
    sorted(images, home).0
}

fn sorted<'a>(
    images: impl IntoIterator<Item = &'a Image>,
    home: &Region,
) -> (Vec<Release<'a>>, Vec<(&'a Image, NoRecord)>) {
    let mut by_version: BTreeMap<Version, Vec<Member<'a>>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for image in images {
        // What is deregistered already is shown for a while.
        if image.state == ImageState::Deregistered {
            continue;
        }
        match image.record_at(home) {
            Ok(record) => by_version.entry(record.name.version).or_default().push((image, record)),
            Err(why) => unreadable.push((image, why)),
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
    (by_version.into_iter().rev().map(release).collect(), unreadable)
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
        let certain = reasons.iter().find(|(_, why)| !why.is_of_sharing());
        let Some((image, why)) = certain.or(reasons.iter().next()) else {
            return next_step(rules.expire, &self.members, fate);
        };
        // Nothing is asked for that would not let it go.
        let ask = certain.is_none();
        self.keep(rules, fate.now, |member| match reasons.get(&member.id) {
            Some(Reason::NoReport(Awaited::Wanted)) if !ask => Reason::NoReport(Awaited::NotAsked),
            Some(own) if ask || *own != Reason::SharingUnknown => own.clone(),
            _ => Reason::ReleaseStays { image: (*image).clone(), why: Box::new(why.clone()) },
        })
    }

    /// Keeps it. What bears the mark of retirement and can be launched is on its way again: some of its replicas may
    /// be gone, so it is brought to every Region before it is a release once more. A replica alone goes nowhere without its
    /// home image. What was deprecated for being unused is no longer; that its use is unknown changes nothing.
    pub fn keep(&self, rules: Rules<'_>, now: DateTime<Utc>, because: impl Fn(&Image) -> Reason) -> Chain {
        let of_home =
            |(image, record): &Member<'_>| record.copied.is_none() && image.state == ImageState::Available;
        let is_back = rules.recipe.is_some() && self.members.iter().any(of_home);
        let reasons: Vec<Reason> = self.members.iter().map(|(image, _)| because(image)).collect();
        let certain = reasons.iter().any(|why| !why.is_unknown());
        let keep = |((image, record), why): (&Member<'_>, Reason)| -> Decision {
            let action = match (&image.state, record.stage) {
                _ if why == Reason::NoReport(Awaited::Wanted) => Action::AskUsage(image.id.clone()),
                (ImageState::Available, Stage::Retired) if is_back && certain => {
                    Action::BringBack(image.id.clone(), now)
                }
                (ImageState::Available, _) if image.unused().is_some() && certain => {
                    let deprecated = rules.recipe.map(|recipe| sharing::deprecated_from(recipe, record, now));
                    Action::Spare(image.id.clone(), deprecated.flatten())
                }
                _ => Action::Leave,
            };
            Subject::member(image, &record.name).so(action, why)
        };
        self.members.iter().zip(reasons).map(keep).collect()
    }

    /// Whether nothing but its use by other accounts could keep it: only then are those asked about.
    pub fn depends_on_sharing(&self, rules: Rules<'_>, uses: &Uses<'_>, now: DateTime<Utc>) -> bool {
        let open = |why: Reason| why == Reason::SharingUnknown;
        self.members.iter().all(|(image, _)| uses.hold(rules, image, now).is_none_or(open))
    }
}

/// All that was seen.
pub fn seen(found: &Found) -> impl Iterator<Item = &Image> {
    found.values().filter_map(|images| images.as_ref().ok()).flatten()
}
