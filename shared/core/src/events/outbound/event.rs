//! What Kiln's events say. Docs of the variants and fields become `docs/reference/events.md`, and their types the schema
//! beside it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::difference::Difference;
use crate::model::{ImageId, InstanceId, Region, SnapshotId, Version};

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
    /// `Image Rolled Back`: the parameters and launch templates point at an earlier release again, or those of one channel do.
    ImageRolledBack {
        /// The home image that they point at now.
        image: ImageId,
        /// The id of that image in each Region.
        images: BTreeMap<Region, ImageId>,
        /// The version that they pointed at before; absent if that is unknown, or the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
        /// The channel; absent if the whole recipe was rolled back.
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
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
