//! `catalog`: keeps what happened, and makes the catalogue of all images: a document and pages in the stack's bucket.
//! Asked by a person, tells how the recipes are.

mod observe;
mod put;
mod status;

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::{CatalogCall, Past};
use kiln_core::inventory::Result;
use kiln_core::model::contents::contents_key;
use kiln_core::model::{ImageName, Kept, tags};

use crate::apply::{Catalogued, Report};
use crate::bounded::{CALLS, bounded};
use crate::catalog::contents::{self, listed, recipe_path};
use crate::catalog::document::document;
use crate::catalog::files::{DIGESTS, Digests, FOLDER, File, MADE, made, made_from, shows};
use crate::catalog::seen::{Seen, SeenRecipe};
use crate::context::{Context, HandlerError};
use crate::ports::{Cloud, QueueLengths, Store};

use observe::{Observed, observe};
use put::Putting;

/// Of how many versions of a recipe the lists are read, the newest first.
const MOST_LISTS: usize = 50;

/// Keeps an event, and makes the catalogue unless it shows that event already. Changes nothing but what lies below
/// `catalog/` and `history/` in the stack's bucket. Asked how the recipes are, answers that and changes nothing at all.
///
/// # Errors
/// Why there is no new catalogue. The one before is still there.
pub async fn catalog<C: Cloud + QueueLengths>(
    cloud: &C,
    context: &Context,
    call: &CatalogCall,
    now: DateTime<Utc>,
) -> std::result::Result<Report, HandlerError> {
    if let CatalogCall::Status(name) = call {
        let status = status::of_recipes(cloud, context, name.as_ref(), now).await?;
        return Ok(Report { status: Some(Box::new(status)), read_only: true, ..Report::default() });
    }
    if let CatalogCall::After(past) = call
        && is_shown(cloud, past).await?
    {
        tracing::info!(event = past.kind, recipe = %past.recipe, "the catalogue shows this already");
        return Ok(Report::default());
    }
    let observed = observe(cloud, context).await?;
    let digests = read(cloud, DIGESTS).await.map(|bytes| Digests::read(&bytes)).unwrap_or_default();
    // At midnight every age changes anyway. To put all of it then mends what somebody deleted, too.
    let mut putting = Putting::new(cloud, digests, *call == CatalogCall::Make);
    let made = make(cloud, context, &observed, &mut putting, now).await?;
    Ok(Report { catalog: Some(made), read_only: true, ..Report::default() })
}

/// Keeps an event. Tells whether the catalogue shows it already.
async fn is_shown<C: Cloud>(cloud: &C, past: &Past) -> Result<bool> {
    let key = past.key();
    let is_first = past.leaves_no_trace() && cloud.keys_below(&key).await?.is_empty();
    cloud.put_page(&key, "application/json", past.body().as_bytes()).await?;
    Ok(!is_first && shows(last_reading(cloud).await, past.time))
}

/// A file of the catalogue. What cannot be read is made anew, so it is never an error.
async fn read<C: Store>(cloud: &C, path: &str) -> Option<Vec<u8>> {
    let found = cloud.object(&format!("{FOLDER}{path}")).await;
    found.unwrap_or_else(|error| {
        tracing::info!(%error, "it is made anew");
        None
    })
}

/// From which reading the catalogue that lies there was made.
async fn last_reading<C: Store>(cloud: &C) -> Option<DateTime<Utc>> {
    read(cloud, MADE).await.and_then(|bytes| made_from(&bytes))
}

async fn make<C: Cloud>(
    cloud: &C,
    context: &Context,
    observed: &Observed,
    putting: &mut Putting<'_, C>,
    now: DateTime<Utc>,
) -> std::result::Result<Catalogued, HandlerError> {
    let usage = observed.usage(cloud, context, now).await;
    let mut seen = Seen {
        home: &context.home,
        now,
        account: observed.account(),
        recipes: observed.recipes(context, &usage, now),
        usage: &usage,
        instances: &observed.instances,
        waiting: &observed.waiting,
        gaps: observed.gaps(&usage),
        store: cloud.place(""),
    };
    for recipe in &mut seen.recipes {
        read_contents(cloud, recipe, putting).await?;
    }
    let catalog = document(&seen);
    let versions = catalog.recipes.iter().map(|recipe| recipe.versions.len()).sum();
    if last_reading(cloud).await.is_some_and(|from| from > now) {
        // Another invocation read later and was done sooner: its catalogue is the newer one.
        return Ok(Catalogued { recipes: catalog.recipes.len(), versions, put: putting.put });
    }
    let json = serde_json::to_vec(&catalog).map_err(unmade("the document"))?;
    let texts = seen.recipes.iter().filter_map(|of| of.one.observed.recipe.as_ref());
    let texts = texts.map(|recipe| contents::recipe_file(recipe_path(&recipe.name), &recipe.document));
    putting.put_changed(texts).await?;
    putting.put_changed(kiln_catalog::pages(&catalog).map(File::from)).await?;
    putting.put_changed([File::of("catalog.json", "application/json", json)]).await?;
    putting.done(made(now)).await?;
    Ok(Catalogued { recipes: catalog.recipes.len(), versions, put: putting.put })
}

/// An empty file in the place of one that could not be made would look as if there were nothing to show.
fn unmade(what: &'static str) -> impl Fn(serde_json::Error) -> HandlerError {
    move |error| HandlerError::Document(what, error.to_string())
}

/// Reads what is in the versions of a recipe, and puts the files that are made of it once.
async fn read_contents<C: Store>(
    cloud: &C,
    recipe: &mut SeenRecipe<'_>,
    putting: &mut Putting<'_, C>,
) -> std::result::Result<(), HandlerError> {
    let homes = recipe.one.lineage.releases.iter().filter_map(|release| {
        let (image, _) = release.home()?;
        image.tags.has(tags::CONTENTS).then_some((release.version, image.created))
    });
    let reads = homes.take(MOST_LISTS).map(async |(version, created)| {
        let name = ImageName { recipe: recipe.name.clone(), version };
        let found = cloud.object(&contents_key(&name)).await;
        let text = found.unwrap_or_else(|error| {
            let recipe = &name.recipe;
            tracing::info!(%error, %recipe, %version, "what is in a version could not be read, so the catalogue lacks it");
            None
        });
        Some((name, created, Kept::read(&String::from_utf8(text?).ok()?)))
    });
    let found: Vec<_> = bounded(CALLS, reads).await.into_iter().flatten().collect();
    for (name, created, Kept { contents, recipe }) in &found {
        if let Some(recipe) = recipe {
            putting.put_once(vec![contents::recipe_file(contents::baked_by_path(name), recipe)]).await?;
        }
        let mark = contents::mark(contents);
        if contents::bill_paths(name).iter().all(|path| putting.lies(path, &mark)) {
            continue;
        }
        let files = contents::files(name, created.unwrap_or(name.version.time()), contents);
        putting.put_once(files.map_err(unmade("the lists of contents"))?).await?;
    }
    let lists = found.into_iter().map(|(name, _, kept)| (name.version, kept)).collect();
    recipe.listed = listed(&recipe.one.lineage, &lists);
    Ok(())
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
