//! `bake`: begins the next image of one recipe or of all.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::future::{join, join_all};
use kiln_core::bake::preflight::decisions;
use kiln_core::bake::{BakeRequest, BaseLookup, LEAD, Observed, decide, layers, newest, without_base};
use kiln_core::events::inbound::{BadEvent, BakeCall, BakeTarget, Mode};
use kiln_core::inventory::{Architecture, CloudError, Image, ImageQuery, Instance, Result};
use kiln_core::model::{ImageId, ImageName, RecipeName, Region, Tags, Version, tags};
use kiln_core::plan::reason::PreflightReason;
use kiln_core::plan::{Action, Sequence, Subject};
use kiln_core::recipe::{Base, Recipe};
use kiln_core::release::newest::newest_release;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::{preflight, recipes};
use crate::ports::Cloud;

/// Bakes. The version is the time for which the call was scheduled, so that a call that comes twice is the same
/// bake; by hand it is the minute of the call, and of a layer the time at which its base was released.
///
/// # Errors
/// That nothing was done, and why.
pub async fn bake<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &BakeCall,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let minute = || now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    if let Some(scheduled) = call.scheduled.filter(|scheduled| *scheduled > now + LEAD) {
        return Err(BadEvent {
            problem: format!("scheduled_time {scheduled} is yet to come"),
            expected: "expected the time for which the call was scheduled, which has passed",
        }
        .into());
    }
    let version = Version::at(call.scheduled.unwrap_or_else(minute))?;
    let one = if let BakeTarget::One(recipe) = &call.what { Some(recipe) } else { None };
    let recipes = recipes::wanted(cloud, context, one).await?;
    let good: Vec<&Recipe> = recipes.iter().flatten().collect();
    let at_home = HomeInventory::look(cloud, &context.home, &good).await?;
    if let BakeTarget::LayersOn(base) = &call.what {
        let due = layers::due(good, Some(base), &at_home.images, &at_home.instances, now);
        let sequences = begin(cloud, context, &due, &at_home, call.mode, now).await;
        return Ok(apply(cloud, sequences, Mode::Apply, now).await);
    }
    let due: Vec<(&Recipe, Version)> = good.into_iter().map(|recipe| (recipe, version)).collect();
    let sequences = begin(cloud, context, &due, &at_home, call.mode, now).await;
    let bad = recipes
        .iter()
        .filter_map(|recipe| recipe.as_ref().err())
        .map(|bad| recipes::refused(bad, &context.home));
    Ok(apply(cloud, sequences.into_iter().chain(bad).collect(), Mode::Apply, now).await)
}

/// What the home Region holds of Kiln's.
pub(crate) struct HomeInventory {
    pub instances: Vec<Instance>,
    pub images: Vec<Image>,
}

impl HomeInventory {
    async fn look<C: Cloud>(cloud: &C, home: &Region, recipes: &[&Recipe]) -> Result<Self, HandlerError> {
        if recipes.is_empty() {
            return Ok(Self { instances: Vec::new(), images: Vec::new() });
        }
        let (instances, images) =
            join(cloud.instances(home), cloud.images(home, &ImageQuery::AllOfKilns)).await;
        Ok(Self { instances: instances?, images: images? })
    }

    fn of(&self, recipe: &Recipe) -> (Vec<Instance>, Vec<Image>) {
        let own = |tags: &Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let instances = self.instances.iter().filter(|instance| own(&instance.tags)).cloned().collect();
        (instances, self.images.iter().filter(|image| own(&image.tags)).cloned().collect())
    }
}

/// A bake that is wished for, and what was observed for it.
type ObservedRequest<'a> = (&'a Recipe, BakeRequest, Observed);

/// Looks up the bases of those bakes that nothing else stands in the way of; in a dry run, of all.
async fn observed_requests<'a, C: Cloud>(
    cloud: &C,
    context: &Context,
    due: &[(&'a Recipe, Version)],
    at_home: &HomeInventory,
    mode: Mode,
    now: DateTime<Utc>,
) -> Vec<ObservedRequest<'a>> {
    let home = &context.home;
    let request = |(recipe, version): &(&'a Recipe, Version)| {
        let name = ImageName { recipe: recipe.name.clone(), version: *version };
        let (instances, images) = at_home.of(recipe);
        let seen = Observed { instances, images, base: BaseLookup::NotNeeded, runs: Ok(Vec::new()) };
        (*recipe, BakeRequest { name, home: home.clone(), now }, seen)
    };
    let mut requests: Vec<ObservedRequest<'a>> = due.iter().map(request).collect();
    let open = |(recipe, request, seen): &&ObservedRequest<'a>| {
        mode == Mode::DryRun || without_base(request, recipe, &seen.instances, &seen.images).is_none()
    };
    let open: Vec<&Recipe> = requests.iter().filter(open).map(|(recipe, ..)| *recipe).collect();
    let (mut bases, runs) =
        join(bases(cloud, home, &open, &at_home.images), architectures(cloud, home, &open)).await;
    for (recipe, _, seen) in &mut requests {
        if let Some(base) = bases.remove(&recipe.name) {
            seen.base = base;
        }
        if let Some(runs) = runs.get(recipe.bake.instance_type.as_str()) {
            seen.runs = runs.clone();
        }
    }
    requests
}

/// Begins these bakes without a preflight: for a sweep, which does what an event should have led to.
pub(crate) async fn bake_missed<C: Cloud>(
    cloud: &C,
    context: &Context,
    due: &[(&Recipe, Version)],
    at_home: &HomeInventory,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let requests = observed_requests(cloud, context, due, at_home, Mode::Apply, now).await;
    requests.iter().map(|(recipe, request, seen)| vec![decide(request, recipe, seen)]).collect()
}

/// Begins these bakes, unless a preflight finds what would make them fail; in a dry run it is only told what it found.
async fn begin<C: Cloud>(
    cloud: &C,
    context: &Context,
    due: &[(&Recipe, Version)],
    at_home: &HomeInventory,
    mode: Mode,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let home = &context.home;
    let requests = observed_requests(cloud, context, due, at_home, mode, now).await;
    let launches = |(recipe, request, seen): &&ObservedRequest<'_>| {
        mode == Mode::DryRun || matches!(decide(request, recipe, seen).action, Action::Launch(_))
    };
    let open: Vec<&ObservedRequest<'_>> = requests.iter().filter(launches).collect();
    let recipes: Vec<&Recipe> = open.iter().map(|(recipe, ..)| *recipe).collect();
    let names = open.iter().map(|(_, request, _)| request.name.to_string()).collect();
    let common = preflight::common(cloud, home, &recipes, names).await;
    let looked = open.iter().map(async |(recipe, request, seen)| {
        let base = if let BaseLookup::Found(base) = &seen.base { Some(base.as_ref()) } else { None };
        let seen = preflight::look(cloud, home, recipe, &request.name, &common, base).await;
        (recipe.name.clone(), decisions(recipe, home, &request.name, &seen))
    });
    let mut problems: BTreeMap<RecipeName, Sequence> = join_all(looked).await.into_iter().collect();
    requests
        .iter()
        .map(|(recipe, request, seen)| {
            let mut found = problems.remove(&recipe.name).unwrap_or_default();
            let decision = decide(request, recipe, seen);
            match (mode, &decision.action) {
                // What else speaks against it is a finding too.
                (Mode::DryRun, Action::Reject | Action::Retry) => found.push(decision),
                (Mode::DryRun, _) if found.is_empty() => {
                    found.push(
                        Subject::name(&request.name, home).decide(Action::Keep, PreflightReason::Passed),
                    );
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
) -> BTreeMap<RecipeName, BaseLookup> {
    let mut different: Vec<&Base> = Vec::new();
    for recipe in recipes {
        if !different.contains(&&recipe.bake.base) {
            different.push(&recipe.bake.base);
        }
    }
    let found = join_all(different.iter().map(|base| find(cloud, home, base, images))).await;
    let by_base: Vec<(&Base, BaseLookup)> = different.into_iter().zip(found).collect();
    recipes
        .iter()
        .filter_map(|recipe| {
            let (_, found) = by_base.iter().find(|(base, _)| **base == recipe.bake.base)?;
            Some((recipe.name.clone(), found.clone()))
        })
        .collect()
}

async fn find<C: Cloud>(cloud: &C, home: &Region, base: &Base, images: &[Image]) -> BaseLookup {
    let found = match base {
        Base::Parameter(name) => match cloud.parameter(home, name).await {
            Ok(Some(value)) => match value.trim().parse() {
                Ok(image) => by_id(cloud, home, image).await,
                Err(_) => {
                    return BaseLookup::Missing(format!("the value of {base} in {home} is not an image id"));
                }
            },
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
        Base::Image(image) => by_id(cloud, home, image.clone()).await,
        Base::Recipe(recipe) => Ok(newest_release(recipe, images).map(|(_, image)| image.clone())),
        Base::Newest { owner, name } => {
            let wanted = ImageQuery::Newest { owner: owner.clone(), name: name.clone() };
            cloud.images(home, &wanted).await.map(newest)
        }
    };
    match found {
        Ok(Some(image)) => BaseLookup::Found(Box::new(image)),
        Ok(None) => BaseLookup::Missing(format!("{base} in {home}")),
        Err(error) => BaseLookup::LookUpFailed(error),
    }
}

async fn by_id<C: Cloud>(cloud: &C, home: &Region, image: ImageId) -> Result<Option<Image>> {
    Ok(cloud.images(home, &ImageQuery::Id(image)).await?.pop())
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
