//! Reads who else uses the snapshots that an image left behind, and lets the rules decide about them.

use chrono::{DateTime, Utc};
use futures::future::join3;
use kiln_core::inventory::{Image, ImageQuery, Result, Snapshot};
use kiln_core::model::{Region, SnapshotId};
use kiln_core::orphans::{self, Candidate, SnapshotReferences};
use kiln_core::plan::{Sequence, Subject};
use kiln_core::recipe::Recipe;

use crate::ports::Cloud;

/// Who uses these snapshots of one Region. No image of Kiln's does.
pub(crate) async fn needs<C: Cloud>(
    cloud: &C,
    region: &Region,
    candidates: &[Candidate<'_>],
) -> Result<SnapshotReferences> {
    if candidates.is_empty() {
        return Ok(SnapshotReferences::default());
    }
    let ids: Vec<SnapshotId> = candidates.iter().map(|candidate| candidate.snapshot.id.clone()).collect();
    let wanted = ImageQuery::OfSnapshots(ids.clone());
    let (images, others, recycled) =
        join3(cloud.images(region, &wanted), cloud.snapshot_needs(region, &ids), cloud.recycled(region))
            .await;
    let mut others = others?;
    // An image in the Recycle Bin can only be restored with its snapshots.
    let recycled = recycled?;
    for candidate in candidates {
        let snapshot = candidate.snapshot;
        let restorable =
            snapshot.made_for.as_ref().and_then(|made| Some((&made.image, recycled.get(&made.image)?)));
        if let Some((image, until)) = restorable {
            let need = format!("its image {image} is in the Recycle Bin until {}", until.to_rfc3339());
            others.insert(snapshot.id.clone(), need);
        }
    }
    Ok(SnapshotReferences { images: images?, others })
}

/// Decides about the orphaned snapshots of one Region.
pub(crate) async fn of_region<C: Cloud>(
    cloud: &C,
    region: &Region,
    (images, snapshots): (&[Image], &[Snapshot]),
    recipes: &[&Recipe],
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let candidates = orphans::candidates(snapshots, images, recipes.iter().copied(), now);
    let mut sequences = orphans::reclaimed(snapshots, images);
    match needs(cloud, region, &candidates).await {
        Ok(needs) => sequences.extend(orphans::decide(&candidates, &needs, now)),
        Err(error) => sequences.push(vec![Subject::region(region).retry_later(&error)]),
    }
    sequences
}
