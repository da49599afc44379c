//! One recipe of the document.

use kiln_catalog::model::{Channel, Cost, Layer, Link, Newest, Place, Recipe, RecipeBase, Wait};
use kiln_core::channel;
use kiln_core::model::channels::Entries;
use kiln_core::model::{ImageId, RecipeName, Region, Version, tags};
use kiln_core::recipe::{self, Gate};

use super::contents::recipe_path;
use super::seen::{Known, Seen, SeenRecipe};
use super::version::{Users, cost, findings, version};
use super::{history, under_way};

/// One recipe with all of its versions.
pub(super) fn recipe(seen: &Seen<'_>, of: &SeenRecipe<'_>, known: &Known<'_>, users: &Users) -> Recipe {
    let observed = of.one.observed.recipe.as_ref();
    let newest = of.one.lineage.newest;
    let history = history::entries(of);
    let mut versions: Vec<_> = (of.one.lineage.releases.iter())
        .map(|release| version(seen, of, release, known, users, &history))
        .collect();
    versions.extend(history::gone(of));
    versions.sort_by(|one, other| other.version.cmp(&one.version));
    Recipe {
        name: of.name.to_string(),
        description: observed.and_then(|recipe| recipe.description.clone()),
        text: observed.map(|recipe| Link(recipe_path(&recipe.name))),
        newest: newest.map(|version| Newest {
            version: version.to_string(),
            released_at: of.home_image(version).and_then(|image| image.tags.time(tags::RELEASED_AT)),
        }),
        base: observed.map(|recipe| RecipeBase {
            base: recipe.bake.base.to_string(),
            layer: recipe.base_recipe().map(|base| layer(seen, of, base, known)),
        }),
        channels: observed.map_or_else(Vec::new, |recipe| channels(seen, of, recipe)),
        regions: observed.map_or_else(Vec::new, |recipe| places(seen, of, recipe, known)),
        findings: newest.and_then(|newest| of.findings.get(&newest)).map(|found| findings(found)),
        cost: whole_cost(of),
        last_failure: history::last_failure(of),
        under_way: under_way::under_way(seen, of),
        versions,
        history,
    }
}

fn whole_cost(of: &SeenRecipe<'_>) -> Option<Cost> {
    cost(of.rows.values())
}

/// What each channel is to name, since when that has come to it, and what waits for it.
fn channels(seen: &Seen<'_>, of: &SeenRecipe<'_>, recipe: &recipe::Recipe) -> Vec<Channel> {
    let at_home = of.one.observed.images.get(seen.home).and_then(|found| found.as_ref().ok());
    let waiting = |channel: &recipe::Channel| {
        let (version, since) = channel::waiting(recipe, channel, seen.home, at_home?)?;
        let comes_at = match channel.gate {
            Gate::After(after) => Some(since + after),
            Gate::Approval => None,
        };
        Some(Wait { version: version.to_string(), since, comes_at })
    };
    let members = of.one.lineage.releases.iter().flat_map(|release| &release.members).cloned();
    let named = channel::named(recipe, members);
    let one = |channel: &recipe::Channel| {
        let version = named.get(&channel.name);
        let since = version.and_then(|version| of.home_image(*version));
        Channel {
            name: channel.name.clone(),
            version: version.map(ToString::to_string),
            since: since.and_then(|image| Entries::of(&image.tags).since(&channel.name)),
            waiting: waiting(channel),
        }
    };
    recipe.channels.iter().map(one).collect()
}

/// What the newest release was baked from, and what its base has now.
fn layer(seen: &Seen<'_>, of: &SeenRecipe<'_>, base: &RecipeName, known: &Known<'_>) -> Layer {
    let newest = of.one.lineage.newest.and_then(|version| of.home_image(version));
    let baked_from = newest.and_then(|image| known.get(image.tags.get(tags::BASE)?));
    let below = seen.recipes.iter().find(|one| one.name == base);
    Layer {
        recipe: base.to_string(),
        baked_from: baked_from.filter(|(name, _)| *name == base).map(|(_, version)| version.to_string()),
        newest: below.and_then(|below| below.one.lineage.newest).map(|version| version.to_string()),
    }
}

fn places(seen: &Seen<'_>, of: &SeenRecipe<'_>, recipe: &recipe::Recipe, known: &Known<'_>) -> Vec<Place> {
    let place = |region: &Region| {
        let named: Option<ImageId> = of.pointers.get(region).and_then(|pointers| pointers.named(recipe));
        let version: Option<Version> = named
            .as_ref()
            .and_then(|image| known.get(image.as_str()))
            .filter(|(name, _)| *name == of.name)
            .map(|(_, version)| *version);
        Place {
            region: region.to_string(),
            required: region == seen.home || recipe.replicate.requires(region),
            parameter: recipe.publish.parameter.clone(),
            launch_template: recipe.publish.launch_template.as_ref().map(|template| template.name.clone()),
            image: named.map(|image| image.to_string()),
            version: version.map(|version| version.to_string()),
        }
    };
    recipe.regions(seen.home).map(place).collect()
}
