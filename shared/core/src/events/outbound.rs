//! The events that Kiln sends to its bus. Docs of the variants and fields become `docs/reference/events.md`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::model::difference::Difference;
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region, SnapshotId, Token, Version};

/// The `source` of every event that Kiln sends.
pub const SOURCE: &str = "kiln";

/// An event, with the image and Region that it is about. Delivery is at least once, and an event can be lost if a
/// function dies right after the change. Tags are the record; events are notifications. Copies of one event have the
/// same [`Envelope::id`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The image, or the bake that failed to produce one.
    pub name: ImageName,
    /// The Region in which it happened.
    pub region: Region,
    /// What happened.
    pub news: Event,
    /// What tells it from an earlier event that says the same of the same image, such as a restored image's second
    /// release; empty if there is no such event.
    pub occasion: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
pub enum Event {
    /// `Bake Started`: a builder was launched, or a long-lived builder is being stopped for this bake.
    BakeStarted {
        /// The id of the builder.
        instance: InstanceId,
    },
    /// `Bake Refused`: this bake does not begin, because a preflight found what would make it fail, or because its
    /// recipe, its base or its builder does not allow it. Nothing was launched, and only a change by a person helps.
    BakeRefused {
        /// Everything that is in the way, and what to do about it.
        reason: String,
    },
    /// `Bake Failed`: this bake produces no image.
    BakeFailed {
        /// The id of the builder; absent if none could be launched.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<InstanceId>,
        /// Why the bake failed.
        reason: String,
        /// The last lines of the builder's console; empty if it was not read.
        console_tail: String,
        /// Where the whole log of the builder lies; absent if its recipe keeps none (`bake.keep_log`).
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// `Image Captured`: creation of the image has begun. It is not available yet.
    ImageCaptured {
        /// The new image, in the home Region.
        image: ImageId,
        /// The id of the builder.
        instance: InstanceId,
    },
    /// `Image Verified`: the image or replica booted on a tester, and its test succeeded.
    ImageVerified {
        /// The image or replica.
        image: ImageId,
        /// The id of the tester.
        instance: InstanceId,
    },
    /// `Image Rejected`: the image or replica failed its test or its scan, or was tagged for adoption and cannot be
    /// adopted. It is not published or released.
    ImageRejected {
        /// The image or replica.
        image: ImageId,
        /// The id of the tester; absent if its scan rejected it, if no tester could be launched, or if it was not
        /// adopted.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<InstanceId>,
        /// Why it was rejected.
        reason: String,
        /// The last lines of the tester's console; empty if there was none, or it was not read.
        console_tail: String,
        /// Where the whole log of the tester lies; absent if there was none, or its recipe keeps none (`bake.keep_log`).
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// `Image Unchanged`: the image passed its test, and has nothing that the newest release has not: the same contents, the
    /// same base, and baked by the same recipe. Its recipe does not publish such images (`publish.skip_unchanged`), so it
    /// is removed.
    ImageUnchanged {
        /// The image.
        image: ImageId,
        /// The id of the tester.
        instance: InstanceId,
        /// The version of the newest release.
        same_as: Version,
        /// How many copies to other Regions are not made.
        copies_saved: usize,
        /// How many GiB of volumes are not kept as snapshots, in all Regions.
        gib_saved: u64,
    },
    /// `Image Published`: the home image has the permissions, deprecation and protection of its recipe's `[publish]`.
    ImagePublished {
        /// The home image.
        image: ImageId,
    },
    /// `Image Replicated`: a Region has its replica, with the permissions, deprecation and protection of the recipe's
    /// `[publish]`.
    ImageReplicated {
        /// The replica.
        image: ImageId,
        /// The home image that it was copied from.
        origin: ImageId,
    },
    /// `Image Released`: every required Region has the image. The parameters and launch templates point at it, unless a
    /// newer release or a rollback came first.
    ImageReleased {
        /// The home image.
        image: ImageId,
        /// The id of the image in each Region, including the home Region.
        images: BTreeMap<Region, ImageId>,
        /// The SSM parameter that the recipe names (`publish.parameter`); absent if it names none.
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter: Option<String>,
        /// When the bake began (RFC 3339).
        baked: String,
        /// When the image was released (RFC 3339).
        released: String,
        /// The release before, if what is in both is known.
        #[serde(skip)]
        before: Option<Version>,
        /// What differs from the release before; absent if what is in one of the two is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        difference: Option<Box<Difference>>,
    },
    /// `Image Rolled Back`: the parameters and launch templates point at an earlier release again.
    ImageRolledBack {
        /// The home image that they point at now.
        image: ImageId,
        /// The id of that image in each Region.
        images: BTreeMap<Region, ImageId>,
        /// The version that they pointed at before; absent if that is unknown, or the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
    },
    /// `Image Promoted`: a release came to a channel of its recipe, by itself or because somebody approved it. The channel's
    /// parameters name it, unless a newer release or a rollback came first.
    ImagePromoted {
        /// The home image.
        image: ImageId,
        /// The id of the image in each Region.
        images: BTreeMap<Region, ImageId>,
        /// The channel.
        channel: String,
        /// The SSM parameter of the channel.
        parameter: String,
    },
    /// `Image Recalled`: somebody took a release back, as bad. The parameters and launch templates name the newest release
    /// that is left; nobody else may launch the image or its replicas; they are deprecated, and are never named, copied,
    /// counted or rolled back to again, unless the recall is taken back.
    ImageRecalled {
        /// The home image.
        image: ImageId,
        /// The id of the image in each Region in which it is left.
        images: BTreeMap<Region, ImageId>,
        /// Why, in the words of who recalled it.
        reason: String,
        /// The version that the home Region names instead; absent if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        named: Option<Version>,
        /// How many use it.
        users: usize,
        /// Who uses it, at most 100.
        used_by: Vec<UsedBy>,
    },
    /// `Image Reinstated`: a recall was taken back. The image and its replicas are a release again.
    ImageReinstated {
        /// The home image.
        image: ImageId,
        /// The id of the image in each Region.
        images: BTreeMap<Region, ImageId>,
    },
    /// `Replication Failed`: a Region has no replica, because the copy failed.
    ReplicationFailed {
        /// The home image.
        image: ImageId,
        /// Why the copy failed, in AWS's words.
        reason: String,
    },
    /// The images of one recipe that took the same step in one run, in all Regions. The step gives the event its name.
    Images {
        /// What happened to the images.
        #[serde(skip)]
        transition: Transition,
        /// The images, at most [`MOST_IMAGES`] per event.
        images: Vec<ImageEntry>,
    },
    /// `Image Restored`: an image that was deprecated or disabled was brought back. If it was disabled, it is tested,
    /// published, copied and released again.
    ImageRestored {
        /// The image or replica.
        image: ImageId,
    },
    /// `Expiry Blocked`: a run would have removed more images than a limit allows, or a Region showed unexpectedly few.
    /// No image of the recipe was removed. The version is that of the newest image.
    ExpiryBlocked {
        /// How many images would have been deprecated, disabled or deregistered.
        images: usize,
        /// Which limit blocked the run, and how to allow it.
        reason: String,
    },
    /// `Release Lost`: what the parameters name can no longer be launched, because somebody deregistered or disabled an
    /// image of it. With `release = "together"`, every Region names the newest release that can be launched in all of
    /// them.
    ReleaseLost {
        /// The home image that is named instead; where nothing is, an image of the release that is left.
        image: ImageId,
        /// What was named and cannot be launched, by Region.
        images: BTreeMap<Region, ImageId>,
        /// What happened, in a sentence.
        reason: String,
    },
    /// `Release Blocked`: a Region's parameter does not take the release. What had moved was set back, and it is tried
    /// again, each time after a longer wait.
    ReleaseBlocked {
        /// The home image.
        image: ImageId,
        /// Which parameter of which Region, and why, in AWS's words.
        reason: String,
    },
    /// `Drift Repaired`: a function did, because a sweep woke it, what an event should have led to. Usually the event
    /// was lost.
    DriftRepaired {
        /// The actions that were carried out, in order.
        actions: Vec<&'static str>,
        /// The image, instance or snapshot; absent if the repair creates it.
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
        /// Why the repair was needed.
        reason: String,
        /// By how many seconds the repair may be late; absent if that is unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        late_seconds: Option<i64>,
    },
}

/// What uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UsedBy {
    /// What it is, such as `instance`.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
    /// Its Region.
    pub region: Region,
    /// The image that it uses.
    pub image: ImageId,
}

/// What happened to images that their recipe no longer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transition {
    /// `Image Deprecated`: the recipe no longer keeps the images, and they are unused. They are disabled if they are
    /// still unused after the recipe's `confirm_after`.
    Deprecated,
    /// `Image Disabled`: the images can no longer be launched. Until their quarantine is over, they can be restored.
    Disabled,
    /// `Image Deregistered`: the images were deregistered, and their snapshots deleted. This cannot be undone.
    Deregistered,
    /// `Image Kept`: the recipe no longer keeps the images, but a person or another service does.
    Kept,
}

/// One image in an event about several images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageEntry {
    /// The image or replica.
    pub image: ImageId,
    /// The version of the image.
    pub version: Version,
    /// The Region of the image.
    pub region: Region,
    /// Why it took the step, or who keeps it.
    pub reason: String,
    /// The snapshots that were deleted with it; only in `Image Deregistered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<SnapshotId>>,
}

/// The most images in one event. It keeps an event far below EventBridge's size limit, even with long tag values in the
/// reasons and many snapshots per image.
pub const MOST_IMAGES: usize = 100;

/// The `detail` of an event. An event about several images has version and Region in each entry instead.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    id: &'a str,
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
            Event::BakeRefused { .. } => "Bake Refused",
            Event::BakeFailed { .. } => "Bake Failed",
            Event::ImageCaptured { .. } => "Image Captured",
            Event::ImageVerified { .. } => "Image Verified",
            Event::ImageRejected { .. } => "Image Rejected",
            Event::ImageUnchanged { .. } => "Image Unchanged",
            Event::ImagePublished { .. } => "Image Published",
            Event::ImageReplicated { .. } => "Image Replicated",
            Event::ImageReleased { .. } => "Image Released",
            Event::ImageRolledBack { .. } => "Image Rolled Back",
            Event::ImagePromoted { .. } => "Image Promoted",
            Event::ImageRecalled { .. } => "Image Recalled",
            Event::ImageReinstated { .. } => "Image Reinstated",
            Event::ReplicationFailed { .. } => "Replication Failed",
            Event::Images { transition: Transition::Deprecated, .. } => "Image Deprecated",
            Event::Images { transition: Transition::Disabled, .. } => "Image Disabled",
            Event::Images { transition: Transition::Deregistered, .. } => "Image Deregistered",
            Event::Images { transition: Transition::Kept, .. } => "Image Kept",
            Event::ImageRestored { .. } => "Image Restored",
            Event::ExpiryBlocked { .. } => "Expiry Blocked",
            Event::ReleaseLost { .. } => "Release Lost",
            Event::ReleaseBlocked { .. } => "Release Blocked",
            Event::DriftRepaired { .. } => "Drift Repaired",
        }
    }

    /// The same in every copy of this event, and in no other event: a hash of the bake and of what happened. A function
    /// that died, or two that ran at once, may send an event again; whoever hears it knows it by this.
    ///
    /// An event that reports a call is sent once, at `now`.
    pub fn id(&self, now: DateTime<Utc>) -> Token {
        let (at, all) = (now.to_rfc3339(), || serde_json::to_string(&self.news).unwrap_or_default());
        let what: Vec<String> = match &self.news {
            // A bake begins to end once.
            Event::BakeRefused { .. } | Event::BakeFailed { .. } => Vec::new(),
            Event::BakeStarted { instance } => vec![instance.to_string()],
            Event::ImageVerified { image, instance } | Event::ImageUnchanged { image, instance, .. } => {
                vec![image.to_string(), instance.to_string()]
            }
            Event::ImageRejected { image, instance, .. } => {
                vec![image.to_string(), instance.as_ref().map(ToString::to_string).unwrap_or_default()]
            }
            Event::ImageCaptured { image, .. }
            | Event::ImageRecalled { image, .. }
            | Event::ImagePublished { image }
            | Event::ImageReplicated { image, .. }
            | Event::ImageReleased { image, .. }
            | Event::ReplicationFailed { image, .. }
            | Event::ReleaseBlocked { image, .. } => vec![image.to_string()],
            Event::ImagePromoted { image, channel, .. } => vec![image.to_string(), channel.clone()],
            Event::ReleaseLost { .. } => vec![all()],
            Event::ImageRolledBack { .. }
            | Event::ImageReinstated { .. }
            | Event::Images { .. }
            | Event::ImageRestored { .. }
            | Event::ExpiryBlocked { .. }
            | Event::DriftRepaired { .. } => vec![all(), at],
        };
        let name = self.name.to_string();
        let mut parts = vec![self.detail_type(), &name, self.region.as_str(), &self.occasion];
        parts.extend(what.iter().map(String::as_str));
        Token::of(&parts)
    }

    /// The `detail` of the event, as JSON, if it is sent at `now`.
    pub fn detail(&self, now: DateTime<Utc>) -> String {
        let lists_images = matches!(self.news, Event::Images { .. });
        let id = self.id(now);
        let detail = Detail {
            id: id.as_str(),
            recipe: self.name.recipe.as_str(),
            version: (!lists_images).then(|| self.name.version.to_string()),
            region: (!lists_images).then_some(&self.region),
            news: &self.news,
        };
        // Cannot fail: strings, numbers, and lists and maps of them always serialise.
        serde_json::to_string(&detail).unwrap_or_default()
    }

    /// The size of this event in a PutEvents call, in bytes.
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
    fn size(&self) -> usize {
        const TIME: usize = 14;
        TIME + SOURCE.len() + self.detail_type().len() + self.detail(DateTime::UNIX_EPOCH).len()
    }

    /// Adds the other event's images to this one, if recipe and transition are the same and there is room. Otherwise
    /// returns the other event.
    fn merge(&mut self, other: Self) -> Option<Self> {
        let same = self.name.recipe == other.name.recipe;
        match (&mut self.news, other.news) {
            (
                Event::Images { transition, images },
                Event::Images { transition: other_transition, images: more },
            ) if same && *transition == other_transition && images.len() + more.len() <= MOST_IMAGES => {
                images.extend(more);
                None
            }
            (_, news) => Some(Self { news, ..other }),
        }
    }
}

/// Combines events about several images of one recipe. The order is that of the first event of each combination.
pub fn coalesce(news: Vec<Envelope>) -> Vec<Envelope> {
    let mut events: Vec<Envelope> = Vec::new();
    let mut open: BTreeMap<(RecipeName, &str), usize> = BTreeMap::new();
    for one in news {
        let key = (one.name.recipe.clone(), one.detail_type());
        let rest = match open.get(&key).and_then(|at| events.get_mut(*at)) {
            Some(event) => event.merge(one),
            None => Some(one),
        };
        if let Some(one) = rest {
            open.insert(key, events.len());
            events.push(one);
        }
    }
    events
}

/// The most events in one PutEvents call, and their most bytes together: a little below EventBridge's 1 MiB.
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
const MOST_EVENTS: usize = 10;
const MOST_BYTES: usize = 1_000_000;

/// Splits events into PutEvents calls that stay within EventBridge's limits.
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
