//! The explanation of one image for a person who asks: where it came from, what uses it, and what happens to it next.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::expire::forecast::PlanRow;
use crate::inventory::Image;
use crate::model::{ImageRecord, Region, tags};
use crate::plan::{Decision, Reason};

/// Everything that Kiln knows about one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The id of the image.
    pub image: String,
    /// Its Region.
    pub region: Region,
    /// The name of its recipe.
    pub recipe: String,
    /// Its version: the start of its bake.
    pub version: String,
    /// How far it is in the pipeline, according to its stage tag.
    pub stage: String,
    /// What it was made from, and when.
    pub provenance: Provenance,
    /// When it was released (RFC 3339), if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// The image and all its replicas.
    pub members: Vec<ReleaseMember>,
    /// What uses it in its own account, each with its ARN.
    pub used_by: Vec<String>,
    /// Every reason that keeps it regardless of its recipe.
    pub kept_by: Vec<String>,
    /// The steps of its removal or restore so far, with their times.
    pub past_steps: Vec<PastStep>,
    /// Its cost, its usage, and its next step with the time.
    pub plan: PlanRow,
    /// The action that this run decided for it.
    pub action: &'static str,
    /// The reason for that action.
    pub reason: String,
}

/// What an image was made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// When its bake began (RFC 3339).
    pub baked_at: String,
    /// The image that the bake started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The instance that it was captured from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The image that it is a copy of, as `region/ami-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<String>,
    /// Whether it was made outside Kiln and handed over.
    pub adopted: bool,
}

/// An image or a replica of the same release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseMember {
    /// Its Region.
    pub region: Region,
    /// Its id.
    pub image: String,
    /// Its state, as EC2 names it.
    pub state: String,
}

/// A step that an image has taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastStep {
    /// What was done.
    pub step: &'static str,
    /// When it was done (RFC 3339).
    pub at: String,
}

/// Explains an image from what was observed and decided. `release`: the image and its replicas.
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
        ("found unused and deprecated", image.unused_since()),
        ("disabled", image.disabled_at()),
        ("restored", image.tags.time(tags::RESTORED_AT)),
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
