//! Decides whether a home image that somebody took away is copied back from a replica.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::Event;
use crate::inventory::{Encryption, Image, ImageState, NewReplica, Result};
use crate::model::{ImageName, ImageRecord, Region, Stage, Tags, Token, tags};
use crate::plan::reason::ReplicateReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::{OnLoss, Recipe};
use crate::release::newest::named_release;
use crate::verify::adopt;

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
    let named = named_release(&recipe.name, at_home);
    let is_newer = |name: &ImageName| named.is_none_or(|named| name.version > named.over);
    // Whatever its tags say, it has its name.
    let is_there = |name: &ImageName| {
        at_home.iter().any(|image| {
            (name.is(&image.name) || image.record_for_home(home).is_ok_and(|its| its.name == *name))
                && image.state.is_left()
        })
    };
    let is_lost = |name: &ImageName| is_newer(name) && !is_there(name);
    let Some((replica, record)) = newest_replica(recipe, home, images, is_lost) else { return Vec::new() };
    // Where nothing else can be named there is nothing to roll back to.
    if recipe.replicate.on_loss != OnLoss::CopyBack && named.is_some() {
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

/// A replica of the newest release whose home image is lost.
fn newest_replica<'a>(
    recipe: &Recipe,
    home: &Region,
    images: &'a BTreeMap<Region, Result<Vec<Image>>>,
    is_lost: impl Fn(&ImageName) -> bool,
) -> Option<Replica<'a>> {
    let of = |image: &'a Image| {
        let record = image.record_for_home(home).ok()?;
        let fits = image.state == ImageState::Available
            && record.copied.is_some()
            && record.name.recipe == recipe.name
            && record.stage.is_published()
            && is_lost(&record.name);
        fits.then_some((image, record))
    };
    let found = recipe
        .replica_regions(home)
        .filter_map(|region| images.get(region)?.as_ref().ok())
        .flatten()
        .filter_map(of);
    // The first of several, in the order of the recipe's Regions; before those that are encrypted with a key of their own.
    let is_encrypted = |one: &Replica<'_>| recipe.replicate.kms_keys.contains_key(&one.0.region);
    let (encrypted, plain): (Vec<Replica<'_>>, Vec<Replica<'_>>) = found.partition(is_encrypted);
    plain.into_iter().chain(encrypted).fold(None, |newest: Option<Replica<'a>>, one| match newest {
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
    let lost = record.copied.as_ref().map(|copied| &copied.origin.image);
    let in_place_of = lost.map_or(Tags::new(), |lost| {
        let told = Tags::new().with(tags::LOSS_TOLD, format!("{home}/{lost}"));
        told.with(tags::IN_PLACE_OF, lost)
    });
    // What was adopted keeps its owner's tags.
    let own = adopt::own_tags(replica).and(&recipe.own_tags(&replica.tags)).and(&in_place_of);
    // A token answers with what it once made, even if that failed: the next hour tries again.
    let hour = (now.timestamp() / 3_600).to_string();
    NewReplica {
        region: home.clone(),
        from: from.region.clone(),
        image: from.image.clone(),
        name: name.to_string(),
        description: format!("{name}, copied back from {from}"),
        tags: own.with(tags::NAME, name).and(&back.write()),
        encryption: Encryption::AsSource,
        token: Token::of(&["copy back", &from.to_string(), home.as_str(), name.recipe.as_str(), &hour]),
    }
}

#[cfg(test)]
#[path = "copy_back_tests.rs"]
mod tests;
