//! `expire`, asked to bring back what it retired.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Wanted};
use crate::decide::restore::Restoring;
use crate::decide::{Action, Chain, Reason, Subject, restore};
use crate::domain::{ImageId, ImageName, ImageRecord, Region, Tags, tags};
use crate::events::inbound::Mode;
use crate::recipe::{BadRecipe, Recipe};

/// Brings back the release that an image or a replica belongs to.
///
/// # Errors
/// That nothing was done, and why.
pub async fn restore<C: Cloud>(
    cloud: &C,
    place: &Place,
    image: &ImageId,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let read = recipes::wanted(cloud, place, None).await?;
    let places = Places::of(cloud, place, &read).await;
    let chain = match sought(cloud, place, &places, image).await? {
        Ok((_, record)) => of_release(cloud, place, &read, &places, &record.name, now).await?,
        Err(refused) => refused,
    };
    Ok(act(cloud, vec![chain], Mode::Carry, now).await)
}

/// The image that somebody asks about, in whichever Region it is, with its record; or why nothing can be said of it.
pub(super) async fn sought<C: Cloud>(
    cloud: &C,
    place: &Place,
    places: &Places,
    image: &ImageId,
) -> Cloudly<Result<(Image, ImageRecord), Chain>> {
    let (found, unseen) = places.images(cloud, &Wanted::Id(image.clone())).await?;
    let Some(found) = found.into_iter().next() else {
        return Ok(Err(gone(cloud, places, image, &place.home, unseen).await?));
    };
    Ok(match found.record_at(&place.home) {
        Ok(record) => Ok((found, record)),
        Err(why) => Err(vec![Subject::image(&found).so(Action::Refuse, Reason::NotKilns(why))]),
    })
}

/// Where images may be: `expire` acts in every Region of the account.
pub(super) struct Places {
    /// The Regions that recipes name, and the home Region.
    named: BTreeSet<Region>,
    /// The others, which may be closed to this role.
    others: BTreeSet<Region>,
}

impl Places {
    /// By the recipes that can be read.
    pub async fn of<C: Cloud>(cloud: &C, place: &Place, read: &[Result<Recipe, BadRecipe>]) -> Self {
        let further = read.iter().flatten().flat_map(|recipe| &recipe.replicate.regions);
        let named: BTreeSet<Region> = further.chain([&place.home]).cloned().collect();
        let mut others = cloud.enabled_regions(&place.home).await.unwrap_or_default();
        others.retain(|region| !named.contains(region));
        Self { named, others }
    }

    /// The images that are wanted, and the Regions that could not be seen.
    async fn images<C: Cloud>(&self, cloud: &C, wanted: &Wanted) -> Cloudly<(Vec<Image>, Vec<Region>)> {
        let of_named = join_all(self.named.iter().map(|region| cloud.images(region, wanted)));
        let of_others = join_all(self.others.iter().map(|region| cloud.images(region, wanted)));
        let (of_named, of_others) = join(of_named, of_others).await;
        let mut found = of_named.into_iter().collect::<Cloudly<Vec<_>>>()?.concat();
        let mut unseen = Vec::new();
        for (region, images) in self.others.iter().zip(of_others) {
            match images {
                Ok(images) => found.extend(images),
                Err(_) => unseen.push(region.clone()),
            }
        }
        Ok((found, unseen))
    }
}

/// What brings a release back, whichever of its images are there.
async fn of_release<C: Cloud>(
    cloud: &C,
    place: &Place,
    recipes: &[Result<Recipe, BadRecipe>],
    places: &Places,
    name: &ImageName,
    now: DateTime<Utc>,
) -> Cloudly<Chain> {
    let tagged = Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version);
    let (members, _) = places.images(cloud, &Wanted::Tagged(tagged)).await?;
    let recipe = recipes.iter().flatten().find(|recipe| recipe.name == name.recipe);
    Ok(restore::decide(recipe, &members.iter().collect::<Vec<_>>(), &place.home, now))
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
            let because = Reason::Restoring(Restoring::InRecycleBin { region: region.clone(), until });
            return Ok(vec![Subject::resource(image, region).so(Action::Refuse, because)]);
        }
    }
    let because = if unseen.is_empty() {
        Reason::Restoring(Restoring::Gone)
    } else {
        Reason::Restoring(Restoring::NotFound(unseen))
    };
    Ok(vec![Subject::resource(image, home).so(Action::Refuse, because)])
}
