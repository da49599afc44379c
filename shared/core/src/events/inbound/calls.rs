//! The payloads that invoke every function except `expire`.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::payload::{
    BAKE_WAITS, BadEvent, IMAGE_CHANGE, INSTANCE_CHANGE, Mode, OfRecipe, PARAMETER_CHANGE, ParameterChange,
    RECALL_UNFINISHED, RELEASE_UNFINISHED, by_hand, detail_type, fields, image_change, instance_change,
    of_image, region_of, typed, unexpected,
};
use crate::model::{ImageId, ImageName, InstanceId, RecipeName, Region, Version};

/// An invocation of `bake`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakeCall {
    /// Which recipes are baked.
    pub what: BakeTarget,
    /// The time for which it was scheduled; `None` for an invocation by hand.
    pub scheduled: Option<DateTime<Utc>>,
    /// [`Mode::DryRun`] makes a preflight: it reports what would fail, and launches nothing.
    pub mode: Mode,
}

/// Which recipes are baked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BakeTarget {
    /// Every recipe.
    All,
    /// One recipe.
    One(RecipeName),
    /// The recipes with this one as their base and `bake.on_base_release = true`; it was just released.
    LayersOn(RecipeName),
    /// A bake that found no room for its builder.
    Waiting(ImageName),
}

/// An invocation of `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyCall {
    /// The state of an instance changed.
    Stopped(Region, InstanceId),
    /// The state of an image changed.
    Image(Region, ImageId),
    /// Somebody asks to test a rejected image again: one of the home Region, or a replica in this Region.
    Retest(ImageId, Option<Region>),
    /// Somebody hands an image of the home Region over to a recipe.
    Adopt(ImageId, RecipeName),
}

/// An invocation of `publish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishCall {
    /// An image passed its test.
    Image(Region, ImageId),
    /// Somebody rolls a recipe or one of its channels back, to a version or to the release before.
    Rollback {
        /// The recipe.
        recipe: RecipeName,
        /// The channel; `None` for the recipe as a whole.
        channel: Option<String>,
        /// The version; `None` for the release before.
        to: Option<Version>,
        /// Whether it is carried out.
        mode: Mode,
    },
    /// Somebody approves that a release comes to a channel of its recipe.
    Approve {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: String,
        /// The version; `None` for the newest one that waits.
        version: Option<Version>,
        /// Whether it is carried out.
        mode: Mode,
    },
    /// Somebody takes a release back as bad; or a sweep found that this died half way.
    Recall {
        /// The release.
        name: ImageName,
        /// Why; `None` for what the image itself says.
        why: Option<String>,
        /// Whether what was baked from it is recalled as well.
        layers: bool,
        /// Whether it is carried out.
        mode: Mode,
    },
    /// Somebody takes a recall back.
    Reinstate {
        /// The release.
        name: ImageName,
        /// Whether it is carried out.
        mode: Mode,
    },
}

/// An invocation of `capture`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureCall {
    /// The state of an instance changed.
    Stopped(Region, InstanceId),
    /// The state of an image changed.
    Image(Region, ImageId),
}

/// An invocation of `replicate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicateCall {
    /// An image was published or passed its test, or its state changed.
    Image(Region, ImageId),
    /// Somebody asks to copy a home image anew to every Region that lacks its replica.
    CopyAgain(ImageId),
    /// A sweep found that the releases of this recipe are not as they should be.
    Release(RecipeName),
    /// A parameter changed, or SSM rejected its new value.
    Parameter {
        /// The Region of the parameter.
        region: Region,
        /// The name of the parameter.
        name: String,
        /// Why SSM rejected the value; `None` if it did not.
        refused: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackByHand {
    rollback: RecipeName,
    channel: Option<String>,
    to: Option<Version>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveByHand {
    approve: RecipeName,
    channel: String,
    version: Option<Version>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecallByHand {
    recall: RecipeName,
    version: Version,
    reason: String,
    #[serde(default)]
    layers: bool,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReinstateByHand {
    reinstate: RecipeName,
    version: Version,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetestByHand {
    retest: ImageId,
    region: Option<Region>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptByHand {
    adopt: ImageId,
    recipe: RecipeName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyByHand {
    copy: ImageId,
}

/// The detail of a sweep's event about a bake.
#[derive(Deserialize, Serialize)]
struct OfBake {
    recipe: RecipeName,
    version: Version,
}

const BAKE: &str = r#"expected {}, or any of {"recipe": "web"}, {"scheduled_time": "2026-11-23T02:00:00Z"} and {"preflight": true}, or Kiln's own 'Image Released'"#;
const PUBLISH: &str = r#"expected Kiln's own 'Image Verified', {"rollback": "web"}, with "channel" for one channel alone, "to" for a version and "dry_run": true to see only what it would do, {"recall": "web", "version": "20261123T020000Z", "reason": "CVE-2026-12345"}, with "layers": true for what was baked from it, {"reinstate": "web", "version": "20261123T020000Z"}, or {"approve": "web", "channel": "prod"}, with "version" for one that is not the newest; the last three show what they would do unless they have "dry_run": false"#;
const STATE_CHANGE: &str =
    "expected EC2's own 'EC2 Instance State-change Notification' or 'EC2 AMI State Change'";
const VERIFY: &str = r#"expected {"retest": "ami-0123456789abcdef0"}, with "region" for a replica, {"adopt": "ami-0123456789abcdef0", "recipe": "web"}, or EC2's own 'EC2 Instance State-change Notification' or 'EC2 AMI State Change'"#;
const REPLICATE: &str = r#"expected {"copy": "ami-0123456789abcdef0"}, Kiln's own 'Image Published' or 'Image Verified', EC2's own 'EC2 AMI State Change' or SSM's own 'Parameter Store Change'"#;

impl BakeCall {
    /// Parses the payload of `bake`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("detail-type").is_some() {
            return match detail_type(payload, BAKE)? {
                "Image Released" => {
                    let event: EventBridgeEvent<OfRecipe> = typed(payload, BAKE)?;
                    let what = BakeTarget::LayersOn(event.detail.recipe);
                    Ok(Self { what, scheduled: None, mode: Mode::of(payload) })
                }
                BAKE_WAITS => {
                    let event: EventBridgeEvent<OfBake> = typed(payload, BAKE)?;
                    let OfBake { recipe, version } = event.detail;
                    let (what, scheduled) =
                        (BakeTarget::Waiting(ImageName { recipe, version }), Some(version.time()));
                    // That a sweep asks for it is as it should be: no event was lost.
                    Ok(Self { what, scheduled, mode: Mode::Apply })
                }
                other => Err(unexpected(other, BAKE)),
            };
        }
        let call = by_hand(payload, BAKE)?;
        if call.allow.is_some() {
            return Err(BadEvent { problem: "bake has no field allow".into(), expected: BAKE });
        }
        if call.dry_run.is_some() {
            let problem = r#"bake has no dry run; use {"preflight": true} to see what would fail"#;
            return Err(BadEvent { problem: problem.into(), expected: BAKE });
        }
        let mode = if call.preflight.unwrap_or(false) { Mode::DryRun } else { Mode::Apply };
        let time = |text: String| {
            DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(|_| BadEvent {
                problem: format!("scheduled_time {text:?} is not an RFC 3339 time"),
                expected: BAKE,
            })
        };
        let what = call.recipe.map_or(BakeTarget::All, BakeTarget::One);
        Ok(Self { what, scheduled: call.scheduled_time.map(time).transpose()?, mode })
    }
}

impl CaptureCall {
    /// Parses the payload of `capture`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        state_change(payload, STATE_CHANGE, Self::Stopped, Self::Image)
    }
}

impl VerifyCall {
    /// Parses the payload of `verify`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("retest").is_some() {
            let call: RetestByHand = fields(payload, VERIFY)?;
            return Ok(Self::Retest(call.retest, call.region));
        }
        if payload.get("adopt").is_some() {
            let call: AdoptByHand = fields(payload, VERIFY)?;
            return Ok(Self::Adopt(call.adopt, call.recipe));
        }
        state_change(payload, VERIFY, Self::Stopped, Self::Image)
    }
}

/// Parses EC2's own event about an instance or an image.
fn state_change<T>(
    payload: &Value,
    expected: &'static str,
    of_instance: fn(Region, InstanceId) -> T,
    of_image: fn(Region, ImageId) -> T,
) -> Result<T, BadEvent> {
    match detail_type(payload, expected)? {
        INSTANCE_CHANGE => instance_change(payload, expected).map(|(region, id)| of_instance(region, id)),
        IMAGE_CHANGE => image_change(payload, expected).map(|(region, id)| of_image(region, id)),
        other => Err(unexpected(other, expected)),
    }
}

impl PublishCall {
    /// Parses the payload of `publish`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("recall").is_some() {
            let call: RecallByHand = fields(payload, PUBLISH)?;
            if call.reason.trim().is_empty() {
                let problem =
                    "a recall needs a reason: users read it, and so does whoever looks at the image";
                return Err(BadEvent { problem: problem.into(), expected: PUBLISH });
            }
            let name = ImageName { recipe: call.recall, version: call.version };
            let (why, layers) = (Some(call.reason), call.layers);
            return Ok(Self::Recall { name, why, layers, mode: preview_unless_no(call.dry_run) });
        }
        if payload.get("approve").is_some() {
            let ApproveByHand { approve, channel, version, dry_run } = fields(payload, PUBLISH)?;
            let mode = preview_unless_no(dry_run);
            return Ok(Self::Approve { recipe: approve, channel, version, mode });
        }
        if payload.get("reinstate").is_some() {
            let call: ReinstateByHand = fields(payload, PUBLISH)?;
            let name = ImageName { recipe: call.reinstate, version: call.version };
            return Ok(Self::Reinstate { name, mode: preview_unless_no(call.dry_run) });
        }
        if payload.get("detail-type").is_none() {
            let call: RollbackByHand = fields(payload, PUBLISH)?;
            // In an emergency it is one call: unlike a recall it can be taken back by another rollback.
            let mode = if call.dry_run.unwrap_or(false) { Mode::DryRun } else { Mode::Apply };
            let RollbackByHand { rollback, channel, to, .. } = call;
            return Ok(Self::Rollback { recipe: rollback, channel, to, mode });
        }
        match detail_type(payload, PUBLISH)? {
            "Image Verified" => of_image(payload, PUBLISH).map(|(region, image)| Self::Image(region, image)),
            RECALL_UNFINISHED => {
                let event: EventBridgeEvent<OfBake> = typed(payload, PUBLISH)?;
                let OfBake { recipe, version } = event.detail;
                let name = ImageName { recipe, version };
                Ok(Self::Recall { name, why: None, layers: false, mode: Mode::of(payload) })
            }
            other => Err(unexpected(other, PUBLISH)),
        }
    }
}

/// Somebody by hand sees first what would be done.
fn preview_unless_no(dry_run: Option<bool>) -> Mode {
    if dry_run.unwrap_or(true) { Mode::DryRun } else { Mode::Apply }
}

impl ReplicateCall {
    /// Parses the payload of `replicate`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("copy").is_some() {
            let call: CopyByHand = fields(payload, REPLICATE)?;
            return Ok(Self::CopyAgain(call.copy));
        }
        match detail_type(payload, REPLICATE)? {
            IMAGE_CHANGE => {
                image_change(payload, REPLICATE).map(|(region, image)| Self::Image(region, image))
            }
            "Image Published" | "Image Verified" => {
                of_image(payload, REPLICATE).map(|(region, image)| Self::Image(region, image))
            }
            RELEASE_UNFINISHED => {
                let event: EventBridgeEvent<OfRecipe> = typed(payload, REPLICATE)?;
                Ok(Self::Release(event.detail.recipe))
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
