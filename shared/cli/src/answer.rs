//! What a function answers, as far as it is shown here.

use kiln_catalog::status::Status;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Kind};

/// An answer. Fields that are not known are passed over: a function may be newer than this program.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    /// One entry for each decision.
    #[serde(default)]
    pub decisions: Vec<Entry>,
    /// How many decisions are left out, because Lambda limits the answer.
    pub omitted: Option<usize>,
    /// What all images cost.
    pub totals: Option<Totals>,
    /// Who uses the images that a recall is about.
    #[serde(default)]
    pub used_by: Vec<UsedBy>,
    /// All about the one image that was asked about.
    pub explanation: Option<Explanation>,
    /// How the recipes are.
    pub status: Option<Status>,
    /// What waits in the stack's queues.
    pub waiting: Option<Vec<Waiting>>,
    /// Why some events could not be sent.
    pub event_error: Option<Value>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// It is no answer of this function.
    pub fn read(answer: &Value) -> Result<Self, Failure> {
        Self::deserialize(answer).map_err(|error| {
            let what = format!("The function answered something that kiln does not understand: {error}.");
            Failure::new(Kind::Answer, what)
                .advise("Bring the functions and kiln to the same version; --output json shows the answer.")
        })
    }
}

/// One decision and its outcome.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Entry {
    /// The recipe.
    pub recipe: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The Region.
    pub region: String,
    /// The image, instance or snapshot that it is about.
    pub resource: Option<String>,
    /// The name of the action.
    pub action: String,
    /// Why it was decided.
    pub reason: String,
    /// How it ended: `unchanged`, `done`, `planned`, `failed`, `waiting` or `skipped`.
    pub outcome: String,
    /// What failed.
    pub error: Option<String>,
    /// What must become visible.
    pub waiting_for: Option<String>,
    /// The id of what was created.
    pub made: Option<String>,
    /// The parameters that it lets name another image.
    #[serde(default)]
    pub moves: Vec<Moved>,
    /// What the plan says about the image.
    pub plan: Option<PlanRow>,
}

/// A parameter that names another image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Moved {
    /// Its name.
    pub parameter: String,
    /// Its Region.
    pub region: String,
    /// The image that it names then.
    pub image: String,
}

impl Entry {
    /// Whether it is planned, and takes something away that could be used: an image or a snapshot.
    pub fn would_remove(&self) -> bool {
        const REMOVING: [&str; 3] = ["disable", "deregister", "delete-snapshot"];
        self.outcome == "planned" && REMOVING.contains(&self.action.as_str())
    }
}

/// What a plan shows about one image.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PlanRow {
    /// Its state, as EC2 names it.
    pub state: String,
    /// Its age in whole days.
    pub age_days: i64,
    /// The size of its snapshots in GiB.
    pub gb: f64,
    /// What they cost per month, at most.
    pub monthly_usd: f64,
    /// Its usage; `None` if it was not looked for.
    pub usage: Option<String>,
    /// Its next step.
    pub next_step: Option<String>,
    /// The earliest time of that step.
    pub next_step_at: Option<String>,
}

/// What all images cost.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Totals {
    /// How many images, replicas included.
    pub images: usize,
    /// The size of their snapshots in GiB.
    pub gb: f64,
    /// What they cost per month, at most.
    pub monthly_usd: f64,
    /// How many of them are unused and have a next step.
    pub unused_images: usize,
    /// The size of the snapshots of those.
    pub unused_gb: f64,
    /// What removing them saves per year, at most.
    pub yearly_saving_usd: f64,
    /// The prices used.
    pub prices: Prices,
}

/// The monthly price of one GiB of snapshots.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Prices {
    /// In Regions without a price of their own.
    pub usd_per_gb_month: f64,
    /// In single Regions.
    #[serde(default)]
    pub regions: std::collections::BTreeMap<String, f64>,
}

/// What uses an image.
#[derive(Debug, Clone, Deserialize)]
pub struct UsedBy {
    /// What it is.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
    /// Its Region.
    pub region: String,
}

/// What failed, and waits in a queue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Waiting {
    /// The queue, by its name without the stack's.
    pub queue: String,
    /// The id of the message.
    pub id: String,
    /// When it came (RFC 3339).
    pub at: String,
    /// The function that failed, or that was not reached.
    pub function: Option<String>,
    /// What the event is about.
    pub event: String,
    /// What failed.
    pub error: String,
    /// What to do.
    pub advice: String,
    /// What was done with it: a word, or an object with the error.
    pub outcome: Value,
}

impl Waiting {
    /// Whether it is no longer in its queue.
    pub fn is_gone(&self) -> bool {
        self.outcome == "sent-again" || self.outcome == "removed"
    }
}

/// All about one image.
#[derive(Debug, Clone, Deserialize)]
pub struct Explanation {
    /// Its id.
    pub image: String,
    /// Its Region.
    pub region: String,
    /// Its recipe.
    pub recipe: String,
    /// Its version.
    pub version: String,
    /// How far it is.
    pub stage: String,
    /// What it was made from, and when.
    pub provenance: Provenance,
    /// When it was released.
    pub released_at: Option<String>,
    /// The image and all its replicas.
    pub members: Vec<Member>,
    /// What uses it.
    pub used_by: Vec<String>,
    /// Every reason that keeps it regardless of its recipe.
    pub kept_by: Vec<String>,
    /// The steps of its removal or restore so far.
    pub past_steps: Vec<PastStep>,
    /// Its cost, its usage, and its next step.
    pub plan: PlanRow,
    /// What was decided about it.
    pub action: String,
    /// Why.
    pub reason: String,
}

/// What an image was made from.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Provenance {
    /// When its bake began.
    pub baked_at: String,
    /// The image that the bake started from.
    pub base: Option<String>,
    /// The instance that it was captured from.
    pub builder: Option<String>,
    /// The image that it is a copy of.
    pub copied_from: Option<String>,
    /// Whether somebody handed it over.
    pub adopted: bool,
}

/// An image of a release.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// Its Region.
    pub region: String,
    /// Its id.
    pub image: String,
    /// Its state.
    pub state: String,
}

/// A step that an image has taken.
#[derive(Debug, Clone, Deserialize)]
pub struct PastStep {
    /// What was done.
    pub step: String,
    /// When.
    pub at: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_a_newer_function_is_passed_over_and_what_is_no_answer_is_told() {
        let newer = json!({ "decisions": [], "something": "new" });
        assert!(Answer::read(&newer).unwrap().decisions.is_empty());
        let failure = Answer::read(&json!({ "decisions": "none" })).unwrap_err();
        assert_eq!(failure.kind, Kind::Answer);
    }

    #[test]
    fn to_deprecate_an_image_takes_nothing_away_and_to_disable_it_does() {
        let entry = |action: &str, outcome: &str| Entry {
            action: action.into(),
            outcome: outcome.into(),
            ..Entry::default()
        };
        assert!(entry("disable", "planned").would_remove() && entry("deregister", "planned").would_remove());
        assert!(!entry("deprecate", "planned").would_remove() && !entry("disable", "done").would_remove());
    }
}
