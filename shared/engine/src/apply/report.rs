//! What a function answers: every decision with its outcome. Also how that is logged, and the text of its error.

use std::fmt;

use kiln_catalog::status::Status;
use kiln_core::events::outbound::UsedBy;
use kiln_core::expire::explain::Explanation;
use kiln_core::expire::forecast::{PlanRow, PlanTotals};
use kiln_core::failures::Failure;
use kiln_core::inventory::CloudError;
use kiln_core::model::{ImageId, RecipeName, Region, Version};
use kiln_core::numbers::Numbers;
use kiln_core::plan::action::Move;
use kiln_core::plan::{Action, Decision, Reason};
use serde::Serialize;

/// The longest answer in bytes. Lambda allows 6 MB.
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>)
const MOST_BYTES: usize = 5_500_000;

/// How many failures the text of an error lists one by one.
const MOST_LISTED: usize = 100;

/// The answer of a function: what it did, left unchanged, planned, or failed to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// One entry for each decision.
    #[serde(rename = "decisions")]
    pub entries: Vec<Entry>,
    /// How many decisions are left out because Lambda limits the answer. Images that their recipe keeps anyway are left
    /// out first. The totals count all images, and the plan of a single recipe lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted: Option<usize>,
    /// What all images cost, and what could be saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<PlanTotals>,
    /// Whether the call only asked a question. Then a Region that could not be read is part of the answer, not a
    /// failure.
    #[serde(skip)]
    pub read_only: bool,
    /// Who uses the images that a recall is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<UsedBy>,
    /// The explanation of the one image that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// What was made of the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Catalogued>,
    /// How the recipes are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<Status>>,
    /// What waits in the stack's queues, oldest first, and what was done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Vec<Failure>>,
    /// The ids that no message has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What is counted of it.
    #[serde(skip)]
    pub numbers: Vec<Numbers>,
    /// Why some events could not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_error: Option<CloudError>,
    /// Whether nobody waits for the answer. Then what an event has told is no failure of the function.
    #[serde(skip)]
    pub unattended: bool,
    /// How many failures an event has told, and no retry helps against.
    #[serde(skip)]
    pub(crate) told: usize,
    /// How all decisions ended, if some of them are left out.
    #[serde(skip)]
    pub(crate) counted: Option<Counts>,
}

/// What was made of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Catalogued {
    /// How many recipes it shows.
    pub recipes: usize,
    /// How many versions.
    pub versions: usize,
    /// How many files were put, because they had changed.
    pub put: usize,
}

/// One decision and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeName>,
    /// The version, which is the time of the bake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The Region.
    pub region: Region,
    /// The image, instance or snapshot that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The name of the action that was decided.
    pub action: &'static str,
    /// Why it was decided.
    pub reason: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The parameters that it lets name another image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Moved>,
    /// What the plan says about the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRow>,
    /// Until when the deregistered image can be restored from the Recycle Bin (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recoverable_until: Option<String>,
    /// Whether it only says that Kiln does not manage the resource. Every AMI event of the account wakes Kiln, so such
    /// entries are logged at debug level.
    #[serde(skip)]
    quiet: bool,
}

/// A parameter that names another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its name.
    pub parameter: String,
    /// Its Region.
    pub region: Region,
    /// The image that it names then.
    pub image: ImageId,
}

impl Moved {
    /// Those of an action, in Kiln's own account.
    fn by(action: &Action) -> Vec<Self> {
        let Action::MoveParameters(moves) = action else { return Vec::new() };
        let moved = |Move { parameter, region, image, .. }: &Move| Self {
            parameter: parameter.clone(),
            region: region.clone(),
            image: image.clone(),
        };
        moves.moves.iter().map(moved).collect()
    }
}

/// How a decision ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The decision was to do nothing.
    Unchanged,
    /// It was done.
    Done {
        /// The id of what was created, or found already created.
        #[serde(skip_serializing_if = "Option::is_none")]
        made: Option<String>,
    },
    /// It was only planned, because this is a dry run.
    Planned,
    /// It failed.
    Failed {
        /// What failed, on what, where, and what to do.
        error: String,
    },
    /// It could not be done, and nothing waits for it: what follows is done all the same, and no retry is made.
    Forgone {
        /// What was refused, on what, where, and why.
        error: String,
    },
    /// It was done, but its effect is not visible yet. The rest of its sequence follows once it is.
    Waiting {
        /// What must become visible.
        waiting_for: String,
    },
    /// An earlier decision of its sequence failed, or is waiting.
    Skipped,
}

impl Report {
    /// Whether the invocation failed. A call that only asked a question does not fail over what could not be read.
    pub fn failed(&self) -> bool {
        if self.read_only {
            return false;
        }
        let told = if self.unattended { self.told } else { 0 };
        self.event_error.is_some() || self.counts().failed > told
    }

    /// This report, followed by another.
    #[must_use]
    pub fn and(mut self, other: Report) -> Self {
        self.counted = match (self.counted, other.counted) {
            (None, None) => None,
            _ => Some(self.counts().and(other.counts())),
        };
        self.entries.extend(other.entries);
        self.numbers.extend(other.numbers);
        self.event_error = self.event_error.or(other.event_error);
        self.omitted = match (self.omitted, other.omitted) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.totals = self.totals.or(other.totals);
        self.read_only |= other.read_only;
        self.unattended |= other.unattended;
        self.told += other.told;
        self.explanation = self.explanation.or(other.explanation);
        self.used_by.extend(other.used_by);
        self
    }

    /// Shortens the answer to what Lambda allows. Failed decisions stand first and are left out last. All decisions are
    /// counted before, so a failed run stays failed. The log still has every decision.
    pub fn truncate_to_limit(&mut self) {
        let fits = |entries: &[Entry]| entries.iter().map(Entry::size).sum::<usize>() <= MOST_BYTES;
        if fits(&self.entries) {
            return;
        }
        let counts = self.counts();
        let before = self.entries.len();
        // Images that their recipe keeps anyway are missed least: the plan of that recipe lists them.
        let kept_by_recipe = |entry: &Entry| {
            entry.outcome == Outcome::Unchanged
                && entry.plan.as_ref().is_some_and(|plan| plan.usage.is_none())
        };
        self.entries.sort_by_key(|entry| match &entry.outcome {
            Outcome::Failed { .. } => 0,
            _ if kept_by_recipe(entry) => 2,
            _ => 1,
        });
        while !fits(&self.entries) {
            let kept = self.entries.len() * 9 / 10;
            let first_kept = self.entries.partition_point(|entry| !kept_by_recipe(entry));
            self.entries.truncate(if first_kept < self.entries.len() { kept.max(first_kept) } else { kept });
        }
        self.omitted = Some(before - self.entries.len());
        self.counted = Some(counts);
    }

    /// How many decisions failed of how many, and why events could not be sent.
    pub fn summary(&self) -> String {
        let unsent =
            self.event_error.as_ref().map(|error| format!("; some events could not be sent: {error}"));
        format!("{}{}", self.counts(), unsent.unwrap_or_default())
    }

    /// How the decisions ended, counted before the answer was shortened.
    fn counts(&self) -> Counts {
        self.counted.unwrap_or_else(|| Counts::of(&self.entries))
    }

    fn failures(&self) -> impl Iterator<Item = (&Entry, &str)> {
        self.entries.iter().filter_map(|entry| match &entry.outcome {
            Outcome::Failed { error } => Some((entry, error.as_str())),
            _ => None,
        })
    }

    pub(crate) fn log_event_error(&self) {
        if let Some(error) = &self.event_error {
            tracing::error!(%error, "some events could not be sent; the decisions themselves are not affected");
        }
    }
}

/// How many decisions ended in each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    failed: usize,
    done: usize,
    unchanged: usize,
    planned: usize,
    waiting: usize,
    skipped: usize,
    forgone: usize,
}

impl Counts {
    fn of(entries: &[Entry]) -> Self {
        let mut counts = Self::default();
        for entry in entries {
            *match &entry.outcome {
                Outcome::Failed { .. } => &mut counts.failed,
                Outcome::Done { .. } => &mut counts.done,
                Outcome::Unchanged => &mut counts.unchanged,
                Outcome::Planned => &mut counts.planned,
                Outcome::Waiting { .. } => &mut counts.waiting,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Forgone { .. } => &mut counts.forgone,
            } += 1;
        }
        counts
    }

    fn and(self, other: Self) -> Self {
        Self {
            failed: self.failed + other.failed,
            done: self.done + other.done,
            unchanged: self.unchanged + other.unchanged,
            planned: self.planned + other.planned,
            waiting: self.waiting + other.waiting,
            skipped: self.skipped + other.skipped,
            forgone: self.forgone + other.forgone,
        }
    }

    fn all(self) -> usize {
        self.failed + self.done + self.unchanged + self.planned + self.waiting + self.skipped + self.forgone
    }
}

/// How many failed of how many, and how the others ended: `2 of 7 decisions failed (3 carried out, 2 unchanged)`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} decisions failed", self.failed, self.all())?;
        let others = [
            (self.done, "carried out"),
            (self.unchanged, "unchanged"),
            (self.planned, "only planned"),
            (self.waiting, "waiting"),
            (self.skipped, "skipped after a failure"),
            (self.forgone, "forgone"),
        ];
        let others: Vec<String> = others
            .iter()
            .filter(|(many, _)| *many > 0)
            .map(|(many, word)| format!("{many} {word}"))
            .collect();
        if others.is_empty() { Ok(()) } else { write!(f, " ({})", others.join(", ")) }
    }
}

/// How many decisions ended in each way, then one line for each failure.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "{counts}:")?;
        for (entry, error) in self.failures().take(MOST_LISTED) {
            write!(f, "\n  - {} {}: {error}", entry.action, entry.address())?;
        }
        if let Some(more) = counts.failed.checked_sub(MOST_LISTED).filter(|more| *more > 0) {
            write!(f, "\n  - {more} more failures, each with a line of its own in the log")?;
        }
        if let Some(error) = &self.event_error {
            write!(
                f,
                "\n  - some events could not be sent; the decisions themselves are not affected: {error}"
            )?;
        }
        Ok(())
    }
}

impl Entry {
    /// Its approximate size as JSON, in bytes.
    fn size(&self) -> usize {
        // Field names, ids, and the numbers of a plan.
        const REST: usize = 330;
        REST + self.reason.len() + self.recipe.as_ref().map_or(0, |recipe| recipe.as_str().len())
    }

    /// The entry of a decision with its outcome.
    pub fn of(decision: Decision, outcome: Outcome) -> Self {
        let subject = decision.subject;
        Self {
            recipe: subject.recipe,
            version: subject.version,
            region: subject.region,
            resource: subject.resource,
            action: decision.action.word(),
            reason: decision.reason.to_string(),
            outcome,
            moves: Moved::by(&decision.action),
            plan: None,
            recoverable_until: None,
            quiet: matches!(
                decision.reason,
                Reason::NotManaged(kiln_core::model::record::RecordError::NotManaged)
            ),
        }
    }

    /// Whether an action of this name was carried out.
    pub(crate) fn did(&self, action: &str) -> bool {
        self.action == action && matches!(self.outcome, Outcome::Done { .. })
    }

    fn address(&self) -> String {
        let recipe = self.recipe.as_ref().map(ToString::to_string);
        let version = self.version.map(|version| version.to_string());
        let name = [recipe, version].into_iter().flatten().collect::<Vec<_>>().join("-");
        match self.resource.as_deref() {
            Some(resource) if name.is_empty() => format!("{resource} in {}", self.region),
            Some(resource) => format!("{name} ({resource}) in {}", self.region),
            None => format!("{name} in {}", self.region),
        }
    }

    /// Writes the one log line of this entry.
    pub(crate) fn log(&self) {
        let version = self.version.map(|version| version.to_string());
        macro_rules! write {
            ($level:ident, $outcome:literal, $($more:tt)*) => {
                tracing::$level!(
                    recipe = self.recipe.as_ref().map(|recipe| recipe.as_str()),
                    version,
                    region = %self.region,
                    resource = self.resource.as_deref(),
                    action = self.action,
                    reason = %self.reason,
                    outcome = $outcome,
                    $($more)*
                )
            };
        }
        match &self.outcome {
            Outcome::Unchanged if self.quiet => write!(debug, "unchanged", "decided"),
            Outcome::Unchanged => write!(info, "unchanged", "decided"),
            Outcome::Done { made } => write!(info, "done", made = made.as_deref(), "decided"),
            Outcome::Planned => write!(info, "planned", "decided"),
            Outcome::Failed { error } => write!(error, "failed", error = %error, "decided"),
            Outcome::Waiting { waiting_for } => {
                write!(info, "waiting", waiting_for = %waiting_for, "decided")
            }
            Outcome::Skipped => write!(info, "skipped", "decided"),
            Outcome::Forgone { error } => write!(warn, "forgone", error = %error, "decided"),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
