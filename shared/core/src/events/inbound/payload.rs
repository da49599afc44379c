//! How a payload is read: only ids are taken from an event.

use aws_lambda_events::event::cloudwatch_events::ec2::InstanceStateChange;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::model::ids::BadId;
use crate::model::{ImageId, InstanceId, RecipeName, Region};

/// An event that Kiln does not understand, refused whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event was refused and nothing was done: {problem}; {expected}")]
pub struct BadEvent {
    /// What is wrong with it.
    pub problem: String,
    /// What is expected.
    pub expected: &'static str,
}

/// Whether a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The plan is made and answered.
    DryRun,
    /// The plan is made, answered and carried out.
    Apply,
    /// It is carried out, and each repair is said as such: nobody's event asked for it.
    Repair,
}

/// `EC2 AMI State PermissionChange`.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageStateChange {
    /// The image.
    pub image_id: String,
}

/// `Parameter Store PermissionChange`.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>)
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParameterChange {
    /// The parameter.
    pub name: String,
    #[serde(default)]
    /// Why SSM refused its value.
    pub exception: Option<String>,
}

/// The detail of Kiln's own events of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfImage {
    /// Where the image is.
    pub region: Region,
    /// The image.
    pub image: ImageId,
}

/// The detail of Kiln's own events of a recipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfRecipe {
    /// The recipe.
    pub recipe: RecipeName,
}

/// What a person, or a schedule, may ask of `bake` and `expire`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// One recipe; none: all of them.
    pub recipe: Option<RecipeName>,
    /// For which time the call was scheduled (RFC 3339).
    pub scheduled_time: Option<String>,
    /// Whether only to answer with the plan.
    pub dry_run: Option<bool>,
    /// Whether only to answer what would fail.
    pub preflight: Option<bool>,
    /// How many images may go.
    pub allow: Option<usize>,
}

/// The detail-type of EC2's event of an instance.
pub const INSTANCE_CHANGE: &str = "EC2 Instance State-change Notification";
/// The detail-type of EC2's event of an image.
pub const IMAGE_CHANGE: &str = "EC2 AMI State Change";
/// The detail-type of SSM's event of a parameter.
pub const PARAMETER_CHANGE: &str = "Parameter Store Change";

/// Reads a call by hand or by a schedule.
///
/// # Errors
/// Says what is wrong with it and what is expected.
pub fn by_hand(payload: &Value, expected: &'static str) -> Result<ByHand, BadEvent> {
    if !payload.is_object() {
        return Err(BadEvent { problem: "it is not a JSON object".into(), expected });
    }
    fields(payload, expected)
}

/// Reads a call that has these fields and no other.
///
/// # Errors
/// Says what is wrong with it and what is expected.
pub fn fields<T: DeserializeOwned>(payload: &Value, expected: &'static str) -> Result<T, BadEvent> {
    T::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

/// The detail-type of an event.
///
/// # Errors
/// Says that there is none.
pub fn detail_type<'a>(payload: &'a Value, expected: &'static str) -> Result<&'a str, BadEvent> {
    let found = payload.get("detail-type").and_then(Value::as_str);
    found.ok_or(BadEvent { problem: "it has no detail-type".into(), expected })
}

/// The refusal of an event of another detail-type.
pub fn unexpected(detail_type: &str, expected: &'static str) -> BadEvent {
    BadEvent { problem: format!("its detail-type is {detail_type:?}"), expected }
}

/// Reads an event of EventBridge.
///
/// # Errors
/// Says what is wrong with it and what is expected.
pub fn typed<T: Serialize + DeserializeOwned>(
    payload: &Value,
    expected: &'static str,
) -> Result<EventBridgeEvent<T>, BadEvent> {
    EventBridgeEvent::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
}

/// The instance of an `EC2 Instance State-change Notification`, and its Region.
///
/// # Errors
/// Says what is wrong with the event and what is expected.
pub fn instance_change(payload: &Value, expected: &'static str) -> Result<(Region, InstanceId), BadEvent> {
    let event: EventBridgeEvent<InstanceStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.instance_id, expected)?))
}

/// The image of an event of Kiln's own, and its Region, which need not be the Region of the event.
///
/// # Errors
/// Says what is wrong with the event and what is expected.
pub fn of_image(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<OfImage> = typed(payload, expected)?;
    Ok((event.detail.region, event.detail.image))
}

/// The image of an `EC2 AMI State PermissionChange`, and its Region.
///
/// # Errors
/// Says what is wrong with the event and what is expected.
pub fn image_change(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<ImageStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.image_id, expected)?))
}

/// The Region of an event.
///
/// # Errors
/// Says that it is none.
pub fn region_of(region: Option<&str>, expected: &'static str) -> Result<Region, BadEvent> {
    id(region.unwrap_or_default(), expected)
}

/// An id, parsed.
///
/// # Errors
/// Says that it is none.
pub fn id<T: std::str::FromStr<Err = BadId>>(text: &str, expected: &'static str) -> Result<T, BadEvent> {
    text.parse().map_err(|error: BadId| BadEvent { problem: error.to_string(), expected })
}
