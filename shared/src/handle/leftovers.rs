//! Snapshots that an image left behind: who else needs them is asked, and then it is decided.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join3;

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Snapshot, Wanted};
use crate::decide::leftovers::{self, Needs, Suspect};
use crate::decide::{Chain, Subject};
use crate::domain::{ImageId, Region, SnapshotId};
use crate::events::inbound::Mode;
use crate::recipe::Recipe;

/// What is needed of the snapshots of one Region that no image of Kiln's uses.
pub(super) async fn needs<C: Cloud>(cloud: &C, region: &Region, suspects: &[Suspect<'_>]) -> Cloudly<Needs> {
    if suspects.is_empty() {
        return Ok(Needs::default());
    }
    let ids: Vec<SnapshotId> = suspects.iter().map(|suspect| suspect.snapshot.id.clone()).collect();
    let wanted = Wanted::OfSnapshots(ids.clone());
    let (images, others, recycled) =
        join3(cloud.images(region, &wanted), cloud.snapshot_needs(region, &ids), cloud.recycled(region))
            .await;
    let mut others = others?;
    // An image in the Recycle Bin can only be brought back with its snapshots.
    let recycled = recycled?;
    for suspect in suspects {
        let snapshot = suspect.snapshot;
        let lies = snapshot.made_for.as_ref().and_then(|image| Some((image, recycled.get(image)?)));
        if let Some((image, until)) = lies {
            let need = format!("its image {image} lies in the Recycle Bin until {}", until.to_rfc3339());
            others.insert(snapshot.id.clone(), need);
        }
    }
    Ok(Needs { images: images?, others })
}

/// What becomes of the snapshots of one Region.
pub(super) async fn of_region<C: Cloud>(
    cloud: &C,
    region: &Region,
    (images, snapshots): (&[Image], &[Snapshot]),
    recipes: &[&Recipe],
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let suspects = leftovers::suspects(snapshots, images, recipes.iter().copied(), now);
    let mut chains = leftovers::rescued(snapshots, images);
    match needs(cloud, region, &suspects).await {
        Ok(needs) => chains.extend(leftovers::decide(&suspects, &needs, now)),
        Err(error) => chains.push(vec![Subject::region(region).unseen(&error)]),
    }
    chains
}

/// For how long a warm function looks at no other image that is gone in the same Region. Each of Kiln's own deregistrations is
/// told too: of many at once the first is looked at, and the others are left to the next sweep, which looks at them all together.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// What a warm function remembers: when it looked at an image that was gone, by Region.
#[derive(Debug, Default)]
pub struct Memory(RefCell<BTreeMap<Region, DateTime<Utc>>>);

impl Memory {
    /// Whether it is time to look; then it counts as done.
    fn may_look(&self, region: &Region, now: DateTime<Utc>) -> bool {
        let mut looked = self.0.borrow_mut();
        let lately = looked.get(region).is_some_and(|before| *before <= now && now < *before + PAUSE);
        if !lately {
            looked.insert(region.clone(), now);
        }
        !lately
    }
}

/// An image was deregistered: its snapshots are looked at, where it left any. Those that Kiln deregisters leave none.
///
/// # Errors
/// That nothing was done, and why.
pub(super) async fn of_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    region: &Region,
    image: &ImageId,
    memory: &Memory,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    if !memory.may_look(region, now) {
        return Ok(Report::default());
    }
    let left = cloud.snapshots_of(region, image).await?;
    if left.is_empty() {
        return Ok(Report::default());
    }
    let read = recipes::wanted(cloud, place, None).await?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let chains = of_region(cloud, region, (&[], &left), &good, now).await;
    Ok(act(cloud, chains, Mode::Carry, now).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::{day, region};

    #[test]
    fn of_many_deregistrations_at_once_the_first_is_looked_at_in_each_region() {
        let memory = Memory::default();
        let (home, away) = (region("us-east-1"), region("eu-west-1"));
        assert!(memory.may_look(&home, day(1)) && memory.may_look(&away, day(1)));
        assert!(!memory.may_look(&home, day(1) + TimeDelta::seconds(59)));
        assert!(memory.may_look(&home, day(1) + TimeDelta::seconds(60)));
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_look() {
        let memory = Memory::default();
        assert!(memory.may_look(&region("us-east-1"), day(2)));
        assert!(memory.may_look(&region("us-east-1"), day(1)));
    }
}
