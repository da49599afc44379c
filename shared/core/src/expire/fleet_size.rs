//! How many images a recipe has in a Region, and whether those are far fewer than when it was last counted.
//!
//! Each step of an image on its way out writes down how many there were. An answer of EC2's that shows a part alone is
//! taken for what it is by the next step: nothing goes.

use std::collections::{BTreeMap, BTreeSet};

use super::inventory::{ImagesByRegion, observed_images};
use crate::inventory::{Image, ImageState};
use crate::model::{Region, Tags, tags};
use crate::plan::reason::{Limit, RetentionReason};
use crate::plan::{Action, Sequence, Subject};

/// So many fewer at the least, and less than half, are far fewer.
const FAR_FEWER: usize = 5;

/// How many images there are in each Region.
#[derive(Debug, Clone, Default)]
pub struct FleetSize(BTreeMap<Region, usize>);

/// Whether an image counts.
pub fn counts(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Disabled | ImageState::Pending)
}

impl FleetSize {
    /// Of what was found.
    pub fn of_regions(found: &ImagesByRegion) -> Self {
        let regions = found.iter().filter_map(|(region, images)| Some((region, images.as_ref().ok()?)));
        let count = |images: &[Image]| images.iter().filter(|image| counts(image)).count();
        Self(regions.map(|(region, images)| (region.clone(), count(images))).collect())
    }

    /// Of these images.
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

    /// How many there are in a Region.
    pub fn in_region(&self, region: &Region) -> usize {
        self.0.get(region).copied().unwrap_or_default()
    }
}

/// What an image on its way out tells of how many there were; a mark that was taken back tells nothing.
fn counted(image: &Image) -> Option<usize> {
    let counted = image.tags.read(tags::FLEET_SIZE)?;
    let on_its_way = image.unused_since().is_some() || image.disabled_at().is_some();
    (on_its_way && counts(image)).then_some(counted)
}

/// A Region that shows far fewer images than it did.
pub fn unexpected_drop(found: &ImagesByRegion) -> Option<Limit> {
    let fleet = FleetSize::of_regions(found);
    let fewer = |image: &Image| {
        let (before, now) = (counted(image)?, fleet.in_region(&image.region));
        let far = before > 2 * now && before - now >= FAR_FEWER;
        far.then(|| Limit::FarFewer { region: image.region.clone(), before, now })
    };
    observed_images(found).find_map(fewer)
}

/// Once images go by this plan, those that stay on their way tell the fewer that are left: else the next step would find them
/// strange. What takes a step itself writes that number with it, and the others are told in chains of their own.
pub fn record_sizes(found: &ImagesByRegion, sequences: &mut Vec<Sequence>) {
    let lives: BTreeSet<&str> =
        observed_images(found).filter(|image| counts(image)).map(|image| image.id.as_str()).collect();
    let mut gone: BTreeMap<Region, usize> = BTreeMap::new();
    let (mut going, mut steps) = (BTreeSet::new(), BTreeSet::new());
    for decision in sequences.iter().flatten() {
        let Some(id) = decision.subject.resource.clone() else { continue };
        match decision.action {
            Action::Deregister(_) => {
                *gone.entry(decision.subject.region.clone()).or_default() +=
                    usize::from(lives.contains(id.as_str()));
                going.insert(id);
            }
            Action::Deprecate(..) | Action::Disable(..) => {
                steps.insert(id);
            }
            _ => {}
        }
    }
    if gone.is_empty() {
        return;
    }
    for decision in sequences.iter_mut().flatten() {
        let gone = gone.get(&decision.subject.region).copied().unwrap_or_default();
        if let Action::Deprecate(_, _, counted) | Action::Disable(_, _, counted) = &mut decision.action {
            *counted = counted.saturating_sub(gone);
        }
    }
    let fleet = FleetSize::of_regions(found);
    let waits = observed_images(found)
        .filter(|image| !going.contains(image.id.as_str()) && !steps.contains(image.id.as_str()));
    sequences.extend(waits.filter_map(|image| {
        let now = fleet.in_region(&image.region).saturating_sub(*gone.get(&image.region)?);
        let before = counted(image).filter(|before| *before > now)?;
        let note = Action::Tag(image.id.clone(), Tags::new().with(tags::FLEET_SIZE, now));
        Some(vec![Subject::image(image).decide(note, RetentionReason::Recounted { before, now })])
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn found(images: Vec<Image>) -> ImagesByRegion {
        ImagesByRegion::from([(region("us-east-1"), Ok(images))])
    }

    fn on_its_way(n: i64, counted: &str) -> Image {
        let since = day(30).to_rfc3339();
        image("web", n)
            .released()
            .tagged(tags::UNUSED_SINCE, &since)
            .tagged(tags::FLEET_SIZE, counted)
            .build()
    }

    #[test]
    fn less_than_half_of_what_was_counted_is_unexpected_drop() {
        let now = |counted: &str| unexpected_drop(&found((1..=5).map(|n| on_its_way(n, counted)).collect()));
        assert_eq!(now("10"), None);
        let text = now("11").unwrap().to_string();
        assert!(text.starts_with("us-east-1 shows 5 images of the recipe, down from 11"), "{text}");
    }

    #[test]
    fn a_few_images_are_never_unexpected_drop() {
        assert_eq!(unexpected_drop(&found(vec![on_its_way(1, "5")])), None);
        assert!(unexpected_drop(&found(vec![on_its_way(1, "6")])).is_some());
    }

    #[test]
    fn what_is_on_its_way_no_more_tells_nothing() {
        let spared =
            image("web", 1).released().tagged(tags::UNUSED_SINCE, "no").tagged(tags::FLEET_SIZE, "99");
        assert_eq!(unexpected_drop(&found(vec![spared.build()])), None);
    }

    #[test]
    fn what_stays_tells_the_fewer_that_a_run_leaves() {
        let mut images: Vec<Image> = (1..=4).map(|n| on_its_way(n, "4")).collect();
        let mut failed = on_its_way(5, "4");
        failed.state = ImageState::Failed;
        images.push(failed);
        let decision = |image: &Image, action| {
            vec![Subject::image(image).decide(action, RetentionReason::RegionRemoved)]
        };
        let deregister = |image: &Image| decision(image, Action::Deregister(image.id.clone()));
        let retires = |counted| Action::Disable(images[1].id.clone(), day(40), counted);
        let mut sequences =
            vec![deregister(&images[0]), decision(&images[1], retires(4)), deregister(&images[4])];
        record_sizes(&found(images.clone()), &mut sequences);
        let text: Vec<&Action> = sequences.iter().flatten().map(|one| &one.action).collect();
        let three = |image: &Image| Action::Tag(image.id.clone(), Tags::new().with(tags::FLEET_SIZE, 3));
        assert_eq!(text[1], &retires(3), "a step writes it itself");
        assert_eq!(text[3..], [&three(&images[2]), &three(&images[3])], "what failed was never counted");
        let mut nothing = vec![decision(&images[1], retires(4))];
        record_sizes(&found(images.clone()), &mut nothing);
        assert_eq!(nothing, [decision(&images[1], retires(4))]);
    }
}
