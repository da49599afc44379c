//! Decides whether a home image that somebody took away is copied back from a replica.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::Event;
use crate::inventory::{Encryption, Image, ImageState, NewReplica, Result};
use crate::model::{ImageName, ImageRecord, Region, Stage, Token};
use crate::plan::reason::ReplicateReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::{OnLoss, Recipe};
use crate::release::newest::named_release;

/// A replica of a release, with its record.
type Replica<'a> = (&'a Image, ImageRecord);

/// Copies the home image of a release back, if it is gone, a replica is left, and the recipe says so. Only of a release that
/// is newer than the one that is named now: an older one went by expiry, or would be of no use. What somebody disabled is
/// left to him, because he can enable it again.
pub fn decide(
    recipe: &Recipe,
    home: &Region,
    images: &BTreeMap<Region, Result<Vec<Image>>>,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let Some(Ok(at_home)) = images.get(home) else { return Vec::new() };
    let Some((replica, record)) = newest_replica(recipe, home, images) else { return Vec::new() };
    let named = named_release(&recipe.name, at_home);
    let is_newer = named.is_none_or(|named| record.name.version > named.over);
    // In any state but failed, it is there, comes, or is somebody's to bring back.
    let is_there = |image: &Image| {
        image.record_for_home(home).is_ok_and(|its| its.name == record.name)
            && !matches!(image.state, ImageState::Failed | ImageState::Deregistered)
    };
    if recipe.replicate.on_loss != OnLoss::CopyBack || !is_newer || at_home.iter().any(is_there) {
        return Vec::new();
    }
    let subject = Subject::name(&record.name, home);
    let reason = || Reason::Replicate(ReplicateReason::HomeImageGone(replica.address().to_string()));
    let mut sequence = Sequence::new();
    // Otherwise the Regions go back to another release, and that tells it.
    if named.is_none() {
        let lost = record.copied.iter().map(|copied| (home.clone(), copied.origin.image.clone()));
        let news = Event::ReleaseLost {
            image: replica.id.clone(),
            images: lost.collect(),
            reason: reason().to_string(),
        };
        sequence.push(subject.clone().emit(&record.name, news, reason()));
    }
    sequence.push(subject.decide(Action::Copy(copy(recipe, home, replica, &record, now)), reason()));
    vec![sequence]
}

/// A replica of the newest release that has one.
fn newest_replica<'a>(
    recipe: &Recipe,
    home: &Region,
    images: &'a BTreeMap<Region, Result<Vec<Image>>>,
) -> Option<Replica<'a>> {
    let of = |image: &'a Image| {
        let record = image.record_for_home(home).ok()?;
        let fits = image.state == ImageState::Available
            && record.copied.is_some()
            && record.name.recipe == recipe.name
            && record.stage == Stage::Released;
        fits.then_some((image, record))
    };
    let found = recipe
        .replica_regions(home)
        .filter_map(|region| images.get(region)?.as_ref().ok())
        .flatten()
        .filter_map(of);
    // The first of several, in the order of the recipe's Regions.
    found.fold(None, |newest: Option<Replica<'a>>, one| match newest {
        Some(newest) if newest.1.name.version >= one.1.name.version => Some(newest),
        _ => Some(one),
    })
}

fn copy(
    recipe: &Recipe,
    home: &Region,
    replica: &Image,
    record: &ImageRecord,
    now: DateTime<Utc>,
) -> NewReplica {
    let (name, from): (&ImageName, _) = (&record.name, replica.address());
    let back = ImageRecord {
        name: name.clone(),
        stage: Stage::Captured,
        base: record.base.clone(),
        copied: None,
        copied_back: Some(from.clone()),
        adopted: false,
        asked_again: None,
    };
    // A token answers with what it once made, even if that failed: the next hour tries again.
    let hour = (now.timestamp() / 3_600).to_string();
    NewReplica {
        region: home.clone(),
        from: from.region.clone(),
        image: from.image.clone(),
        name: name.to_string(),
        description: format!("{name}, copied back from {from}"),
        tags: recipe.tags.clone().with("Name", name).and(&back.write()),
        encryption: Encryption::AsSource,
        token: Token::of(&["copy back", &from.to_string(), home.as_str(), name.recipe.as_str(), &hour]),
    }
}

#[cfg(test)]
#[path = "copy_back_tests.rs"]
mod tests;
