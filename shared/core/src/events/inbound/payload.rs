//! Parsing of payloads. Only ids are taken from an event.

use aws_lambda_events::event::cloudwatch_events::ec2::InstanceStateChange;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::model::ids::BadId;
use crate::model::{ImageId, InstanceId, RecipeName, Region};

/// A payload that is not accepted. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event was refused and nothing was done: {problem}; {expected}")]
pub struct BadEvent {
    /// What is wrong with the payload.
    pub problem: String,
    /// Which payloads are accepted.
    pub expected: &'static str,
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The answer contains the plan; nothing is changed.
    DryRun,
    /// The decisions are carried out.
    Apply,
    /// The decisions are carried out, and each one sends `Drift Repaired`, because a sweep asked for it and no event did.
    Repair {
        /// Since when the work may have been due.
        since: Option<DateTime<Utc>>,
    },
}

impl Mode {
    /// How a payload of EventBridge, or of a sweep, is carried out.
    pub fn of(payload: &Value) -> Self {
        if payload.get("source").and_then(Value::as_str) != Some(SWEEP) {
            return Self::Apply;
        }
        let since = payload["detail"].get(SINCE).and_then(Value::as_str);
        let since = since.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
        Self::Repair { since: since.map(|time| time.to_utc()) }
    }

    /// Whether a sweep asked for it.
    pub fn is_repair(self) -> bool {
        matches!(self, Self::Repair { .. })
    }
}

/// The detail of `EC2 AMI State Change`.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageStateChange {
    /// The id of the image.
    pub image_id: String,
}

/// The detail of `Parameter Store Change`.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParameterChange {
    /// The name of the parameter.
    pub name: String,
    #[serde(default)]
    /// Why SSM rejected the value, if it did.
    pub exception: Option<String>,
}

/// The detail of an event that Kiln sent about an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfImage {
    /// The Region of the image.
    pub region: Region,
    /// The image.
    pub image: ImageId,
}

/// The detail of an event that Kiln sent about a recipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfRecipe {
    /// The recipe.
    pub recipe: RecipeName,
}

/// The fields with which a person or a schedule may invoke `bake` and `expire`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// The recipe; absent for all.
    pub recipe: Option<RecipeName>,
    /// The time for which the invocation was scheduled (RFC 3339).
    pub scheduled_time: Option<String>,
    /// Whether to answer with the plan, and change nothing.
    pub dry_run: Option<bool>,
    /// Whether to report what would fail, and launch nothing.
    pub preflight: Option<bool>,
    /// The number of images that may be removed.
    pub allow: Option<usize>,
}

/// The detail-type of EC2's event for an instance.
pub const INSTANCE_CHANGE: &str = "EC2 Instance State-change Notification";
/// The detail-type of EC2's event for an image.
pub const IMAGE_CHANGE: &str = "EC2 AMI State Change";
/// The source of the events with which a sweep wakes a function.
pub const SWEEP: &str = "kiln.reconcile";
/// The field of such an event's detail with the time since which its work may have been due (RFC 3339).
pub const SINCE: &str = "since";
/// The detail-type with which a sweep asks for a bake that found no room for its builder.
pub const BAKE_WAITS: &str = "Bake Waits";
/// The detail-type with which a sweep asks for the releases of a recipe.
pub const RELEASE_UNFINISHED: &str = "Release Unfinished";
/// The detail-type with which a sweep asks for a recall that died half way.
pub const RECALL_UNFINISHED: &str = "Recall Unfinished";
/// The detail-type with which a sweep asks for the snapshots of a Region whose images are gone.
pub const SNAPSHOTS_LEFT: &str = "Snapshots Left";
/// The detail-type of SSM's event for a parameter.
pub const PARAMETER_CHANGE: &str = "Parameter Store Change";

/// Parses an invocation by hand or by a schedule.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn by_hand(payload: &Value, expected: &'static str) -> Result<ByHand, BadEvent> {
    if !payload.is_object() {
        return Err(BadEvent { problem: "it is not a JSON object".into(), expected });
    }
    fields(payload, expected)
}

/// Parses an invocation that has the fields of `T`, and no others.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn fields<T: DeserializeOwned>(payload: &Value, expected: &'static str) -> Result<T, BadEvent> {
    T::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

/// The detail-type of an event.
///
/// # Errors
/// The payload has no detail-type.
pub fn detail_type<'a>(payload: &'a Value, expected: &'static str) -> Result<&'a str, BadEvent> {
    let found = payload.get("detail-type").and_then(Value::as_str);
    found.ok_or(BadEvent { problem: "it has no detail-type".into(), expected })
}

/// The error for an event with another detail-type.
pub fn unexpected(detail_type: &str, expected: &'static str) -> BadEvent {
    BadEvent { problem: format!("its detail-type is {detail_type:?}"), expected }
}

/// Parses an event of EventBridge.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn typed<T: Serialize + DeserializeOwned>(
    payload: &Value,
    expected: &'static str,
) -> Result<EventBridgeEvent<T>, BadEvent> {
    EventBridgeEvent::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

/// The Region and the instance of an `EC2 Instance State-change Notification`.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn instance_change(payload: &Value, expected: &'static str) -> Result<(Region, InstanceId), BadEvent> {
    let event: EventBridgeEvent<InstanceStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.instance_id, expected)?))
}

/// The Region and the image of an event that Kiln sent. The Region of the event itself is the home Region.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn of_image(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<OfImage> = typed(payload, expected)?;
    Ok((event.detail.region, event.detail.image))
}

/// The Region and the image of an `EC2 AMI State Change`.
///
/// # Errors
/// What is wrong with the payload, and which payloads are accepted.
pub fn image_change(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<ImageStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.image_id, expected)?))
}

/// The Region of an event.
///
/// # Errors
/// The text is not valid.
pub fn region_of(region: Option<&str>, expected: &'static str) -> Result<Region, BadEvent> {
    id(region.unwrap_or_default(), expected)
}

/// An id, parsed.
///
/// # Errors
/// The text is not valid.
pub fn id<T: std::str::FromStr<Err = BadId>>(text: &str, expected: &'static str) -> Result<T, BadEvent> {
    text.parse().map_err(|error: BadId| BadEvent { problem: error.to_string(), expected })
}
