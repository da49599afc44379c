//! Finds an image in whichever Region of the account it is.

use std::collections::BTreeSet;

use futures::future::{join, join_all};
use kiln_core::inventory::{CloudError, Cloudly, Image, Wanted};
use kiln_core::model::{ImageId, ImageRecord, Region};
use kiln_core::plan::reason::RestoreReason;
use kiln_core::plan::{Action, Chain, Reason, Subject};
use kiln_core::recipe::{BadRecipe, Recipe};

use crate::context::Place;
use crate::ports::Cloud;

/// The image that somebody asks about, in whichever Region it is, with its record; or why nothing can be said of it.
pub(crate) async fn sought<C: Cloud>(
    cloud: &C,
    place: &Place,
    places: &Places,
    image: &ImageId,
) -> Cloudly<Result<(Image, ImageRecord), Chain>> {
    let (found, unseen) = places.images(cloud, &Wanted::Id(image.clone())).await?;
    let Some(found) = found.into_iter().next() else {
        if let Some(error) = &places.unlisted {
            return Err(error.clone());
        }
        let unseen = unseen.into_iter().map(|(region, _)| region).collect();
        return Ok(Err(gone(cloud, places, image, &place.home, unseen).await?));
    };
    Ok(match found.record_at(&place.home) {
        Ok(record) => Ok((found, record)),
        Err(why) => Err(vec![Subject::image(&found).so(Action::Refuse, Reason::NotManaged(why))]),
    })
}

/// Where images may be: `expire` acts in every Region of the account.
pub(crate) struct Places {
    /// The Regions that recipes name, and the home Region.
    named: BTreeSet<Region>,
    /// The others, which may be closed to this role.
    others: BTreeSet<Region>,
    /// Why it is not known which others there are.
    pub unlisted: Option<CloudError>,
}

impl Places {
    /// By the recipes that can be read.
    pub async fn of<C: Cloud>(cloud: &C, place: &Place, read: &[Result<Recipe, BadRecipe>]) -> Self {
        let further = read.iter().flatten().flat_map(|recipe| &recipe.replicate.regions);
        let named: BTreeSet<Region> = further.chain([&place.home]).cloned().collect();
        let (mut others, unlisted) = match cloud.enabled_regions(&place.home).await {
            Ok(enabled) => (enabled, None),
            Err(error) => (BTreeSet::new(), Some(error)),
        };
        others.retain(|region| !named.contains(region));
        Self { named, others, unlisted }
    }

    /// The images that are wanted, and the Regions that could not be seen, each with why.
    pub async fn images<C: Cloud>(
        &self,
        cloud: &C,
        wanted: &Wanted,
    ) -> Cloudly<(Vec<Image>, Vec<(Region, CloudError)>)> {
        let of_named = join_all(self.named.iter().map(|region| cloud.images(region, wanted)));
        let of_others = join_all(self.others.iter().map(|region| cloud.images(region, wanted)));
        let (of_named, of_others) = join(of_named, of_others).await;
        let mut found = of_named.into_iter().collect::<Cloudly<Vec<_>>>()?.concat();
        let mut unseen = Vec::new();
        for (region, images) in self.others.iter().zip(of_others) {
            match images {
                Ok(images) => found.extend(images),
                Err(error) => unseen.push((region.clone(), error)),
            }
        }
        Ok((found, unseen))
    }
}

/// Too late, unless a rule of the Recycle Bin has caught it, or it is where nobody could look.
async fn gone<C: Cloud>(
    cloud: &C,
    places: &Places,
    image: &ImageId,
    home: &Region,
    unseen: Vec<Region>,
) -> Cloudly<Chain> {
    let regions = places.named.iter().chain(&places.others);
    let looks = regions.map(async |region| (region, cloud.recycled_until(region, image).await));
    for (region, until) in join_all(looks).await {
        let until = if places.named.contains(region) { until? } else { until.unwrap_or_default() };
        if let Some(until) = until {
            let because = Reason::Restore(RestoreReason::InRecycleBin { region: region.clone(), until });
            return Ok(vec![Subject::resource(image, region).so(Action::Refuse, because)]);
        }
    }
    let because = if unseen.is_empty() {
        Reason::Restore(RestoreReason::Gone)
    } else {
        Reason::Restore(RestoreReason::NotFound(unseen))
    };
    Ok(vec![Subject::resource(image, home).so(Action::Refuse, because)])
}
