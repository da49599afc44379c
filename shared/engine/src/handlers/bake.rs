//! `bake`: starts the next image of one recipe or of all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::future::join;
use kiln_core::bake::preflight::{decisions, is_refused};
use kiln_core::bake::{
    BakeRequest, BaseLookup, Observed, decide, layers, newest_that_runs, refused, room, without_base,
};
use kiln_core::events::inbound::{BadEvent, BakeCall, BakeTarget, Mode};
use kiln_core::inventory::{Architecture, Image, ImageQuery, Instance, InstanceType, Result, Waiting};
use kiln_core::model::{ImageId, ImageName, RecipeName, Region, Tags, Version, tags, version};
use kiln_core::plan::reason::{BakeReason, PreflightReason};
use kiln_core::plan::{Action, Decision, Reason, Sequence, Subject};
use kiln_core::recipe::{BadRecipe, Base, FoundNetwork, Recipe};
use kiln_core::release::newest::named_release;

use crate::apply::{Report, apply};
use crate::bounded::{CALLS, NESTED, bounded};
use crate::context::{Context, HandlerError};
use crate::observe::{network, preflight, recipes};
use crate::ports::Cloud;

/// Starts the bakes that a call asks for. The version is the time that the call was scheduled for, so a call that is
/// delivered twice is the same bake. By hand it is the minute of the call; for a layer, the time its base was released.
///
/// # Errors
/// Why nothing was done.
pub async fn bake<C: Cloud>(
    cloud: &C,
    context: &Context,
    call: &BakeCall,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let minute = || now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    if let Some(scheduled) = call.scheduled.filter(|scheduled| version::is_yet_to_come(*scheduled, now)) {
        return Err(BadEvent {
            problem: format!("scheduled_time {scheduled} is in the future"),
            expected: "expected the time that the call was scheduled for, which cannot be in the future",
        }
        .into());
    }
    if let BakeTarget::Waiting(name) = &call.what {
        let sequence = again(cloud, context, name, now).await?;
        return Ok(carried_out(cloud, vec![sequence], call, now).await);
    }
    let version = Version::at(call.scheduled.unwrap_or_else(minute))?;
    let one = if let BakeTarget::One(recipe) = &call.what { Some(recipe) } else { None };
    let recipes = match recipes::wanted(cloud, context, one).await {
        Err(HandlerError::Recipe(bad)) if call.mode == Mode::Apply => vec![Err(bad)],
        recipes => recipes?,
    };
    let good: Vec<&Recipe> = recipes.iter().flatten().collect();
    let mut at_home = match good.is_empty() {
        true => HomeInventory::default(),
        false => HomeInventory::read(cloud, &context.home).await?,
    };
    let due: Vec<(&Recipe, Version)> = match &call.what {
        BakeTarget::LayersOn(base) => layers::due(good, Some(base), &at_home.images, &at_home.instances, now),
        _ => good.into_iter().map(|recipe| (recipe, version)).collect(),
    };
    if due.iter().any(|(recipe, version)| room::until(*version, recipe) <= now) {
        at_home.waiting = cloud.waiting(&context.home).await?;
    }
    let sequences = match call.mode.is_repair() {
        true => begin_missed(cloud, context, &due, &at_home, now).await,
        false => begin(cloud, context, &due, &at_home, call.mode, now).await,
    };
    if matches!(call.what, BakeTarget::LayersOn(_)) {
        return Ok(carried_out(cloud, sequences, call, now).await);
    }
    let bad: Vec<&BadRecipe> = recipes.iter().filter_map(|recipe| recipe.as_ref().err()).collect();
    let refusals = bad.iter().map(|bad| match (bad.name.parse(), call.mode) {
        (Ok(recipe), Mode::Apply) => {
            let name = ImageName { recipe, version };
            refused(&name, &context.home, recipes::refused(bad, &context.home))
        }
        _ => recipes::refused(bad, &context.home),
    });
    let report = carried_out(cloud, sequences.into_iter().chain(refusals).collect(), call, now).await;
    match (one, bad.first()) {
        // Who asks for this one recipe gets every mistake in it as the answer.
        (Some(_), Some(bad)) if report.failed() => Err((*bad).clone().into()),
        _ => Ok(report),
    }
}

/// What follows for a bake that found no room for its builder.
async fn again<C: Cloud>(
    cloud: &C,
    context: &Context,
    name: &ImageName,
    now: DateTime<Utc>,
) -> Result<Sequence, HandlerError> {
    let home = &context.home;
    let noted = cloud.waiting(home).await?;
    let Some(waiting) = noted.iter().find(|one| one.name == *name) else {
        return Ok(vec![Subject::name(name, home).decide(Action::Keep, BakeReason::NothingWaits)]);
    };
    if let Some(settled) = room::without_recipe(waiting, &noted, home, now) {
        return Ok(settled);
    }
    let (recipe, at_home) =
        join(recipes::find_beside_others(cloud, context, &name.recipe), HomeInventory::read(cloud, home))
            .await;
    let at_home = at_home?;
    let unusable = |why| room::without_usable_recipe(name, home, why, (&at_home.instances, &at_home.images));
    let recipe = match recipe {
        Ok(Some(recipe)) => recipe,
        Ok(None) => return Ok(unusable(Reason::RecipeGone(name.recipe.to_string()))),
        Err(HandlerError::Recipe(bad)) => return Ok(unusable(Reason::BadRecipe(bad))),
        Err(error) => return Err(error),
    };
    let due = [(&recipe, name.version)];
    let requests = observed_requests(cloud, context, &due, &at_home, Mode::Apply, now).await;
    let again = |(recipe, request, observed): &ObservedRequest<'_>| {
        room::again(waiting, recipe, home, decide(request, recipe, observed), now)
    };
    Ok(requests.iter().flat_map(again).collect())
}

/// Carries out what was decided. If nobody waits for the answer, a failure that an event reports is no failure of the
/// function: no retry helps, and would only repeat the event.
async fn carried_out<C: Cloud>(
    cloud: &C,
    sequences: Vec<Sequence>,
    call: &BakeCall,
    now: DateTime<Utc>,
) -> Report {
    let unattended = call.scheduled.is_some() || matches!(call.what, BakeTarget::LayersOn(_));
    let mode = if call.mode.is_repair() { call.mode } else { Mode::Apply };
    Report { unattended, ..apply(cloud, sequences, mode, now).await }
}

/// Kiln's instances and images in the home Region.
#[derive(Default)]
struct HomeInventory {
    instances: Vec<Instance>,
    images: Vec<Image>,
    /// The bakes that found no room; read only where one that is due may have waited in vain.
    waiting: Vec<Waiting>,
}

impl HomeInventory {
    async fn read<C: Cloud>(cloud: &C, home: &Region) -> Result<Self, HandlerError> {
        let (instances, images) =
            join(cloud.instances(home), cloud.images(home, &ImageQuery::AllManaged)).await;
        Ok(Self { instances: instances?, images: images?, waiting: Vec::new() })
    }

    fn of(&self, recipe: &Recipe) -> (Vec<Instance>, Vec<Image>) {
        let own = |tags: &Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let instances = self.instances.iter().filter(|instance| own(&instance.tags)).cloned().collect();
        (instances, self.images.iter().filter(|image| own(&image.tags)).cloned().collect())
    }
}

/// A bake that was requested, and what was observed for it.
type ObservedRequest<'a> = (&'a Recipe, BakeRequest, Observed);

/// Reads what each requested bake needs. A base is looked up only if nothing else rules the bake out, or in a dry run.
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
        let has_failed = room::has_failed(&at_home.waiting, &name);
        let (instances, images) = at_home.of(recipe);
        let observed = Observed {
            instances,
            images,
            base: BaseLookup::NotNeeded,
            runs: BTreeMap::new(),
            network: Ok(FoundNetwork::default()),
        };
        (*recipe, BakeRequest { name, home: home.clone(), now, has_failed }, observed)
    };
    let mut requests: Vec<ObservedRequest<'a>> = due.iter().map(request).collect();
    let needs_base = |(recipe, request, observed): &&ObservedRequest<'a>| {
        mode == Mode::DryRun || without_base(request, recipe, &observed.instances, &observed.images).is_none()
    };
    let undecided: Vec<&Recipe> = requests.iter().filter(needs_base).map(|(recipe, ..)| *recipe).collect();
    let types = undecided.iter().flat_map(|recipe| recipe.bake.types());
    let runs = instance_types(cloud, home, types).await;
    let by_tags = undecided.iter().filter(|recipe| recipe.bake.network.is_by_tags());
    let networks = by_tags
        .map(async |recipe| (recipe.name.clone(), network::find(cloud, home, &recipe.bake.network).await));
    let (mut bases, networks): (_, Vec<_>) =
        join(bases(cloud, home, &undecided, &at_home.images, &runs), bounded(CALLS, networks)).await;
    let mut networks: BTreeMap<_, _> = networks.into_iter().collect();
    for (recipe, _, observed) in &mut requests {
        if let Some(base) = bases.remove(&recipe.name) {
            observed.base = base;
        }
        if let Some(network) = networks.remove(&recipe.name) {
            observed.network = network;
        }
        let known = recipe.bake.types().filter_map(|name| Some((name.to_owned(), runs.get(name)?.clone())));
        observed.runs = known.collect();
    }
    requests
}

/// Starts bakes without a preflight: a sweep asks for bakes that a lost event should have started, and asks again.
async fn begin_missed<C: Cloud>(
    cloud: &C,
    context: &Context,
    due: &[(&Recipe, Version)],
    at_home: &HomeInventory,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let requests = observed_requests(cloud, context, due, at_home, Mode::Apply, now).await;
    requests.iter().map(|(recipe, request, observed)| vec![decide(request, recipe, observed)]).collect()
}

/// Starts bakes, unless a preflight finds what would make them fail. In a dry run it only answers with what it found.
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
    let bakes: Vec<Decision> =
        requests.iter().map(|(recipe, request, observed)| decide(request, recipe, observed)).collect();
    let is_checked = |bake: &Decision| mode == Mode::DryRun || matches!(bake.action, Action::Launch(_));
    let checked: Vec<&ObservedRequest<'_>> = requests
        .iter()
        .zip(&bakes)
        .filter(|(_, bake)| is_checked(bake))
        .map(|(request, _)| request)
        .collect();
    let recipes: Vec<&Recipe> = checked.iter().map(|(recipe, ..)| *recipe).collect();
    let names = checked.iter().map(|(_, request, _)| request.name.to_string()).collect();
    let mut types: BTreeMap<&str, Result<InstanceType>> = checked
        .iter()
        .flat_map(|(_, _, observed)| observed.runs.iter().map(|(name, known)| (name.as_str(), known.clone())))
        .collect();
    let of_testers = recipes.iter().flat_map(|recipe| recipe.tester_types(home, true));
    let unread: Vec<&str> = of_testers.filter(|name| !types.contains_key(name)).collect();
    let (common, of_testers) = join(
        preflight::common(cloud, home, &recipes, names),
        instance_types(cloud, home, unread.into_iter()),
    )
    .await;
    types.extend(of_testers);
    let preflights = checked.iter().map(async |(recipe, request, observed)| {
        let base = if let BaseLookup::Found(base) = &observed.base { Some(base.as_ref()) } else { None };
        let observed = preflight::look(cloud, home, recipe, &request.name, &common, base, &types).await;
        (recipe.name.clone(), decisions(recipe, home, &request.name, &observed))
    });
    let mut problems: BTreeMap<RecipeName, Sequence> =
        bounded(NESTED, preflights).await.into_iter().collect();
    requests
        .iter()
        .zip(bakes)
        .map(|((recipe, request, _), decision)| {
            let mut found = problems.remove(&recipe.name).unwrap_or_default();
            match (mode, &decision.action) {
                // Any other rejection of the bake is a finding too.
                (Mode::DryRun, Action::Reject | Action::Retry) if !found.contains(&decision) => {
                    found.push(decision);
                }
                (Mode::DryRun, _) if found.is_empty() => {
                    found.push(
                        Subject::name(&request.name, home).decide(Action::Keep, PreflightReason::Passed),
                    );
                }
                (Mode::DryRun, _) => {}
                (_, Action::Launch(_)) if is_refused(&found) => {}
                // What was only told stays in the report, before the launch.
                _ => found.push(decision),
            }
            if mode == Mode::Apply { refused(&request.name, home, found) } else { found }
        })
        .collect()
}

/// The base of each recipe. Recipes whose instance types run the same architectures share the lookup of a base.
async fn bases<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
    images: &[Image],
    types: &BTreeMap<&str, Result<InstanceType>>,
) -> BTreeMap<RecipeName, BaseLookup> {
    let wanted = |recipe: &Recipe| {
        let of_type = types.get(recipe.bake.instance_type.as_str());
        // If the type is unknown, no bake begins, whatever its base is.
        let known = of_type.and_then(|of_type| of_type.as_ref().ok());
        (recipe.bake.base.clone(), known.map(|known| known.architectures.clone()).unwrap_or_default())
    };
    let mut distinct: Vec<(Base, Vec<Architecture>)> = Vec::new();
    for wanted in recipes.iter().map(|recipe| wanted(recipe)) {
        if !distinct.contains(&wanted) {
            distinct.push(wanted);
        }
    }
    let lookups = distinct.iter().map(|(base, runs)| find_base(cloud, home, base, images, runs));
    let found = bounded(CALLS, lookups).await;
    let of_recipe = |recipe: &&Recipe| {
        let at = distinct.iter().position(|one| *one == wanted(recipe))?;
        Some((recipe.name.clone(), found.get(at)?.clone()))
    };
    recipes.iter().filter_map(of_recipe).collect()
}

async fn find_base<C: Cloud>(
    cloud: &C,
    home: &Region,
    base: &Base,
    images: &[Image],
    runs: &[Architecture],
) -> BaseLookup {
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
        Base::Instance(_) => return BaseLookup::NotNeeded,
        Base::Recipe(recipe) => Ok(named_release(recipe, images).map(|named| named.image.clone())),
        Base::Newest { owner, name } => {
            let wanted = ImageQuery::Newest { owner: owner.clone(), name: name.clone() };
            cloud.images(home, &wanted).await.map(|images| newest_that_runs(images, runs))
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

/// What each of these instance types boots. Each type is read once.
async fn instance_types<'a, C: Cloud>(
    cloud: &C,
    home: &Region,
    types: impl Iterator<Item = &'a str>,
) -> BTreeMap<&'a str, Result<InstanceType>> {
    let types: BTreeSet<&str> = types.collect();
    let found = bounded(CALLS, types.iter().map(|name| cloud.instance_type(home, name))).await;
    types.into_iter().zip(found).collect()
}
