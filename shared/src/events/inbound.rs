//! What wakes Kiln. Only ids are taken from an event; what is true is read from the cloud.

use aws_lambda_events::event::cloudwatch_events::ec2::InstanceStateChange;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::domain::{ImageId, InstanceId, RecipeName, Region};

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
    /// Which recipe; `None`: all of them.
    pub recipe: Option<RecipeName>,
    /// For which time it was scheduled; `None`: asked for by hand.
    pub scheduled: Option<DateTime<Utc>>,
}

/// What wakes `capture`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureCall {
    /// An instance stopped.
    Stopped(Region, InstanceId),
    /// An image became available, or failed.
    Image(Region, ImageId),
}

/// What wakes `replicate`: an image became available, or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicateCall {
    /// Where the image is.
    pub region: Region,
    /// The image.
    pub image: ImageId,
}

/// What wakes `expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireCall {
    /// Which recipe; `None`: all of them.
    pub recipe: Option<RecipeName>,
    /// Whether only to answer with the plan.
    pub mode: Mode,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    recipe: Option<RecipeName>,
    scheduled_time: Option<String>,
    dry_run: Option<bool>,
}

const INSTANCE_CHANGE: &str = "EC2 Instance State-change Notification";
const IMAGE_CHANGE: &str = "EC2 AMI State Change";
const BAKE: &str =
    r#"expected {}, {"recipe": "web"} or {"scheduled_time": "2026-11-23T02:00:00Z"}, or both fields"#;
const CAPTURE: &str = "expected EC2's own 'EC2 Instance State-change Notification' or 'EC2 AMI State Change'";
const REPLICATE: &str = "expected EC2's own 'EC2 AMI State Change'";
const EXPIRE: &str =
    r#"expected {}, {"dry_run": false}, {"recipe": "web"}, both fields, or Kiln's own 'Image Replicated'"#;

const RECONCILE: &str = "expected {}: a sweep looks at everything";

impl BakeCall {
    /// Reads what woke `bake`.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        let call = by_hand(payload, BAKE)?;
        if call.dry_run.is_some() {
            return Err(BadEvent { problem: "bake has no dry run".into(), expected: BAKE });
        }
        let time = |text: String| {
            DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(|_| BadEvent {
                problem: format!("scheduled_time {text:?} is no time"),
                expected: BAKE,
            })
        };
        Ok(Self { recipe: call.recipe, scheduled: call.scheduled_time.map(time).transpose()? })
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
                let event: EventBridgeEvent<InstanceStateChange> = typed(payload, CAPTURE)?;
                let region = region_of(event.region.as_deref(), CAPTURE)?;
                Ok(Self::Stopped(region, id(&event.detail.instance_id, CAPTURE)?))
            }
            IMAGE_CHANGE => image_change(payload, CAPTURE).map(|(region, image)| Self::Image(region, image)),
            other => Err(unexpected(other, CAPTURE)),
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
            IMAGE_CHANGE => image_change(payload, REPLICATE).map(|(region, image)| Self { region, image }),
            other => Err(unexpected(other, REPLICATE)),
        }
    }
}

impl ExpireCall {
    /// Reads what woke `expire`. By hand it is a dry run unless the call says otherwise.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        #[derive(Clone, Serialize, Deserialize)]
        struct OfRecipe {
            recipe: RecipeName,
        }
        if payload.get("detail-type").is_none() {
            let call = by_hand(payload, EXPIRE)?;
            if call.scheduled_time.is_some() {
                return Err(BadEvent { problem: "expire takes no scheduled_time".into(), expected: EXPIRE });
            }
            let mode = if call.dry_run.unwrap_or(true) { Mode::DryRun } else { Mode::Carry };
            return Ok(Self { recipe: call.recipe, mode });
        }
        match detail_type(payload, EXPIRE)? {
            "Image Replicated" => {
                let event: EventBridgeEvent<OfRecipe> = typed(payload, EXPIRE)?;
                Ok(Self { recipe: Some(event.detail.recipe), mode: Mode::Carry })
            }
            other => Err(unexpected(other, EXPIRE)),
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
    ByHand::deserialize(payload).map_err(|error| BadEvent { problem: error.to_string(), expected })
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

fn image_change(payload: &Value, expected: &'static str) -> Result<(Region, ImageId), BadEvent> {
    let event: EventBridgeEvent<ImageStateChange> = typed(payload, expected)?;
    Ok((region_of(event.region.as_deref(), expected)?, id(&event.detail.image_id, expected)?))
}

fn region_of(region: Option<&str>, expected: &'static str) -> Result<Region, BadEvent> {
    id(region.unwrap_or_default(), expected)
}

fn id<T: std::str::FromStr<Err = crate::domain::ids::BadId>>(
    text: &str,
    expected: &'static str,
) -> Result<T, BadEvent> {
    text.parse().map_err(|error: crate::domain::ids::BadId| BadEvent { problem: error.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(detail_type: &str, region: &str, detail: Value) -> Value {
        json!({"version": "0", "id": "1", "detail-type": detail_type, "source": "aws.ec2", "account": "123456789012",
               "time": "2026-11-23T02:05:00Z", "region": region, "resources": [], "detail": detail})
    }

    #[test]
    fn only_ids_are_taken_from_an_event() {
        let stopped =
            event(INSTANCE_CHANGE, "us-east-1", json!({"instance-id": "i-0a1b", "state": "running"}));
        assert_eq!(
            CaptureCall::read(&stopped),
            Ok(CaptureCall::Stopped("us-east-1".parse().unwrap(), "i-0a1b".parse().unwrap()))
        );
    }

    #[test]
    fn an_image_event_is_of_the_region_in_which_it_happened() {
        let detail =
            json!({"RequestId": "r", "ImageId": "ami-0a1b", "State": "failed", "ErrorMessage": "no"});
        let call = ReplicateCall::read(&event(IMAGE_CHANGE, "eu-west-1", detail)).unwrap();
        assert_eq!((call.region.as_str(), call.image.as_str()), ("eu-west-1", "ami-0a1b"));
    }

    #[test]
    fn expire_by_hand_is_a_dry_run_unless_told_otherwise() {
        assert_eq!(ExpireCall::read(&json!({})).unwrap().mode, Mode::DryRun);
        assert_eq!(ExpireCall::read(&json!({"recipe": "web"})).unwrap().mode, Mode::DryRun);
        assert_eq!(ExpireCall::read(&json!({"dry_run": false})).unwrap().mode, Mode::Carry);
        let replicated =
            event("Image Replicated", "us-east-1", json!({"recipe": "web", "version": "20261123T020000Z"}));
        let call = ExpireCall::read(&replicated).unwrap();
        assert_eq!((call.recipe.unwrap().as_str(), call.mode), ("web", Mode::Carry));
    }

    #[test]
    fn a_misspelt_field_is_refused_and_named() {
        let error = ExpireCall::read(&json!({"dryrun": false})).unwrap_err().to_string();
        assert!(error.contains("unknown field `dryrun`") && error.contains("expected {}"), "{error}");
        let error = BakeCall::read(&json!({"recipe": "We b"})).unwrap_err().to_string();
        assert!(error.contains("'We b' is not 1 to 64 of a-z"), "{error}");
    }

    #[test]
    fn a_malformed_event_is_refused_and_says_what_was_expected() {
        let detail = json!({"instance-id": "ami-1", "state": "stopped"});
        let error = CaptureCall::read(&event(INSTANCE_CHANGE, "us-east-1", detail)).unwrap_err().to_string();
        assert!(error.contains("'ami-1' is not an instance id"), "{error}");
        assert!(CaptureCall::read(&json!({})).unwrap_err().to_string().contains("no detail-type"));
        assert!(ReplicateCall::read(&event("EBS Snapshot Notification", "us-east-1", json!({}))).is_err());
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_a_panic(a in ".*", b in ".*", number in any::<i64>()) {
            for payload in [json!(a), json!(number), json!({ a.clone(): b }), event(&a, &b, json!({"ImageId": a})),
                            event(IMAGE_CHANGE, &b, json!({"ImageId": number})), event(INSTANCE_CHANGE, "x", json!([]))] {
                let _ = (BakeCall::read(&payload), CaptureCall::read(&payload));
                let _ = (ReplicateCall::read(&payload), ExpireCall::read(&payload));
            }
        }
    }
}
