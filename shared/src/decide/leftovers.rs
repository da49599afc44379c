//! Which snapshots were left behind by an image that is gone.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Action, Chain, Reason, Subject};
use crate::cloud::{Image, Snapshot};
use crate::domain::{RecipeName, SnapshotId, tags};

/// How old a snapshot must be before it can be a leftover: by then every image that was made of it is seen.
pub const GRACE: TimeDelta = TimeDelta::hours(1);

/// The snapshots that no image of Kiln's uses: those for which any other image must still be looked for.
pub fn suspects<'a>(
    snapshots: &'a [Snapshot],
    images: &[Image],
    recipe: &RecipeName,
    now: DateTime<Utc>,
) -> Vec<&'a Snapshot> {
    let used: BTreeSet<&SnapshotId> = images.iter().flat_map(|image| &image.snapshots).collect();
    snapshots
        .iter()
        .filter(|snapshot| snapshot.tags.read(tags::RECIPE).as_ref() == Some(recipe))
        // Without the rest of Kiln's record somebody else made it, and tagged it alike.
        .filter(|snapshot| snapshot.tags.has(tags::VERSION) && snapshot.tags.has(tags::STAGE))
        .filter(|snapshot| {
            snapshot.completed && snapshot.started.is_some_and(|started| started + GRACE <= now)
        })
        .filter(|snapshot| !snapshot.tags.has(tags::HOLD) && !used.contains(&snapshot.id))
        .collect()
}

/// What becomes of suspects, once the images that use any of them are known.
pub fn decide(suspects: &[&Snapshot], users: &[Image]) -> Vec<Chain> {
    let used: BTreeSet<&SnapshotId> = users.iter().flat_map(|image| &image.snapshots).collect();
    suspects
        .iter()
        .map(|snapshot| {
            let subject = Subject {
                recipe: snapshot.tags.read(tags::RECIPE),
                version: snapshot.tags.read(tags::VERSION),
                region: snapshot.region.clone(),
                resource: Some(snapshot.id.to_string()),
            };
            let decision = match used.contains(&snapshot.id) {
                true => subject.so(Action::Leave, Reason::SnapshotUsed(snapshot.id.clone())),
                false => subject.so(Action::DeleteSnapshot(snapshot.id.clone()), Reason::ImageGone),
            };
            vec![decision]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::domain::Tags;

    fn snapshot(id: &str) -> Snapshot {
        Snapshot {
            id: id.parse().unwrap(),
            region: region("us-east-1"),
            started: Some(day(1)),
            completed: true,
            tags: image("web", 1).build().tags,
        }
    }

    fn ids(snapshots: &[Snapshot], images: &[Image]) -> Vec<String> {
        let recipe = "web".parse().unwrap();
        suspects(snapshots, images, &recipe, day(9)).iter().map(|snapshot| snapshot.id.to_string()).collect()
    }

    #[test]
    fn a_snapshot_whose_image_is_gone_is_deleted() {
        let left = snapshot("snap-01");
        assert_eq!(ids(std::slice::from_ref(&left), &[]), ["snap-01"]);
        let chains = decide(&[&left], &[]);
        assert_eq!(chains[0][0].action, Action::DeleteSnapshot(left.id));
    }

    #[test]
    fn a_snapshot_that_any_image_uses_stays() {
        let mut user = image("web", 3).build();
        user.snapshots.push("snap-01".parse().unwrap());
        assert!(ids(&[snapshot("snap-01")], std::slice::from_ref(&user)).is_empty());
        let foreign = Image { snapshots: user.snapshots, ..foreign_image("ami-0f") };
        assert_eq!(decide(&[&snapshot("snap-01")], &[foreign])[0][0].action, Action::Leave);
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
