//! Finds the recipes that must be baked because the recipe they use as their base has a new release.

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{Image, Instance, Seal};
use crate::model::{RecipeName, Tags, Version, tags};
use crate::recipe::Recipe;
use crate::release::newest::named_releases;

/// How long after a base's release its layers may be baked because of it. Long enough to make up for a lost event;
/// limited, because a bake that fails must not be retried for ever. After that, the next scheduled bake uses the new
/// base.
pub const LAYER_WINDOW: TimeDelta = TimeDelta::days(1);

/// The recipes whose base has a release that none of their bakes has used yet, each with the version of the bake that
/// is due. The version is the time at which the base's image was created, or one second after the recipe's last bake,
/// whichever is later. It does not depend on the current time, so every caller gets the same one. `of` limits the
/// search to layers of one base; `None` means any base.
pub fn due<'a>(
    recipes: impl IntoIterator<Item = &'a Recipe>,
    of: Option<&RecipeName>,
    images: &[Image],
    instances: &[Instance],
    now: DateTime<Utc>,
) -> Vec<(&'a Recipe, Version)> {
    let named = named_releases(images);
    let layer = |recipe: &'a Recipe| {
        let base = recipe.base_recipe().filter(|base| of.is_none_or(|of| of == *base))?;
        let release = named.get(base)?.image;
        let released = release.tags.time(tags::RELEASED_AT)?;
        let of_recipe = |tags: &&Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let of_images = images.iter().filter(|image| image.record().is_ok()).map(|image| &image.tags);
        let of_instances = instances.iter().filter(|one| one.seal == Seal::Valid).map(|one| &one.tags);
        let bakes: Vec<&Tags> = of_images.chain(of_instances).filter(of_recipe).collect();
        // What was copied back is the same base.
        let ids = [Some(release.id.as_str()), release.tags.get(tags::IN_PLACE_OF)];
        let begun = bakes.iter().any(|tags| tags.has(tags::BASE) && ids.contains(&tags.get(tags::BASE)));
        if begun || released + LAYER_WINDOW <= now {
            return None;
        }
        let begun = bakes.iter().filter_map(|tags| tags.read::<Version>(tags::VERSION));
        let last = begun.filter(|version| !version.is_of_the_future(now)).max();
        let after_last = last.map(|last| last.time() + TimeDelta::seconds(1));
        let version = Version::at(release.created.max(after_last)?).ok()?;
        (!version.is_of_the_future(now)).then_some((recipe, version))
    };
    recipes.into_iter().filter(|recipe| recipe.bake.on_base_release).filter_map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::recipe::Recipe;

    fn layer(more: &str) -> Recipe {
        let document =
            format!("name = \"web\"\n[bake]\nbase = \"recipe:base\"\ninstance_type = \"t4g.small\"\n{more}");
        Recipe::parse("web", &document).unwrap()
    }

    fn released(n: i64) -> Image {
        image("base", n).released().tagged(tags::RELEASED_AT, &day(n).to_rfc3339()).build()
    }

    fn versions(recipe: &Recipe, images: &[Image], instances: &[Instance]) -> Vec<String> {
        due([recipe], None, images, instances, day(4))
            .iter()
            .map(|(_, version)| version.to_string())
            .collect()
    }

    #[test]
    fn a_release_of_the_base_makes_one_bake_due_for_a_day_in_each_layer_that_asks() {
        let enabled = layer("on_base_release = true");
        assert_eq!(versions(&enabled, &[released(3), released(4)], &[]), ["20260105T020000Z"]);
        assert!(versions(&layer(""), &[released(4)], &[]).is_empty());
        assert!(due([&enabled], None, &[released(4)], &[], day(5)).is_empty());
        assert!(due([&enabled], Some(&"other".parse().unwrap()), &[released(4)], &[], day(4)).is_empty());
    }

    fn active_builder_of(recipe: &str, base: &Image) -> Instance {
        let builder = builder(recipe, 4);
        Instance { tags: builder.tags.clone().with(tags::BASE, &base.id), ..builder }
    }

    #[test]
    fn a_version_that_is_yet_to_come_makes_no_layer_of_the_future() {
        let enabled = layer("on_base_release = true");
        let of_the_future = image("web", 400).build();
        assert_eq!(versions(&enabled, &[released(4), of_the_future], &[]), ["20260105T020000Z"]);
        // The clock that began the last bake is ahead by the minute that is allowed: the next sweep finds it due.
        let last = builder("web", 4);
        let ahead = Version::at(day(4) + TimeDelta::minutes(1)).unwrap();
        let last = Instance { tags: last.tags.clone().with(tags::VERSION, ahead), ..last };
        let due = |now| due([&enabled], None, &[released(4)], std::slice::from_ref(&last), now).len();
        assert_eq!((due(day(4)), due(day(4) + TimeDelta::seconds(1))), (0, 1));
    }

    #[test]
    fn a_layer_is_due_unless_a_bake_of_it_has_used_the_new_base() {
        let enabled = layer("on_base_release = true");
        let from = |id: &str| image("web", 4).tagged(tags::BASE, id).build();
        let release = released(4);
        assert!(versions(&enabled, &[release.clone(), from(release.id.as_str())], &[]).is_empty());
        let older = [release.clone(), from(released(3).id.as_str())];
        assert_eq!(versions(&enabled, &older, &[]), ["20260105T020001Z"]);
        let active_builder = active_builder_of("web", &release);
        assert!(versions(&enabled, std::slice::from_ref(&release), &[active_builder]).is_empty());
        let stranger = Instance { seal: Seal::Missing, ..active_builder_of("web", &release) };
        assert_eq!(versions(&enabled, &[release], &[stranger]).len(), 1);
    }
}
