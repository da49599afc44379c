//! Which recipes are baked anew because the recipe that is their base has a new release.

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{Image, Instance, InstanceRole};
use crate::model::{RecipeName, Tags, Version, tags};
use crate::recipe::Recipe;
use crate::release::newest::newest_releases;

/// How long after a release its layers are begun: long enough for what was lost, and no longer, for a bake that fails is
/// not tried again for ever. What comes later comes with the next night.
pub const PATIENCE: TimeDelta = TimeDelta::days(1);

/// The recipes whose base has a release from which none of their bakes was begun, each with the version of the bake that is
/// due. Whoever comes to it comes to the same one, for nothing in it is of the moment: it is the time at which the base's
/// image was registered, or the second after the recipe's last bake, whichever is later. `of` is the base; `None`: any.
pub fn due<'a>(
    recipes: impl IntoIterator<Item = &'a Recipe>,
    of: Option<&RecipeName>,
    images: &[Image],
    instances: &[Instance],
    now: DateTime<Utc>,
) -> Vec<(&'a Recipe, Version)> {
    let newest = newest_releases(images);
    let layer = |recipe: &'a Recipe| {
        let base = recipe.base_recipe().filter(|base| of.is_none_or(|of| of == *base))?;
        let (_, release) = newest.get(base)?;
        let released = release.tags.time(tags::RELEASED_AT)?;
        let own = |tags: &&Tags| tags.get(tags::RECIPE) == Some(recipe.name.as_str());
        let of_images = images.iter().map(|image| &image.tags);
        let bakes: Vec<&Tags> = of_images.chain(instances.iter().map(|one| &one.tags)).filter(own).collect();
        let begun = bakes.iter().any(|tags| tags.get(tags::BASE) == Some(release.id.as_str()));
        // A long-lived builder has a base of its own.
        let long_lived =
            instances.iter().any(|one| own(&&one.tags) && one.purpose() == InstanceRole::LongLived);
        if begun || long_lived || released + PATIENCE <= now {
            return None;
        }
        let last = bakes.iter().filter_map(|tags| tags.read::<Version>(tags::VERSION)).max();
        let after_last = last.map(|last| last.time() + TimeDelta::seconds(1));
        let version = Version::at(release.created.max(after_last)?).ok()?;
        Some((recipe, version))
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
    fn a_release_of_the_base_is_one_bake_of_the_layer_that_asks_for_it() {
        let asks = layer("on_base_release = true");
        assert_eq!(versions(&asks, &[released(3), released(4)], &[]), ["20260105T020000Z"]);
        assert!(versions(&layer(""), &[released(4)], &[]).is_empty());
        assert!(due([&asks], None, &[released(4)], &[], day(5)).is_empty());
        assert!(due([&asks], Some(&"other".parse().unwrap()), &[released(4)], &[], day(4)).is_empty());
    }

    #[test]
    fn what_was_begun_from_it_is_not_begun_again_and_what_was_begun_from_an_older_one_is() {
        let asks = layer("on_base_release = true");
        let from = |id: &str| image("web", 5).tagged(tags::BASE, id).build();
        let release = released(4);
        assert!(versions(&asks, &[release.clone(), from(release.id.as_str())], &[]).is_empty());
        let older = [release.clone(), from(released(3).id.as_str())];
        assert_eq!(versions(&asks, &older, &[]), ["20260106T020001Z"]);
        let mut at_work = builder("web", 4);
        at_work.tags = at_work.tags.with(tags::BASE, &release.id);
        assert!(versions(&asks, std::slice::from_ref(&release), &[at_work]).is_empty());
        assert!(versions(&asks, &[release], &[long_lived("web")]).is_empty());
    }
}
