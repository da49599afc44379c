//! Orphan snapshots: snapshots that Kiln made for an image that no longer exists. They are marked, and deleted after
//! a quarantine unless an image uses them again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{Image, ImageState, Seal, Snapshot};
use crate::model::{Origin, SnapshotId, Tags, tags};
use crate::plan::reason::{OrphanReason, RetentionReason, UseReason};
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// The minimum age of an orphan. By then EC2 lists every image that was made from the snapshot.
pub const GRACE: TimeDelta = TimeDelta::hours(1);

/// A snapshot that none of Kiln's images uses. Other images may still use it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// How long it is kept after it was marked: the `quarantine` of its recipe, so that an image that was
    /// deregistered by mistake can be made from it again.
    pub quarantine: TimeDelta,
}

/// What else uses the candidates.
#[derive(Debug, Clone, Default)]
pub struct SnapshotReferences {
    /// Every image that uses one of them, whoever made it.
    pub images: Vec<Image>,
    /// Other reasons to keep one of them: a volume that is being made from it, or a lock.
    pub others: BTreeMap<SnapshotId, String>,
}

/// The snapshots of these recipes that none of Kiln's images uses. Whether another image uses them must still be
/// read.
pub fn candidates<'a, 'r>(
    snapshots: &'a [Snapshot],
    images: &[Image],
    recipes: impl IntoIterator<Item = &'r Recipe>,
    now: DateTime<Utc>,
) -> Vec<Candidate<'a>> {
    let quarantines: BTreeMap<&str, TimeDelta> =
        recipes.into_iter().map(|recipe| (recipe.name.as_str(), recipe.expire.quarantine)).collect();
    let used: BTreeSet<&SnapshotId> = images.iter().flat_map(|image| &image.snapshots).collect();
    let bake_of =
        |tags: &'_ Tags| Some((tags.get(tags::RECIPE)?.to_owned(), tags.get(tags::VERSION)?.to_owned()));
    // EC2 does not list all snapshots of an image that is still being created.
    let pending: BTreeSet<(String, String)> = images
        .iter()
        .filter(|image| matches!(image.state, ImageState::Pending | ImageState::Unknown(_)))
        .filter_map(|image| bake_of(&image.tags))
        .collect();
    snapshots
        .iter()
        // Tags can be copied. Without a seal that fits EC2's own description of the snapshot, Kiln did not make it.
        .filter(|snapshot| snapshot.seal == Seal::Valid && is_made_for_its_image(snapshot))
        .filter(|snapshot| bake_of(&snapshot.tags).is_some_and(|bake| !pending.contains(&bake)))
        .filter(|snapshot| {
            snapshot.completed && snapshot.started.is_some_and(|started| started + GRACE <= now)
        })
        .filter(|snapshot| !snapshot.tags.has(tags::HOLD) && !used.contains(&snapshot.id))
        .filter_map(|snapshot| {
            let quarantine = *quarantines.get(snapshot.tags.get(tags::RECIPE)?)?;
            Some(Candidate { snapshot, quarantine })
        })
        .collect()
}

/// Whether EC2 made a snapshot for the image that Kiln had it for. A person may have handed over an image that he
/// registered from a snapshot of his own.
fn is_made_for_its_image(snapshot: &Snapshot) -> bool {
    let adopted: Option<Origin> = snapshot.tags.read(tags::ADOPTED);
    snapshot.made_for.as_ref().is_some_and(|made| adopted.is_none_or(|adopted| adopted.image == made.image))
}

/// Decides about candidates once everything that uses them was read. An orphan is marked first, and deleted if it is
/// still one after its quarantine.
pub fn decide(
    candidates: &[Candidate<'_>],
    references: &SnapshotReferences,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let used: BTreeSet<&SnapshotId> = references.images.iter().flat_map(|image| &image.snapshots).collect();
    let one = |candidate: &Candidate<'_>| {
        let snapshot = candidate.snapshot;
        let subject = subject(snapshot);
        let id = || snapshot.id.clone();
        let used_by = match references.others.get(&snapshot.id) {
            _ if used.contains(&snapshot.id) => Some(Reason::Orphan(OrphanReason::SnapshotUsed(id()))),
            other => other.map(|why| Reason::Use(UseReason::SnapshotNeeded(why.clone()))),
        };
        if let Some(why) = used_by {
            return vec![subject.decide(clear_mark(snapshot).unwrap_or(Action::Keep), why)];
        }
        let until = snapshot.tags.time(tags::ORPHANED_SINCE).map(|since| since + candidate.quarantine);
        vec![match until {
            _ if candidate.quarantine.is_zero() => {
                subject.decide(Action::DeleteSnapshot(id()), OrphanReason::ImageGone)
            }
            None => subject.decide(Action::MarkOrphan(id(), now), OrphanReason::ImageGone),
            Some(until) if until > now => subject.decide(Action::Keep, RetentionReason::InQuarantine(until)),
            Some(_) => subject.decide(Action::DeleteSnapshot(id()), OrphanReason::ImageGone),
        }]
    };
    candidates.iter().map(one).collect()
}

/// Clears the orphan mark of snapshots that an image uses again. If one is orphaned later, its quarantine starts
/// over.
pub fn reclaimed(snapshots: &[Snapshot], images: &[Image]) -> Vec<Sequence> {
    let used: BTreeSet<&SnapshotId> = images.iter().flat_map(|image| &image.snapshots).collect();
    let reclaimed = snapshots.iter().filter(|snapshot| used.contains(&snapshot.id));
    reclaimed
        .filter_map(|snapshot| {
            let clear = clear_mark(snapshot)?;
            Some(vec![subject(snapshot).decide(clear, OrphanReason::SnapshotUsed(snapshot.id.clone()))])
        })
        .collect()
}

/// Clears the orphan mark of a snapshot, if it has one.
fn clear_mark(snapshot: &Snapshot) -> Option<Action> {
    snapshot.tags.time(tags::ORPHANED_SINCE).map(|_| Action::ClearOrphan(snapshot.id.clone()))
}

fn subject(snapshot: &Snapshot) -> Subject {
    Subject {
        recipe: snapshot.tags.read(tags::RECIPE),
        version: snapshot.tags.read(tags::VERSION),
        region: snapshot.region.clone(),
        resource: Some(snapshot.id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::inventory::image::made_for;
    use crate::model::Tags;

    fn snapshot(id: &str) -> Snapshot {
        Snapshot {
            id: id.parse().unwrap(),
            region: region("us-east-1"),
            started: Some(day(1)),
            completed: true,
            made_for: made_for("Created by CreateImage(i-0b1d) for ami-0a"),
            seal: Seal::Valid,
            full_bytes: None,
            tags: image("web", 1).build().tags,
        }
    }

    fn ids(snapshots: &[Snapshot], images: &[Image]) -> Vec<String> {
        let candidates = candidates(snapshots, images, &[recipe("web")], day(9));
        candidates.iter().map(|candidate| candidate.snapshot.id.to_string()).collect()
    }

    #[test]
    fn a_snapshot_whose_image_is_gone_is_marked_and_deleted_after_its_quarantine() {
        let orphan = snapshot("snap-01");
        assert_eq!(ids(std::slice::from_ref(&orphan), &[]), ["snap-01"]);
        assert_eq!(action_after(&orphan, 7), Action::MarkOrphan(orphan.id.clone(), day(9)));
        let marked =
            Snapshot { tags: orphan.tags.clone().with(tags::ORPHANED_SINCE, day(3).to_rfc3339()), ..orphan };
        assert_eq!(action_after(&marked, 7), Action::Keep);
        assert_eq!(action_after(&marked, 6), Action::DeleteSnapshot(marked.id.clone()));
        assert_eq!(action_after(&marked, 0), Action::DeleteSnapshot(marked.id.clone()));
    }

    fn action_after(snapshot: &Snapshot, days: i64) -> Action {
        let candidate = Candidate { snapshot, quarantine: TimeDelta::days(days) };
        decide(&[candidate], &SnapshotReferences::default(), day(9))[0][0].action.clone()
    }

    #[test]
    fn a_snapshot_with_copied_or_forged_tags_is_not_a_candidate() {
        for seal in [Seal::Missing, Seal::Wrong] {
            assert!(ids(&[Snapshot { seal, ..snapshot("snap-01") }], &[]).is_empty());
        }
    }

    #[test]
    fn a_snapshot_of_an_adopted_image_that_ec2_did_not_make_for_it_is_not_a_candidate() {
        let adopted = |made: Option<&str>| {
            let orphan = snapshot("snap-01");
            let tags = orphan.tags.with(tags::ADOPTED, "us-east-1/ami-0a");
            ids(&[Snapshot { tags, made_for: made.and_then(made_for), ..snapshot("snap-01") }], &[])
        };
        assert_eq!(adopted(Some("Created by CreateImage(i-0b1d) for ami-0a")), ["snap-01"]);
        // Somebody made it himself, or EC2 for another image, and registered the adopted one from it.
        assert!(adopted(None).is_empty());
        assert!(adopted(Some("Created by CreateImage(i-0b1d) for ami-0b")).is_empty());
    }

    #[test]
    fn a_snapshot_that_an_image_uses_again_loses_its_mark() {
        let orphan = snapshot("snap-01");
        let marked =
            Snapshot { tags: orphan.tags.clone().with(tags::ORPHANED_SINCE, day(3).to_rfc3339()), ..orphan };
        let mut user = image("web", 3).build();
        user.snapshots = vec![marked.id.clone()];
        let clear = Action::ClearOrphan(marked.id.clone());
        assert_eq!(reclaimed(std::slice::from_ref(&marked), std::slice::from_ref(&user))[0][0].action, clear);
        let candidate = Candidate { snapshot: &marked, quarantine: TimeDelta::days(1) };
        let references = SnapshotReferences { images: vec![user.clone()], ..SnapshotReferences::default() };
        assert_eq!(decide(&[candidate], &references, day(9))[0][0].action, clear);
        let unmarked = Snapshot { tags: marked.tags.with(tags::ORPHANED_SINCE, "no"), ..marked };
        assert!(reclaimed(&[unmarked], &[user]).is_empty());
    }

    #[test]
    fn a_snapshot_of_a_pending_image_is_not_a_candidate() {
        let mut own = image("web", 1).in_state(ImageState::Pending).build();
        own.snapshots.clear();
        assert!(ids(&[snapshot("snap-01")], std::slice::from_ref(&own)).is_empty());
        own.state = ImageState::Available;
        assert_eq!(ids(&[snapshot("snap-01")], std::slice::from_ref(&own)), ["snap-01"]);
    }

    #[test]
    fn a_snapshot_that_any_image_uses_is_kept() {
        let mut user = image("web", 3).build();
        user.snapshots.push("snap-01".parse().unwrap());
        assert!(ids(&[snapshot("snap-01")], std::slice::from_ref(&user)).is_empty());
        let foreign = Image { snapshots: user.snapshots, ..foreign_image("ami-0f") };
        let candidate = Candidate { snapshot: &snapshot("snap-01"), quarantine: TimeDelta::zero() };
        let references = SnapshotReferences { images: vec![foreign], ..SnapshotReferences::default() };
        assert_eq!(decide(&[candidate], &references, day(9))[0][0].action, Action::Keep);
    }

    #[test]
    fn a_snapshot_that_is_locked_or_used_by_a_new_volume_is_kept() {
        let orphan = snapshot("snap-01");
        let candidate = Candidate { snapshot: &orphan, quarantine: TimeDelta::zero() };
        let others = BTreeMap::from([(orphan.id.clone(), "vol-01 is being made of it".to_owned())]);
        let decided =
            &decide(&[candidate], &SnapshotReferences { others, ..SnapshotReferences::default() }, day(9))[0]
                [0];
        assert_eq!(
            (&decided.action, decided.reason.to_string().as_str()),
            (&Action::Keep, "vol-01 is being made of it")
        );
    }

    #[test]
    fn young_incomplete_held_and_unmanaged_snapshots_are_not_candidates() {
        let mut young = snapshot("snap-01");
        young.started = Some(day(9) - TimeDelta::minutes(59));
        let mut unfinished = snapshot("snap-02");
        unfinished.completed = false;
        let mut held = snapshot("snap-03");
        held.tags = held.tags.with(tags::HOLD, "audit");
        let mut other = snapshot("snap-04");
        other.tags = other.tags.with(tags::RECIPE, "worker");
        let mut by_hand = snapshot("snap-05");
        by_hand.tags = Tags::new().with(tags::RECIPE, "web");
        assert!(ids(&[young, unfinished, held, other, by_hand], &[]).is_empty());
    }
}
