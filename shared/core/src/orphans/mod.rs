//! Which snapshots were left behind by an image that is gone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{Image, ImageState, Snapshot};
use crate::model::{SnapshotId, Tags, tags};
use crate::plan::reason::{OrphanReason, RetentionReason, UseReason};
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// How old a snapshot must be before it can be a leftover: by then every image that was made of it is seen.
pub const GRACE: TimeDelta = TimeDelta::hours(1);

/// A snapshot that no image of Kiln's uses.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// How long it stays after it was first seen to be left behind: as long as its recipe has images disabled before
    /// they go, so that whoever deregistered its image by mistake can still make it anew.
    pub quarantine: TimeDelta,
}

/// Who else needs suspects.
#[derive(Debug, Clone, Default)]
pub struct SnapshotReferences {
    /// All images, anyone's, that use any of them.
    pub images: Vec<Image>,
    /// What else needs one of them: a volume that is being made of it, or a lock.
    pub others: BTreeMap<SnapshotId, String>,
}

/// The snapshots of these recipes that no image of Kiln's uses: those for which any other image must still be looked for.
pub fn candidates<'a, 'r>(
    snapshots: &'a [Snapshot],
    images: &[Image],
    recipes: impl IntoIterator<Item = &'r Recipe>,
    now: DateTime<Utc>,
) -> Vec<Candidate<'a>> {
    let quarantines: BTreeMap<&str, TimeDelta> =
        recipes.into_iter().map(|recipe| (recipe.name.as_str(), recipe.expire.quarantine)).collect();
    let used: BTreeSet<&SnapshotId> = images.iter().flat_map(|image| &image.snapshots).collect();
    let bake =
        |tags: &'_ Tags| Some((tags.get(tags::RECIPE)?.to_owned(), tags.get(tags::VERSION)?.to_owned()));
    // An image that is being made does not name all its snapshots yet.
    let being_made: BTreeSet<(String, String)> = images
        .iter()
        .filter(|image| matches!(image.state, ImageState::Pending | ImageState::Unknown(_)))
        .filter_map(|image| bake(&image.tags))
        .collect();
    snapshots
        .iter()
        // Without the rest of Kiln's record, or EC2's own word that it was made for an image, somebody else made it, and
        // tagged it alike.
        .filter(|snapshot| snapshot.tags.has(tags::STAGE) && snapshot.made_for.is_some())
        .filter(|snapshot| bake(&snapshot.tags).is_some_and(|bake| !being_made.contains(&bake)))
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

/// What becomes of suspects, once it is known who else needs them. Each is written down first, and goes when
/// it is still left behind after its quarantine.
pub fn decide(candidates: &[Candidate<'_>], needs: &SnapshotReferences, now: DateTime<Utc>) -> Vec<Sequence> {
    let used: BTreeSet<&SnapshotId> = needs.images.iter().flat_map(|image| &image.snapshots).collect();
    let one = |candidate: &Candidate<'_>| {
        let snapshot = candidate.snapshot;
        let subject = subject(snapshot);
        let id = || snapshot.id.clone();
        let needed = match needs.others.get(&snapshot.id) {
            _ if used.contains(&snapshot.id) => Some(Reason::Orphan(OrphanReason::SnapshotUsed(id()))),
            need => need.map(|need| Reason::Use(UseReason::SnapshotNeeded(need.clone()))),
        };
        if let Some(why) = needed {
            return vec![subject.decide(unmarked(snapshot).unwrap_or(Action::Keep), why)];
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

/// What somebody has made use of since it was left behind is not left behind any more: should it be again, its quarantine begins
/// anew.
pub fn reclaimed(snapshots: &[Snapshot], images: &[Image]) -> Vec<Sequence> {
    let used: BTreeSet<&SnapshotId> = images.iter().flat_map(|image| &image.snapshots).collect();
    let own = snapshots.iter().filter(|snapshot| used.contains(&snapshot.id));
    own.filter_map(|snapshot| {
        let unmark = unmarked(snapshot)?;
        Some(vec![subject(snapshot).decide(unmark, OrphanReason::SnapshotUsed(snapshot.id.clone()))])
    })
    .collect()
}

/// Takes the mark away that it was left behind, where it bears one.
fn unmarked(snapshot: &Snapshot) -> Option<Action> {
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
    use crate::model::Tags;

    fn snapshot(id: &str) -> Snapshot {
        Snapshot {
            id: id.parse().unwrap(),
            region: region("us-east-1"),
            started: Some(day(1)),
            completed: true,
            made_for: Some("ami-0a".parse().unwrap()),
            full_bytes: None,
            tags: image("web", 1).build().tags,
        }
    }

    fn ids(snapshots: &[Snapshot], images: &[Image]) -> Vec<String> {
        let candidates = candidates(snapshots, images, &[recipe("web")], day(9));
        candidates.iter().map(|candidate| candidate.snapshot.id.to_string()).collect()
    }

    #[test]
    fn a_snapshot_whose_image_is_gone_is_written_down_and_deleted_after_its_quarantine() {
        let left = snapshot("snap-01");
        assert_eq!(ids(std::slice::from_ref(&left), &[]), ["snap-01"]);
        assert_eq!(after(&left, 7), Action::MarkOrphan(left.id.clone(), day(9)));
        let marked =
            Snapshot { tags: left.tags.clone().with(tags::ORPHANED_SINCE, day(3).to_rfc3339()), ..left };
        assert_eq!(after(&marked, 7), Action::Keep);
        assert_eq!(after(&marked, 6), Action::DeleteSnapshot(marked.id.clone()));
        assert_eq!(after(&marked, 0), Action::DeleteSnapshot(marked.id.clone()));
    }

    fn after(snapshot: &Snapshot, days: i64) -> Action {
        let candidate = Candidate { snapshot, quarantine: TimeDelta::days(days) };
        decide(&[candidate], &SnapshotReferences::default(), day(9))[0][0].action.clone()
    }

    #[test]
    fn a_snapshot_that_somebody_made_and_tagged_alike_is_none_of_kilns() {
        let theirs = Snapshot { made_for: None, ..snapshot("snap-01") };
        assert!(ids(&[theirs], &[]).is_empty());
    }

    #[test]
    fn what_is_used_again_is_left_behind_no_more() {
        let left = snapshot("snap-01");
        let marked =
            Snapshot { tags: left.tags.clone().with(tags::ORPHANED_SINCE, day(3).to_rfc3339()), ..left };
        let mut user = image("web", 3).build();
        user.snapshots = vec![marked.id.clone()];
        let unmark = Action::ClearOrphan(marked.id.clone());
        assert_eq!(
            reclaimed(std::slice::from_ref(&marked), std::slice::from_ref(&user))[0][0].action,
            unmark
        );
        let candidate = Candidate { snapshot: &marked, quarantine: TimeDelta::days(1) };
        let needs = SnapshotReferences { images: vec![user.clone()], ..SnapshotReferences::default() };
        assert_eq!(decide(&[candidate], &needs, day(9))[0][0].action, unmark);
        let unmarked = Snapshot { tags: marked.tags.with(tags::ORPHANED_SINCE, "no"), ..marked };
        assert!(reclaimed(&[unmarked], &[user]).is_empty());
    }

    #[test]
    fn a_snapshot_of_an_image_that_is_being_made_is_no_leftover() {
        let mut made = image("web", 1).in_state(ImageState::Pending).build();
        made.snapshots.clear();
        assert!(ids(&[snapshot("snap-01")], std::slice::from_ref(&made)).is_empty());
        made.state = ImageState::Available;
        assert_eq!(ids(&[snapshot("snap-01")], std::slice::from_ref(&made)), ["snap-01"]);
    }

    #[test]
    fn a_snapshot_that_any_image_uses_stays() {
        let mut user = image("web", 3).build();
        user.snapshots.push("snap-01".parse().unwrap());
        assert!(ids(&[snapshot("snap-01")], std::slice::from_ref(&user)).is_empty());
        let foreign = Image { snapshots: user.snapshots, ..foreign_image("ami-0f") };
        let candidate = Candidate { snapshot: &snapshot("snap-01"), quarantine: TimeDelta::zero() };
        let needs = SnapshotReferences { images: vec![foreign], ..SnapshotReferences::default() };
        assert_eq!(decide(&[candidate], &needs, day(9))[0][0].action, Action::Keep);
    }

    #[test]
    fn a_snapshot_that_a_volume_is_being_made_of_or_that_is_locked_stays() {
        let left = snapshot("snap-01");
        let candidate = Candidate { snapshot: &left, quarantine: TimeDelta::zero() };
        let others = BTreeMap::from([(left.id.clone(), "vol-01 is being made of it".to_owned())]);
        let decided =
            &decide(&[candidate], &SnapshotReferences { others, ..SnapshotReferences::default() }, day(9))[0]
                [0];
        assert_eq!(
            (&decided.action, decided.reason.to_string().as_str()),
            (&Action::Keep, "vol-01 is being made of it")
        );
    }

    #[test]
    fn what_is_young_unfinished_held_or_another_recipes_is_no_leftover() {
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
