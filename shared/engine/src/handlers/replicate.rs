//! `replicate`: brings an image to every Region of its recipe, and makes it a release.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::events::inbound::{Mode, ReplicateCall};
use kiln_core::inventory::{Cloudly, Image, ImageState, Wanted};
use kiln_core::model::{ImageId, ImageRecord, Region, Stage};
use kiln_core::plan::reason::{ReleaseReason, ReplicateReason};
use kiln_core::plan::{Action, Chain, Reason, Subject};
use kiln_core::recipe::Recipe;
use kiln_core::release::newest::newest_release;
use kiln_core::release::{self, Drift, Family};
use kiln_core::replicate::{Seen, decide, to_publish};

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::observe::{images, recipes};
use crate::ports::Cloud;

/// Looks at the image that an event names, or at the one that it is a replica of, as it is now; or at the recipe whose
/// parameter has changed.
///
/// # Errors
/// That nothing was done, and why.
pub async fn replicate<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &ReplicateCall,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    match call {
        ReplicateCall::Image(region, image) => match home_image(cloud, place, region, image).await? {
            Ok((image, record)) => of_image(cloud, place, &image, &record, now).await,
            Err(chain) => Ok(act(cloud, vec![chain], Mode::Carry, now).await),
        },
        ReplicateCall::Parameter { region, name, refused } => {
            of_parameter(cloud, place, region, name, refused.as_deref(), now).await
        }
    }
}

/// The home image that an event leads to, or why it leads to none.
async fn home_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    region: &Region,
    id: &ImageId,
) -> Result<Result<(Image, ImageRecord), Chain>, Refused> {
    let leave = |subject: Subject, because| Ok(Err(vec![subject.so(Action::Leave, because)]));
    let Some(image) = cloud.images(region, &Wanted::Id(id.clone())).await?.pop() else {
        return leave(Subject::resource(id, region), Reason::ImageNotAvailable(ImageState::Deregistered));
    };
    let record = match image.record_at(&place.home) {
        Ok(record) => record,
        Err(because) => return leave(Subject::image(&image), Reason::NotManaged(because)),
    };
    let Some(copied) = &record.copied else { return Ok(Ok((image, record))) };
    let origin = cloud.images(&copied.origin.region, &Wanted::Id(copied.origin.image.clone())).await?.pop();
    match origin.map(|origin| (origin.record_at(&place.home), origin)) {
        Some((Ok(record), origin)) if record.copied.is_none() => Ok(Ok((origin, record))),
        _ => leave(
            Subject::image(&image),
            Reason::Replicate(ReplicateReason::OriginGone(copied.origin.to_string())),
        ),
    }
}

async fn of_image<C: Cloud>(
    cloud: &C,
    place: &Place,
    image: &Image,
    record: &ImageRecord,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let leave = async |because| {
        let chain = vec![Subject::image(image).so(Action::Leave, because)];
        Ok(act(cloud, vec![chain], Mode::Carry, now).await)
    };
    if !matches!(record.stage, Stage::Published | Stage::Released) {
        return leave(Reason::Replicate(ReplicateReason::SourceStage(record.stage))).await;
    }
    let Some(recipe) = recipes::find(cloud, place, &record.name.recipe).await? else {
        return leave(Reason::RecipeGone(record.name.recipe.to_string())).await;
    };
    let one = [&recipe];
    let (mut images, mut shown) =
        join(images::family(cloud, place, &recipe), images::shown(cloud, &place.home, &one)).await;
    let regions = replicas(&recipe, place, image, record, &images);
    let unpublished: Vec<&Image> = regions
        .values()
        .flatten()
        .flatten()
        .filter(|replica| replica.record().is_ok_and(|its| to_publish(&recipe, replica, &its)))
        .collect();
    let granted = images::grants(cloud, &unpublished).await;
    let newest = match images.get(&place.home) {
        Some(Ok(at_home)) => newest_release(&recipe.name, at_home).map(|(version, _)| version),
        Some(Err(error)) => return Err(error.clone().into()),
        None => None,
    };
    let seen = Seen { image: image.clone(), record: record.clone(), regions, granted, newest, now };
    let report = act(cloud, decide(&recipe, &seen), Mode::Carry, now).await;

    // What was published just now may have been the last that a release waited for.
    images::as_published(&mut images, &report);
    let shown = shown.remove(&recipe.name).unwrap_or_default();
    let chains = release::decide(&Family::of(&recipe, &place.home, &images, &shown), Drift::Repaired, now);
    Ok(report.and(act(cloud, chains, Mode::Carry, now).await))
}

/// What each further Region has of one image.
fn replicas(
    recipe: &Recipe,
    place: &Place,
    image: &Image,
    record: &ImageRecord,
    images: &BTreeMap<Region, Cloudly<Vec<Image>>>,
) -> BTreeMap<Region, Cloudly<Vec<Image>>> {
    let of_it = |replica: &&Image| {
        replica.record_at(&place.home).is_ok_and(|its| {
            its.name == record.name && its.copied.is_some_and(|copied| copied.origin.image == image.id)
        })
    };
    let further = recipe.replicate.regions.iter().filter(|region| **region != place.home);
    further
        .filter_map(|region| {
            let found = match images.get(region)? {
                Ok(found) => Ok(found.iter().filter(of_it).cloned().collect()),
                Err(error) => Err(error.clone()),
            };
            Some((region.clone(), found))
        })
        .collect()
}

/// A parameter names another image now, or was refused one: the release that it belongs to goes on.
async fn of_parameter<C: Cloud>(
    cloud: &C,
    place: &Place,
    region: &Region,
    name: &str,
    refused: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let read = recipes::wanted(cloud, place, None).await?;
    let named: Vec<&Recipe> =
        read.iter().flatten().filter(|recipe| recipe.publish.parameter.as_deref() == Some(name)).collect();
    let subject = || Subject::resource(name, region);
    if named.is_empty() {
        let because = Reason::Release(ReleaseReason::NoRecipesParameter(name.to_owned()));
        let chain = vec![subject().so(Action::Leave, because)];
        return Ok(act(cloud, vec![chain], Mode::Carry, now).await);
    }
    let mut shown = images::shown(cloud, &place.home, &named).await;
    let mut report = Report::default();
    for recipe in named {
        let images = images::family(cloud, place, recipe).await;
        let shown = shown.remove(&recipe.name).unwrap_or_default();
        let mut chains = release::decide(&Family::of(recipe, &place.home, &images, &shown), Drift::Left, now);
        let moves = |chain: &Chain| chain.iter().any(|one| matches!(one.action, Action::MoveParameters(..)));
        if let Some(why) = refused.filter(|_| chains.iter().any(moves)) {
            // To put the same again at once would only be refused again: the next sweep does.
            let because = Reason::Release(ReleaseReason::ParameterRefused {
                parameter: name.to_owned(),
                why: why.to_owned(),
            });
            chains = vec![vec![subject().so(Action::Refuse, because)]];
        }
        report = report.and(act(cloud, chains, Mode::Carry, now).await);
    }
    Ok(report)
}
