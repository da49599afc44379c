//! Writes tags on many images in one call, where many get the same ones: EC2 takes a thousand at once.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>)

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use kiln_core::inventory::{CloudError, ErrorKind, Result};
use kiln_core::model::{ImageId, Region, Tags};
use kiln_core::plan::{Action, Decision, Sequence};

use crate::ports::Cloud;

/// How many calls are made at the same time.
const AT_ONCE: usize = 8;

/// Tags on one image.
type Write = (Region, ImageId, Tags);

/// Which tags are written already, and where that failed.
#[derive(Debug, Default)]
pub(crate) struct BatchedTags {
    done: BTreeSet<Write>,
    failed: BTreeMap<Write, CloudError>,
}

impl BatchedTags {
    /// Writes what chains are to write before anything else, where more than one image of a Region gets the same: so the tags
    /// of all stand before the first thing is done with any. What stands behind a refusal is not written.
    pub async fn by<C: Cloud>(cloud: &C, sequences: &[Sequence]) -> Self {
        let mut groups: BTreeMap<(&Region, Tags), Vec<ImageId>> = BTreeMap::new();
        for sequence in sequences.iter().filter(|sequence| !sequence.iter().any(refuses)) {
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
                // One of them is gone, and so none was written: each is written by itself.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => written.failed.extend(writes.into_iter().map(|write| (write, error.clone()))),
            }
        }
        written
    }

    /// Writes the tags of one decision, unless that is done.
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

/// Whether its tags may be written before the rest of its chain. A note among other steps tells that those are done.
fn comes_first(decision: &Decision, sequence: &Sequence) -> bool {
    !matches!(decision.action, Action::Tag(..)) || sequence.len() == 1
}

fn refuses(decision: &Decision) -> bool {
    matches!(decision.action, Action::Reject | Action::Retry)
}
