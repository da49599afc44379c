//! How many images a recipe has in a Region, and whether those are far fewer than when it was last counted.
//!
//! Each step of an image on its way out writes down how many there were. An answer of EC2's that shows a part alone is
//! taken for what it is by the next step: nothing goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::expire::limits::Stop;
use crate::expire::lineage::{Found, seen};
use crate::inventory::{Image, ImageState};
use crate::model::{Region, Tags, tags};
use crate::plan::{Action, Chain, Reason, Subject};

/// So many fewer at the least, and less than half, are far fewer.
const FAR_FEWER: usize = 5;

/// How many images there are in each Region.
#[derive(Debug, Clone, Default)]
pub struct Census(BTreeMap<Region, usize>);

/// Whether an image counts.
pub fn living(image: &Image) -> bool {
    matches!(image.state, ImageState::Available | ImageState::Disabled | ImageState::Pending)
}

impl Census {
    /// Of what was found.
    pub fn of_found(found: &Found) -> Self {
        let seen = found.iter().filter_map(|(region, images)| Some((region, images.as_ref().ok()?)));
        let count = |images: &[Image]| images.iter().filter(|image| living(image)).count();
        Self(seen.map(|(region, images)| (region.clone(), count(images))).collect())
    }

    /// Of these images.
    pub fn of<'a>(images: impl IntoIterator<Item = &'a Image>) -> Self {
        let mut census = BTreeMap::new();
        for image in images.into_iter().filter(|image| living(image)) {
            match census.get_mut(&image.region) {
                Some(count) => *count += 1,
                None => {
                    census.insert(image.region.clone(), 1);
                }
            }
        }
        Self(census)
    }

    /// How many there are in a Region.
    pub fn in_region(&self, region: &Region) -> usize {
        self.0.get(region).copied().unwrap_or_default()
    }
}

/// What an image on its way out tells of how many there were; a mark that was taken back tells nothing.
fn counted(image: &Image) -> Option<usize> {
    let counted = image.tags.read(tags::COUNTED)?;
    let on_its_way = image.unused().is_some() || image.retired().is_some();
    (on_its_way && living(image)).then_some(counted)
}

/// A Region that shows far fewer images than it did.
pub fn far_fewer(found: &Found) -> Option<Stop> {
    let census = Census::of_found(found);
    let fewer = |image: &Image| {
        let (before, now) = (counted(image)?, census.in_region(&image.region));
        let far = before > 2 * now && before - now >= FAR_FEWER;
        far.then(|| Stop::FarFewer { region: image.region.clone(), before, now })
    };
    seen(found).find_map(fewer)
}

/// Once images go by this plan, those that stay on their way tell the fewer that are left: else the next step would find them
/// strange. What takes a step itself writes that number with it, and the others are told in chains of their own.
pub fn recount(found: &Found, chains: &mut Vec<Chain>) {
    let lives: BTreeSet<&str> =
        seen(found).filter(|image| living(image)).map(|image| image.id.as_str()).collect();
    let mut gone: BTreeMap<Region, usize> = BTreeMap::new();
    let (mut going, mut steps) = (BTreeSet::new(), BTreeSet::new());
    for decision in chains.iter().flatten() {
        let Some(id) = decision.subject.resource.clone() else { continue };
        match decision.action {
            Action::Deregister(_) => {
                *gone.entry(decision.subject.region.clone()).or_default() +=
                    usize::from(lives.contains(id.as_str()));
                going.insert(id);
            }
            Action::MarkUnused(..) | Action::Retire(..) => {
                steps.insert(id);
            }
            _ => {}
        }
    }
    if gone.is_empty() {
        return;
    }
    for decision in chains.iter_mut().flatten() {
        let gone = gone.get(&decision.subject.region).copied().unwrap_or_default();
        if let Action::MarkUnused(_, _, counted) | Action::Retire(_, _, counted) = &mut decision.action {
            *counted = counted.saturating_sub(gone);
        }
    }
    let census = Census::of_found(found);
    let waits =
        seen(found).filter(|image| !going.contains(image.id.as_str()) && !steps.contains(image.id.as_str()));
    chains.extend(waits.filter_map(|image| {
        let now = census.in_region(&image.region).saturating_sub(*gone.get(&image.region)?);
        let before = counted(image).filter(|before| *before > now)?;
        let note = Action::Note(image.id.clone(), Tags::new().with(tags::COUNTED, now));
        Some(vec![Subject::image(image).so(note, Reason::Recounted { before, now })])
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn found(images: Vec<Image>) -> Found {
        Found::from([(region("us-east-1"), Ok(images))])
    }

    fn on_its_way(n: i64, counted: &str) -> Image {
        let since = day(30).to_rfc3339();
        image("web", n).released().tagged(tags::UNUSED, &since).tagged(tags::COUNTED, counted).build()
    }

    #[test]
    fn less_than_half_of_what_was_counted_is_far_fewer() {
        let now = |counted: &str| far_fewer(&found((1..=5).map(|n| on_its_way(n, counted)).collect()));
        assert_eq!(now("10"), None);
        let told = now("11").unwrap().to_string();
        assert!(told.starts_with("us-east-1 shows 5 images of the recipe's, and there were 11"), "{told}");
    }

    #[test]
    fn a_few_images_are_never_far_fewer() {
        assert_eq!(far_fewer(&found(vec![on_its_way(1, "5")])), None);
        assert!(far_fewer(&found(vec![on_its_way(1, "6")])).is_some());
    }

    #[test]
    fn what_is_on_its_way_no_more_tells_nothing() {
        let spared = image("web", 1).released().tagged(tags::UNUSED, "no").tagged(tags::COUNTED, "99");
        assert_eq!(far_fewer(&found(vec![spared.build()])), None);
    }

    #[test]
    fn what_stays_tells_the_fewer_that_a_run_leaves() {
        let mut images: Vec<Image> = (1..=4).map(|n| on_its_way(n, "4")).collect();
        let mut failed = on_its_way(5, "4");
        failed.state = ImageState::Failed;
        images.push(failed);
        let so = |image: &Image, action| vec![Subject::image(image).so(action, Reason::RegionLeft)];
        let deregister = |image: &Image| so(image, Action::Deregister(image.id.clone()));
        let retires = |counted| Action::Retire(images[1].id.clone(), day(40), counted);
        let mut chains = vec![deregister(&images[0]), so(&images[1], retires(4)), deregister(&images[4])];
        recount(&found(images.clone()), &mut chains);
        let told: Vec<&Action> = chains.iter().flatten().map(|one| &one.action).collect();
        let three = |image: &Image| Action::Note(image.id.clone(), Tags::new().with(tags::COUNTED, 3));
        assert_eq!(told[1], &retires(3), "a step writes it itself");
        assert_eq!(told[3..], [&three(&images[2]), &three(&images[3])], "what failed was never counted");
        let mut nothing = vec![so(&images[1], retires(4))];
        recount(&found(images.clone()), &mut nothing);
        assert_eq!(nothing, [so(&images[1], retires(4))]);
    }
}
