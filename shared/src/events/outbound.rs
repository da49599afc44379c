//! What Kiln says on its bus.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{ImageId, ImageName, InstanceId, Region, SnapshotId, Version};

/// The `source` of every event of Kiln's.
pub const SOURCE: &str = "kiln";

/// Something that Kiln did, for others to act upon. It may be said more than once, and is never the only
/// record of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The image, or the bake that was to make one.
    pub name: ImageName,
    /// Where it happened.
    pub region: Region,
    /// What happened.
    pub news: News,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
pub enum News {
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
    /// `Image Deprecated`: nobody uses the image, and its recipe lets it go. If that is still so after the recipe's
    /// `confirm_after`, it is retired.
    ImageDeprecated {
        /// The image.
        image: ImageId,
        /// Why.
        reason: String,
    },
    /// `Image Retired`: the image was disabled; until its quarantine has passed it can be enabled again.
    ImageRetired {
        /// The image.
        image: ImageId,
        /// Why.
        reason: String,
    },
    /// `Image Expired`: the image was deregistered.
    ImageExpired {
        /// The image.
        image: ImageId,
        /// Why.
        reason: String,
        /// The snapshots that went with it.
        snapshots: Vec<SnapshotId>,
    },
    /// `Image Restored`: an image that was retired can be launched by its owner again; it is tested, shared and released
    /// anew.
    ImageRestored {
        /// The image.
        image: ImageId,
    },
    /// `Image Kept`: the recipe lets it go, and somebody, or another service, keeps it.
    ImageKept {
        /// The image.
        image: ImageId,
        /// Who, and why.
        reason: String,
    },
    /// `Expire Stopped`: so much would have gone, or a Region looked so strange, that nothing of the recipe's went. The
    /// version is that of the newest image.
    ExpireStopped {
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

/// The envelope of the detail: what every event of Kiln's bears.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    recipe: &'a str,
    version: String,
    region: &'a Region,
    #[serde(flatten)]
    news: &'a News,
}

impl Announcement {
    /// The `detail-type` of the event.
    pub fn detail_type(&self) -> &'static str {
        match self.news {
            News::BakeStarted { .. } => "Bake Started",
            News::BakeFailed { .. } => "Bake Failed",
            News::ImageCaptured { .. } => "Image Captured",
            News::ImageVerified { .. } => "Image Verified",
            News::ImageRejected { .. } => "Image Rejected",
            News::ImagePublished { .. } => "Image Published",
            News::ImageReplicated { .. } => "Image Replicated",
            News::ImageReleased { .. } => "Image Released",
            News::ImageRolledBack { .. } => "Image Rolled Back",
            News::ReplicationFailed { .. } => "Replication Failed",
            News::ImageDeprecated { .. } => "Image Deprecated",
            News::ImageRetired { .. } => "Image Retired",
            News::ImageExpired { .. } => "Image Expired",
            News::ImageRestored { .. } => "Image Restored",
            News::ImageKept { .. } => "Image Kept",
            News::ExpireStopped { .. } => "Expire Stopped",
            News::DriftRepaired { .. } => "Drift Repaired",
        }
    }

    /// The `detail` of the event, as JSON.
    pub fn detail(&self) -> String {
        let detail = Detail {
            recipe: self.name.recipe.as_str(),
            version: self.name.version.to_string(),
            region: &self.region,
            news: &self.news,
        };
        // Strings, lists and maps of strings always serialise.
        serde_json::to_string(&detail).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_recipe_version_region_and_what_happened() {
        let announcement = Announcement {
            name: "web-20261123T020000Z".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            news: News::BakeFailed {
                instance: "i-0123456789abcdef0".parse().unwrap(),
                reason: "the script failed with status 1".into(),
                console_tail: "line\n\"quoted\"".into(),
            },
        };
        assert_eq!(announcement.detail_type(), "Bake Failed");
        assert_eq!(
            announcement.detail(),
            r#"{"recipe":"web","version":"20261123T020000Z","region":"us-east-1","instance":"i-0123456789abcdef0","reason":"the script failed with status 1","console-tail":"line\n\"quoted\""}"#
        );
    }
}
