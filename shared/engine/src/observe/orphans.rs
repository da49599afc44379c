//! Snapshots that an image left behind: who else needs them is asked, and then it is decided.

use chrono::{DateTime, Utc};
use futures::future::join3;
use kiln_core::inventory::{Cloudly, Image, Snapshot, Wanted};
use kiln_core::model::{Region, SnapshotId};
use kiln_core::orphans::{self, Needs, Suspect};
use kiln_core::plan::{Chain, Subject};
use kiln_core::recipe::Recipe;

use crate::ports::Cloud;

/// What is needed of the snapshots of one Region that no image of Kiln's uses.
pub(crate) async fn needs<C: Cloud>(cloud: &C, region: &Region, suspects: &[Suspect<'_>]) -> Cloudly<Needs> {
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
pub(crate) async fn of_region<C: Cloud>(
    cloud: &C,
    region: &Region,
    (images, snapshots): (&[Image], &[Snapshot]),
    recipes: &[&Recipe],
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let suspects = orphans::suspects(snapshots, images, recipes.iter().copied(), now);
    let mut chains = orphans::rescued(snapshots, images);
    match needs(cloud, region, &suspects).await {
        Ok(needs) => chains.extend(orphans::decide(&suspects, &needs, now)),
        Err(error) => chains.push(vec![Subject::region(region).unseen(&error)]),
    }
    chains
}
