//! For how long each recipe has had no new release.

use chrono::{DateTime, Utc};

use crate::inventory::{Image, ImageState};
use crate::model::{RecipeName, Stage, tags};
use crate::recipe::Recipe;

use super::observed::Observed;

/// The hours since the newest release of each recipe that has one. A recipe that publishes no image without a change may
/// have nothing to release, and is left out. Empty if the images of the home Region could not be read.
pub fn hours_since_release(observed: &Observed, now: DateTime<Utc>) -> Vec<(RecipeName, f64)> {
    let images = observed.home_images().unwrap_or_default();
    let released = |recipe: &Recipe| {
        let own = images.iter().filter(|image| image.tags.get(tags::RECIPE) == Some(recipe.name.as_str()));
        own.filter_map(released_at).max()
    };
    let awaited = observed.recipes.values().filter(|recipe| !recipe.publish.skip_unchanged);
    awaited.filter_map(|recipe| Some((recipe.name.clone(), hours(now, released(recipe)?)))).collect()
}

/// Whether a sweep saw all that it looks at first: the images and instances of every Region.
pub fn saw_all(observed: &Observed) -> bool {
    observed.images.values().all(Result::is_ok)
        && observed.instances.is_ok()
        && observed.further.values().all(Result::is_ok)
}

/// When an image was released, by its mark; by its version if somebody took that away.
fn released_at(image: &Image) -> Option<DateTime<Utc>> {
    let record = image.record().ok()?;
    let is_release =
        record.stage == Stage::Released && image.state == ImageState::Available && !image.is_out();
    let marked = image.tags.time(tags::RELEASED_AT).unwrap_or(record.name.version.time());
    is_release.then_some(marked)
}

#[allow(clippy::cast_precision_loss, reason = "hours of some years")]
fn hours(now: DateTime<Utc>, released: DateTime<Utc>) -> f64 {
    let minutes = (now - released).num_minutes().max(0) as f64;
    (minutes / 6.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::fixtures::day;

    #[test]
    fn hours_are_told_to_a_tenth_and_never_below_none() {
        assert!((hours(day(2), day(1)) - 24.0).abs() < f64::EPSILON);
        assert!((hours(day(1) + TimeDelta::minutes(90), day(1)) - 1.5).abs() < f64::EPSILON);
        assert!(hours(day(1), day(2)).abs() < f64::EPSILON);
    }
}
