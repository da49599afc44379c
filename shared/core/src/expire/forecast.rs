//! What a plan tells of each image beside what is decided: what it costs, whether it is used, its next step and when.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::expire::deleted_recipe::Ending;
use crate::expire::restore::Restoring;
use crate::inventory::{Image, ImageState, Snapshot};
use crate::model::{Region, SnapshotId, Version};
use crate::plan::{Action, Chain, Decision, Reason};
use crate::recipe::Expire;

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

/// Whether an image is used; only told of one whose use was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Something, or somebody, keeps it.
    Used,
    /// Nothing does.
    Unused,
    /// It could not be found out, and so it stays.
    Unknown,
}

/// A step of an image on its way out. Each but the last can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Found unused once.
    Deprecate,
    /// It can be launched no more.
    Disable,
    /// It goes with its snapshots.
    Deregister,
}

/// What a plan tells of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its state, by EC2's word.
    pub state: String,
    /// How many whole days ago it came to be.
    pub age_days: i64,
    /// The size of its snapshots, in GiB: the most that their going could free, for they share blocks with others.
    pub gb: f64,
    /// What they cost in a month, at most.
    pub monthly_usd: f64,
    /// Whether it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Its next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Step>,
    /// From when on (RFC 3339); nobody knows where a stop must be lifted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

/// What all images cost, and what those save in a year that nobody uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Totals {
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

impl Totals {
    /// Of these rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>, prices: &Prices) -> Self {
        let mut totals = Self { prices: prices.clone(), ..Self::default() };
        for row in rows {
            totals.images += 1;
            totals.gb += row.gb;
            totals.monthly_usd += row.monthly_usd;
            if row.verdict == Some(Verdict::Unused) && row.next.is_some() {
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
pub fn row(
    image: &Image,
    decision: &Decision,
    expire: &Expire,
    sizes: &Sizes,
    prices: &Prices,
    now: DateTime<Utc>,
) -> Row {
    let version = decision.subject.version;
    let born = version.map_or(image.created, |version: Version| Some(image.born(version)));
    let gb = size(image, sizes);
    let outlook = match outlook(decision, expire, now) {
        // What failed is never disabled: it goes with the others of its release.
        Some((Step::Disable, at)) if image.state == ImageState::Failed => {
            Some((Step::Deregister, at + expire.quarantine))
        }
        other => other,
    };
    let (next, on) = match outlook {
        Some((step, at)) => (Some(step), Some(at.to_rfc3339_opts(SecondsFormat::Secs, true))),
        None => (spared(decision), None),
    };
    Row {
        state: image.state.to_string(),
        age_days: born.map_or(0, |born| (now - born).num_days()),
        gb: rounded(gb),
        monthly_usd: rounded(gb * prices.in_region(&image.region)),
        verdict: verdict(&decision.because),
        next,
        on,
    }
}

/// The last decision about each thing of these chains: the others prepare it.
pub fn last_of(chains: &[Chain]) -> BTreeMap<(&Region, &str), &Decision> {
    let own = chains.iter().flatten().filter(|one| !matches!(one.action, Action::Say(_) | Action::Note(..)));
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

/// What a reason says of the use of an image.
pub fn verdict(because: &Reason) -> Option<Verdict> {
    match because {
        Reason::ReleaseStays { .. } => Some(Verdict::Unused),
        why if why.is_unknown() => Some(Verdict::Unknown),
        Reason::Used(_)
        | Reason::UsedElsewhere { .. }
        | Reason::UsedByRecipe(_)
        | Reason::BakedInto(_)
        | Reason::LaunchedLately { .. }
        | Reason::Pinned
        | Reason::Held(_)
        | Reason::Restoring(Restoring::Restored(_))
        | Reason::Protected(_)
        | Reason::SnapshotNeeded(_)
        | Reason::OfOther(_) => Some(Verdict::Used),
        Reason::Superseded { .. }
        | Reason::QuarantineOver { .. }
        | Reason::FoundUnused { .. }
        | Reason::InQuarantine(_)
        | Reason::RegionLeft
        | Reason::Ending(Ending::RecipeEnded(_))
        | Reason::Spared(..) => Some(Verdict::Unused),
        _ => None,
    }
}

/// The next step of an image, and when it comes at the earliest, unless a stop holds it up.
fn outlook(decision: &Decision, expire: &Expire, now: DateTime<Utc>) -> Option<(Step, DateTime<Utc>)> {
    let after_deprecation = if expire.quarantine.is_zero() { Step::Deregister } else { Step::Disable };
    match (&decision.action, &decision.because) {
        (Action::MarkUnused(..), _) => Some((Step::Deprecate, now)),
        (Action::Retire(..), _) => Some((Step::Disable, now)),
        (Action::Deregister(_), _) => Some((Step::Deregister, now)),
        (Action::Leave, Reason::FoundUnused { until, .. }) => Some((after_deprecation, *until)),
        (Action::Leave, Reason::InQuarantine(until)) => Some((Step::Deregister, *until)),
        (Action::Leave, Reason::Young { next, .. }) => *next,
        _ => None,
    }
}

/// The step of an image that a stop holds up.
fn spared(decision: &Decision) -> Option<Step> {
    match decision.because {
        Reason::Spared(step, _) => Some(step),
        _ => None,
    }
}

/// What these decisions, which are those of `then`, tell of the next step of an image.
pub fn step_of(
    chain: &Chain,
    image: &Image,
    expire: &Expire,
    then: DateTime<Utc>,
) -> Option<(Step, DateTime<Utc>)> {
    let own = chain.iter().rev().find(|one| one.subject.resource.as_deref() == Some(image.id.as_str()));
    outlook(own?, expire, then)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::expire::limits::Stop;
    use crate::fixtures::*;
    use crate::plan::Subject;

    fn rules() -> Expire {
        Expire::default()
    }

    fn told(image: &Image, action: Action, because: Reason) -> Row {
        let decision = Subject::image(image).so(action, because);
        row(image, &decision, &rules(), &Sizes::new(), &Prices::default(), day(40))
    }

    fn an_image() -> Image {
        Image { gib: 8, ..image("web", 10).released().build() }
    }

    #[test]
    fn an_image_costs_what_its_snapshots_do() {
        let image = an_image();
        let by_volume = told(&image, Action::Leave, Reason::Pinned);
        assert_eq!((by_volume.age_days, by_volume.gb, by_volume.monthly_usd), (30, 8.0, 0.4));
        let sizes = Sizes::from([(image.snapshots[0].clone(), 3 * 1_073_741_824)]);
        let prices = Prices { regions: BTreeMap::from([(region("us-east-1"), 0.1)]), ..Prices::default() };
        let decision = Subject::image(&image).so(Action::Leave, Reason::Pinned);
        let told = row(&image, &decision, &rules(), &sizes, &prices, day(40));
        assert_eq!((told.gb, told.monthly_usd), (3.0, 0.3));
    }

    #[test]
    fn the_next_step_is_told_with_its_time() {
        let image = an_image();
        let next = |action, because| {
            let told = told(&image, action, because);
            (told.next, told.on)
        };
        let at = |day: DateTime<Utc>| Some(day.to_rfc3339_opts(SecondsFormat::Secs, true));
        let young = Reason::Young {
            age: TimeDelta::days(10),
            older_than: TimeDelta::days(30),
            next: Some((Step::Deprecate, day(60))),
        };
        assert_eq!(next(Action::Leave, young), (Some(Step::Deprecate), at(day(60))));
        let found = Reason::FoundUnused { since: day(39), until: day(41) };
        assert_eq!(next(Action::Leave, found), (Some(Step::Disable), at(day(41))));
        let waits = Reason::InQuarantine(day(44));
        assert_eq!(next(Action::Leave, waits), (Some(Step::Deregister), at(day(44))));
        let goes = Action::Deregister(image.id.clone());
        assert_eq!(next(goes, Reason::RegionLeft), (Some(Step::Deregister), at(day(40))));
        assert_eq!(next(Action::Leave, Reason::AmongNewest { rank: 1, keep: 2 }), (None, None));
    }

    #[test]
    fn the_step_that_a_stop_holds_up_is_told_without_a_time() {
        let stop = Stop::TooMany { images: 9, most: 8, limit: "expire.max_per_run = 8".into() };
        let told = told(&an_image(), Action::Leave, Reason::Spared(Step::Disable, stop));
        assert_eq!((told.verdict, told.next, told.on), (Some(Verdict::Unused), Some(Step::Disable), None));
    }

    #[test]
    fn what_nobody_uses_is_a_saving_and_nothing_else_is() {
        let image = an_image();
        let unused = told(&image, Action::Retire(image.id.clone(), day(40), 1), Reason::RegionLeft);
        let used = told(&image, Action::Leave, Reason::Used(vec!["instance i-1".into()]));
        let kept = told(&image, Action::Leave, Reason::AmongNewest { rank: 1, keep: 2 });
        assert_eq!(
            (unused.verdict, used.verdict, kept.verdict),
            (Some(Verdict::Unused), Some(Verdict::Used), None)
        );
        let totals = Totals::of([&unused, &used, &kept], &Prices::default());
        assert_eq!((totals.images, totals.monthly_usd, totals.unused_images), (3, 1.2, 1));
        assert!((totals.yearly_saving_usd - 4.8).abs() < 1e-9, "{totals:?}");
    }

    #[test]
    fn a_look_up_that_failed_is_a_verdict_of_unknown() {
        let image = an_image();
        assert_eq!(told(&image, Action::Leave, Reason::SharingUnknown).verdict, Some(Verdict::Unknown));
    }
}
