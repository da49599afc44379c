//! `expire`, told that an image was deregistered.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use kiln_core::events::inbound::Mode;
use kiln_core::model::{ImageId, Region};
use kiln_core::recipe::Recipe;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::orphans::of_region;
use crate::observe::recipes;
use crate::ports::Cloud;

/// For how long a warm function looks at no other image that is gone in the same Region. Each of Kiln's own deregistrations is
/// told too: of many at once the first is looked at, and the others are left to the next sweep, which looks at them all together.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// What a warm function remembers: when it looked at an image that was gone, by Region.
#[derive(Debug, Default)]
pub struct Debounce(RefCell<BTreeMap<Region, DateTime<Utc>>>);

impl Debounce {
    /// Whether it is time to look; then it counts as done.
    fn may_look(&self, region: &Region, now: DateTime<Utc>) -> bool {
        let mut looked = self.0.borrow_mut();
        let lately = looked.get(region).is_some_and(|before| *before <= now && now < *before + PAUSE);
        if !lately {
            looked.insert(region.clone(), now);
        }
        !lately
    }
}

/// An image was deregistered: its snapshots are looked at, where it left any. Those that Kiln deregisters leave none.
///
/// # Errors
/// That nothing was done, and why.
pub(crate) async fn of_image<C: Cloud>(
    cloud: &C,
    context: &Context,
    region: &Region,
    image: &ImageId,
    debounce: &Debounce,
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    if !debounce.may_look(region, now) {
        return Ok(Report::default());
    }
    let left = cloud.snapshots_of(region, image).await?;
    if left.is_empty() {
        return Ok(Report::default());
    }
    let read = recipes::wanted(cloud, context, None).await?;
    let good: Vec<&Recipe> = read.iter().flatten().collect();
    let sequences = of_region(cloud, region, (&[], &left), &good, now).await;
    Ok(apply(cloud, sequences, Mode::Apply, now).await)
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
    fn of_many_deregistrations_at_once_the_first_is_looked_at_in_each_region() {
        let debounce = Debounce::default();
        let (home, away) = (region("us-east-1"), region("eu-west-1"));
        assert!(debounce.may_look(&home, day(1)) && debounce.may_look(&away, day(1)));
        assert!(!debounce.may_look(&home, day(1) + TimeDelta::seconds(59)));
        assert!(debounce.may_look(&home, day(1) + TimeDelta::seconds(60)));
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_look() {
        let debounce = Debounce::default();
        assert!(debounce.may_look(&region("us-east-1"), day(2)));
        assert!(debounce.may_look(&region("us-east-1"), day(1)));
    }
}
