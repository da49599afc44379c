//! An event as it goes to the bus: what it is about, its id, and its detail as JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::event::{Event, Transition};
use crate::model::{ImageName, Region, Token};

/// The `source` of every event that Kiln sends.
pub const SOURCE: &str = "kiln";

/// The version of the schema of the details. Within it no field is renamed, moved or removed, and none changes its type;
/// fields and events may be added.
pub const SCHEMA: &str = "1";

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

/// The `detail` of an event. An event about several images has version and Region in each entry instead.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    /// What all copies of this event share, and no other event has.
    id: &'a str,
    /// The version of the schema of the details.
    schema: &'static str,
    /// The recipe.
    recipe: &'a str,
    /// The version of the image, or of the bake; absent if the event lists several images.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The Region in which it happened; absent if the event lists several images.
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
            schema: SCHEMA,
            recipe: self.name.recipe.as_str(),
            version: (!lists_images).then(|| self.name.version.to_string()),
            region: (!lists_images).then_some(&self.region),
            news: &self.news,
        };
        // Cannot fail: strings, numbers, and lists and maps of them always serialise.
        serde_json::to_string(&detail).unwrap_or_default()
    }
}
