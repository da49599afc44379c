//! What a plan tells of each image beside what is decided: what it costs, whether it is used, its next step and when.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::inventory::{Image, Snapshot};
use crate::model::{Region, SnapshotId, Version};
use crate::plan::{Action, Decision, Sequence, Step, Usage};

const GIB: f64 = 1_073_741_824.0;

/// What a GiB of snapshots costs in a month, in US dollars, at the list price of the standard tier.
/// (<https://aws.amazon.com/ebs/pricing/>)
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prices {
    /// Where no other price is named.
    pub usd_per_gb_month: f64,
    /// In these Regions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<Region, f64>,
}

/// The price of us-east-1.
impl Default for Prices {
    fn default() -> Self {
        Self { usd_per_gb_month: 0.05, regions: BTreeMap::new() }
    }
}

impl Prices {
    fn in_region(&self, region: &Region) -> f64 {
        self.regions.get(region).copied().unwrap_or(self.usd_per_gb_month)
    }
}

/// What a plan tells of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRow {
    /// Its state, by EC2's word.
    pub state: String,
    /// How many whole days ago it came to be.
    pub age_days: i64,
    /// The size of its snapshots, in GiB: the most that their going could free, for they share blocks with others.
    pub gb: f64,
    /// What they cost in a month, at most.
    pub monthly_usd: f64,
    /// Whether it is used; missing where nobody looked, because its recipe keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Step>,
    /// From when on (RFC 3339); nobody knows where a stop must be lifted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step_at: Option<String>,
}

/// What all images cost, and what those save in a year that nobody uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanTotals {
    /// How many images, replicas included.
    pub images: usize,
    /// The size of their snapshots, in GiB.
    pub gb: f64,
    /// What they cost in a month, at most.
    pub monthly_usd: f64,
    /// How many of them nobody uses, and their recipe lets them go.
    pub unused_images: usize,
    /// The size of the snapshots of those, in GiB.
    pub unused_gb: f64,
    /// What it saves in a year, at most, when they are gone.
    pub yearly_saving_usd: f64,
    /// By which prices.
    pub prices: Prices,
}

impl PlanTotals {
    /// Of these rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a PlanRow>, prices: &Prices) -> Self {
        let mut totals = Self { prices: prices.clone(), ..Self::default() };
        for row in rows {
            totals.images += 1;
            totals.gb += row.gb;
            totals.monthly_usd += row.monthly_usd;
            if row.usage == Some(Usage::Unused) && row.next_step.is_some() {
                totals.unused_images += 1;
                totals.unused_gb += row.gb;
                totals.yearly_saving_usd += row.monthly_usd * 12.0;
            }
        }
        for sum in
            [&mut totals.gb, &mut totals.monthly_usd, &mut totals.unused_gb, &mut totals.yearly_saving_usd]
        {
            *sum = rounded(*sum);
        }
        totals
    }
}

/// The sizes of snapshots, in bytes.
pub type Sizes = BTreeMap<SnapshotId, u64>;

/// What EC2 tells of their sizes.
pub fn sizes<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Sizes {
    snapshots.into_iter().filter_map(|one| Some((one.id.clone(), one.full_bytes?))).collect()
}

/// What the plan tells of an image of which this was decided.
pub fn plan_row(
    image: &Image,
    decision: &Decision,
    sizes: &Sizes,
    prices: &Prices,
    now: DateTime<Utc>,
) -> PlanRow {
    let version = decision.subject.version;
    let born = version.map_or(image.created, |version: Version| Some(image.effective_age_from(version)));
    let gb = size(image, sizes);
    let retention = decision.retention;
    let next = retention.and_then(|known| known.next);
    PlanRow {
        state: image.state.to_string(),
        age_days: born.map_or(0, |born| (now - born).num_days()),
        gb: rounded(gb),
        monthly_usd: rounded(gb * prices.in_region(&image.region)),
        usage: retention.and_then(|known| known.usage),
        next_step: next.map(|next| next.step),
        next_step_at: next.and_then(|next| Some(next.at?.to_rfc3339_opts(SecondsFormat::Secs, true))),
    }
}

/// The last decision about each thing of these chains: the others prepare it.
pub fn last_decisions(sequences: &[Sequence]) -> BTreeMap<(&Region, &str), &Decision> {
    let own =
        sequences.iter().flatten().filter(|one| !matches!(one.action, Action::Emit(_) | Action::Tag(..)));
    own.filter_map(|one| Some(((&one.subject.region, one.subject.resource.as_deref()?), one))).collect()
}

/// In GiB. What EC2 does not tell is as large as its volumes.
#[allow(clippy::cast_precision_loss, reason = "no snapshot is larger than what a double counts exactly")]
fn size(image: &Image, sizes: &Sizes) -> f64 {
    let told: Option<u64> = image.snapshots.iter().map(|snapshot| sizes.get(snapshot).copied()).sum();
    told.filter(|_| !image.snapshots.is_empty()).map_or(f64::from(image.gib), |bytes| bytes as f64 / GIB)
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::plan::reason::UseReason;
    use crate::plan::{NextStep, Retention, Subject};

    fn row(image: &Image, retention: Retention) -> PlanRow {
        row_at(image, retention, &Sizes::new(), &Prices::default())
    }

    fn row_at(image: &Image, retention: Retention, sizes: &Sizes, prices: &Prices) -> PlanRow {
        let decision = Subject::image(image).retain(Action::Keep, UseReason::Pinned, retention);
        plan_row(image, &decision, sizes, prices, day(40))
    }

    fn known(usage: Option<Usage>) -> Retention {
        Retention { usage, next: None, by_choice: false }
    }

    fn an_image() -> Image {
        Image { gib: 8, ..image("web", 10).released().build() }
    }

    #[test]
    fn an_image_costs_what_its_snapshots_do() {
        let image = an_image();
        let by_volume = row(&image, known(Some(Usage::InUse)));
        assert_eq!((by_volume.age_days, by_volume.gb, by_volume.monthly_usd), (30, 8.0, 0.4));
        let sizes = Sizes::from([(image.snapshots[0].clone(), 3 * 1_073_741_824)]);
        let prices = Prices { regions: BTreeMap::from([(region("us-east-1"), 0.1)]), ..Prices::default() };
        let by_snapshot = row_at(&image, known(Some(Usage::InUse)), &sizes, &prices);
        assert_eq!((by_snapshot.gb, by_snapshot.monthly_usd), (3.0, 0.3));
    }

    #[test]
    fn the_next_step_stands_in_the_row_with_its_time_or_without_one_where_a_limit_blocks_it() {
        let image = an_image();
        let leaving = row(&image, Retention::leaving(Step::Disable, day(41)));
        assert_eq!(
            (leaving.next_step, leaving.next_step_at.as_deref()),
            (Some(Step::Disable), Some("2026-02-11T02:00:00Z"))
        );
        let next = Some(NextStep { step: Step::Disable, at: None });
        let blocked = row(&image, Retention { usage: Some(Usage::Unused), next, by_choice: false });
        assert_eq!(
            (blocked.usage, blocked.next_step, blocked.next_step_at),
            (Some(Usage::Unused), Some(Step::Disable), None)
        );
    }

    #[test]
    fn an_unused_image_that_goes_is_a_saving_and_nothing_else_is() {
        let image = an_image();
        let unused = row(&image, Retention::leaving(Step::Disable, day(40)));
        let (used, kept) = (row(&image, known(Some(Usage::InUse))), row(&image, known(None)));
        let with_its_release = row(&image, known(Some(Usage::Unused)));
        let totals = PlanTotals::of([&unused, &used, &kept, &with_its_release], &Prices::default());
        assert_eq!((totals.images, totals.monthly_usd, totals.unused_images), (4, 1.6, 1));
        assert!((totals.yearly_saving_usd - 4.8).abs() < 1e-9, "{totals:?}");
    }
}
