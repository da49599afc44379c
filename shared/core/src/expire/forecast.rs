//! The plan's row of each image, shown beside its decision: cost, usage, and the next step with its time.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::inventory::{Image, Snapshot};
use crate::model::{Region, SnapshotId, Version};
use crate::plan::{Action, Decision, Sequence, Step, Usage};

const GIB: f64 = 1_073_741_824.0;

/// The monthly price of one GiB of snapshots in US dollars: the list price of the standard tier.
/// (<https://aws.amazon.com/ebs/pricing/>)
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prices {
    /// The price in Regions without a price of their own.
    pub usd_per_gb_month: f64,
    /// Prices of single Regions.
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

/// What a plan shows about one image beside its decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRow {
    /// Its state, as EC2 names it.
    pub state: String,
    /// Its age in whole days.
    pub age_days: i64,
    /// The size of its snapshots in GiB. Deleting them may free less, because snapshots share blocks.
    pub gb: f64,
    /// What they cost per month, at most.
    pub monthly_usd: f64,
    /// Its usage; missing if it was not read, because the recipe keeps the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its next step, if one is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Step>,
    /// The earliest time of that step (RFC 3339); missing while a limit blocks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step_at: Option<String>,
}

/// What all images cost, and what removing the unused ones saves in a year.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanTotals {
    /// How many images, replicas included.
    pub images: usize,
    /// The size of their snapshots in GiB.
    pub gb: f64,
    /// What they cost per month, at most.
    pub monthly_usd: f64,
    /// How many of them are unused and have a next step.
    pub unused_images: usize,
    /// The size of the snapshots of the unused ones in GiB.
    pub unused_gb: f64,
    /// What removing the unused ones saves per year, at most.
    pub yearly_saving_usd: f64,
    /// The prices used.
    pub prices: Prices,
}

impl PlanTotals {
    /// Sums these rows.
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

/// The sizes that EC2 reports for these snapshots. A snapshot without a reported size is left out.
pub fn sizes<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Sizes {
    snapshots.into_iter().filter_map(|one| Some((one.id.clone(), one.full_bytes?))).collect()
}

/// The row of an image, from its decision.
pub fn plan_row(
    image: &Image,
    decision: &Decision,
    sizes: &Sizes,
    prices: &Prices,
    now: DateTime<Utc>,
) -> PlanRow {
    let version = decision.subject.version;
    let aged_from = version.map_or(image.created, |version: Version| Some(image.effective_age_from(version)));
    let gb = size(image, sizes);
    let retention = decision.retention;
    let next = retention.and_then(|known| known.next);
    PlanRow {
        state: image.state.to_string(),
        age_days: aged_from.map_or(0, |from| (now - from).num_days()),
        gb: rounded(gb),
        monthly_usd: rounded(gb * prices.in_region(&image.region)),
        usage: retention.and_then(|known| known.usage),
        next_step: next.map(|next| next.step),
        next_step_at: next.and_then(|next| Some(next.at?.to_rfc3339_opts(SecondsFormat::Secs, true))),
    }
}

/// The last decision about each resource in these sequences. Events and tags are left out: they only accompany it.
pub fn last_decisions(sequences: &[Sequence]) -> BTreeMap<(&Region, &str), &Decision> {
    let steps =
        sequences.iter().flatten().filter(|one| !matches!(one.action, Action::Emit(_) | Action::Tag(..)));
    steps.filter_map(|one| Some(((&one.subject.region, one.subject.resource.as_deref()?), one))).collect()
}

/// The size of its snapshots in GiB. If EC2 does not report one of them, the size of the image's volumes is used.
#[allow(clippy::cast_precision_loss, reason = "no snapshot is larger than what a double counts exactly")]
fn size(image: &Image, sizes: &Sizes) -> f64 {
    let reported: Option<u64> = image.snapshots.iter().map(|snapshot| sizes.get(snapshot).copied()).sum();
    reported.filter(|_| !image.snapshots.is_empty()).map_or(f64::from(image.gib), |bytes| bytes as f64 / GIB)
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
    fn an_image_costs_what_its_snapshots_cost_or_its_volumes_if_their_size_is_unknown() {
        let image = an_image();
        let by_volume = row(&image, known(Some(Usage::InUse)));
        assert_eq!((by_volume.age_days, by_volume.gb, by_volume.monthly_usd), (30, 8.0, 0.4));
        let sizes = Sizes::from([(image.snapshots[0].clone(), 3 * 1_073_741_824)]);
        let prices = Prices { regions: BTreeMap::from([(region("us-east-1"), 0.1)]), ..Prices::default() };
        let by_snapshot = row_at(&image, known(Some(Usage::InUse)), &sizes, &prices);
        assert_eq!((by_snapshot.gb, by_snapshot.monthly_usd), (3.0, 0.3));
    }

    #[test]
    fn a_row_shows_the_next_step_and_no_time_while_a_limit_blocks_it() {
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
    fn only_unused_images_with_a_next_step_count_as_savings() {
        let image = an_image();
        let unused = row(&image, Retention::leaving(Step::Disable, day(40)));
        let (used, kept) = (row(&image, known(Some(Usage::InUse))), row(&image, known(None)));
        let with_its_release = row(&image, known(Some(Usage::Unused)));
        let totals = PlanTotals::of([&unused, &used, &kept, &with_its_release], &Prices::default());
        assert_eq!((totals.images, totals.monthly_usd, totals.unused_images), (4, 1.6, 1));
        assert!((totals.yearly_saving_usd - 4.8).abs() < 1e-9, "{totals:?}");
    }
}
