//! How many images a recipe has in a Region, and whether those are far fewer than were recorded.
//!
//! Each step of a removal records the number on the image. If the next step finds far fewer images than were
//! recorded, EC2 probably returned a partial answer, so nothing is removed.

use std::collections::{BTreeMap, BTreeSet};

use super::inventory::{ImagesByRegion, observed_images};
use crate::inventory::{Image, ImageState};
use crate::model::{Region, Tags, tags};
use crate::plan::reason::{Limit, RetentionReason};
use crate::plan::{Action, Sequence, Subject};

/// A drop is unexpected if at least this many images are missing and fewer than half are left.
const MIN_DROP: usize = 5;

/// How many images there are in each Region.
#[derive(Debug, Clone, Default)]
pub struct FleetSize(BTreeMap<Region, usize>);

/// Whether an image counts: it is available, disabled or pending.
pub fn counts(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Disabled | ImageState::Pending)
}

impl FleetSize {
    /// Counts the images of every Region that could be read.
    pub fn of_regions(found: &ImagesByRegion) -> Self {
        let regions = found.iter().filter_map(|(region, images)| Some((region, images.as_ref().ok()?)));
        let count = |images: &[Image]| images.iter().filter(|image| counts(image)).count();
        Self(regions.map(|(region, images)| (region.clone(), count(images))).collect())
    }

    /// Counts these images by Region.
    pub fn of<'a>(images: impl IntoIterator<Item = &'a Image>) -> Self {
        let mut fleet = BTreeMap::new();
        for image in images.into_iter().filter(|image| counts(image)) {
            match fleet.get_mut(&image.region) {
                Some(count) => *count += 1,
                None => {
                    fleet.insert(image.region.clone(), 1);
                }
            }
        }
        Self(fleet)
    }

    /// The number of images in a Region.
    pub fn in_region(&self, region: &Region) -> usize {
        self.0.get(region).copied().unwrap_or_default()
    }
}

/// The number of images that the last step of this image recorded. A number does not count once the mark of its step
/// was cleared.
fn recorded_size(image: &Image) -> Option<usize> {
    let size = image.tags.read(tags::FLEET_SIZE)?;
    let is_leaving = image.unused_since().is_some() || image.disabled_at().is_some();
    (is_leaving && counts(image)).then_some(size)
}

/// The first Region that shows far fewer images than were recorded there.
pub fn unexpected_drop(found: &ImagesByRegion) -> Option<Limit> {
    let fleet = FleetSize::of_regions(found);
    let drop_at = |image: &Image| {
        let (before, now) = (recorded_size(image)?, fleet.in_region(&image.region));
        let is_unexpected = before > 2 * now && before - now >= MIN_DROP;
        is_unexpected.then(|| Limit::FarFewer { region: image.region.clone(), before, now })
    };
    observed_images(found).find_map(drop_at)
}

/// Lowers the recorded sizes by the images that these sequences deregister; otherwise the next step would take the
/// smaller fleet for a partial answer. An image that takes a step records the lower size with it. Every other image
/// that is leaving gets a sequence of its own that tags it.
pub fn record_sizes(found: &ImagesByRegion, sequences: &mut Vec<Sequence>) {
    let counted: BTreeSet<&str> =
        observed_images(found).filter(|image| counts(image)).map(|image| image.id.as_str()).collect();
    let mut removed: BTreeMap<Region, usize> = BTreeMap::new();
    let (mut deregistered, mut taking_a_step) = (BTreeSet::new(), BTreeSet::new());
    for decision in sequences.iter().flatten() {
        let Some(id) = decision.subject.resource.clone() else { continue };
        match decision.action {
            Action::Deregister(..) => {
                *removed.entry(decision.subject.region.clone()).or_default() +=
                    usize::from(counted.contains(id.as_str()));
                deregistered.insert(id);
            }
            Action::Deprecate(..) | Action::Disable(..) => {
                taking_a_step.insert(id);
            }
            _ => {}
        }
    }
    if removed.is_empty() {
        return;
    }
    for decision in sequences.iter_mut().flatten() {
        let removed = removed.get(&decision.subject.region).copied().unwrap_or_default();
        if let Action::Deprecate(_, _, size) | Action::Disable(_, _, size) = &mut decision.action {
            *size = size.saturating_sub(removed);
        }
    }
    let fleet = FleetSize::of_regions(found);
    let waiting = observed_images(found).filter(|image| {
        !deregistered.contains(image.id.as_str()) && !taking_a_step.contains(image.id.as_str())
    });
    sequences.extend(waiting.filter_map(|image| {
        let now = fleet.in_region(&image.region).saturating_sub(*removed.get(&image.region)?);
        let before = recorded_size(image).filter(|before| *before > now)?;
        let tag = Action::Tag(image.id.clone(), Tags::new().with(tags::FLEET_SIZE, now));
        Some(vec![Subject::image(image).decide(tag, RetentionReason::Recounted { before, now })])
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::inventory::WithSnapshots;

    fn found(images: Vec<Image>) -> ImagesByRegion {
        ImagesByRegion::from([(region("us-east-1"), Ok(images))])
    }

    fn leaving(n: i64, size: &str) -> Image {
        let since = day(30).to_rfc3339();
        image("web", n).released().tagged(tags::UNUSED_SINCE, &since).tagged(tags::FLEET_SIZE, size).build()
    }

    #[test]
    fn fewer_than_half_of_the_recorded_images_is_an_unexpected_drop() {
        let of_five =
            |recorded: &str| unexpected_drop(&found((1..=5).map(|n| leaving(n, recorded)).collect()));
        assert_eq!(of_five("10"), None);
        let text = of_five("11").unwrap().to_string();
        assert!(text.starts_with("us-east-1 shows 5 images of the recipe, down from 11"), "{text}");
    }

    #[test]
    fn fewer_than_five_missing_images_are_never_an_unexpected_drop() {
        assert_eq!(unexpected_drop(&found(vec![leaving(1, "5")])), None);
        assert!(unexpected_drop(&found(vec![leaving(1, "6")])).is_some());
    }

    #[test]
    fn a_recorded_size_is_ignored_once_the_unused_mark_is_cleared() {
        let cleared =
            image("web", 1).released().tagged(tags::UNUSED_SINCE, "no").tagged(tags::FLEET_SIZE, "99");
        assert_eq!(unexpected_drop(&found(vec![cleared.build()])), None);
    }

    #[test]
    fn a_run_that_deregisters_lowers_the_recorded_size_of_the_images_that_are_left() {
        let mut images: Vec<Image> = (1..=4).map(|n| leaving(n, "4")).collect();
        let mut failed = leaving(5, "4");
        failed.state = ImageState::Failed;
        images.push(failed);
        let decision = |image: &Image, action| {
            vec![Subject::image(image).decide(action, RetentionReason::RegionRemoved)]
        };
        let deregister =
            |image: &Image| decision(image, Action::Deregister(image.id.clone(), WithSnapshots::All));
        let disable = |size| Action::Disable(images[1].id.clone(), day(40), size);
        let mut sequences =
            vec![deregister(&images[0]), decision(&images[1], disable(4)), deregister(&images[4])];
        record_sizes(&found(images.clone()), &mut sequences);
        let actions: Vec<&Action> = sequences.iter().flatten().map(|one| &one.action).collect();
        let three = |image: &Image| Action::Tag(image.id.clone(), Tags::new().with(tags::FLEET_SIZE, 3));
        assert_eq!(actions[1], &disable(3), "a step records the size itself");
        assert_eq!(actions[3..], [&three(&images[2]), &three(&images[3])], "a failed image does not count");
        let mut without_deregistration = vec![decision(&images[1], disable(4))];
        record_sizes(&found(images.clone()), &mut without_deregistration);
        assert_eq!(without_deregistration, [decision(&images[1], disable(4))]);
    }
}
