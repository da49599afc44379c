//! Writes marks that several images of a recipe share with one CreateTags call, which takes up to a thousand images.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>)

use std::collections::{BTreeMap, BTreeSet};

use kiln_core::inventory::{CloudError, ErrorKind, MarkRange, Result};
use kiln_core::model::{ImageId, RecipeName, Region, Tags};
use kiln_core::plan::{Action, Decision, Sequence};

use crate::bounded::{CHANGES, bounded};
use crate::ports::Cloud;

/// Marks to write on one image.
type Write = (Region, ImageId, Tags);

/// The marks that are already written, and those that could not be written.
#[derive(Debug, Default)]
pub(crate) struct BatchedTags {
    done: BTreeSet<Write>,
    failed: BTreeMap<Write, CloudError>,
}

impl BatchedTags {
    /// Writes marks that several images of a recipe share in a Region with one CreateTags call, before any action runs,
    /// so every image is marked before the first one changes. Sequences that contain a rejection are skipped.
    pub async fn by<C: Cloud>(cloud: &C, sequences: &[Sequence]) -> Self {
        let mut groups: BTreeMap<(&Region, RecipeName, Tags), Group> = BTreeMap::new();
        for sequence in sequences.iter().filter(|sequence| !sequence.iter().any(stops)) {
            for decision in sequence.iter().filter(|decision| comes_first(decision, sequence)) {
                if let (Some((image, marks)), Some(range)) = (decision.action.marks(), own_range(decision)) {
                    let key = (&decision.subject.region, range.recipe.clone(), marks);
                    let group = groups.entry(key).or_insert_with(|| Group { range, images: Vec::new() });
                    group.range.up_to =
                        group.range.up_to.max(decision.subject.version.unwrap_or(group.range.up_to));
                    group.images.push(image.clone());
                }
            }
        }
        let several = groups.into_iter().filter(|(_, group)| group.images.len() > 1);
        let write = several.map(async |((region, _, marks), Group { range, images })| {
            let written = cloud.mark_images(region, &images, &range, &marks).await;
            (images.into_iter().map(|image| (region.clone(), image, marks.clone())).collect(), written)
        });
        let all: Vec<(Vec<Write>, Result<()>)> = bounded(CHANGES, write).await;
        let mut written = Self::default();
        for (writes, outcome) in all {
            match outcome {
                Ok(()) => written.done.extend(writes),
                // One image is gone, so EC2 tagged none of them. Each is tagged by itself later.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => written.failed.extend(writes.into_iter().map(|write| (write, error.clone()))),
            }
        }
        written
    }

    /// Writes the marks of one decision, unless the batch has written them already.
    pub async fn on<C: Cloud>(&self, cloud: &C, decision: &Decision) -> Result<()> {
        let Some((image, marks)) = decision.action.marks() else { return Ok(()) };
        let write = (decision.subject.region.clone(), image.clone(), marks);
        let (region, image, marks) = &write;
        match (self.failed.get(&write), own_range(decision)) {
            (Some(error), _) => Err(error.clone()),
            _ if self.done.contains(&write) => Ok(()),
            (None, Some(range)) => {
                cloud.mark_images(region, std::slice::from_ref(image), &range, marks).await
            }
            (None, None) => cloud.tag_image(region, image, marks).await,
        }
    }
}

/// Images that are marked with one call.
struct Group {
    range: MarkRange,
    images: Vec<ImageId>,
}

/// The range that holds the image of one decision alone; `None` if its recipe or version is not known.
fn own_range(decision: &Decision) -> Option<MarkRange> {
    let subject = &decision.subject;
    Some(MarkRange { recipe: subject.recipe.clone()?, up_to: subject.version? })
}

/// Whether its tags may be written before the rest of its sequence. A `Tag` among other actions records that those are
/// done, so it must wait for them.
fn comes_first(decision: &Decision, sequence: &Sequence) -> bool {
    !matches!(decision.action, Action::Tag(..)) || sequence.len() == 1
}

/// Whether the sequence stops here.
fn stops(decision: &Decision) -> bool {
    matches!(decision.action, Action::Reject | Action::Retry)
}
