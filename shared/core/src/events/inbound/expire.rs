//! The payloads that invoke `expire`.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;

use super::payload::{
    BadEvent, IMAGE_CHANGE, Mode, OfRecipe, SNAPSHOTS_LEFT, by_hand, detail_type, fields, image_change,
    region_of, typed, unexpected,
};
use crate::model::{ImageId, RecipeName, Region, tags};

/// An invocation of `expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpireCall {
    /// Remove the images that their recipes no longer keep, or plan that.
    Run(ExpireRun),
    /// Bring back the release to which this image belongs.
    Restore(ImageId),
    /// Hold this image, for this reason.
    Hold(ImageId, String),
    /// Explain why this image is kept, or when it is removed.
    Explain(ImageId),
    /// Allow the images of a deleted recipe to be removed.
    RetireRecipe(RecipeName, Mode),
    /// An image was deregistered, by Kiln or by anybody else.
    ImageDeregistered(Region, ImageId),
    /// A sweep found snapshots in this Region whose images are gone.
    SnapshotsLeft(Region),
}

/// The Regions in which `expire` reads images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The Regions that recipes name.
    RecipeRegions,
    /// Every Region of the account, because a recipe may have named others before.
    AllRegions,
    /// Every Region of the account, for a recipe that need not exist.
    DeletedRecipe,
}

/// One run of `expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireRun {
    /// The recipe; `None` for all.
    pub recipe: Option<RecipeName>,
    /// Whether the plan is carried out.
    pub mode: Mode,
    /// The Regions in which images are read.
    pub scope: Scope,
    /// The number of images that may be removed, given by somebody who reviewed the plan; `None` for the recipe's
    /// limits.
    pub allow: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreByHand {
    restore: ImageId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldByHand {
    hold: ImageId,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainByHand {
    explain: ImageId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetireRecipeByHand {
    retire_recipe: RecipeName,
    dry_run: Option<bool>,
}

const EXPIRE: &str = r#"expected {}, or any of {"recipe": "web"}, {"dry_run": false} and, with a recipe, {"allow": 12}; or one of {"restore": "ami-0123456789abcdef0"}, {"hold": "ami-0123456789abcdef0", "reason": "audit until June"}, {"explain": "ami-0123456789abcdef0"} and {"retire_recipe": "web"}; or Kiln's own 'Image Released', 'Image Unchanged' or 'Image Recalled', or EC2's own 'EC2 AMI State Change' of a deregistered image"#;

impl ExpireCall {
    /// Parses the payload of `expire`. A run by hand is a dry run, unless it has `"dry_run": false`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("detail-type").is_none() {
            if payload.get("restore").is_some() {
                let call: RestoreByHand = fields(payload, EXPIRE)?;
                return Ok(Self::Restore(call.restore));
            }
            if payload.get("hold").is_some() {
                let call: HoldByHand = fields(payload, EXPIRE)?;
                let why = call.reason.trim();
                if why.is_empty() || why.contains('\n') || why.chars().count() > tags::MOST_CHARACTERS {
                    let problem = "a hold needs a reason in one line of 1 to 256 characters: whoever wants to end it reads that";
                    return Err(BadEvent { problem: problem.into(), expected: EXPIRE });
                }
                return Ok(Self::Hold(call.hold, why.to_owned()));
            }
            if payload.get("explain").is_some() {
                let call: ExplainByHand = fields(payload, EXPIRE)?;
                return Ok(Self::Explain(call.explain));
            }
            if payload.get("retire_recipe").is_some() {
                let call: RetireRecipeByHand = fields(payload, EXPIRE)?;
                let mode = if call.dry_run.unwrap_or(false) { Mode::DryRun } else { Mode::Apply };
                return Ok(Self::RetireRecipe(call.retire_recipe, mode));
            }
            let call = by_hand(payload, EXPIRE)?;
            if call.scheduled_time.is_some() || call.preflight.is_some() {
                let problem = "expire has no field scheduled_time or preflight";
                return Err(BadEvent { problem: problem.into(), expected: EXPIRE });
            }
            if call.allow.is_some() && call.recipe.is_none() {
                let problem = "allow needs a recipe; name the one whose plan you reviewed";
                return Err(BadEvent { problem: problem.into(), expected: EXPIRE });
            }
            let mode = if call.dry_run.unwrap_or(true) { Mode::DryRun } else { Mode::Apply };
            let scope = Scope::AllRegions;
            return Ok(Self::Run(ExpireRun { recipe: call.recipe, mode, scope, allow: call.allow }));
        }
        match detail_type(payload, EXPIRE)? {
            "Image Released" | "Image Unchanged" | "Image Recalled" => {
                let event: EventBridgeEvent<OfRecipe> = typed(payload, EXPIRE)?;
                let recipe = Some(event.detail.recipe);
                Ok(Self::Run(ExpireRun {
                    recipe,
                    mode: Mode::Apply,
                    scope: Scope::RecipeRegions,
                    allow: None,
                }))
            }
            IMAGE_CHANGE => {
                image_change(payload, EXPIRE).map(|(region, image)| Self::ImageDeregistered(region, image))
            }
            SNAPSHOTS_LEFT => {
                let event: EventBridgeEvent<Value> = typed(payload, EXPIRE)?;
                Ok(Self::SnapshotsLeft(region_of(event.region.as_deref(), EXPIRE)?))
            }
            other => Err(unexpected(other, EXPIRE)),
        }
    }
}
