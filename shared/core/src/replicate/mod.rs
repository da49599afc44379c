//! Which Regions still need a replica of an image, and which replicas are published.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::inventory::{CloudError, Encryption, Image, ImageState, NewReplica, Permissions};
use crate::model::record::CopySource;
use crate::model::{ImageId, ImageRecord, Origin, Region, Stage, Token, Version, tags};
use crate::plan::reason::ReplicateReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::publish::sharing;
use crate::recipe::Recipe;
use crate::verify;

/// How often copying to one Region is tried before it is given up. A try counts only once AWS has ended it as
/// failed; a call that AWS did not take is no try.
pub const MOST_ATTEMPTS: u32 = 3;

/// What was observed of one image and its replicas.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The home image.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// For each Region of the recipe but the home Region, the images that bear its recipe and version.
    pub regions: BTreeMap<Region, Result<Vec<Image>, CloudError>>,
    /// Who may use the replicas for which [`is_ready_to_publish`] asks, by Region and id.
    pub permissions: PermissionsByImage,
    /// The newest release of the recipe; looked for where the home image itself is released.
    pub newest: Option<Version>,
    /// What time it is.
    pub now: DateTime<Utc>,
}

/// Who may use images, by Region and id.
pub type PermissionsByImage = BTreeMap<(Region, ImageId), Result<Permissions, CloudError>>;

/// Whether a replica is there and only lacks being published: it must be known who may use it.
pub fn is_ready_to_publish(recipe: &Recipe, image: &Image, record: &ImageRecord) -> bool {
    record.copied.is_some()
        && image.state == ImageState::Available
        && match record.stage {
            Stage::Captured => verify::wants_test(recipe, image, record).is_err(),
            Stage::Verified => true,
            _ => false,
        }
}

/// What one Region has of the image.
enum ReplicaStatus<'a> {
    Available(&'a Image),
    /// It is there and was found bad.
    Rejected(&'a Image),
    Pending(&'a Image),
    Missing {
        attempt: u32,
        failed: Option<&'a Image>,
    },
    GivenUp {
        attempts: u32,
        failed: &'a Image,
    },
    /// Somebody disabled it, or it is in a state that Kiln does not know: it is left, and not copied beside.
    Other(&'a Image),
    Unknown(&'a CloudError),
}

/// Brings an image to every Region of its recipe. Regions do not hold each other up.
pub fn decide(recipe: &Recipe, seen: &Observed) -> Vec<Sequence> {
    let leave = |reason| vec![vec![Subject::image(&seen.image).decide(Action::Keep, reason)]];
    if seen.image.state != ImageState::Available {
        return leave(Reason::ImageNotAvailable(seen.image.state.clone()));
    }
    if !matches!(seen.record.stage, Stage::Published | Stage::Released) {
        return leave(Reason::Replicate(ReplicateReason::SourceStage(seen.record.stage)));
    }
    let here: BTreeMap<&Region, ReplicaStatus<'_>> =
        seen.regions.iter().map(|(region, images)| (region, in_region(images, seen))).collect();
    let mut sequences: Vec<Sequence> =
        here.iter().map(|(region, here)| one_region(recipe, seen, region, here)).collect();
    sequences.extend(failed_tries(seen, &here));
    sequences
}

fn in_region<'a>(images: &'a Result<Vec<Image>, CloudError>, seen: &Observed) -> ReplicaStatus<'a> {
    let images = match images {
        Ok(images) => images,
        Err(error) => return ReplicaStatus::Unknown(error),
    };
    let ours: Vec<(&Image, u32)> =
        images.iter().filter_map(|image| Some((image, attempt_of(image, seen)?))).collect();
    let in_state =
        |state: ImageState| ours.iter().find(|(image, _)| image.state == state).map(|(image, _)| *image);
    if let Some(image) = in_state(ImageState::Available) {
        let rejected = image.tags.get(tags::STAGE) == Some(Stage::Rejected.word());
        return if rejected { ReplicaStatus::Rejected(image) } else { ReplicaStatus::Available(image) };
    }
    if let Some(image) = in_state(ImageState::Pending) {
        return ReplicaStatus::Pending(image);
    }
    let other = |image: &&Image| matches!(image.state, ImageState::Disabled | ImageState::Unknown(_));
    if let Some(image) = ours.iter().map(|(image, _)| *image).find(other) {
        return ReplicaStatus::Other(image);
    }
    let last = ours
        .iter()
        .filter(|(image, _)| image.state == ImageState::Failed)
        .max_by_key(|(_, attempt)| *attempt);
    match last {
        Some((failed, attempts)) if *attempts >= MOST_ATTEMPTS => {
            ReplicaStatus::GivenUp { attempts: *attempts, failed }
        }
        Some((failed, attempts)) => ReplicaStatus::Missing { attempt: attempts + 1, failed: Some(failed) },
        None => ReplicaStatus::Missing { attempt: 1, failed: None },
    }
}

/// The try that an image came from, where it is a replica of the home image.
fn attempt_of(image: &Image, seen: &Observed) -> Option<u32> {
    let copied = image.record().ok()?.copied?;
    (copied.origin.image == seen.image.id && copied.origin.region == seen.image.region)
        .then_some(copied.attempt)
}

fn one_region(recipe: &Recipe, seen: &Observed, region: &Region, here: &ReplicaStatus<'_>) -> Sequence {
    let missing = || Subject::name(&seen.record.name, region);
    match here {
        ReplicaStatus::Available(image) => available(recipe, seen, region, image),
        ReplicaStatus::Rejected(image) => {
            let reason = Reason::Replicate(ReplicateReason::ReplicaRejected(image.id.clone()));
            vec![Subject::image(image).decide(Action::Keep, reason)]
        }
        ReplicaStatus::Pending(image) => {
            vec![Subject::image(image).decide(Action::Keep, ReplicateReason::ReplicaPending)]
        }
        ReplicaStatus::Other(image) => {
            let reason =
                Reason::Replicate(ReplicateReason::ReplicaNot(image.id.clone(), image.state.clone()));
            vec![Subject::image(image).decide(Action::Keep, reason)]
        }
        ReplicaStatus::Unknown(error) => vec![missing().retry_later(error)],
        // Of an older release nobody fills in what a person took away, or a Region that came to the recipe later.
        ReplicaStatus::Missing { .. } if superseded(seen).is_some() => superseded(seen)
            .map(|newest| missing().decide(Action::Keep, ReplicateReason::NotNewest(newest)))
            .into_iter()
            .collect(),
        ReplicaStatus::Missing { attempt, failed } => {
            let reason = failed.map_or(Reason::Replicate(ReplicateReason::ReplicaMissing), |failed| {
                Reason::Replicate(ReplicateReason::CopyFailed {
                    attempt: attempt - 1,
                    why: failed.state_reason.clone(),
                })
            });
            vec![missing().decide(Action::Copy(new_replica(recipe, seen, region, *attempt)), reason)]
        }
        ReplicaStatus::GivenUp { attempts, failed } => given_up(seen, failed, *attempts),
    }
}

/// The newer release for which this one is not filled in.
fn superseded(seen: &Observed) -> Option<Version> {
    let newer = seen.newest.filter(|newest| *newest > seen.record.name.version);
    newer.filter(|_| seen.record.stage == Stage::Released)
}

/// A replica that is there is published, unless it is to be tested first, or was published before.
fn available(recipe: &Recipe, seen: &Observed, region: &Region, image: &Image) -> Sequence {
    let leave = |reason| vec![Subject::image(image).decide(Action::Keep, reason)];
    let Ok(record) = image.record() else {
        return leave(Reason::Replicate(ReplicateReason::ReplicaAvailable));
    };
    if !is_ready_to_publish(recipe, image, &record) {
        let untested = record.stage == Stage::Captured;
        return leave(if untested {
            Reason::Replicate(ReplicateReason::ReplicaUntested)
        } else {
            Reason::Replicate(ReplicateReason::ReplicaAvailable)
        });
    }
    match seen.permissions.get(&(region.clone(), image.id.clone())) {
        Some(permissions) => sharing::publish(
            recipe,
            image,
            &record,
            permissions,
            Reason::Replicate(ReplicateReason::ReplicaAvailable),
            seen.now,
        ),
        None => leave(Reason::Replicate(ReplicateReason::ReplicaAvailable)),
    }
}

/// A Region that is given up: said first, then written on the last failed try, so that it is said only until it
/// is written. The failed try stays as the record.
fn given_up(seen: &Observed, failed: &Image, attempts: u32) -> Sequence {
    let reason = Reason::Replicate(ReplicateReason::GaveUp { attempts, why: failed.state_reason.clone() });
    if failed.record().is_ok_and(|record| record.stage == Stage::Rejected) {
        return vec![Subject::image(failed).decide(Action::Keep, reason)];
    }
    let news = Event::ReplicationFailed { image: seen.image.id.clone(), reason: reason.to_string() };
    let envelope = Envelope { name: seen.record.name.clone(), region: failed.region.clone(), news };
    vec![
        Subject::image(failed).decide(Action::Emit(envelope), reason.clone()),
        Subject::image(failed).decide(Action::SetStage(failed.id.clone(), Stage::Rejected), reason),
    ]
}

/// Failed tries in Regions where a later one came to its end, or where the last one is the record of having given up.
/// Until then they stay, for the number of the next try is told by them.
fn failed_tries(seen: &Observed, here: &BTreeMap<&Region, ReplicaStatus<'_>>) -> Vec<Sequence> {
    let superfluous = |region: &Region, image: &Image| match &here[region] {
        ReplicaStatus::Available(_) | ReplicaStatus::Rejected(_) => true,
        // There will be no other try.
        ReplicaStatus::Missing { .. } => superseded(seen).is_some(),
        ReplicaStatus::GivenUp { failed, .. } => {
            image.id != failed.id && failed.record().is_ok_and(|record| record.stage == Stage::Rejected)
        }
        _ => false,
    };
    seen.regions
        .iter()
        .filter_map(|(region, images)| Some((region, images.as_ref().ok()?)))
        .flat_map(|(region, images)| images.iter().map(move |image| (region, image)))
        .filter(|(_, image)| image.state == ImageState::Failed && attempt_of(image, seen).is_some())
        .filter(|(region, image)| superfluous(region, image))
        .map(|(_, image)| {
            vec![
                Subject::image(image)
                    .decide(Action::Deregister(image.id.clone()), ReplicateReason::FailedTry),
            ]
        })
        .collect()
}

fn new_replica(recipe: &Recipe, seen: &Observed, region: &Region, attempt: u32) -> NewReplica {
    let name = &seen.record.name;
    let origin = Origin { region: seen.image.region.clone(), image: seen.image.id.clone() };
    let key = recipe.replicate.kms_keys.get(region);
    let token = Token::of(&[
        "replica",
        &origin.to_string(),
        region.as_str(),
        key.map_or("", String::as_str),
        name.recipe.as_str(),
        &attempt.to_string(),
        &day_of(seen).to_string(),
        seen.image.tags.get(tags::RECOPY).unwrap_or_default(),
    ]);
    let record = ImageRecord {
        name: name.clone(),
        stage: Stage::Captured,
        base: seen.record.base.clone(),
        copied: Some(CopySource { origin: origin.clone(), attempt }),
    };
    NewReplica {
        region: region.clone(),
        from: origin.region.clone(),
        image: origin.image.clone(),
        name: name.to_string(),
        description: format!("{name}, copied from {origin}"),
        tags: recipe.tags.clone().with("Name", name).and(&record.write()),
        encryption: key.map_or(Encryption::AsSource, |key| Encryption::Key(key.clone())),
        token,
    }
}

/// The day of the image's life, counted from 0. A token answers with the replica that it once made even when
/// somebody has deregistered that one since; the next day's token makes a new one.
fn day_of(seen: &Observed) -> i64 {
    seen.image.created.map_or(0, |created| (seen.now - created).num_days())
}

#[cfg(test)]
#[path = "replicate_tests.rs"]
mod tests;
