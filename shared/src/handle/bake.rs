//! `bake`: begins the next image of one recipe or of all.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::future::{join, join_all};

use super::{Place, Refused, recipes};
use crate::act::{Report, act};
use crate::cloud::{Architecture, Cloud, CloudError, Cloudly, Image, Wanted};
use crate::decide::bake::{Base as FoundBase, LEAD, Seen, Wish, decide, newest, without_base};
use crate::decide::replicate::newest_release;
use crate::decide::{Action, Chain, Reason, Subject};
use crate::domain::{ImageId, ImageName, RecipeName, Region, Version};
use crate::events::inbound::{BadEvent, BakeCall, Mode};
use crate::recipe::{BadRecipe, Base, Recipe};

/// Bakes. The version is the time for which the call was scheduled, so that a call that comes twice is the same
/// bake; by hand it is the minute of the call.
///
/// # Errors
/// That nothing was done, and why.
pub async fn bake<C: Cloud>(
    cloud: &C,
    place: &Place,
    call: &BakeCall,
    now: DateTime<Utc>,
) -> Result<Report, Refused> {
    let minute = || now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    if let Some(scheduled) = call.scheduled.filter(|scheduled| *scheduled > now + LEAD) {
        return Err(BadEvent {
            problem: format!("scheduled_time {scheduled} is yet to come"),
            expected: "expected the time for which the call was scheduled, which has passed",
        }
        .into());
    }
    let version = Version::at(call.scheduled.unwrap_or_else(minute))?;
    let recipes = recipes::wanted(cloud, place, call.recipe.as_ref()).await?;
    let good: Vec<&Recipe> = recipes.iter().flatten().collect();
    let chains = observe_and_decide(cloud, place, &good, version, now).await?;
    let bad = recipes.iter().filter_map(|recipe| recipe.as_ref().err()).map(|bad| refused(bad, &place.home));
    Ok(act(cloud, chains.into_iter().chain(bad).collect(), Mode::Carry, now).await)
}

async fn observe_and_decide<C: Cloud>(
    cloud: &C,
    place: &Place,
    recipes: &[&Recipe],
    version: Version,
    now: DateTime<Utc>,
) -> Result<Vec<Chain>, Refused> {
    let home = &place.home;
    if recipes.is_empty() {
        return Ok(Vec::new());
    }
    let (instances, images) = join(cloud.instances(home), cloud.images(home, &Wanted::AllOfKilns)).await;
    let (instances, images) = (instances?, images?);
    let of =
        |recipe: &RecipeName, tags: &crate::domain::Tags| tags.read("kiln:recipe").as_ref() == Some(recipe);
    let mut wishes = Vec::new();
    for recipe in recipes {
        let wish = Wish { name: ImageName { recipe: recipe.name.clone(), version }, home: home.clone(), now };
        let seen = Seen {
            instances: instances
                .iter()
                .filter(|instance| of(&recipe.name, &instance.tags))
                .cloned()
                .collect(),
            images: images.iter().filter(|image| of(&recipe.name, &image.tags)).cloned().collect(),
            base: FoundBase::NotNeeded,
            runs: Ok(Vec::new()),
        };
        wishes.push((recipe, wish, seen));
    }
    let open: Vec<&Recipe> = wishes
        .iter()
        .filter(|(recipe, wish, seen)| without_base(wish, recipe, &seen.instances, &seen.images).is_none())
        .map(|(recipe, ..)| **recipe)
        .collect();
    let (mut bases, runs) = join(bases(cloud, home, &open, &images), architectures(cloud, home, &open)).await;
    Ok(wishes
        .into_iter()
        .map(|(recipe, wish, mut seen)| {
            if let Some(base) = bases.remove(&recipe.name) {
                seen.base = base;
            }
            if let Some(runs) = runs.get(recipe.bake.instance_type.as_str()) {
                seen.runs = runs.clone();
            }
            vec![decide(&wish, recipe, &seen)]
        })
        .collect())
}

/// The base of each recipe. Those that name the same one share its look-up.
async fn bases<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
    images: &[Image],
) -> BTreeMap<RecipeName, FoundBase> {
    let mut different: Vec<&Base> = Vec::new();
    for recipe in recipes {
        if !different.contains(&&recipe.bake.base) {
            different.push(&recipe.bake.base);
        }
    }
    let found = join_all(different.iter().map(|base| find(cloud, home, base, images))).await;
    let by_base: Vec<(&Base, FoundBase)> = different.into_iter().zip(found).collect();
    recipes
        .iter()
        .filter_map(|recipe| {
            let (_, found) = by_base.iter().find(|(base, _)| **base == recipe.bake.base)?;
            Some((recipe.name.clone(), found.clone()))
        })
        .collect()
}

async fn find<C: Cloud>(cloud: &C, home: &Region, base: &Base, images: &[Image]) -> FoundBase {
    let found = match base {
        Base::Parameter(name) => match cloud.parameter(home, name).await {
            Ok(Some(value)) => match value.trim().parse() {
                Ok(image) => by_id(cloud, home, image).await,
                Err(_) => {
                    return FoundBase::Missing(format!(
                        "{base} in {home} holds {value:?}, which is no image id"
                    ));
                }
            },
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
        Base::Image(image) => by_id(cloud, home, image.clone()).await,
        Base::Recipe(recipe) => Ok(newest_release(recipe, images).map(|(_, image)| image.clone())),
        Base::Newest { owner, name } => {
            let wanted = Wanted::Newest { owner: owner.clone(), name: name.clone() };
            cloud.images(home, &wanted).await.map(newest)
        }
    };
    match found {
        Ok(Some(image)) => FoundBase::Found(Box::new(image)),
        Ok(None) => FoundBase::Missing(format!("{base} in {home}")),
        Err(error) => FoundBase::LookUpFailed(error),
    }
}

async fn by_id<C: Cloud>(cloud: &C, home: &Region, image: ImageId) -> Cloudly<Option<Image>> {
    Ok(cloud.images(home, &Wanted::Id(image)).await?.pop())
}

/// What each instance type can boot, each asked once.
async fn architectures<'a, C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&'a Recipe],
) -> BTreeMap<&'a str, Result<Vec<Architecture>, CloudError>> {
    let mut types: Vec<&str> = recipes.iter().map(|recipe| recipe.bake.instance_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let found = join_all(types.iter().map(|name| cloud.architectures(home, name))).await;
    types.into_iter().zip(found).collect()
}

/// A recipe with mistakes, as a decision.
pub(super) fn refused(bad: &BadRecipe, home: &Region) -> Chain {
    vec![Subject::bad_recipe(bad, home).so(Action::Refuse, Reason::BadRecipe(bad.clone()))]
}
