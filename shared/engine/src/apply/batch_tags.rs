//! Writes tags that several images share with one CreateTags call, which takes up to a thousand images.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>)

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use kiln_core::inventory::{CloudError, ErrorKind, Result};
use kiln_core::model::{ImageId, Region, Tags};
use kiln_core::plan::{Action, Decision, Sequence};

use crate::ports::Cloud;

/// How many calls are made at the same time.
const AT_ONCE: usize = 8;

/// Tags to write on one image.
type Write = (Region, ImageId, Tags);

/// The tags that are already written, and those that could not be written.
#[derive(Debug, Default)]
pub(crate) struct BatchedTags {
    done: BTreeSet<Write>,
    failed: BTreeMap<Write, CloudError>,
}

impl BatchedTags {
    /// Writes tags that several images of a Region share with one CreateTags call, before any action runs, so every
    /// image is marked before the first one changes. Sequences that contain a rejection are skipped.
    pub async fn by<C: Cloud>(cloud: &C, sequences: &[Sequence]) -> Self {
        let mut groups: BTreeMap<(&Region, Tags), Vec<ImageId>> = BTreeMap::new();
        for sequence in sequences.iter().filter(|sequence| !sequence.iter().any(stops)) {
            for decision in sequence.iter().filter(|decision| comes_first(decision, sequence)) {
                if let Some((image, tags)) = decision.action.writes() {
                    groups.entry((&decision.subject.region, tags)).or_default().push(image.clone());
                }
            }
        }
        let several = groups.into_iter().filter(|(_, images)| images.len() > 1);
        let write = several.map(async |((region, tags), images)| {
            let written = cloud.tag_images(region, &images, &tags).await;
            (images.into_iter().map(|image| (region.clone(), image, tags.clone())).collect(), written)
        });
        let all: Vec<(Vec<Write>, Result<()>)> = stream::iter(write).buffered(AT_ONCE).collect().await;
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

    /// Writes the tags of one decision, unless the batch has written them already.
    pub async fn on<C: Cloud>(&self, cloud: &C, decision: &Decision) -> Result<()> {
        let Some((image, tags)) = decision.action.writes() else { return Ok(()) };
        let write = (decision.subject.region.clone(), image.clone(), tags);
        match self.failed.get(&write) {
            Some(error) => Err(error.clone()),
            None if self.done.contains(&write) => Ok(()),
            None => cloud.tag_image(&write.0, &write.1, &write.2).await,
        }
    }
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
