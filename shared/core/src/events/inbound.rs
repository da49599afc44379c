//! What wakes Kiln. Only ids are taken from an event; what is true is read from the cloud.

mod expire;

use aws_lambda_events::event::cloudwatch_events::ec2::InstanceStateChange;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::model::{ImageId, InstanceId, RecipeName, Region, Version};

pub use expire::{ExpireCall, ExpireRun, Look};

/// An event that Kiln does not understand, refused whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event was refused and nothing was done: {problem}; {expected}")]
pub struct BadEvent {
    /// What is wrong with it.
    pub problem: String,
    /// What is expected.
    pub expected: &'static str,
}

/// What wakes `bake`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakeCall {
    /// What is baked.
    pub what: Baked,
    /// For which time it was scheduled; `None`: asked for by hand.
    pub scheduled: Option<DateTime<Utc>>,
    /// [`Mode::DryRun`]: it is only answered what would fail.
    pub mode: Mode,
}

/// What is baked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baked {
    /// Every recipe.
    All,
    /// One recipe.
    One(RecipeName),
    /// The recipes that ask to be baked when this one, their base, is released.
    LayersOn(RecipeName),
}

/// What wakes `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyCall {
    /// An instance stopped.
    Stopped(Region, InstanceId),
    /// An image became available.
    Image(Region, ImageId),
}

/// What wakes `publish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishCall {
    /// An image passed its test.
    Image(Region, ImageId),
    /// A person goes back to a former release, or to this one.
    Rollback(RecipeName, Option<Version>),
}

/// What wakes `capture`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureCall {
    /// An instance stopped.
    Stopped(Region, InstanceId),
    /// An image became available, or failed.
    Image(Region, ImageId),
}

/// What wakes `replicate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicateCall {
    /// An image was published; one became available in a further Region, or failed, or passed its test there.
    Image(Region, ImageId),
    /// A parameter that names an image was written, or its value was refused.
    Parameter {
        /// Where.
        region: Region,
        /// Which.
        name: String,
        /// Why its value was refused, where it was.
        refused: Option<String>,
    },
}

/// What wakes `reconcile`: the clock alone. It takes nothing from its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcileCall;

/// Whether a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The plan is made and answered.
    DryRun,
    /// The plan is made, answered and carried out.
    Carry,
    /// It is carried out, and each repair is said as such: nobody's event asked for it.
    Repair,
}

/// `EC2 AMI State Change`.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageStateChange {
    image_id: String,
}

/// `Parameter Store Change`.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ParameterChange {
    name: String,
    #[serde(default)]
    exception: Option<String>,
}

/// What Kiln says of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OfImage {
    region: Region,
    image: ImageId,
}

/// What Kiln says of a recipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OfRecipe {
    recipe: RecipeName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    recipe: Option<RecipeName>,
    scheduled_time: Option<String>,
    dry_run: Option<bool>,
    preflight: Option<bool>,
    allow: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackByHand {
    rollback: RecipeName,
    to: Option<Version>,
}

const INSTANCE_CHANGE: &str = "EC2 Instance State-change Notification";
const IMAGE_CHANGE: &str = "EC2 AMI State Change";
const PARAMETER_CHANGE: &str = "Parameter Store Change";
const BAKE: &str = r#"expected {}, or any of {"recipe": "web"}, {"scheduled_time": "2026-11-23T02:00:00Z"} and {"preflight": true}, or Kiln's own 'Image Released'"#;
const VERIFY: &str = "expected EC2's own 'EC2 Instance State-change Notification' or 'EC2 AMI State Change'";
const PUBLISH: &str = r#"expected Kiln's own 'Image Verified', {"rollback": "web"} or {"rollback": "web", "to": "20261123T020000Z"}"#;
const CAPTURE: &str = "expected EC2's own 'EC2 Instance State-change Notification' or 'EC2 AMI State Change'";
const REPLICATE: &str = "expected Kiln's own 'Image Published' or 'Image Verified', EC2's own 'EC2 AMI State Change' or SSM's own 'Parameter Store Change'";

const RECONCILE: &str = "expected {}: a sweep looks at everything";

impl BakeCall {
    /// Reads what woke `bake`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("detail-type").is_some() {
            return match detail_type(payload, BAKE)? {
                "Image Released" => {
                    let event: EventBridgeEvent<OfRecipe> = typed(payload, BAKE)?;
                    let what = Baked::LayersOn(event.detail.recipe);
                    Ok(Self { what, scheduled: None, mode: Mode::Carry })
                }
                other => Err(unexpected(other, BAKE)),
            };
        }
        let call = by_hand(payload, BAKE)?;
        if call.allow.is_some() {
            return Err(BadEvent { problem: "bake takes no allow".into(), expected: BAKE });
        }
        if call.dry_run.is_some() {
            let problem = r#"bake has no dry run; {"preflight": true} tells what would fail"#;
            return Err(BadEvent { problem: problem.into(), expected: BAKE });
        }
        let mode = if call.preflight.unwrap_or(false) { Mode::DryRun } else { Mode::Carry };
        let time = |text: String| {
            DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(|_| BadEvent {
                problem: format!("scheduled_time {text:?} is no time"),
                expected: BAKE,
            })
        };
        let what = call.recipe.map_or(Baked::All, Baked::One);
        Ok(Self { what, scheduled: call.scheduled_time.map(time).transpose()?, mode })
    }
}

impl CaptureCall {
    /// Reads what woke `capture`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        match detail_type(payload, CAPTURE)? {
            INSTANCE_CHANGE => {
                instance_change(payload, CAPTURE).map(|(region, instance)| Self::Stopped(region, instance))
            }
            IMAGE_CHANGE => image_change(payload, CAPTURE).map(|(region, image)| Self::Image(region, image)),
            other => Err(unexpected(other, CAPTURE)),
        }
    }
}

impl VerifyCall {
    /// Reads what woke `verify`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        match detail_type(payload, VERIFY)? {
            INSTANCE_CHANGE => {
                instance_change(payload, VERIFY).map(|(region, instance)| Self::Stopped(region, instance))
            }
            IMAGE_CHANGE => image_change(payload, VERIFY).map(|(region, image)| Self::Image(region, image)),
            other => Err(unexpected(other, VERIFY)),
        }
    }
}

impl PublishCall {
    /// Reads what woke `publish`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("detail-type").is_none() {
            let call: RollbackByHand = fields(payload, PUBLISH)?;
            return Ok(Self::Rollback(call.rollback, call.to));
        }
        match detail_type(payload, PUBLISH)? {
            "Image Verified" => of_image(payload, PUBLISH).map(|(region, image)| Self::Image(region, image)),
            other => Err(unexpected(other, PUBLISH)),
        }
    }
}

impl ReplicateCall {
    /// Reads what woke `replicate`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        match detail_type(payload, REPLICATE)? {
            IMAGE_CHANGE => {
                image_change(payload, REPLICATE).map(|(region, image)| Self::Image(region, image))
            }
            "Image Published" | "Image Verified" => {
                of_image(payload, REPLICATE).map(|(region, image)| Self::Image(region, image))
            }
            PARAMETER_CHANGE => {
                let event: EventBridgeEvent<ParameterChange> = typed(payload, REPLICATE)?;
                let region = region_of(event.region.as_deref(), REPLICATE)?;
                let ParameterChange { name, exception } = event.detail;
                Ok(Self::Parameter { region, name, refused: exception.filter(|why| !why.is_empty()) })
            }
            other => Err(unexpected(other, REPLICATE)),
        }
    }
}

impl ReconcileCall {
    /// Reads what woke `reconcile`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        match payload.as_object() {
            Some(fields) if fields.is_empty() => Ok(Self),
            _ => Err(BadEvent { problem: "it is not the empty object".into(), expected: RECONCILE }),
        }
    }
}

fn by_hand(payload: &Value, expected: &'static str) -> Result<ByHand, BadEvent> {
    if !payload.is_object() {
        return Err(BadEvent { problem: "it is not a JSON object".into(), expected });
    }
    fields(payload, expected)
}

fn fields<T: DeserializeOwned>(payload: &Value, expected: &'static str) -> Result<T, BadEvent> {
    T::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

fn detail_type<'a>(payload: &'a Value, expected: &'static str) -> Result<&'a str, BadEvent> {
    let found = payload.get("detail-type").and_then(Value::as_str);
    found.ok_or(BadEvent { problem: "it has no detail-type".into(), expected })
}

fn unexpected(detail_type: &str, expected: &'static str) -> BadEvent {
    BadEvent { problem: format!("its detail-type is {detail_type:?}"), expected }
}

fn typed<T: Serialize + DeserializeOwned>(
    payload: &Value,
    expected: &'static str,
) -> Result<EventBridgeEvent<T>, BadEvent> {
    EventBridgeEvent::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

fn instance_change(payload: &Value, expected: &'static str) -> Result<(Region, InstanceId), BadEvent> {
    let event: EventBridgeEvent<InstanceStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.instance_id, expected)?))
}

/// Kiln's own event tells the Region of the image, which need not be the one in which it was said.
fn of_image(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<OfImage> = typed(payload, expected)?;
    Ok((event.detail.region, event.detail.image))
}

fn image_change(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<ImageStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.image_id, expected)?))
}

fn region_of(region: Option<&str>, expected: &'static str) -> Result<Region, BadEvent> {
    id(region.unwrap_or_default(), expected)
}

fn id<T: std::str::FromStr<Err = crate::model::ids::BadId>>(
    text: &str,
    expected: &'static str,
) -> Result<T, BadEvent> {
    text.parse().map_err(|error: crate::model::ids::BadId| BadEvent { problem: error.to_string(), expected })
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
