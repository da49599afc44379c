//! `expire`, asked to bring back what it retired.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::future::join_all;

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Cloudly, Image, Wanted};
use crate::decide::{Action, Chain, Reason, Subject, restore};
use crate::domain::{ImageId, Region, Tags, tags};
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
    let further = read.iter().flatten().flat_map(|recipe| &recipe.replicate.regions);
    let regions: BTreeSet<&Region> = further.chain([&place.home]).collect();
    let chain = match find(cloud, &regions, image).await? {
        Some(found) => of_found(cloud, place, &read, &regions, &found, now).await?,
        None => gone(cloud, &regions, image, &place.home).await?,
    };
    Ok(act(cloud, vec![chain], Mode::Carry, now).await)
}

/// The image, in whichever Region it is.
pub(super) async fn find<C: Cloud>(
    cloud: &C,
    regions: &BTreeSet<&Region>,
    image: &ImageId,
) -> Cloudly<Option<Image>> {
    let wanted = Wanted::Id(image.clone());
    let found = join_all(regions.iter().map(|region| cloud.images(region, &wanted))).await;
    Ok(found.into_iter().collect::<Cloudly<Vec<_>>>()?.into_iter().flatten().next())
}

async fn of_found<C: Cloud>(
    cloud: &C,
    place: &Place,
    recipes: &[Result<Recipe, BadRecipe>],
    regions: &BTreeSet<&Region>,
    found: &Image,
    now: DateTime<Utc>,
) -> Cloudly<Chain> {
    let name = match found.record_at(&place.home) {
        Ok(record) => record.name,
        Err(why) => return Ok(vec![Subject::image(found).so(Action::Refuse, Reason::NotKilns(why))]),
    };
    let tagged = Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version);
    let wanted = Wanted::Tagged(tagged);
    let members = join_all(regions.iter().map(|region| cloud.images(region, &wanted))).await;
    let members = members.into_iter().collect::<Cloudly<Vec<_>>>()?.concat();
    let recipe = recipes.iter().flatten().find(|recipe| recipe.name == name.recipe);
    Ok(restore::decide(recipe, &members.iter().collect::<Vec<_>>(), &place.home, now))
}

/// Too late, unless a rule of the Recycle Bin has caught it.
pub(super) async fn gone<C: Cloud>(
    cloud: &C,
    regions: &BTreeSet<&Region>,
    image: &ImageId,
    home: &Region,
) -> Cloudly<Chain> {
    let looks = regions.iter().map(async |region| (*region, cloud.recycled_until(region, image).await));
    for (region, until) in join_all(looks).await {
        if let Some(until) = until? {
            let because = Reason::InRecycleBin { region: region.clone(), until };
            return Ok(vec![Subject::resource(image, region).so(Action::Refuse, because)]);
        }
    }
    Ok(vec![Subject::resource(image, home).so(Action::Refuse, Reason::Gone)])
}
