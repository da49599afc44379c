//! What wakes each function but `expire`, as it is understood.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::payload::{
    BadEvent, IMAGE_CHANGE, INSTANCE_CHANGE, Mode, OfRecipe, PARAMETER_CHANGE, ParameterChange, by_hand,
    detail_type, fields, image_change, instance_change, of_image, region_of, typed, unexpected,
};
use crate::model::{ImageId, InstanceId, RecipeName, Region, Version};

/// What wakes `bake`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakeCall {
    /// What is baked.
    pub what: BakeTarget,
    /// For which time it was scheduled; `None`: asked for by hand.
    pub scheduled: Option<DateTime<Utc>>,
    /// [`Mode::DryRun`]: it is only answered what would fail.
    pub mode: Mode,
}

/// What is baked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BakeTarget {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackByHand {
    rollback: RecipeName,
    to: Option<Version>,
}

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
                    let what = BakeTarget::LayersOn(event.detail.recipe);
                    Ok(Self { what, scheduled: None, mode: Mode::Apply })
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
        let mode = if call.preflight.unwrap_or(false) { Mode::DryRun } else { Mode::Apply };
        let time = |text: String| {
            DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(|_| BadEvent {
                problem: format!("scheduled_time {text:?} is no time"),
                expected: BAKE,
            })
        };
        let what = call.recipe.map_or(BakeTarget::All, BakeTarget::One);
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
