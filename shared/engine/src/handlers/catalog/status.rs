//! How the recipes are: read anew each time, in as few calls as that takes. Who uses the images is not looked for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::{join, join4};
use kiln_catalog::model::Gap;
use kiln_catalog::status::{QueueStatus, Status};
use kiln_core::events::inbound::{Past, history_prefix, is_key_of_failure};
use kiln_core::expire::in_use::UsageByRegion;
use kiln_core::expire::{Observed, OneRecipe};
use kiln_core::failures::Queue;
use kiln_core::inventory::{Image, ImageQuery, Result};
use kiln_core::model::{RecipeName, Region, Tags, tags};
use kiln_core::recipe::Recipe;

use crate::bounded::{CALLS, bounded};
use crate::catalog::seen::{Seen, SeenRecipe};
use crate::catalog::status::status;
use crate::context::{Context, HandlerError};
use crate::observe::{images, recipes};
use crate::ports::{Cloud, QueueLengths, Store};

/// Reads one recipe or all of them, and answers how they are. What cannot be read is a gap.
///
/// # Errors
/// Why nothing can be told.
pub(super) async fn of_recipes<C: Cloud + QueueLengths>(
    cloud: &C,
    context: &Context,
    name: Option<&RecipeName>,
    now: DateTime<Utc>,
) -> std::result::Result<Status, HandlerError> {
    let home = &context.home;
    let mut gaps = Vec::new();
    let mut gap = |what: String, error: &dyn ToString| gaps.push(Gap { what, reason: error.to_string() });
    let mut found = Vec::new();
    for read in recipes::wanted(cloud, context, name).await? {
        match read {
            Ok(recipe) => found.push(recipe),
            Err(bad) => gap(format!("the recipe {}", bad.name), &bad),
        }
    }
    let all: Vec<&Recipe> = found.iter().collect();
    let wanted = match name {
        Some(name) => ImageQuery::Tagged(Tags::new().with(tags::RECIPE, name)),
        None => ImageQuery::AllManaged,
    };
    let regions = recipes::regions(all.iter().copied(), home);
    let reads = regions.into_iter().map(async |region| {
        let (images, instances) = join(cloud.images(region, &wanted), cloud.instances(region)).await;
        (region.clone(), images, instances)
    });
    let failures = all.iter().map(async |recipe| last_failure(cloud, &recipe.name).await);
    let counts = Queue::ALL.into_iter().map(async |queue| (queue, cloud.waiting_in(queue).await));
    let (read, (waiting, counts), mut pointers, failures) = join4(
        bounded(CALLS, reads),
        join(cloud.waiting(home), bounded(CALLS, counts)),
        images::pointers(cloud, home, &all),
        bounded(CALLS, failures),
    )
    .await;
    let (mut in_regions, mut instances) = (BTreeMap::new(), Vec::new());
    for (region, images, there) in read {
        match images {
            Ok(images) => drop(in_regions.insert(region.clone(), by_recipe(images))),
            Err(error) => gap(format!("the images of {region}"), &error),
        }
        match there {
            Ok(there) => instances.extend(there),
            Err(error) => gap(format!("the builders and testers of {region}"), &error),
        }
    }
    let waiting = waiting.unwrap_or_else(|error| {
        gap("the bakes that wait for room".into(), &error);
        Vec::new()
    });
    let mut queues = Vec::new();
    for (queue, count) in counts {
        match count {
            Ok(waiting) => queues.push(QueueStatus { name: queue.name().into(), waiting }),
            Err(error) => gap(format!("the queue {}", queue.name()), &error),
        }
    }
    let mut histories = Vec::new();
    for (recipe, failure) in all.iter().zip(failures) {
        histories.push(failure.unwrap_or_else(|error| {
            gap(format!("the history of {}", recipe.name), &error);
            None
        }));
    }
    let observed: Vec<Observed> = all.iter().map(|recipe| observed(recipe, home, &mut in_regions)).collect();
    let mut of_all = Vec::new();
    for ((recipe, observed), failure) in found.iter().zip(&observed).zip(histories) {
        of_all.push(SeenRecipe {
            name: &recipe.name,
            one: OneRecipe::of(observed, home),
            decided: Vec::new(),
            rows: BTreeMap::new(),
            pointers: pointers.remove(&recipe.name).unwrap_or_default(),
            history: failure.into_iter().collect(),
            listed: BTreeMap::new(),
            findings: BTreeMap::new(),
        });
    }
    let seen = Seen {
        home,
        now,
        account: String::new(),
        recipes: of_all,
        usage: &UsageByRegion::default(),
        instances: &instances,
        waiting: &waiting,
        gaps,
        store: String::new(),
    };
    Ok(Status { queues, ..status(&seen) })
}

/// The images of a Region, by the recipe that their tag names.
type ByRecipe = BTreeMap<String, Vec<Image>>;

fn by_recipe(images: Vec<Image>) -> ByRecipe {
    let mut found = ByRecipe::new();
    for image in images {
        let of = image.tags.get(tags::RECIPE).unwrap_or_default().to_owned();
        found.entry(of).or_default().push(image);
    }
    found
}

/// What was read of a recipe. A Region that could not be read is a gap, and counts as empty.
fn observed(recipe: &Recipe, home: &Region, in_regions: &mut BTreeMap<Region, ByRecipe>) -> Observed {
    let here = |region: &Region| {
        let found = in_regions.get_mut(region).and_then(|there| there.remove(recipe.name.as_str()));
        (region.clone(), Ok(found.unwrap_or_default()))
    };
    let images = recipe.regions(home).map(here).collect();
    Observed { recipe: Some(recipe.clone()), retired_at: None, images, removed: Vec::new() }
}

/// The last failure that the history of a recipe tells of. Only the keys of the rest are read.
async fn last_failure<C: Store>(cloud: &C, recipe: &RecipeName) -> Result<Option<Past>> {
    let keys = cloud.keys_below(&history_prefix(recipe)).await?;
    let Some(key) = keys.iter().rev().find(|key| is_key_of_failure(key)) else { return Ok(None) };
    let found = cloud.object(key).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(found.and_then(|event| Past::read(&event)))
}
