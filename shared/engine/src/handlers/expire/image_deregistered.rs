//! `expire` after an image was deregistered: deals with the snapshots that it left behind, at once or when a sweep found
//! them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join;
use kiln_core::events::inbound::Mode;
use kiln_core::inventory::ImageQuery;
use kiln_core::model::{ImageId, Region};
use kiln_core::recipe::Recipe;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::orphans::of_region;
use crate::observe::recipes;
use crate::ports::Cloud;

/// Debounce: after one deregistration event in a Region, a warm function ignores further ones for this long. Kiln's own
/// deregistrations raise the event too; the next `reconcile` covers whatever is skipped.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// What a warm function remembers: when it last handled a deregistration, by Region.
#[derive(Debug, Default)]
pub struct Debounce(RefCell<BTreeMap<Region, DateTime<Utc>>>);

impl Debounce {
    /// Whether a deregistration is handled now; if so, it is remembered as handled.
    fn is_due(&self, region: &Region, now: DateTime<Utc>) -> bool {
        let mut handled = self.0.borrow_mut();
        let recently = handled.get(region).is_some_and(|before| *before <= now && now < *before + PAUSE);
        if !recently {
            handled.insert(region.clone(), now);
        }
        !recently
    }
}

/// Decides about the snapshots that a deregistered image left behind. Images that Kiln deregisters rarely leave any.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    image: &ImageId,
    debounce: &Debounce,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    if !debounce.is_due(region, now) {
        return Ok(Report::default());
    }
    let snapshots = cloud.snapshots_of(region, image).await?;
    if snapshots.is_empty() {
        return Ok(Report::default());
    }
    let read = recipes::wanted(cloud, context, None).await?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let sequences = of_region(cloud, region, (&[], &snapshots), &good, now).await;
    Ok(apply(cloud, sequences, Mode::Apply, now).await)
}

/// Decides about all snapshots of a Region whose images are gone, because a sweep found some.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn left_in<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let (read, (images, snapshots)) = join(
        recipes::wanted(cloud, context, None),
        join(cloud.images(region, &ImageQuery::AllManaged), cloud.snapshots(region)),
    )
    .await;
    let (read, images, snapshots) = (read?, images?, snapshots?);
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let sequences = of_region(cloud, region, (&images, &snapshots), &good, now).await;
    Ok(apply(cloud, sequences, mode, now).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn day(number: u32) -> DateTime<Utc> {
        format!("2026-01-{number:02}T02:00:00Z").parse().unwrap()
    }

    #[test]
    fn of_many_deregistrations_at_once_the_first_in_each_region_is_handled() {
        let debounce = Debounce::default();
        let (home, away) = (region("us-east-1"), region("eu-west-1"));
        assert!(debounce.is_due(&home, day(1)) && debounce.is_due(&away, day(1)));
        assert!(!debounce.is_due(&home, day(1) + TimeDelta::seconds(59)));
        assert!(debounce.is_due(&home, day(1) + TimeDelta::seconds(60)));
    }

    #[test]
    fn a_clock_that_was_set_back_delays_nothing() {
        let debounce = Debounce::default();
        assert!(debounce.is_due(&region("us-east-1"), day(2)));
        assert!(debounce.is_due(&region("us-east-1"), day(1)));
    }
}
