//! `replicate`: brings an image to every Region of its recipe.

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Cloud, Cloudly, Image, ImageState, Wanted};
use crate::decide::replicate::{Seen, decide, newest_release};
use crate::decide::{Action, Chain, Reason, Subject};
use crate::domain::{ImageRecord, Stage, Tags, tags};
use crate::events::inbound::{Mode, ReplicateCall};

/// Looks at the image that an event names, or at the one that it is a replica of, as it is now.
///
/// # Errors
/// That nothing was done, and why.
pub async fn replicate<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ReplicateCall,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let chains = match home_image(cloud, place, call).await? {
        Ok((image, record)) => of_image(cloud, place, image, record, now).await?,
        Err(chain) => vec![chain],
    };
    Ok(act(cloud, chains, Mode::Carry, now).await)
}

/// The home image that an event leads to, or why it leads to none.
async fn home_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ReplicateCall,
) -> Result<Result<(Image, ImageRecord), Chain>, Refused> {
    let leave = |subject: Subject, because| Ok(Err(vec![subject.so(Action::Leave, because)]));
    let Some(image) = cloud.images(&call.region, &Wanted::Id(call.image.clone())).await?.pop() else {
        let subject = Subject::resource(&call.image, &call.region);
        return leave(subject, Reason::SourceNot(ImageState::Deregistered));
    };
    let record = match image.record_at(&place.home) {
        Ok(record) => record,
        Err(because) => return leave(Subject::image(&image), Reason::NotKilns(because)),
    };
    let Some(copied) = &record.copied else { return Ok(Ok((image, record))) };
    let origin = cloud.images(&copied.origin.region, &Wanted::Id(copied.origin.image.clone())).await?.pop();
    match origin.map(|origin| (origin.record_at(&place.home), origin)) {
        Some((Ok(record), origin)) if record.copied.is_none() => Ok(Ok((origin, record))),
        _ => leave(Subject::image(&image), Reason::OriginGone(copied.origin.to_string())),
    }
}

async fn of_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    image: Image,
    record: ImageRecord,
    now: DateTime<Utc>,
) -> Result<Vec<Chain>, Refused> {
    let name = &record.name;
    let Some(recipe) = recipes::find(cloud, place, &name.recipe).await? else {
        let because = Reason::RecipeGone(name.recipe.to_string());
        return Ok(vec![vec![Subject::image(&image).so(Action::Leave, because)]]);
    };
    let wanted =
        Wanted::Tagged(Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version));
    let regions = recipe.replicate.regions.iter().filter(|region| **region != image.region);
    let newest = async {
        match record.stage {
            Stage::Released => {
                let of_recipe = Wanted::Tagged(Tags::new().with(tags::RECIPE, &name.recipe));
                let images = cloud.images(&image.region, &of_recipe).await?;
                Ok(newest_release(&name.recipe, &images).map(|(version, _)| version))
            }
            _ => Ok(None),
        }
    };
    let looked = regions.map(async |region| (region.clone(), cloud.images(region, &wanted).await));
    let (newest, regions): (Cloudly<_>, _) = join(newest, join_all(looked)).await;
    let (newest, regions) = (newest?, regions.into_iter().collect());
    Ok(decide(&recipe, &Seen { image, record, regions, newest, now }))
}
