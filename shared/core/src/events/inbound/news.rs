//! The payload that invokes `notify`: an event that Kiln itself sent, typed. Of each event only what people are told.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::payload::{BadEvent, detail_type, fields};
use crate::model::{ImageId, InstanceId, RecipeName, Region, Version};

const NOTIFY: &str = "expected one of Kiln's own events, as docs/reference/events.md lists them";

/// An invocation of `notify`.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifyCall {
    /// The detail-type of the event.
    pub kind: String,
    /// The account in which Kiln runs.
    pub account: String,
    /// The home Region, in which the event was sent.
    pub home: Region,
    /// What the event is about.
    pub about: About,
    /// What happened.
    pub heard: Heard,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct About {
    /// The same in every copy of the event, and in no other.
    pub id: String,
    /// The recipe.
    pub recipe: RecipeName,
    /// The version of the image or of the bake; `None` if the event lists several images.
    pub version: Option<Version>,
    /// Where it happened; `None` if the event lists several images.
    pub region: Option<Region>,
}

/// What happened. Fields that nobody is told, and those that a later Kiln adds, are not read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "detail-type", content = "detail", rename_all_fields = "kebab-case")]
#[allow(missing_docs, reason = "events/outbound says what each variant and field is")]
pub enum Heard {
    #[serde(rename = "Bake Started")]
    BakeStarted { instance: InstanceId },
    #[serde(rename = "Bake Refused")]
    BakeRefused { reason: String },
    #[serde(rename = "Bake Failed")]
    BakeFailed {
        instance: Option<InstanceId>,
        reason: String,
        #[serde(default)]
        console_tail: String,
        log: Option<String>,
    },
    #[serde(rename = "Image Captured")]
    ImageCaptured { image: ImageId, instance: InstanceId },
    #[serde(rename = "Image Verified")]
    ImageVerified { image: ImageId, instance: InstanceId },
    #[serde(rename = "Image Rejected")]
    ImageRejected {
        image: ImageId,
        instance: Option<InstanceId>,
        reason: String,
        #[serde(default)]
        console_tail: String,
        log: Option<String>,
    },
    #[serde(rename = "Image Unchanged")]
    ImageUnchanged { image: ImageId, same_as: Version, copies_saved: usize, gib_saved: u64 },
    #[serde(rename = "Image Published")]
    ImagePublished { image: ImageId },
    #[serde(rename = "Image Replicated")]
    ImageReplicated { image: ImageId, origin: ImageId },
    #[serde(rename = "Image Released")]
    ImageReleased {
        image: ImageId,
        images: BTreeMap<Region, ImageId>,
        parameter: Option<String>,
        difference: Option<Changes>,
    },
    #[serde(rename = "Image Rolled Back")]
    ImageRolledBack {
        image: ImageId,
        images: BTreeMap<Region, ImageId>,
        from: Option<Version>,
        channel: Option<String>,
    },
    #[serde(rename = "Image Promoted")]
    ImagePromoted { image: ImageId, images: BTreeMap<Region, ImageId>, channel: String, parameter: String },
    #[serde(rename = "Image Recalled")]
    ImageRecalled {
        image: ImageId,
        images: BTreeMap<Region, ImageId>,
        reason: String,
        named: Option<Version>,
        users: usize,
        #[serde(default)]
        used_by: Vec<User>,
    },
    #[serde(rename = "Image Reinstated")]
    ImageReinstated { image: ImageId, images: BTreeMap<Region, ImageId> },
    #[serde(rename = "Replication Failed")]
    ReplicationFailed { image: ImageId, reason: String },
    #[serde(rename = "Image Deprecated")]
    ImagesDeprecated { images: Vec<Entry> },
    #[serde(rename = "Image Disabled")]
    ImagesDisabled { images: Vec<Entry> },
    #[serde(rename = "Image Deregistered")]
    ImagesDeregistered { images: Vec<Entry> },
    #[serde(rename = "Image Kept")]
    ImagesKept { images: Vec<Entry> },
    #[serde(rename = "Image Restored")]
    ImageRestored { image: ImageId },
    #[serde(rename = "Expiry Blocked")]
    ExpiryBlocked { images: usize, reason: String },
    #[serde(rename = "Release Lost")]
    ReleaseLost { image: ImageId, images: BTreeMap<Region, ImageId>, reason: String },
    #[serde(rename = "Release Blocked")]
    ReleaseBlocked { image: ImageId, reason: String },
    #[serde(rename = "Drift Repaired")]
    DriftRepaired {
        actions: Vec<String>,
        resource: Option<String>,
        reason: String,
        late_seconds: Option<i64>,
    },
}

/// What differs from the release before, as far as a message tells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Changes {
    /// The version of that release.
    pub from: Version,
    /// The packages that it lacks.
    #[serde(default)]
    pub added: Vec<Value>,
    /// The packages that it alone has.
    #[serde(default)]
    pub removed: Vec<Value>,
    /// The packages of which it has another version.
    #[serde(default)]
    pub changed: Vec<Value>,
    /// How many more packages differ than are listed.
    pub more: Option<usize>,
    /// The release of the kernel, if that changed.
    pub kernel: Option<FromTo>,
}

/// What was, and what is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FromTo {
    /// What was.
    pub from: String,
    /// What is.
    pub to: String,
}

/// What uses an image that was recalled.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct User {
    /// What it is, such as `instance`.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
}

/// One image of an event about several images.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    /// The image or replica.
    pub image: ImageId,
    /// The version of the image.
    pub version: Version,
    /// The Region of the image.
    pub region: Region,
    /// Why it took the step, or who keeps it.
    pub reason: String,
}

impl NotifyCall {
    /// The Region that the event is about, if that is not the home Region.
    pub fn away(&self) -> Option<&Region> {
        self.about.region.as_ref().filter(|region| **region != self.home)
    }

    /// Parses the payload of `notify`.
    ///
    /// # Errors
    /// What is wrong with the payload; a detail-type that Kiln does not send is named.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        #[derive(Deserialize)]
        struct Sent {
            source: String,
            account: String,
            region: Region,
            detail: About,
        }
        let kind = detail_type(payload, NOTIFY)?.to_owned();
        let heard: Heard = fields(payload, NOTIFY)?;
        let Sent { source, account, region, detail } = fields(payload, NOTIFY)?;
        if source != "kiln" {
            return Err(BadEvent { problem: format!("its source is {source:?}"), expected: NOTIFY });
        }
        Ok(Self { kind, account, home: region, about: detail, heard })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, more: &Value) -> Value {
        let mut detail =
            json!({ "id": "00ff", "recipe": "web", "version": "20261126T020000Z", "region": "eu-west-1" });
        for (key, value) in more.as_object().unwrap() {
            detail[key] = value.clone();
        }
        json!({ "version": "0", "id": "1", "detail-type": kind, "source": "kiln", "account": "123456789012",
                "time": "2026-11-26T02:13:00Z", "region": "us-east-1", "resources": [], "detail": detail })
    }

    #[test]
    fn an_event_is_read_with_the_account_the_home_region_and_what_it_is_about() {
        let sent =
            event("Image Published", &json!({ "image": "ami-01", "schema": "1", "a-later-field": true }));
        let call = NotifyCall::read(&sent).unwrap();
        assert_eq!((call.account.as_str(), call.home.as_str()), ("123456789012", "us-east-1"));
        assert_eq!(call.about.region.as_ref().map(Region::as_str), Some("eu-west-1"));
        assert_eq!(call.heard, Heard::ImagePublished { image: "ami-01".parse().unwrap() });
    }

    #[test]
    fn an_unknown_kind_is_an_error_that_names_it() {
        let error = NotifyCall::read(&event("Image Melted", &json!({}))).unwrap_err().to_string();
        assert!(error.contains("`Image Melted`") && error.contains("events.md"), "{error}");
    }

    #[test]
    fn what_lacks_a_field_or_comes_from_somebody_else_is_refused() {
        let error = NotifyCall::read(&event("Bake Refused", &json!({}))).unwrap_err().to_string();
        assert!(error.contains("missing field `reason`"), "{error}");
        let mut foreign = event("Bake Refused", &json!({ "reason": "no" }));
        foreign["source"] = "mine".into();
        assert!(NotifyCall::read(&foreign).unwrap_err().to_string().contains("its source is \"mine\""));
        assert!(NotifyCall::read(&json!({})).unwrap_err().to_string().contains("no detail-type"));
    }
}
