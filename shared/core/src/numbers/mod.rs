//! What can be counted: metrics of CloudWatch, each read from an event that Kiln sends, a sweep or a night of `expire`.
//!
//! A function writes them as lines of its log in the embedded metric format, so they cost no call. Docs of the variants
//! become `docs/reference/metrics.md`.

mod emf;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::model::{ImageName, RecipeName};

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Bakes that were refused or failed.
    BakesFailed,
    /// Images and replicas that failed their test or their scan.
    ImagesRejected,
    /// Both of them together: no release comes of it.
    NothingCame,
    /// Images that became a release.
    ImagesReleased,
    /// Images that were removed because the newest release has all that they have.
    ImagesUnchanged,
    /// From the beginning of a bake to the release of its image.
    SecondsToRelease,
    /// Copies to other Regions that failed.
    CopiesFailed,
    /// What a sweep found undone, and a function then did. Usually an event was lost.
    DriftRepaired,
    /// By how much such a repair may be late.
    DriftLateSeconds,
    /// Runs of `expire` that a limit kept from removing images of a recipe.
    ExpiryBlocked,
    /// Sweeps that saw everything they look at.
    Sweeps,
    /// From the newest release of each recipe until now; its maximum is the recipe that waits longest. A recipe that was
    /// never released has none, nor has one with `publish.skip_unchanged`, which may have nothing to release.
    HoursSinceRelease,
    /// Images of recipes that stayed after a night, replicas included.
    ImagesKept,
    /// Those of them whose use could not be read.
    ImagesUnknown,
    /// The size of their snapshots, of those in the Regions that could be read.
    SnapshotGigabytes,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 15] = [
        Self::BakesFailed,
        Self::ImagesRejected,
        Self::NothingCame,
        Self::ImagesReleased,
        Self::ImagesUnchanged,
        Self::SecondsToRelease,
        Self::CopiesFailed,
        Self::DriftRepaired,
        Self::DriftLateSeconds,
        Self::ExpiryBlocked,
        Self::Sweeps,
        Self::HoursSinceRelease,
        Self::ImagesKept,
        Self::ImagesUnknown,
        Self::SnapshotGigabytes,
    ];

    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::BakesFailed => "BakesFailed",
            Self::ImagesRejected => "ImagesRejected",
            Self::NothingCame => "NothingCame",
            Self::ImagesReleased => "ImagesReleased",
            Self::ImagesUnchanged => "ImagesUnchanged",
            Self::SecondsToRelease => "SecondsToRelease",
            Self::CopiesFailed => "CopiesFailed",
            Self::DriftRepaired => "DriftRepaired",
            Self::DriftLateSeconds => "DriftLateSeconds",
            Self::ExpiryBlocked => "ExpiryBlocked",
            Self::Sweeps => "Sweeps",
            Self::HoursSinceRelease => "HoursSinceRelease",
            Self::ImagesKept => "ImagesKept",
            Self::ImagesUnknown => "ImagesUnknown",
            Self::SnapshotGigabytes => "SnapshotGigabytes",
        }
    }

    /// Its unit in CloudWatch, which knows no hours.
    pub fn unit(self) -> &'static str {
        match self {
            Self::SecondsToRelease | Self::DriftLateSeconds => "Seconds",
            Self::SnapshotGigabytes => "Gigabytes",
            Self::HoursSinceRelease => "None",
            _ => "Count",
        }
    }
}

/// Metrics of one moment, and what they are about.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// The image that they are about; `None` if they are about all of them.
    about: Option<ImageName>,
    /// Each with its values.
    values: Vec<(Metric, Vec<f64>)>,
    /// The recipe whose newest release is the oldest.
    stalest: Option<RecipeName>,
}

impl Numbers {
    /// Those of an event, as it is sent; `None` for an event that is not counted.
    pub fn of_event(envelope: &Envelope) -> Option<Self> {
        let one = |metric| vec![(metric, vec![1.0])];
        let and_nothing_came = |metric| vec![(metric, vec![1.0]), (Metric::NothingCame, vec![1.0])];
        let values = match &envelope.news {
            Event::BakeRefused { .. } | Event::BakeFailed { .. } => and_nothing_came(Metric::BakesFailed),
            Event::ImageRejected { .. } => and_nothing_came(Metric::ImagesRejected),
            Event::ImageUnchanged { .. } => one(Metric::ImagesUnchanged),
            Event::ReplicationFailed { .. } => one(Metric::CopiesFailed),
            Event::ExpiryBlocked { .. } => one(Metric::ExpiryBlocked),
            Event::ImageReleased { released, .. } => {
                let mut values = one(Metric::ImagesReleased);
                values.extend(seconds_to(released, envelope.name.version.time()));
                values
            }
            Event::DriftRepaired { late_seconds, .. } => {
                let mut values = one(Metric::DriftRepaired);
                values.extend(late_seconds.map(|late| (Metric::DriftLateSeconds, vec![seconds(late)])));
                values
            }
            _ => return None,
        };
        Some(Self { about: Some(envelope.name.clone()), values, stalest: None })
    }

    /// Those of a sweep: for how many hours each recipe has had no new release. `whole` is whether it could read all that it
    /// looks at.
    pub fn of_sweep(hours: &[(RecipeName, f64)], whole: bool) -> Self {
        let stalest = hours.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let ages: Vec<f64> = hours.iter().map(|(_, hours)| *hours).collect();
        let mut values = Vec::new();
        values.extend(whole.then(|| (Metric::Sweeps, vec![1.0])));
        values.extend((!ages.is_empty()).then_some((Metric::HoursSinceRelease, ages)));
        Self { about: None, values, stalest: stalest.map(|(recipe, _)| recipe.clone()) }
    }

    /// Those of a night of `expire` for all recipes.
    pub fn of_night(kept: usize, unknown: usize, gigabytes: f64) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "an account has far fewer images than 2^52")]
        let count = |many: usize| vec![many as f64];
        let values = vec![
            (Metric::ImagesKept, count(kept)),
            (Metric::ImagesUnknown, count(unknown)),
            (Metric::SnapshotGigabytes, vec![gigabytes]),
        ];
        Self { about: None, values, stalest: None }
    }

    /// Each metric with its values.
    pub fn values(&self) -> &[(Metric, Vec<f64>)] {
        &self.values
    }
}

fn seconds_to(released: &str, baked: DateTime<Utc>) -> Option<(Metric, Vec<f64>)> {
    let released = DateTime::parse_from_rfc3339(released).ok()?.to_utc();
    Some((Metric::SecondsToRelease, vec![seconds((released - baked).num_seconds())]))
}

#[allow(clippy::cast_precision_loss, reason = "seconds of some years")]
fn seconds(seconds: i64) -> f64 {
    seconds.max(0) as f64
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
