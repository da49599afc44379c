//! What one image is, and what will become of it: everything that Kiln knows, for a person who asks.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::expire::forecast::PlanRow;
use crate::inventory::Image;
use crate::model::{ImageRecord, Region, tags};
use crate::plan::{Decision, Reason};

/// The story of an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Which image.
    pub image: String,
    /// Where.
    pub region: Region,
    /// Of which recipe.
    pub recipe: String,
    /// Of which bake, by its start.
    pub version: String,
    /// How far it has come, by its tag.
    pub stage: String,
    /// From what it was made, and when.
    pub provenance: Provenance,
    /// When it was released (RFC 3339), where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// The image and all its replicas.
    pub members: Vec<ReleaseMember>,
    /// What uses it in its own account, each with its ARN.
    pub used_by: Vec<String>,
    /// Everything that keeps it whatever its recipe says.
    pub kept_by: Vec<String>,
    /// The steps on its way out that it has taken, with their times.
    pub past_steps: Vec<PastStep>,
    /// What it costs, whether it is used, its next step and when.
    pub plan: PlanRow,
    /// What is decided of it now.
    pub action: &'static str,
    /// Why.
    pub reason: String,
}

/// From what an image was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// When its bake began (RFC 3339).
    pub baked_at: String,
    /// The image that it was baked from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The instance that it was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The image that it is a copy of, as `region/ami-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<String>,
    /// Whether somebody else made it, and gave it to Kiln.
    pub adopted: bool,
}

/// An image of the same release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseMember {
    /// Where.
    pub region: Region,
    /// Which.
    pub image: String,
    /// Its state, by EC2's word.
    pub state: String,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastStep {
    /// Which.
    pub step: &'static str,
    /// When (RFC 3339).
    pub at: String,
}

/// Tells it.
pub fn explain(
    (image, record): (&Image, &ImageRecord),
    release: &[&Image],
    decision: &Decision,
    users: BTreeSet<String>,
    kept_by: &[Reason],
    plan: PlanRow,
) -> Explanation {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let member = |one: &Image| ReleaseMember {
        region: one.region.clone(),
        image: one.id.to_string(),
        state: one.state.to_string(),
    };
    let steps = [
        ("found unused, and deprecated", image.unused_since()),
        ("disabled", image.disabled_at()),
        ("brought back", image.tags.time(tags::RESTORED_AT)),
    ];
    Explanation {
        image: image.id.to_string(),
        region: image.region.clone(),
        recipe: record.name.recipe.to_string(),
        version: record.name.version.to_string(),
        stage: record.stage.to_string(),
        provenance: Provenance {
            baked_at: text(record.name.version.time()),
            base: image.tags.get(tags::BASE).map(str::to_owned),
            builder: image.source_instance.as_ref().map(ToString::to_string),
            copied_from: record.copied.as_ref().map(|copied| copied.origin.to_string()),
            adopted: image.tags.has(tags::ADOPTED),
        },
        released_at: release.iter().find_map(|one| one.tags.get(tags::RELEASED_AT).map(str::to_owned)),
        members: release.iter().copied().map(member).collect(),
        used_by: users.into_iter().collect(),
        kept_by: kept_by.iter().map(ToString::to_string).collect(),
        past_steps: steps
            .into_iter()
            .filter_map(|(step, at)| Some(PastStep { step, at: text(at?) }))
            .collect(),
        plan,
        action: decision.action.word(),
        reason: decision.reason.to_string(),
    }
}
