//! What wakes `expire`.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;

use super::payload::{
    BadEvent, IMAGE_CHANGE, Mode, OfRecipe, by_hand, detail_type, fields, image_change, typed, unexpected,
};
use crate::model::{ImageId, RecipeName, Region};

/// What wakes `expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpireCall {
    /// What is out goes, or it is told what would.
    Run(ExpireRun),
    /// A person wants a release back, by any of its images.
    Restore(ImageId),
    /// A person wants to know all about an image.
    Explain(ImageId),
    /// A person says that the images of a deleted recipe may go.
    RetireRecipe(RecipeName, Mode),
    /// An image was deregistered, by whomever.
    ImageDeregistered(Region, ImageId),
}

/// Where `expire` looks for images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the Regions that recipes name.
    RecipeRegions,
    /// In every Region of the account: a recipe may have named it before.
    AllRegions,
    /// As everywhere, for a recipe that need not be there.
    DeletedRecipe,
}

/// One run of `expire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireRun {
    /// Which recipe; `None`: all of them.
    pub recipe: Option<RecipeName>,
    /// Whether only to answer with the plan.
    pub mode: Mode,
    /// Where to look.
    pub scope: Scope,
    /// How many images may go, as a person says who has seen the plan; `None`: what the recipe allows.
    pub allow: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreByHand {
    restore: ImageId,
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

const EXPIRE: &str = r#"expected {}, {"dry_run": false}, {"recipe": "web"}, both fields and with them {"allow": 12}, {"restore": "ami-0123456789abcdef0"}, {"explain": "ami-0123456789abcdef0"}, {"retire_recipe": "web"}, Kiln's own 'Image Released', or EC2's own 'EC2 AMI State Change' of an image that was deregistered"#;

impl ExpireCall {
    /// Reads what woke `expire`. By hand it is a dry run unless the call says otherwise.
    ///
    /// # Errors
    /// Says what is wrong with it and what is expected.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("detail-type").is_none() {
            if payload.get("restore").is_some() {
                let call: RestoreByHand = fields(payload, EXPIRE)?;
                return Ok(Self::Restore(call.restore));
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
                let problem = "expire takes neither scheduled_time nor preflight";
                return Err(BadEvent { problem: problem.into(), expected: EXPIRE });
            }
            if call.allow.is_some() && call.recipe.is_none() {
                let problem = "allow is said of one recipe, whose plan was seen";
                return Err(BadEvent { problem: problem.into(), expected: EXPIRE });
            }
            let mode = if call.dry_run.unwrap_or(true) { Mode::DryRun } else { Mode::Apply };
            let scope = Scope::AllRegions;
            return Ok(Self::Run(ExpireRun { recipe: call.recipe, mode, scope, allow: call.allow }));
        }
        match detail_type(payload, EXPIRE)? {
            "Image Released" => {
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
            other => Err(unexpected(other, EXPIRE)),
        }
    }
}
