//! What Kiln says on its bus.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region, SnapshotId, Version};

/// The `source` of every event of Kiln's.
pub const SOURCE: &str = "kiln";

/// Something that Kiln did, for others to act upon. It may be said more than once, and is never the only
/// record of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The image, or the bake that was to make one.
    pub name: ImageName,
    /// Where it happened.
    pub region: Region,
    /// What happened.
    pub news: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
pub enum Event {
    /// `Bake Started`: a builder was launched, or a long-lived one was asked to stop.
    BakeStarted {
        /// The builder.
        instance: InstanceId,
    },
    /// `Bake Failed`: no image will come of this bake.
    BakeFailed {
        /// The builder.
        instance: InstanceId,
        /// Why.
        reason: String,
        /// The last lines of its console.
        console_tail: String,
    },
    /// `Image Captured`: the image is being made.
    ImageCaptured {
        /// The image.
        image: ImageId,
        /// The builder.
        instance: InstanceId,
    },
    /// `Image Verified`: the image, or the replica, booted and passed its check.
    ImageVerified {
        /// The image.
        image: ImageId,
        /// The tester.
        instance: InstanceId,
    },
    /// `Image Rejected`: it is not used, and why.
    ImageRejected {
        /// The image.
        image: ImageId,
        /// Why.
        reason: String,
        /// The last lines of its tester's console.
        console_tail: String,
    },
    /// `Image Published`: the image is shared as its recipe says.
    ImagePublished {
        /// The image.
        image: ImageId,
    },
    /// `Image Replicated`: a Region has its replica, shared as the recipe says.
    ImageReplicated {
        /// The replica.
        image: ImageId,
        /// The home image.
        origin: ImageId,
    },
    /// `Image Released`: every Region that is required has it, and the parameters name it unless a newer one, or a
    /// rollback, has come before.
    ImageReleased {
        /// The home image.
        image: ImageId,
        /// The image in each Region, the home Region included.
        images: BTreeMap<Region, ImageId>,
        /// The parameter that names it in each of these Regions, where the recipe has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter: Option<String>,
        /// When its bake began (RFC 3339).
        baked: String,
        /// When it was released (RFC 3339).
        released: String,
    },
    /// `Image Rolled Back`: the parameters name a former release.
    ImageRolledBack {
        /// The home image that they name now.
        image: ImageId,
        /// The image in each Region.
        images: BTreeMap<Region, ImageId>,
        /// The version that they named before.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
    },
    /// `Replication Failed`: a Region has no replica, and why.
    ReplicationFailed {
        /// The home image.
        image: ImageId,
        /// AWS's reason.
        reason: String,
    },
    /// What became of old images: one event tells of all of a recipe that a run took the same step with, in whichever Region.
    Images {
        /// The step.
        #[serde(skip)]
        transition: Transition,
        /// The images, at most [`MOST_IMAGES`].
        images: Vec<ImageEntry>,
    },
    /// `Image Restored`: an image that was retired can be launched by its owner again; it is tested, shared and released
    /// anew.
    ImageRestored {
        /// The image.
        image: ImageId,
    },
    /// `Expiry Blocked`: so much would have gone, or a Region looked so strange, that nothing of the recipe's went. The
    /// version is that of the newest image.
    ExpiryBlocked {
        /// How many images would have gone.
        images: usize,
        /// Why they did not.
        reason: String,
    },
    /// `Drift Repaired`: a sweep did what an event should have led to.
    DriftRepaired {
        /// What was done, in this order.
        actions: Vec<&'static str>,
        /// To which image, instance or snapshot.
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
        /// Why.
        reason: String,
        /// How long it may have been undone, in seconds, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        late_seconds: Option<i64>,
    },
}

/// What became of an old image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transition {
    /// `Image Deprecated`: nobody uses it, and its recipe lets it go. If that is still so after the recipe's
    /// `confirm_after`, it is retired.
    Deprecated,
    /// `Image Disabled`: it was disabled; until its quarantine has passed it can be enabled again.
    Disabled,
    /// `Image Deregistered`: it was deregistered.
    Deregistered,
    /// `Image Kept`: the recipe lets it go, and somebody, or another service, keeps it.
    Kept,
}

/// One image, and why that became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageEntry {
    /// The image.
    pub image: ImageId,
    /// Its version.
    pub version: Version,
    /// Where it is, or was.
    pub region: Region,
    /// Why, or who keeps it.
    pub reason: String,
    /// The snapshots that went with it, where it was deregistered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<SnapshotId>>,
}

/// Of how many images one event tells: few enough that the event stays far below what EventBridge takes, whatever a person wrote
/// into a tag and however many volumes an image has.
pub const MOST_IMAGES: usize = 100;

/// The envelope of the detail: what every event of Kiln's bears. One of several images tells version and Region of each.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    recipe: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a Region>,
    #[serde(flatten)]
    news: &'a Event,
}

impl Envelope {
    /// The `detail-type` of the event.
    pub fn detail_type(&self) -> &'static str {
        match self.news {
            Event::BakeStarted { .. } => "Bake Started",
            Event::BakeFailed { .. } => "Bake Failed",
            Event::ImageCaptured { .. } => "Image Captured",
            Event::ImageVerified { .. } => "Image Verified",
            Event::ImageRejected { .. } => "Image Rejected",
            Event::ImagePublished { .. } => "Image Published",
            Event::ImageReplicated { .. } => "Image Replicated",
            Event::ImageReleased { .. } => "Image Released",
            Event::ImageRolledBack { .. } => "Image Rolled Back",
            Event::ReplicationFailed { .. } => "Replication Failed",
            Event::Images { transition: Transition::Deprecated, .. } => "Image Deprecated",
            Event::Images { transition: Transition::Disabled, .. } => "Image Disabled",
            Event::Images { transition: Transition::Deregistered, .. } => "Image Deregistered",
            Event::Images { transition: Transition::Kept, .. } => "Image Kept",
            Event::ImageRestored { .. } => "Image Restored",
            Event::ExpiryBlocked { .. } => "Expiry Blocked",
            Event::DriftRepaired { .. } => "Drift Repaired",
        }
    }

    /// The `detail` of the event, as JSON.
    pub fn detail(&self) -> String {
        let each_has_its_own = matches!(self.news, Event::Images { .. });
        let detail = Detail {
            recipe: self.name.recipe.as_str(),
            version: (!each_has_its_own).then(|| self.name.version.to_string()),
            region: (!each_has_its_own).then_some(&self.region),
            news: &self.news,
        };
        // Strings, lists and maps of strings always serialise.
        serde_json::to_string(&detail).unwrap_or_default()
    }

    /// How much of a call this event takes up, in bytes.
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
    fn size(&self) -> usize {
        const TIME: usize = 14;
        TIME + SOURCE.len() + self.detail_type().len() + self.detail().len()
    }

    /// Tells of the other's images too, if they are of the same recipe and the same became of them. Else gives it back.
    fn merge(&mut self, other: Self) -> Option<Self> {
        let same = self.name.recipe == other.name.recipe;
        match (&mut self.news, other.news) {
            (Event::Images { transition, images }, Event::Images { transition: its, images: more })
                if same && *transition == its && images.len() + more.len() <= MOST_IMAGES =>
            {
                images.extend(more);
                None
            }
            (_, news) => Some(Self { news, ..other }),
        }
    }
}

/// The same news in as few events as may be, in the order in which each event was begun.
pub fn coalesce(news: Vec<Envelope>) -> Vec<Envelope> {
    let mut told: Vec<Envelope> = Vec::new();
    let mut begun: BTreeMap<(RecipeName, &str), usize> = BTreeMap::new();
    for one in news {
        let key = (one.name.recipe.clone(), one.detail_type());
        let left = match begun.get(&key).and_then(|at| told.get_mut(*at)) {
            Some(event) => event.merge(one),
            None => Some(one),
        };
        if let Some(one) = left {
            begun.insert(key, told.len());
            told.push(one);
        }
    }
    told
}

/// The most events that one call takes, and the most bytes of all its events together: 1 MiB, with a little to spare.
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
const MOST_EVENTS: usize = 10;
const MOST_BYTES: usize = 1_000_000;

/// The events of each call that says all of them.
pub fn batches(news: &[Envelope]) -> Vec<&[Envelope]> {
    let (mut batches, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, size) in news.iter().map(Envelope::size).enumerate() {
        if at > from && (at - from == MOST_EVENTS || bytes + size > MOST_BYTES) {
            batches.push(&news[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    if from < news.len() {
        batches.push(&news[from..]);
    }
    batches
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
