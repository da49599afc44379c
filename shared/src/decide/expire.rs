//! Which images stay and which go.
//!
//! An image and its replicas are one release, and go or stay together: a replica that went while its image
//! stays would be copied anew. A release goes only when every rule of the recipe lets it go *and* nobody uses
//! any of its members; where that could not be found out, it stays.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::retire::{Fate, next_step};
use super::used::{UsageByRegion, Uses};
use super::{Action, Chain, Reason, Subject, share};
use crate::cloud::{CloudError, Image, ImageState};
use crate::domain::{ImageId, ImageRecord, Region, Stage, Version};
use crate::recipe::Recipe;

/// The images of one recipe that bear a whole record, by Region. A Region that could not be seen is an error.
pub type Found = BTreeMap<Region, Result<Vec<Image>, CloudError>>;

/// An image and its replicas.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    version: Version,
    members: Vec<(&'a Image, ImageRecord)>,
}

/// What the rules of the recipe alone say of one release.
enum ByRule {
    Stays(Reason),
    Goes { newer: usize, age: TimeDelta },
}

/// The images that the rules of the recipe would let go: those whose use must be found out, by Region.
pub fn candidates(
    recipe: &Recipe,
    home: &Region,
    found: &Found,
    now: DateTime<Utc>,
) -> BTreeMap<Region, Vec<ImageId>> {
    let releases = releases(found, home);
    let mut wanted: BTreeMap<Region, Vec<ImageId>> = BTreeMap::new();
    for (release, by_rule) in releases.iter().zip(by_rules(recipe, &releases, now)) {
        if matches!(by_rule, ByRule::Goes { .. }) {
            for (image, _) in &release.members {
                wanted.entry(image.region.clone()).or_default().push(image.id.clone());
            }
        }
    }
    wanted
}

/// What becomes of every image of a recipe: one chain for each release, newest first.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    found: &Found,
    usage: &UsageByRegion,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let releases = releases(found, home);
    let rules = by_rules(recipe, &releases, now);
    let blind: Option<&CloudError> = found.values().find_map(|images| images.as_ref().err());
    let uses = Uses::of(usage);
    let newest = releases.iter().find(|release| release.is_released()).map(|release| release.version);
    let mut chains: Vec<Chain> = releases
        .iter()
        .zip(rules)
        .map(|(release, by_rule)| match by_rule {
            ByRule::Stays(because) => keep_all(recipe, release, now, |_| because.clone()),
            ByRule::Goes { newer, age } => match blind {
                Some(error) => keep_all(recipe, release, now, |_| Reason::UsageUnknown(error.clone())),
                None => by_use(recipe, release, &uses, newest, Fate { newer, age, now }),
            },
        })
        .collect();
    chains.extend(unreadable(found, home));
    chains
}

fn releases<'a>(found: &'a Found, home: &Region) -> Vec<Release<'a>> {
    let mut by_version: BTreeMap<Version, Vec<(&Image, ImageRecord)>> = BTreeMap::new();
    for image in found.values().filter_map(|images| images.as_ref().ok()).flatten() {
        // What is deregistered already is shown for a while.
        if image.state == ImageState::Deregistered {
            continue;
        }
        if let Ok(record) = image.record_at(home) {
            by_version.entry(record.name.version).or_default().push((image, record));
        }
    }
    by_version
        .into_iter()
        .rev()
        .map(|(version, mut members)| {
            // Replicas first: while the home image is there, whoever comes after a crash still finds the release.
            members.sort_by_key(|(image, record)| {
                (record.copied.is_none(), image.region.clone(), image.id.clone())
            });
            Release { version, members }
        })
        .collect()
}

/// The keep rules, for releases from the newest to the oldest. Only releases count among the newest: a run of
/// images that were never released pushes no good one out.
fn by_rules(recipe: &Recipe, releases: &[Release<'_>], now: DateTime<Utc>) -> Vec<ByRule> {
    let mut released = 0;
    releases
        .iter()
        .map(|release| {
            let age = now - youngest(release);
            let newer = released;
            if release.is_released() {
                released += 1;
                if released <= recipe.expire.keep {
                    return ByRule::Stays(Reason::AmongNewest { rank: released, keep: recipe.expire.keep });
                }
            }
            if age < recipe.expire.older_than {
                return ByRule::Stays(Reason::Young { age, older_than: recipe.expire.older_than });
            }
            // Without enough newer releases it is perhaps the best there is, whatever became of it.
            if newer < recipe.expire.keep {
                return ByRule::Stays(Reason::InProgress(release.home_state()));
            }
            let under_way = |(image, _): &&(&Image, ImageRecord)| {
                matches!(image.state, ImageState::Pending | ImageState::Unknown(_))
            };
            if let Some((image, _)) = release.members.iter().find(under_way) {
                return ByRule::Stays(Reason::InProgress(image.state.clone()));
            }
            ByRule::Goes { newer, age }
        })
        .collect()
}

/// When the youngest of a release came to be: its bake began, or one of its images was registered. A tag that
/// someone set back makes no image old.
fn youngest(release: &Release<'_>) -> DateTime<Utc> {
    let home = release.members.iter().filter(|(_, record)| record.copied.is_none());
    let registered = home.filter_map(|(image, _)| image.created).max();
    release.version.time().max(registered.unwrap_or(DateTime::<Utc>::MIN_UTC))
}

impl Release<'_> {
    /// Whether it counts among the newest: it was released, and can be launched. One that was to be retired and can
    /// still be launched counts as well: it was brought back, or its retirement was cut short.
    fn is_released(&self) -> bool {
        self.members.iter().any(|(image, record)| {
            record.copied.is_none()
                && matches!(record.stage, Stage::Released | Stage::Retired)
                && image.state == ImageState::Available
        })
    }

    fn home_state(&self) -> ImageState {
        let home = self.members.iter().find(|(_, record)| record.copied.is_none());
        home.or(self.members.first()).map_or(ImageState::Deregistered, |(image, _)| image.state.clone())
    }
}

fn by_use(
    recipe: &Recipe,
    release: &Release<'_>,
    uses: &Uses<'_>,
    newest: Option<Version>,
    fate: Fate,
) -> Chain {
    let reasons: BTreeMap<&ImageId, Reason> = release
        .members
        .iter()
        .filter_map(|(image, _)| Some((&image.id, uses.hold(recipe, image, newest, fate.now)?)))
        .collect();
    let Some((image, why)) = reasons.iter().next() else {
        return next_step(recipe, &release.members, fate);
    };
    keep_all(recipe, release, fate.now, |member| {
        let with = || Reason::ReleaseStays { image: (*image).clone(), why: Box::new(why.clone()) };
        reasons.get(&member.id).cloned().unwrap_or_else(with)
    })
}

/// Keeps a release. What bears the mark of retirement and can be launched is on its way again: some of its replicas may
/// be gone, so it is brought to every Region before it is a release once more. A replica alone goes nowhere without its
/// home image. What was deprecated for being unused is no longer; that its use is unknown changes nothing.
fn keep_all(
    recipe: &Recipe,
    release: &Release<'_>,
    now: DateTime<Utc>,
    because: impl Fn(&Image) -> Reason,
) -> Chain {
    let of_home = |(image, record): &(&Image, ImageRecord)| {
        record.copied.is_none() && image.state == ImageState::Available
    };
    let is_back = release.members.iter().any(of_home);
    let keep = |(image, record): &(&Image, ImageRecord)| {
        let why = because(image);
        let action = match (&image.state, record.stage) {
            (ImageState::Available, Stage::Retired) if is_back => Action::BringBack(image.id.clone(), now),
            (ImageState::Available, _) if image.unused().is_some() && !why.is_unknown() => {
                Action::Spare(image.id.clone(), share::deprecated_from(recipe, record, now))
            }
            _ => Action::Leave,
        };
        Subject::image(image).so(action, why)
    };
    release.members.iter().map(keep).collect()
}

/// Images that bear the recipe's tag but no record that can be believed: they stay, and it is said why.
fn unreadable(found: &Found, home: &Region) -> Vec<Chain> {
    found
        .values()
        .filter_map(|images| images.as_ref().ok())
        .flatten()
        .filter(|image| image.state != ImageState::Deregistered)
        .filter_map(|image| Some((image, image.record_at(home).err()?)))
        .map(|(image, why)| vec![Subject::image(image).so(Action::Leave, Reason::NotKilns(why))])
        .collect()
}

#[cfg(test)]
#[path = "expire_tests.rs"]
mod tests;
