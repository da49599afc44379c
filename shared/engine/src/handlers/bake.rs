//! `bake`: begins the next image of one recipe or of all.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::future::{join, join_all};
use kiln_core::bake::preflight::decisions;
use kiln_core::bake::{Base as FoundBase, LEAD, Seen, Wish, decide, layers, newest, without_base};
use kiln_core::events::inbound::{BadEvent, BakeCall, Baked, Mode};
use kiln_core::inventory::{Architecture, CloudError, Cloudly, Image, Instance, Wanted};
use kiln_core::model::{ImageId, ImageName, RecipeName, Region, Tags, Version, tags};
use kiln_core::plan::reason::PreflightReason;
use kiln_core::plan::{Action, Chain, Subject};
use kiln_core::recipe::{Base, Recipe};
use kiln_core::release::newest::newest_release;

use crate::apply::{Report, act};
use crate::context::{Place, Refused};
use crate::observe::{preflight, recipes};
use crate::ports::Cloud;

/// Bakes. The version is the time for which the call was scheduled, so that a call that comes twice is the same
/// bake; by hand it is the minute of the call, and of a layer the time at which its base was released.
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
    let one = if let Baked::One(recipe) = &call.what { Some(recipe) } else { None };
    let recipes = recipes::wanted(cloud, place, one).await?;
    let good: Vec<&Recipe> = recipes.iter().flatten().collect();
    let held = Holdings::look(cloud, &place.home, &good).await?;
    if let Baked::LayersOn(base) = &call.what {
        let due = layers::due(good, Some(base), &held.images, &held.instances, now);
        let chains = begin(cloud, place, &due, &held, call.mode, now).await;
        return Ok(act(cloud, chains, Mode::Carry, now).await);
    }
    let due: Vec<(&Recipe, Version)> = good.into_iter().map(|recipe| (recipe, version)).collect();
    let chains = begin(cloud, place, &due, &held, call.mode, now).await;
    let bad = recipes
        .iter()
        .filter_map(|recipe| recipe.as_ref().err())
        .map(|bad| recipes::refused(bad, &place.home));
    Ok(act(cloud, chains.into_iter().chain(bad).collect(), Mode::Carry, now).await)
}

/// What the home Region holds of Kiln's.
pub(crate) struct Holdings {
    pub instances: Vec<Instance>,
    pub images: Vec<Image>,
}

impl Holdings {
    async fn look<C: Cloud>(cloud: &C, home: &Region, recipes: &[&Recipe]) -> Result<Self, Refused> {
        if recipes.is_empty() {
            return Ok(Self { instances: Vec::new(), images: Vec::new() });
        }
        let (instances, images) = join(cloud.instances(home), cloud.images(home, &Wanted::AllOfKilns)).await;
        Ok(Self { instances: instances?, images: images? })
    }

    fn of(&self, recipe: &Recipe) -> (Vec<Instance>, Vec<Image>) {
        let own = |tags: &Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let instances = self.instances.iter().filter(|instance| own(&instance.tags)).cloned().collect();
        (instances, self.images.iter().filter(|image| own(&image.tags)).cloned().collect())
    }
}

/// A bake that is wished for, and what was observed for it.
type Wished<'a> = (&'a Recipe, Wish, Seen);

/// Looks up the bases of those bakes that nothing else stands in the way of; in a dry run, of all.
async fn wished<'a, C: Cloud>(
    cloud: &C,
    place: &Place,
    due: &[(&'a Recipe, Version)],
    held: &Holdings,
    mode: Mode,
    now: DateTime<Utc>,
) -> Vec<Wished<'a>> {
    let home = &place.home;
    let wish = |(recipe, version): &(&'a Recipe, Version)| {
        let name = ImageName { recipe: recipe.name.clone(), version: *version };
        let (instances, images) = held.of(recipe);
        let seen = Seen { instances, images, base: FoundBase::NotNeeded, runs: Ok(Vec::new()) };
        (*recipe, Wish { name, home: home.clone(), now }, seen)
    };
    let mut wishes: Vec<Wished<'a>> = due.iter().map(wish).collect();
    let open = |(recipe, wish, seen): &&Wished<'a>| {
        mode == Mode::DryRun || without_base(wish, recipe, &seen.instances, &seen.images).is_none()
    };
    let open: Vec<&Recipe> = wishes.iter().filter(open).map(|(recipe, ..)| *recipe).collect();
    let (mut bases, runs) =
        join(bases(cloud, home, &open, &held.images), architectures(cloud, home, &open)).await;
    for (recipe, _, seen) in &mut wishes {
        if let Some(base) = bases.remove(&recipe.name) {
            seen.base = base;
        }
        if let Some(runs) = runs.get(recipe.bake.instance_type.as_str()) {
            seen.runs = runs.clone();
        }
    }
    wishes
}

/// Begins these bakes without a preflight: for a sweep, which does what an event should have led to.
pub(crate) async fn catch_up<C: Cloud>(
    cloud: &C,
    place: &Place,
    due: &[(&Recipe, Version)],
    held: &Holdings,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let wishes = wished(cloud, place, due, held, Mode::Carry, now).await;
    wishes.iter().map(|(recipe, wish, seen)| vec![decide(wish, recipe, seen)]).collect()
}

/// Begins these bakes, unless a preflight finds what would make them fail; in a dry run it is only told what it found.
async fn begin<C: Cloud>(
    cloud: &C,
    place: &Place,
    due: &[(&Recipe, Version)],
    held: &Holdings,
    mode: Mode,
    now: DateTime<Utc>,
) -> Vec<Chain> {
    let home = &place.home;
    let wishes = wished(cloud, place, due, held, mode, now).await;
    let launches = |(recipe, wish, seen): &&Wished<'_>| {
        mode == Mode::DryRun || matches!(decide(wish, recipe, seen).action, Action::Launch(_))
    };
    let open: Vec<&Wished<'_>> = wishes.iter().filter(launches).collect();
    let recipes: Vec<&Recipe> = open.iter().map(|(recipe, ..)| *recipe).collect();
    let names = open.iter().map(|(_, wish, _)| wish.name.to_string()).collect();
    let common = preflight::common(cloud, home, &recipes, names).await;
    let looked = open.iter().map(async |(recipe, wish, seen)| {
        let base = if let FoundBase::Found(base) = &seen.base { Some(base.as_ref()) } else { None };
        let seen = preflight::look(cloud, home, recipe, &wish.name, &common, base).await;
        (recipe.name.clone(), decisions(recipe, home, &wish.name, &seen))
    });
    let mut problems: BTreeMap<RecipeName, Chain> = join_all(looked).await.into_iter().collect();
    wishes
        .iter()
        .map(|(recipe, wish, seen)| {
            let mut found = problems.remove(&recipe.name).unwrap_or_default();
            let decision = decide(wish, recipe, seen);
            match (mode, &decision.action) {
                // What else speaks against it is a finding too.
                (Mode::DryRun, Action::Refuse | Action::LookAgain) => found.push(decision),
                (Mode::DryRun, _) if found.is_empty() => {
                    found.push(Subject::name(&wish.name, home).so(Action::Leave, PreflightReason::Passed));
                }
                (Mode::DryRun, _) => {}
                (_, Action::Launch(_)) if !found.is_empty() => {}
                _ => found = vec![decision],
            }
            found
        })
        .collect()
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
                    return FoundBase::Missing(format!("the value of {base} in {home} is not an image id"));
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
