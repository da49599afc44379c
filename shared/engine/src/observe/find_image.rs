//! Finds an image in any Region of the account.

use std::collections::BTreeSet;

use futures::future::join;
use kiln_core::inventory::{CloudError, Image, ImageQuery, Result};
use kiln_core::model::{ImageId, ImageRecord, Region};
use kiln_core::plan::reason::RestoreReason;
use kiln_core::plan::{Action, Reason, Sequence, Subject};
use kiln_core::recipe::{BadRecipe, Recipe};

use crate::bounded::{CALLS, bounded};
use crate::context::Context;
use crate::observe::recipes;
use crate::ports::Cloud;

/// The image with this id and its record, from any Region; or a rejection that says why there is no answer.
pub(crate) async fn find_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    scope: &RegionScope,
    image: &ImageId,
) -> Result<Result<(Image, ImageRecord), Sequence>> {
    let (found, unreadable) = scope.images(cloud, &ImageQuery::Id(image.clone())).await?;
    let Some(found) = found.into_iter().next() else {
        if let Some(error) = &scope.unlisted {
            return Err(error.clone());
        }
        let unreadable = unreadable.into_iter().map(|(region, _)| region).collect();
        return Ok(Err(not_found(cloud, scope, image, &context.home, unreadable).await?));
    };
    Ok(match found.record_for_home(&context.home) {
        Ok(record) => Ok((found, record)),
        Err(why) => Err(vec![Subject::image(&found).decide(Action::Reject, Reason::NotManaged(why))]),
    })
}

/// The Regions where an image may be: `expire` works in every Region of the account.
pub(crate) struct RegionScope {
    /// The Regions that recipes name, and the home Region.
    named: BTreeSet<Region>,
    /// All other enabled Regions. Access to them may be denied.
    others: BTreeSet<Region>,
    /// Why the other Regions are unknown, if they could not be listed.
    pub unlisted: Option<CloudError>,
}

impl RegionScope {
    /// The scope that follows from the recipes that can be read.
    pub async fn of<C: Cloud>(cloud: &C, context: &Context, read: &[Result<Recipe, BadRecipe>]) -> Self {
        let named: BTreeSet<Region> =
            recipes::regions(read.iter().flatten(), &context.home).into_iter().cloned().collect();
        let (mut others, unlisted) = match cloud.enabled_regions(&context.home).await {
            Ok(enabled) => (enabled, None),
            Err(error) => (BTreeSet::new(), Some(error)),
        };
        others.retain(|region| !named.contains(region));
        Self { named, others, unlisted }
    }

    /// The images that match, and those of the other Regions that could not be read, each with its error. If a Region
    /// that a recipe names cannot be read, that is an error.
    pub async fn images<C: Cloud>(
        &self,
        cloud: &C,
        wanted: &ImageQuery,
    ) -> Result<(Vec<Image>, Vec<(Region, CloudError)>)> {
        let of_named = bounded(CALLS, self.named.iter().map(|region| cloud.images(region, wanted)));
        let of_others = bounded(CALLS, self.others.iter().map(|region| cloud.images(region, wanted)));
        let (of_named, of_others) = join(of_named, of_others).await;
        let mut found = of_named.into_iter().collect::<Result<Vec<_>>>()?.concat();
        let mut unreadable = Vec::new();
        for (region, images) in self.others.iter().zip(of_others) {
            match images {
                Ok(images) => found.extend(images),
                Err(error) => unreadable.push((region.clone(), error)),
            }
        }
        Ok((found, unreadable))
    }
}

/// The rejection for an image that was not found: it is in the Recycle Bin, it no longer exists, or it may be in a
/// Region that could not be read.
async fn not_found<C: Cloud>(
    cloud: &C,
    scope: &RegionScope,
    image: &ImageId,
    home: &Region,
    unreadable: Vec<Region>,
) -> Result<Sequence> {
    let regions = scope.named.iter().chain(&scope.others);
    let reads = regions.map(async |region| (region, cloud.recycled_until(region, image).await));
    for (region, until) in bounded(CALLS, reads).await {
        let until = if scope.named.contains(region) { until? } else { until.unwrap_or_default() };
        if let Some(until) = until {
            let reason = Reason::Restore(RestoreReason::InRecycleBin { region: region.clone(), until });
            return Ok(vec![Subject::resource(image, region).decide(Action::Reject, reason)]);
        }
    }
    let reason = if unreadable.is_empty() {
        Reason::Restore(RestoreReason::Gone)
    } else {
        Reason::Restore(RestoreReason::NotFound(unreadable))
    };
    Ok(vec![Subject::resource(image, home).decide(Action::Reject, reason)])
}
