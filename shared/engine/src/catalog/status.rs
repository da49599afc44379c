//! How the recipes are, as the document that answers that question.

use std::collections::BTreeMap;

use kiln_catalog::model::Newest;
use kiln_catalog::status::{Pointer, PointerKind, RecipeStatus, STATUS_SCHEMA, Status, VersionStage};
use kiln_core::model::{ImageId, Region, Version, tags};
use kiln_core::recipe::Recipe;
use kiln_core::release::Pointers;

use super::files::KILN;
use super::seen::{Seen, SeenRecipe};
use super::version::stage;
use super::{history, under_way};

/// How many versions are told of with their stage: a bake that somebody follows is among the newest.
const MOST_VERSIONS: usize = 5;

/// The document.
pub fn status(seen: &Seen<'_>) -> Status {
    Status {
        schema: STATUS_SCHEMA,
        made_at: seen.now,
        kiln: KILN.into(),
        home: seen.home.to_string(),
        gaps: seen.gaps.clone(),
        recipes: seen.recipes.iter().map(|of| recipe(seen, of)).collect(),
        queues: Vec::new(),
    }
}

fn recipe(seen: &Seen<'_>, of: &SeenRecipe<'_>) -> RecipeStatus {
    let newest = of.one.lineage.newest.map(|version| Newest {
        version: version.to_string(),
        released_at: of.home_image(version).and_then(|image| image.tags.time(tags::RELEASED_AT)),
    });
    let mut versions: Vec<_> = of.one.lineage.releases.iter().collect();
    versions.sort_by_key(|release| std::cmp::Reverse(release.version));
    let versions = versions.iter().take(MOST_VERSIONS).filter_map(|release| {
        let (_, record) = release.members.last()?;
        Some(VersionStage { version: release.version.to_string(), stage: stage(record.stage) })
    });
    let recipe = of.one.observed.recipe.as_ref();
    RecipeStatus {
        name: of.name.to_string(),
        newest,
        under_way: under_way::under_way(seen, of),
        versions: versions.collect(),
        pointers: recipe.map_or_else(Vec::new, |recipe| pointers(seen.home, of, recipe)),
        last_failure: history::last_failure(of),
    }
}

/// What each Region's parameter and launch template name. Where the recipe has neither, nothing names its releases.
fn pointers(home: &Region, of: &SeenRecipe<'_>, recipe: &Recipe) -> Vec<Pointer> {
    let known: BTreeMap<&ImageId, Version> = (of.one.lineage.releases.iter())
        .flat_map(|release| release.images().map(|image| (&image.id, release.version)))
        .collect();
    let unread = Pointers::default();
    let mut all = Vec::new();
    for region in recipe.regions(home) {
        let found = of.pointers.get(region).unwrap_or(&unread);
        let pointer = |kind, name: &str, image: Option<ImageId>, error: Option<String>| Pointer {
            region: region.to_string(),
            required: region == home || recipe.replicate.requires(region),
            kind,
            name: name.to_owned(),
            version: image.as_ref().and_then(|image| known.get(image)).map(ToString::to_string),
            image: image.map(|image| image.to_string()),
            error,
        };
        if let Some(name) = &recipe.publish.parameter {
            let image = found.value().and_then(|value| value.parse().ok());
            let error = found.parameter.as_ref().and_then(|read| read.as_ref().err());
            all.push(pointer(PointerKind::Parameter, name, image, error.map(ToString::to_string)));
        }
        if let Some(template) = &recipe.publish.launch_template {
            let image = found.by_template(recipe).cloned();
            let error = found.template.as_ref().and_then(|read| read.as_ref().err());
            let error = error.map(ToString::to_string);
            all.push(pointer(PointerKind::LaunchTemplate, &template.name, image, error));
        }
    }
    all
}
