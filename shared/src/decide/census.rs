//! How many images a recipe has in a Region, and whether those are far fewer than when it was last counted.
//!
//! Each step of an image on its way out writes down how many there were. An answer of EC2's that shows a part alone is
//! taken for what it is by the next step: nothing goes.

use std::collections::BTreeMap;

use super::family::{Found, seen};
use super::{Action, Chain, Reason, Subject};
use crate::cloud::{Image, ImageState};
use crate::domain::{Region, Tags, tags};

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
    let on_its_way = image.unused().is_some() || image.retired().is_some();
    image.tags.read(tags::COUNTED).filter(|_| on_its_way && living(image))
}

/// A Region that shows far fewer images than it did.
pub fn far_fewer(found: &Found) -> Option<Reason> {
    let census = Census::of(seen(found));
    let fewer = |image: &Image| {
        let (before, now) = (counted(image)?, census.in_region(&image.region));
        let far = before > 2 * now && before - now >= FAR_FEWER;
        far.then(|| Reason::FarFewer { region: image.region.clone(), before, now })
    };
    seen(found).find_map(fewer)
}

/// What those that stay on their way are to tell once others went by this plan: else the next step would find the fewer that
/// this one leaves strange.
pub fn recount(found: &Found, chains: &[Chain]) -> Vec<Chain> {
    let mut gone: BTreeMap<&Region, Vec<&str>> = BTreeMap::new();
    for decision in chains.iter().flatten().filter(|one| matches!(one.action, Action::Deregister(_))) {
        gone.entry(&decision.subject.region).or_default().extend(decision.subject.resource.as_deref());
    }
    if gone.is_empty() {
        return Vec::new();
    }
    let census = Census::of(seen(found));
    let stays = seen(found).filter_map(|image| {
        let gone = gone.get(&image.region)?;
        let left = census.in_region(&image.region).saturating_sub(gone.len());
        let tells = counted(image).filter(|before| *before > left)?;
        (!gone.contains(&image.id.as_str())).then_some((image, tells, left))
    });
    stays
        .map(|(image, before, now)| {
            let note = Action::Note(image.id.clone(), Tags::new().with(tags::COUNTED, now));
            vec![Subject::image(image).so(note, Reason::Recounted { before, now })]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;

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
        let images: Vec<Image> = (1..=3).map(|n| on_its_way(n, "3")).collect();
        let goes = |image: &Image| {
            vec![Subject::image(image).so(Action::Deregister(image.id.clone()), Reason::ImageGone)]
        };
        let told = recount(&found(images.clone()), &[goes(&images[0])]);
        let notes: Vec<&Action> = told.iter().flatten().map(|one| &one.action).collect();
        let two = |image: &Image| Action::Note(image.id.clone(), Tags::new().with(tags::COUNTED, 2));
        assert_eq!(notes, [&two(&images[1]), &two(&images[2])]);
        assert_eq!(recount(&found(images), &[]), Vec::<Chain>::new());
    }
}
