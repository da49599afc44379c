//! Decides what follows if no subnet has room for a builder: the bake waits, and a sweep tries it again, until its window is
//! over.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::inventory::{IfFull, Image};
use crate::model::{ImageName, RecipeName, Region, Tags, Version, tags};
use crate::plan::reason::BakeReason;
use crate::recipe::Recipe;

/// What stands behind the version of a bake that no room came for.
const OVER: &str = "over";

/// What follows if nobody has room for the builder. The recipe's newest image remembers that the bake waits.
pub(super) fn if_full(name: &ImageName, home: &Region, recipe: &Recipe, images: &[Image]) -> IfFull {
    let own = images
        .iter()
        .filter(|image| image.region == *home && image.record().is_ok_and(|record| record.copied.is_none()));
    let noted_on = own.max_by_key(|image| (image.created, &image.id)).map(|image| image.id.clone());
    IfFull { until: name.version.time() + recipe.bake.window, noted_on }
}

/// What is noted of a bake that finds no room, and the reason: it waits, or it has failed.
pub fn on_full(
    version: Version,
    until: DateTime<Utc>,
    why: String,
    now: DateTime<Utc>,
) -> (Tags, BakeReason) {
    match now < until {
        true => (waits(version), BakeReason::WaitsForRoom { why, until }),
        false => (waits_no_more(version), BakeReason::NoRoom { why, until }),
    }
}

/// The note that a bake waits for room.
fn waits(version: Version) -> Tags {
    Tags::new().with(tags::BAKE_WAITS, version)
}

/// The note that a bake has failed, because no room came. The same event delivered again begins it no more.
fn waits_no_more(version: Version) -> Tags {
    Tags::new().with(tags::BAKE_WAITS, format!("{version} {OVER}"))
}

/// Whether that is noted of a bake on an image.
pub(super) fn never_came(image: &Image, version: Version) -> bool {
    let noted = image.tags.get(tags::BAKE_WAITS).and_then(|value| value.split_once(' '));
    noted.is_some_and(|(of, word)| word == OVER && of == version.to_string())
}

/// The bakes that wait for room, each once: what a sweep tries again.
pub fn waiting<'a>(images: &'a [Image]) -> impl Iterator<Item = ImageName> + use<'a> {
    let waits_for = |image: &Image| {
        let version: Version = image.tags.read(tags::BAKE_WAITS)?;
        Some(ImageName { recipe: image.record().ok()?.name.recipe, version })
    };
    let found: BTreeMap<RecipeName, ImageName> = images
        .iter()
        .filter_map(waits_for)
        .map(|name| (name.recipe.clone(), name))
        .fold(BTreeMap::new(), |mut newest, (recipe, name)| {
            let entry = newest.entry(recipe).or_insert_with(|| name.clone());
            entry.version = entry.version.max(name.version);
            newest
        });
    found.into_values()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::fixtures::*;

    fn if_full_with(images: &[Image]) -> IfFull {
        if_full(&name("web", 9), &region("us-east-1"), &recipe("web"), images)
    }

    #[test]
    fn a_bake_that_finds_no_room_waits_on_the_newest_own_image_until_its_window_is_over() {
        let (old, new) = (image("web", 7).released().build(), image("web", 8).released().build());
        let replica = image("web", 9).in_region("eu-west-1").build();
        let waits = if_full_with(&[old, new.clone(), replica]);
        assert_eq!(waits.noted_on, Some(new.id));
        assert_eq!(waits.until, name("web", 9).version.time() + TimeDelta::hours(6));
        assert_eq!(if_full_with(&[]).noted_on, None);
    }

    #[test]
    fn of_several_bakes_that_wait_the_latest_is_tried_again() {
        let waiting_for = |n: i64, version: i64| {
            let image = image("web", n).released().build();
            Image { tags: image.tags.clone().and(&waits(name("web", version).version)), ..image }
        };
        let mut over = image("base", 3).released().build();
        over.tags = over.tags.and(&waits_no_more(name("base", 4).version));
        assert!(never_came(&over, name("base", 4).version) && !never_came(&over, name("base", 5).version));
        let found: Vec<ImageName> = waiting(&[waiting_for(7, 9), waiting_for(6, 8), over]).collect();
        assert_eq!(found, [name("web", 9)]);
    }
}
