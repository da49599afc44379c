//! `reconcile`: finds what a lost event or a failed function left undone, and wakes the function whose work it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::{join, join3, join4};
use kiln_core::events::inbound::Mode;
use kiln_core::inventory::{ImageQuery, Result};
use kiln_core::model::{ImageName, InstanceId, RecipeName, Region, Role, tags};
use kiln_core::numbers::Numbers;
use kiln_core::orphans::SnapshotReferences;
use kiln_core::recipe::Recipe;
use kiln_core::reconcile::freshness::{hours_since_release, saw_all};
use kiln_core::reconcile::observed::{BuilderDetail, Observed};
use kiln_core::reconcile::pipeline::{
    images_needing_findings, images_needing_network, images_needing_permissions, known, testers_to_read,
};
use kiln_core::reconcile::{builders_to_inspect, candidates, decide};
use kiln_core::release::Pointers;
use kiln_core::verify;

use crate::apply::{Report, apply};
use crate::bounded::{CALLS, NESTED, bounded};
use crate::context::{Context, HandlerError};
use crate::observe::{images, network, orphans, recipes};
use crate::ports::Cloud;

/// Reads everything, and wakes the functions whose work is missing. Changes nothing itself.
///
/// First it reads the recipes, and the images, snapshots and instances of every Region, each page once. Then it reads
/// the consoles of builders and testers that have stopped, who uses snapshots that seem orphaned, who may use images
/// that are due to be published, and what the parameters and launch templates name.
///
/// # Errors
/// Why nobody was woken.
pub async fn reconcile<C: Cloud>(
    cloud: &C,
    context: &Context,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let observed = observe(cloud, context, now).await?;
    let mut report = apply(cloud, decide(&observed, now), Mode::Apply, now).await;
    report.numbers.push(Numbers::of_sweep(&hours_since_release(&observed, now), saw_all(&observed)));
    if report.entries.is_empty() {
        let images = observed.images.values().flatten().map(Vec::len).sum::<usize>();
        let instances = observed.instances.as_ref().map_or(0, Vec::len);
        tracing::info!(
            recipes = observed.recipes.len(),
            regions = observed.images.len(),
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
    let home = &context.home;
    let (read, instances, waiting) =
        join3(recipes::wanted(cloud, context, None), cloud.instances(home), cloud.waiting(home)).await;
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for recipe in read? {
        match recipe {
            Ok(recipe) => {
                good.insert(recipe.name.clone(), recipe);
            }
            Err(error) => bad.push(error),
        }
    }
    let regions = recipes::regions(good.values(), &context.home);
    let reads = regions.iter().map(async |region| {
        // The instances of the home Region were read with the recipes.
        let instances = async {
            match **region == context.home {
                true => None,
                false => Some(cloud.instances(region).await),
            }
        };
        let images = cloud.images(region, &ImageQuery::AllManaged);
        let (images, snapshots, instances) = join3(images, cloud.snapshots(region), instances).await;
        ((*region).clone(), images, snapshots, instances)
    });
    let by_region = bounded(CALLS, reads).await;
    let mut observed = Observed {
        home: context.home.clone(),
        instances,
        waiting,
        images: BTreeMap::new(),
        snapshots: BTreeMap::new(),
        closer: BTreeMap::new(),
        needs: BTreeMap::new(),
        further: BTreeMap::new(),
        consoles: BTreeMap::new(),
        networks: BTreeMap::new(),
        permissions: BTreeMap::new(),
        findings: BTreeMap::new(),
        pointers: BTreeMap::new(),
        channels: BTreeMap::new(),
        bad,
        recipes: good,
    };
    for (region, images, snapshots, instances) in by_region {
        if let Some(instances) = instances {
            observed.further.insert(region.clone(), instances);
        }
        observed.images.insert(region.clone(), images);
        observed.snapshots.insert(region, snapshots);
    }
    let recipes: Vec<&Recipe> = observed.recipes.values().collect();
    let (closer, needs, pointers, channels) = join4(
        builder_details(cloud, &observed, now),
        snapshot_references(cloud, &observed, now),
        named(cloud, &context.home, &recipes),
        images::channel_pointers(cloud, &context.home, &recipes),
    )
    .await;
    (observed.closer, observed.needs, observed.pointers) = (closer, needs, pointers);
    observed.channels = channels;
    let named = observed.pointers.iter_mut().filter_map(|(name, of)| Some((observed.recipes.get(name)?, of)));
    let looked_up = named.map(|(recipe, of)| images::look_up_named(cloud, recipe, &observed.images, of));
    bounded(NESTED, looked_up).await;
    let in_channels =
        observed.channels.iter_mut().filter_map(|(name, of)| Some((observed.recipes.get(name)?, of)));
    let looked_up =
        in_channels.map(|(recipe, of)| images::look_up_in_channels(cloud, recipe, &observed.images, of));
    bounded(NESTED, looked_up).await;
    read_pipeline(cloud, &mut observed, now).await;
    Ok(observed)
}

/// What the parameters and launch templates of these recipes name, here and in other accounts.
async fn named<C: Cloud>(
    cloud: &C,
    home: &Region,
    recipes: &[&Recipe],
) -> BTreeMap<RecipeName, BTreeMap<Region, Pointers>> {
    let mut pointers = images::pointers(cloud, home, recipes).await;
    images::read_accounts(cloud, home, recipes, &mut pointers).await;
    pointers
}

/// Reads what the next steps of images depend on: consoles, networks, permissions and findings.
async fn read_pipeline<C: Cloud>(cloud: &C, observed: &mut Observed, now: DateTime<Utc>) {
    let all = known(observed, now);
    let consoles = testers_to_read(observed, now).into_iter().filter_map(|tester| {
        let name =
            ImageName { recipe: tester.tags.read(tags::RECIPE)?, version: tester.tags.read(tags::VERSION)? };
        Some(async move { (tester.id.clone(), images::console(cloud, tester, Role::Tester, &name).await) })
    });
    let networks: BTreeMap<_, _> = images_needing_network(observed, &all)
        .into_iter()
        .map(|one| {
            let key = (one.image.region.clone(), one.recipe.name.clone());
            (key, verify::network(one.recipe, &one.image))
        })
        .collect();
    let networks = networks.into_iter().map(async |(key, named)| {
        let found = network::find(cloud, &key.0, named).await;
        (key, found)
    });
    let wanted = images_needing_permissions(&all);
    let findings = images_needing_findings(&all)
        .into_iter()
        .map(async |image| (image.id.clone(), cloud.findings(&image.region, &image.id).await));
    let ((consoles, networks), (permissions, findings)): ((Vec<_>, Vec<_>), (_, Vec<_>)) = join(
        join(bounded(CALLS, consoles), bounded(CALLS, networks)),
        join(images::permissions_by_image(cloud, &wanted), bounded(CALLS, findings)),
    )
    .await;
    observed.consoles = consoles.into_iter().collect();
    observed.networks = networks.into_iter().collect();
    observed.permissions = permissions;
    observed.findings = findings.into_iter().collect();
}

/// What must be known of builders that have no image yet.
async fn builder_details<C: Cloud>(
    cloud: &C,
    observed: &Observed,
    now: DateTime<Utc>,
) -> BTreeMap<InstanceId, Result<BuilderDetail>> {
    let reads = builders_to_inspect(observed, now).into_iter().map(async |(instance, name)| {
        let named = ImageQuery::Named(name.to_string());
        let console = images::console(cloud, instance, Role::Builder, &name);
        let (console, named) = join(console, cloud.images(&observed.home, &named)).await;
        (instance.id.clone(), console.and_then(|console| Ok(BuilderDetail { console, named: named? })))
    });
    bounded(CALLS, reads).await.into_iter().collect()
}

/// Who else uses the snapshots that seem orphaned, by Region.
async fn snapshot_references<C: Cloud>(
    cloud: &C,
    observed: &Observed,
    now: DateTime<Utc>,
) -> BTreeMap<Region, Result<SnapshotReferences>> {
    let reads = observed.images.keys().map(|region| (region, candidates(observed, region, now)));
    let reads = reads.filter(|(_, candidates)| !candidates.is_empty());
    let reads = reads
        .map(async |(region, candidates)| (region.clone(), orphans::needs(cloud, region, &candidates).await));
    bounded(NESTED, reads).await.into_iter().collect()
}
