//! Decides which Regions still need a replica of an image, and which replicas are published.

pub mod copy_back;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::events::wake::SWEEP_EVERY;
use crate::inventory::{CloudError, Encryption, Image, ImageState, NewReplica, Permissions, WithSnapshots};
use crate::model::record::CopySource;
use crate::model::{ImageId, ImageRecord, Region, Stage, Tags, Token, Version, tags};
use crate::plan::reason::ReplicateReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::publish::sharing;
use crate::recipe::{OnLoss, Recipe};
use crate::verify::{self, adopt};

/// How long after the first attempt to copy to one Region another one may begin. A Region that is disturbed for some
/// hours still gets its replica, without a person. A call that AWS rejected is no attempt.
pub const COPY_WINDOW: TimeDelta = TimeDelta::hours(24);

/// The pauses between the beginning of a failed attempt and that of the next one. The last one repeats.
const PAUSES: [TimeDelta; 4] =
    [TimeDelta::minutes(5), TimeDelta::minutes(15), TimeDelta::hours(1), TimeDelta::hours(4)];

/// When the next attempt begins after `attempts`, the last of which began at `last`.
fn next_attempt(attempts: u32, last: DateTime<Utc>) -> DateTime<Utc> {
    let pause = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    last + PAUSES[pause]
}

/// What was observed of one image and its replicas.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The home image.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// The replicas of the home image, for each Region of the recipe except the home Region.
    pub regions: BTreeMap<Region, Result<Vec<Image>, CloudError>>,
    /// Who may use the replicas for which [`is_ready_to_publish`] is true, by Region and id.
    pub permissions: PermissionsByImage,
    /// The release that is named in place of the home image: a newer one, or one that it was rolled back to. Used only
    /// if the home image itself is released.
    pub superseded_by: Option<Version>,
    /// The Regions that name what nobody can launch.
    pub lost_in: BTreeSet<Region>,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// Who may use images, by Region and id.
pub type PermissionsByImage = BTreeMap<(Region, ImageId), Result<Permissions, CloudError>>;

/// Whether a replica only needs to be published, so its permissions must be read.
pub fn is_ready_to_publish(recipe: &Recipe, image: &Image, record: &ImageRecord) -> bool {
    record.copied.is_some()
        && image.state == ImageState::Available
        && match record.stage {
            Stage::Captured => verify::wants_test(recipe, image, record).is_err(),
            Stage::Verified => true,
            _ => false,
        }
}

/// What exists of the image in one Region.
enum ReplicaStatus<'a> {
    Available(&'a Image),
    /// It is available, but was rejected.
    Rejected(&'a Image),
    Pending(&'a Image),
    Missing {
        attempt: u32,
        failed: Option<&'a Image>,
    },
    /// An attempt failed, and the next one is not due yet.
    Paused {
        attempts: u32,
        failed: &'a Image,
        next: DateTime<Utc>,
    },
    GivenUp {
        attempts: u32,
        failed: &'a Image,
    },
    /// A user disabled it, or it is in a state that Kiln does not know. It is kept, and no second copy is made.
    Other(&'a Image),
    Unknown(&'a CloudError),
}

/// Brings an image to every Region of its recipe. Each Region has its own sequence, so no Region blocks another.
pub fn decide(recipe: &Recipe, observed: &Observed) -> Vec<Sequence> {
    let keep = |reason| vec![vec![Subject::image(&observed.image).decide(Action::Keep, reason)]];
    if observed.image.state != ImageState::Available {
        return keep(Reason::ImageNotAvailable(observed.image.state.clone()));
    }
    if !observed.record.stage.is_published() {
        return keep(Reason::Replicate(ReplicateReason::SourceStage(observed.record.stage)));
    }
    let statuses: BTreeMap<&Region, ReplicaStatus<'_>> =
        observed.regions.iter().map(|(region, images)| (region, status_in(images, observed))).collect();
    let mut sequences: Vec<Sequence> =
        statuses.iter().map(|(region, status)| for_region(recipe, observed, region, status)).collect();
    sequences.extend(failed_attempts(observed, &statuses));
    sequences
}

/// What is done first, and what is then decided from, if somebody asks to copy an image anew: failed attempts are
/// forgotten, and an older release is copied as well as the newest.
pub fn copy_again(mut observed: Observed) -> (Vec<Sequence>, Observed) {
    let subject = Subject::image(&observed.image);
    // Another token: the former one answers with what it made then.
    let again = Tags::new().with_time(tags::RECOPY, observed.now);
    let tag = Action::Tag(observed.image.id.clone(), again.clone());
    let mut first = vec![vec![subject.decide(tag, ReplicateReason::AskedAgain)]];
    observed.image.tags = std::mem::take(&mut observed.image.tags).and(&again);
    observed.superseded_by = None;
    let is_failed =
        |image: &Image| image.state == ImageState::Failed && attempt_of(image, &observed).is_some();
    let mut kept = BTreeMap::new();
    for (region, images) in &observed.regions {
        let (failed, others) = match images {
            Ok(images) => images.iter().cloned().partition(is_failed),
            Err(error) => {
                kept.insert(region.clone(), Err(error.clone()));
                continue;
            }
        };
        let failed: Vec<Image> = failed;
        first.extend(failed.iter().map(|image| {
            let gone = Action::Deregister(image.id.clone(), WithSnapshots::All);
            vec![Subject::image(image).decide(gone, ReplicateReason::FailedTry)]
        }));
        kept.insert(region.clone(), Ok(others));
    }
    observed.regions = kept;
    (first, observed)
}

fn status_in<'a>(images: &'a Result<Vec<Image>, CloudError>, observed: &Observed) -> ReplicaStatus<'a> {
    let images = match images {
        Ok(images) => images,
        Err(error) => return ReplicaStatus::Unknown(error),
    };
    let replicas: Vec<(&Image, u32)> =
        images.iter().filter_map(|image| Some((image, attempt_of(image, observed)?))).collect();
    let in_state =
        |state: ImageState| replicas.iter().find(|(image, _)| image.state == state).map(|(image, _)| *image);
    if let Some(image) = in_state(ImageState::Available) {
        let rejected = image.tags.get(tags::STAGE) == Some(Stage::Rejected.word());
        return if rejected { ReplicaStatus::Rejected(image) } else { ReplicaStatus::Available(image) };
    }
    if let Some(image) = in_state(ImageState::Pending) {
        return ReplicaStatus::Pending(image);
    }
    let other = |image: &&Image| matches!(image.state, ImageState::Disabled | ImageState::Unknown(_));
    if let Some(image) = replicas.iter().map(|(image, _)| *image).find(other) {
        return ReplicaStatus::Other(image);
    }
    let failed = || replicas.iter().filter(|(image, _)| image.state == ImageState::Failed);
    let Some((last, attempts)) = failed().max_by_key(|(_, attempt)| *attempt) else {
        return ReplicaStatus::Missing { attempt: 1, failed: None };
    };
    let (last, attempts) = (*last, *attempts);
    // EC2 always says when an image was created; without it there is nothing to wait for.
    let first = failed().filter_map(|(image, _)| image.created).min().unwrap_or(observed.now);
    let next = next_attempt(attempts, last.created.unwrap_or(observed.now));
    let given_up = last.record().is_ok_and(|record| record.stage == Stage::Rejected);
    if given_up || next > first + COPY_WINDOW {
        ReplicaStatus::GivenUp { attempts, failed: last }
    } else if next <= observed.now {
        ReplicaStatus::Missing { attempt: attempts + 1, failed: Some(last) }
    } else {
        ReplicaStatus::Paused { attempts, failed: last, next }
    }
}

/// The number of the attempt that made an image; `None` if it is not a replica of the home image.
fn attempt_of(image: &Image, observed: &Observed) -> Option<u32> {
    let record = image.record().ok()?;
    observed.image.is_origin_of(&observed.record, &record).then_some(record.copied?.attempt)
}

fn for_region(recipe: &Recipe, observed: &Observed, region: &Region, status: &ReplicaStatus<'_>) -> Sequence {
    let missing = || Subject::name(&observed.record.name, region);
    // For an older release, nothing replaces a replica that a user removed or fills a Region that was added later.
    if let (ReplicaStatus::Missing { .. } | ReplicaStatus::Paused { .. }, Some(newest)) =
        (status, superseded(observed))
    {
        return vec![missing().decide(Action::Keep, ReplicateReason::NotNewest(newest))];
    }
    // It is rolled back from at the same time.
    let is_lost = observed.record.stage == Stage::Released && observed.lost_in.contains(region);
    if matches!(status, ReplicaStatus::Missing { .. })
        && is_lost
        && recipe.replicate.on_loss == OnLoss::RollBack
    {
        return vec![missing().decide(Action::Keep, ReplicateReason::RolledBackFrom)];
    }
    match status {
        ReplicaStatus::Available(image) => available(recipe, observed, region, image),
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
        ReplicaStatus::Missing { attempt, failed } => {
            let reason = failed.map_or(Reason::Replicate(ReplicateReason::ReplicaMissing), |failed| {
                Reason::Replicate(ReplicateReason::CopyFailed {
                    attempt: attempt - 1,
                    why: failed.state_reason.clone(),
                })
            });
            vec![missing().decide(Action::Copy(new_replica(recipe, observed, region, *attempt)), reason)]
        }
        ReplicaStatus::Paused { attempts, failed, next } => {
            let why = failed.state_reason.clone();
            let reason = ReplicateReason::NextAttempt { attempt: *attempts, why, next: *next };
            vec![missing().decide(Action::Keep, reason)]
        }
        ReplicaStatus::GivenUp { attempts, failed } => given_up(observed, failed, *attempts),
    }
}

/// The newer release because of which missing replicas of this one are not copied.
fn superseded(observed: &Observed) -> Option<Version> {
    let newer = observed.superseded_by;
    newer.filter(|_| observed.record.stage == Stage::Released)
}

/// Publishes an available replica, unless it must be tested first or was already published.
fn available(recipe: &Recipe, observed: &Observed, region: &Region, image: &Image) -> Sequence {
    let keep = |reason| vec![Subject::image(image).decide(Action::Keep, reason)];
    let Ok(record) = image.record() else {
        return keep(Reason::Replicate(ReplicateReason::ReplicaAvailable));
    };
    if !is_ready_to_publish(recipe, image, &record) {
        let untested = record.stage == Stage::Captured;
        return keep(if untested {
            Reason::Replicate(ReplicateReason::ReplicaUntested)
        } else {
            Reason::Replicate(ReplicateReason::ReplicaAvailable)
        });
    }
    match observed.permissions.get(&(region.clone(), image.id.clone())) {
        Some(permissions) => sharing::publish(
            recipe,
            image,
            &record,
            permissions,
            Reason::Replicate(ReplicateReason::ReplicaAvailable),
            observed.now,
        ),
        None => keep(Reason::Replicate(ReplicateReason::ReplicaAvailable)),
    }
}

/// Gives up a Region: sends the event first, then rejects the last failed attempt, so that the event is not sent
/// again. The failed attempt stays as the record.
fn given_up(observed: &Observed, failed: &Image, attempts: u32) -> Sequence {
    let reason = Reason::Replicate(ReplicateReason::GaveUp {
        attempts,
        why: failed.state_reason.clone(),
        image: observed.image.id.clone(),
    });
    let Ok(record) = failed.record() else { return Sequence::new() };
    if record.stage == Stage::Rejected {
        return vec![Subject::image(failed).decide(Action::Keep, reason)];
    }
    let news = Event::ReplicationFailed { image: observed.image.id.clone(), reason: reason.to_string() };
    vec![
        Subject::image(failed).emit_again(
            &observed.record.name,
            news,
            observed.image.occasion(),
            reason.clone(),
        ),
        Subject::image(failed)
            .decide(Action::SetStage(failed.id.clone(), record.at(Stage::Rejected), Tags::new()), reason),
    ]
}

/// Deregisters failed attempts that are no longer needed: a later one succeeded or was rejected, no other attempt
/// will follow, or Kiln has given up and the last one is the record. Until then they stay, because they give the
/// number of the next attempt.
fn failed_attempts(observed: &Observed, statuses: &BTreeMap<&Region, ReplicaStatus<'_>>) -> Vec<Sequence> {
    let obsolete = |region: &Region, image: &Image| match &statuses[region] {
        ReplicaStatus::Available(_) | ReplicaStatus::Rejected(_) => true,
        // No other attempt will follow.
        ReplicaStatus::Missing { .. } | ReplicaStatus::Paused { .. } => superseded(observed).is_some(),
        ReplicaStatus::GivenUp { failed, .. } => {
            image.id != failed.id && failed.record().is_ok_and(|record| record.stage == Stage::Rejected)
        }
        _ => false,
    };
    observed
        .regions
        .iter()
        .filter_map(|(region, images)| Some((region, images.as_ref().ok()?)))
        .flat_map(|(region, images)| images.iter().map(move |image| (region, image)))
        .filter(|(_, image)| image.state == ImageState::Failed && attempt_of(image, observed).is_some())
        .filter(|(region, image)| obsolete(region, image) && !image.tags.has(tags::HOLD))
        .map(|(_, image)| {
            vec![
                Subject::image(image).decide(
                    Action::Deregister(image.id.clone(), WithSnapshots::All),
                    ReplicateReason::FailedTry,
                ),
            ]
        })
        .collect()
}

fn new_replica(recipe: &Recipe, observed: &Observed, region: &Region, attempt: u32) -> NewReplica {
    let name = &observed.record.name;
    let origin = observed.image.address();
    let key = recipe.replicate.kms_keys.get(region);
    let token = Token::of(&[
        "replica",
        &origin.to_string(),
        region.as_str(),
        key.map_or("", String::as_str),
        name.recipe.as_str(),
        &attempt.to_string(),
        &turn_of(observed),
        observed.image.tags.get(tags::RECOPY).unwrap_or_default(),
    ]);
    let record = ImageRecord {
        name: name.clone(),
        stage: Stage::Captured,
        base: observed.record.base.clone(),
        copied: Some(CopySource { origin: origin.clone(), attempt }),
        copied_back: None,
        adopted: false,
        asked_again: None,
    };
    NewReplica {
        region: region.clone(),
        from: origin.region.clone(),
        image: origin.image.clone(),
        name: name.to_string(),
        description: format!("{name}, copied from {origin}"),
        tags: origin_tags(observed)
            .and(&recipe.own_tags(&observed.image.tags))
            .with(tags::NAME, name)
            .and(&record.write()),
        encryption: key.map_or(Encryption::AsSource, |key| Encryption::Key(key.clone())),
        token,
    }
}

/// What a replica bears of an image that was handed over: its own tags, and its name.
fn origin_tags(observed: &Observed) -> Tags {
    match observed.record.adopted {
        true => adopt::own_tags(&observed.image).with(tags::ADOPTED_NAME, &observed.image.name),
        false => Tags::new(),
    }
}

/// The part of the token that changes with time. A token returns the replica that it once made, even if that was deregistered
/// since; the next turn's token makes a new one. Each quarter of a day is a turn. From an hour after its release on, each
/// hour is one: its replicas were there, so that what is missing was taken away.
///
/// What a sweep made is as old as whole sweeps whenever a sweep wakes several invocations at once. Turns change in the middle
/// between two sweeps: an invocation of each turn would make a replica each.
fn turn_of(observed: &Observed) -> String {
    let hours_since = |time: DateTime<Utc>| (observed.now - time - SWEEP_EVERY / 2).num_hours();
    let released = observed.image.tags.time(tags::RELEASED_AT).map(hours_since).unwrap_or_default();
    match observed.image.created.map_or(0, hours_since) {
        hours if observed.record.stage == Stage::Released && released > 0 => format!("hour {hours}"),
        hours => (hours / 6).to_string(),
    }
}

#[cfg(test)]
#[path = "replicate_tests.rs"]
mod tests;
