//! Snapshots that an image left behind: who else needs them is asked, and then it is decided.

use chrono::{DateTime, Utc};
use futures::future::join;

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
    let (images, others) = join(cloud.images(region, &wanted), cloud.snapshot_needs(region, &ids)).await;
    Ok(Needs { images: images?, others: others? })
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
    match needs(cloud, region, &suspects).await {
        Ok(needs) => leftovers::decide(&suspects, &needs, now),
        Err(error) => vec![vec![Subject::region(region).unseen(&error)]],
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
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let left = cloud.snapshots_of(region, image).await?;
    if left.is_empty() {
        return Ok(Report::default());
    }
    let read = recipes::wanted(cloud, place, None).await?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let chains = of_region(cloud, region, (&[], &left), &good, now).await;
    Ok(act(cloud, chains, Mode::Carry, now).await)
}
