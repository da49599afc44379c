//! Reads what the catalogue shows: the inventory, what the Regions name, who is under way, and the history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::{join, join4};
use kiln_catalog::model::Gap;
use kiln_core::events::inbound::{Past, Scope, history_prefix};
use kiln_core::expire::OneRecipe;
use kiln_core::expire::in_use::{UsageByRegion, UsageIndex};
use kiln_core::inventory::{Finding, Image, Instance, Result, Waiting};
use kiln_core::model::{RecipeName, Region, Stage, Version};
use kiln_core::plan::{Action, Decision};
use kiln_core::recipe::Recipe;
use kiln_core::release::Pointers;

use crate::bounded::{CALLS, NESTED, bounded};
use crate::catalog::seen::SeenRecipe;
use crate::context::{Context, HandlerError};
use crate::observe::inventory::{Inventory, inventory_again};
use crate::observe::usage::usage_of_candidates;
use crate::observe::{images, recipes};
use crate::ports::{Cloud, Store};

/// How many entries of the history of a recipe are read, the newest first.
const MOST_ENTRIES: usize = 100;

/// Of how many releases of a recipe it is read what Amazon Inspector found in them, the newest first.
const MOST_SCANNED: usize = 5;

/// What was read. Whatever could not be is a gap.
pub(super) struct Observed {
    inventory: Inventory,
    ones: Vec<(RecipeName, Lookups)>,
    /// The builders and testers.
    pub(super) instances: Vec<Instance>,
    /// The bakes that wait for room.
    pub(super) waiting: Vec<Waiting>,
    unread: Vec<Gap>,
}

/// What was read of one recipe beside its images.
#[derive(Default)]
struct Lookups {
    pointers: BTreeMap<Region, Pointers>,
    history: Vec<Past>,
    findings: BTreeMap<Version, Vec<Finding>>,
}

/// Reads everything but who uses the images.
///
/// # Errors
/// Why nothing can be shown.
pub(super) async fn observe<C: Cloud>(
    cloud: &C,
    context: &Context,
) -> std::result::Result<Observed, HandlerError> {
    let inventory = inventory_again(cloud, context, None, Scope::AllRegions).await?;
    let found: Vec<&Recipe> = inventory.recipes.values().filter_map(|one| one.recipe.as_ref()).collect();
    let regions = recipes::regions(found.iter().copied(), &context.home);
    let instances = regions.into_iter().map(async |region| (region, cloud.instances(region).await));
    let histories = inventory.recipes.keys().map(async |name| (name.clone(), history(cloud, name).await));
    let scanned = scanned(&inventory, &context.home);
    let scans = scanned.iter().map(async |(name, version, image)| {
        (*name, *version, &image.id, cloud.findings(&image.region, &image.id).await)
    });
    let (instances, (waiting, mut pointers), histories, scans) = join4(
        bounded(CALLS, instances),
        join(cloud.waiting(&context.home), images::pointers(cloud, &context.home, &found)),
        bounded(NESTED, histories),
        bounded(CALLS, scans),
    )
    .await;
    let mut unread = Vec::new();
    let mut gap = |what: String, error: &dyn ToString| unread.push(Gap { what, reason: error.to_string() });
    let mut all = Vec::new();
    for (region, found) in instances {
        match found {
            Ok(found) => all.extend(found),
            Err(error) => gap(format!("the builders and testers of {region}"), &error),
        }
    }
    let waiting = waiting.unwrap_or_else(|error| {
        gap("the bakes that wait for room".into(), &error);
        Vec::new()
    });
    let mut findings: BTreeMap<&RecipeName, BTreeMap<Version, Vec<Finding>>> = BTreeMap::new();
    for (name, version, image, found) in scans {
        match found {
            Ok(found) => drop(findings.entry(name).or_default().insert(version, found)),
            Err(error) => gap(format!("what Amazon Inspector found in {image}"), &error),
        }
    }
    let mut ones = Vec::new();
    for (name, history) in histories {
        let findings = findings.remove(&name).unwrap_or_default();
        let pointers = pointers.remove(&name).unwrap_or_default();
        for (region, of) in &pointers {
            let parameter = of.parameter.as_ref().and_then(|read| read.as_ref().err());
            let template = of.template.as_ref().and_then(|read| read.as_ref().err());
            if let Some(error) = parameter.or(template) {
                gap(format!("what {region} names of {name}"), error);
            }
        }
        let history = history.unwrap_or_else(|error| {
            gap(format!("the history of {name}"), &error);
            Vec::new()
        });
        ones.push((name, Lookups { pointers, history, findings }));
    }
    Ok(Observed { inventory, ones, instances: all, waiting, unread })
}

/// The home images of which it is asked what Amazon Inspector found in them: those of the newest releases of the recipes that
/// ask for that.
fn scanned<'a>(inventory: &'a Inventory, home: &'a Region) -> Vec<(&'a RecipeName, Version, &'a Image)> {
    let of_recipe = |(name, one): (&'a RecipeName, &'a kiln_core::expire::Observed)| {
        let asks = one.recipe.as_ref().is_some_and(|recipe| recipe.publish.block_on_findings.is_some());
        let lineage = OneRecipe::of(one, home).lineage;
        let homes = lineage.releases.iter().filter_map(|release| {
            let (image, record) = release.home()?;
            (record.stage == Stage::Released).then_some((name, release.version, *image))
        });
        let newest = homes.filter(|_| asks).take(MOST_SCANNED);
        newest.filter(|(_, _, image)| image.scanned.is_some()).collect::<Vec<_>>()
    };
    inventory.recipes.iter().flat_map(of_recipe).collect()
}

/// What was kept of a recipe, the newest of it.
pub(super) async fn history<C: Store>(cloud: &C, recipe: &RecipeName) -> Result<Vec<Past>> {
    let keys = cloud.keys_below(&history_prefix(recipe)).await?;
    let reads = keys.iter().rev().take(MOST_ENTRIES).map(|key| cloud.object(key));
    let mut past: Vec<Past> = Vec::new();
    for found in bounded(CALLS, reads).await {
        let read = found?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        past.extend(read.and_then(|event| Past::read(&event)));
    }
    // A function that died may have told something again, at another time. The first time counts.
    past.sort_by_key(|one| one.time);
    let mut told = BTreeSet::new();
    past.retain(|one| told.insert(one.id.clone()));
    Ok(past)
}

impl Observed {
    /// The account; empty if no image shows it.
    pub(super) fn account(&self) -> String {
        let mut all = self.inventory.recipes.values().flat_map(kiln_core::expire::Observed::all);
        all.next().map(|image| image.owner.clone()).unwrap_or_default()
    }

    /// Who uses the images that no recipe keeps, as a dry run of `expire` reads it.
    pub(super) async fn usage<C: Cloud>(
        &self,
        cloud: &C,
        context: &Context,
        now: DateTime<Utc>,
    ) -> UsageByRegion {
        let all: Vec<OneRecipe<'_>> =
            self.inventory.recipes.values().map(|one| OneRecipe::of(one, &context.home)).collect();
        usage_of_candidates(cloud, context, &self.inventory, &all, now).await
    }

    /// Each recipe, with what a dry run of `expire` decides.
    pub(super) fn recipes<'a>(
        &'a self,
        context: &'a Context,
        usage: &UsageByRegion,
        now: DateTime<Utc>,
    ) -> Vec<SeenRecipe<'a>> {
        let uses = UsageIndex::of(usage);
        let of = |(name, read): &'a (RecipeName, Lookups)| {
            let one = OneRecipe::of(self.inventory.recipes.get(name)?, &context.home);
            let decided = one.decide(&uses, None, now);
            let rows = one.plan_rows(&decided, &self.inventory.sizes, &context.prices, now).into_iter();
            let rows = rows.map(|(image, row)| ((image.region.clone(), image.id.clone()), row)).collect();
            Some(SeenRecipe {
                name,
                one,
                decided,
                rows,
                pointers: read.pointers.clone(),
                history: read.history.clone(),
                listed: BTreeMap::new(),
                findings: read.findings.clone(),
            })
        };
        self.ones.iter().filter_map(of).collect()
    }

    /// What could not be read, each once.
    pub(super) fn gaps(&self, usage: &UsageByRegion) -> Vec<Gap> {
        let failed = |one: &&Decision| matches!(one.action, Action::Retry | Action::Reject);
        let decided = self.inventory.other_decisions.iter().flatten().filter(failed).map(|one| {
            let subject = &one.subject;
            let what = match (&subject.recipe, &subject.resource) {
                (Some(recipe), _) => format!("the recipe {recipe}"),
                (None, Some(resource)) => resource.clone(),
                (None, None) => subject.region.to_string(),
            };
            Gap { what, reason: one.reason.to_string() }
        });
        let unknown = usage.iter().filter_map(|(region, usage)| {
            let error = usage.as_ref().err()?;
            Some(Gap { what: format!("who uses images in {region}"), reason: error.to_string() })
        });
        let mut told = BTreeSet::new();
        let all = decided.chain(unknown).chain(self.unread.iter().cloned());
        all.filter(|gap| told.insert((gap.what.clone(), gap.reason.clone()))).collect()
    }
}
