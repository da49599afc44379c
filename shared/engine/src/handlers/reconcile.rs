//! `reconcile`: does what a lost event or a function that died left undone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join_all, join3};
use kiln_core::bake::layers;
use kiln_core::events::inbound::Mode;
use kiln_core::inventory::{ImageQuery, Result};
use kiln_core::model::{ImageName, InstanceId, Region, tags};
use kiln_core::orphans::SnapshotReferences;
use kiln_core::plan::Sequence;
use kiln_core::recipe::Recipe;
use kiln_core::reconcile::observed::{BuilderDetail, Observed};
use kiln_core::reconcile::pipeline::{
    consoles_wanted, findings_wanted, grants_wanted, known, releases, subnets_wanted,
};
use kiln_core::reconcile::{builders_to_inspect, candidates, decide};
use kiln_core::verify;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::handlers::bake;
use crate::observe::{images, orphans, recipes};
use crate::ports::Cloud;

/// Looks at everything there is, and repairs what is not as the recipes want it.
///
/// Reads the recipes, the instances of the home Region, and images and snapshots of every Region, each page once;
/// then the consoles of builders and testers that have stopped, who uses snapshots that seem to be left behind, and who may
/// use images that are to be published; last what the parameters name.
///
/// # Errors
/// That nothing was done, and why.
pub async fn reconcile<C: Cloud>(
    cloud: &C,
    context: &Context,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let mut seen = observe(cloud, context, now).await?;
    let mut sequences = decide(&seen, now);
    sequences.extend(layered(cloud, context, &seen, now).await);
    let report = apply(cloud, sequences, Mode::Repair, now).await;

    images::as_published(&mut seen.images, &report);
    let recipes: Vec<&Recipe> = seen.recipes.values().collect();
    let pointers = images::pointers(cloud, &context.home, &recipes).await;
    let report = report.and(apply(cloud, releases(&seen, &pointers, now), Mode::Repair, now).await);
    if report.entries.is_empty() {
        let images = seen.images.values().flatten().map(Vec::len).sum::<usize>();
        let instances = seen.instances.as_ref().map_or(0, Vec::len);
        tracing::info!(
            recipes = seen.recipes.len(),
            regions = seen.images.len(),
            images,
            instances,
            "nothing to repair"
        );
    }
    Ok(report)
}

async fn observe<C: Cloud>(
    cloud: &C,
    context: &Context,
    now: DateTime<Utc>,
) -> Result<Observed, HandlerError> {
    let (read, instances) = join(recipes::wanted(cloud, context, None), cloud.instances(&context.home)).await;
    let (mut known, mut bad) = (BTreeMap::new(), Vec::new());
    for recipe in read? {
        match recipe {
            Ok(recipe) => {
                known.insert(recipe.name.clone(), recipe);
            }
            Err(mistakes) => bad.push(mistakes),
        }
    }
    let further = known.values().flat_map(|recipe| &recipe.replicate.regions);
    let regions: BTreeSet<&Region> = std::iter::once(&context.home).chain(further).collect();
    let look = regions.iter().map(async |region| {
        // The home Region's instances were looked for with the recipes.
        let instances = async {
            match **region == context.home {
                true => None,
                false => Some(cloud.instances(region).await),
            }
        };
        let images = cloud.images(region, &ImageQuery::AllOfKilns);
        let (images, snapshots, instances) = join3(images, cloud.snapshots(region), instances).await;
        ((*region).clone(), images, snapshots, instances)
    });
    let looked = join_all(look).await;
    let mut seen = Observed {
        home: context.home.clone(),
        instances,
        images: BTreeMap::new(),
        snapshots: BTreeMap::new(),
        closer: BTreeMap::new(),
        needs: BTreeMap::new(),
        further: BTreeMap::new(),
        consoles: BTreeMap::new(),
        subnets: BTreeMap::new(),
        permissions: BTreeMap::new(),
        findings: BTreeMap::new(),
        bad,
        recipes: known,
    };
    for (region, images, snapshots, instances) in looked {
        if let Some(instances) = instances {
            seen.further.insert(region.clone(), instances);
        }
        seen.images.insert(region.clone(), images);
        seen.snapshots.insert(region, snapshots);
    }
    (seen.closer, seen.needs) = join(closer(cloud, &seen, now), needs(cloud, &seen, now)).await;
    pipeline_steps(cloud, &mut seen, now).await;
    Ok(seen)
}

/// What must be known besides of images that go on.
async fn pipeline_steps<C: Cloud>(cloud: &C, seen: &mut Observed, now: DateTime<Utc>) {
    let all = known(seen);
    let consoles =
        consoles_wanted(seen, now).into_iter().filter_map(|tester| {
            let name = ImageName {
                recipe: tester.tags.read(tags::RECIPE)?,
                version: tester.tags.read(tags::VERSION)?,
            };
            Some(async move {
                (tester.id.clone(), images::console(cloud, &tester.region, &tester.id, &name).await)
            })
        });
    let subnets: BTreeMap<_, _> = subnets_wanted(seen, &all)
        .into_iter()
        .map(|one| {
            let key = (one.image.region.clone(), one.recipe.name.clone());
            (key, verify::named_subnets(one.recipe, &one.image))
        })
        .collect();
    let subnets = subnets.into_iter().map(async |(key, named)| {
        let found = cloud.subnets(&key.0, named).await;
        (key, found)
    });
    let to_look = grants_wanted(&all);
    let findings = findings_wanted(&all)
        .into_iter()
        .map(async |image| (image.id.clone(), cloud.findings(&image.region, &image.id).await));
    let ((consoles, subnets), (permissions, findings)): ((Vec<_>, Vec<_>), (_, Vec<_>)) = join(
        join(join_all(consoles), join_all(subnets)),
        join(images::permissions_by_image(cloud, &to_look), join_all(findings)),
    )
    .await;
    seen.consoles = consoles.into_iter().collect();
    seen.subnets = subnets.into_iter().collect();
    seen.permissions = permissions;
    seen.findings = findings.into_iter().collect();
}

/// The bakes that a release of a base should have begun.
async fn layered<C: Cloud>(
    cloud: &C,
    context: &Context,
    seen: &Observed,
    now: DateTime<Utc>,
) -> Vec<Sequence> {
    let (Ok(instances), Some(Ok(images))) = (&seen.instances, seen.images.get(&context.home)) else {
        return Vec::new();
    };
    let due = layers::due(seen.recipes.values(), None, images, instances, now);
    if due.is_empty() {
        return Vec::new();
    }
    let held = bake::HomeInventory { instances: instances.clone(), images: images.clone() };
    let mut sequences = bake::bake_missed(cloud, context, &due, &held, now).await;
    sequences
        .retain(|sequence| sequence.iter().any(|decision| decision.action != kiln_core::plan::Action::Keep));
    sequences
}

async fn closer<C: Cloud>(
    cloud: &C,
    seen: &Observed,
    now: DateTime<Utc>,
) -> BTreeMap<InstanceId, Result<BuilderDetail>> {
    let look = builders_to_inspect(seen, now).into_iter().map(async |(instance, name)| {
        let named = ImageQuery::Named(name.to_string());
        let (console, named) =
            join(cloud.console(&seen.home, &instance), cloud.images(&seen.home, &named)).await;
        (instance, console.and_then(|console| Ok(BuilderDetail { console, named: named? })))
    });
    join_all(look).await.into_iter().collect()
}

async fn needs<C: Cloud>(
    cloud: &C,
    seen: &Observed,
    now: DateTime<Utc>,
) -> BTreeMap<Region, Result<SnapshotReferences>> {
    let look = seen.images.keys().map(|region| (region, candidates(seen, region, now)));
    let look = look.filter(|(_, candidates)| !candidates.is_empty());
    let look = look
        .map(async |(region, candidates)| (region.clone(), orphans::needs(cloud, region, &candidates).await));
    join_all(look).await.into_iter().collect()
}
