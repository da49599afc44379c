//! When a release is tried again that some Region did not take: after a wait that doubles with each try.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::inventory::Image;
use crate::model::{Tags, tags};

/// The first wait. The next one is twice as long, and so on.
const FIRST: TimeDelta = TimeDelta::minutes(10);
/// The number of the try after which the wait grows no more: it is then 5 hours and 20 minutes.
const LAST: u32 = 6;

/// The outcome of a try that waits for a value to be shown.
const ACCEPTED: &str = "accepted";

/// The tries so far, as the tag `kiln:release-tried` of an image tells. The tag only restrains, so it needs no seal; a
/// time in the future does not count, so that nobody holds a release up for longer than the longest wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tries {
    count: u32,
    last: DateTime<Utc>,
    /// Whether SSM accepted every value then.
    pub accepted: bool,
}

impl Tries {
    /// The tries of a release, from one of its images; `None` if there were none.
    pub fn of(image: &Image, now: DateTime<Utc>) -> Option<Self> {
        let mut words = image.tags.get(tags::RELEASE_TRIED)?.split(' ');
        let (count, last, outcome) = (words.next()?, words.next()?, words.next()?);
        let last = DateTime::parse_from_rfc3339(last).ok()?.to_utc();
        let count: u32 = count.parse().ok()?;
        let tries = Self { count: count.clamp(1, LAST), last, accepted: outcome == ACCEPTED };
        (last <= now + TimeDelta::minutes(1)).then_some(tries)
    }

    /// When the next try is due.
    pub fn again_at(self) -> DateTime<Utc> {
        self.last + FIRST * 2_i32.pow(self.count - 1)
    }

    /// When it was last tried.
    pub fn last(self) -> DateTime<Utc> {
        self.last
    }

    /// The tag after one more try: SSM accepted every value, or not.
    pub fn tag(before: Option<Self>, accepted: bool, now: DateTime<Utc>) -> Tags {
        let count = before.map_or(1, |before| (before.count + 1).min(LAST));
        let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let outcome = if accepted { ACCEPTED } else { "refused" };
        Tags::new().with(tags::RELEASE_TRIED, format!("{count} {now} {outcome}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    fn tried(value: &str) -> Option<Tries> {
        Tries::of(&image("web", 1).tagged(tags::RELEASE_TRIED, value).build(), day(9))
    }

    #[test]
    fn the_wait_doubles_with_each_try_up_to_five_hours_and_twenty_minutes() {
        let (mut image, mut now, mut waits) = (image("web", 1).build(), day(1), Vec::new());
        for _ in 0..8 {
            let tag = Tries::tag(Tries::of(&image, now), false, now);
            image.tags = image.tags.and(&tag);
            let next = Tries::of(&image, now).unwrap().again_at();
            waits.push((next - now).num_minutes());
            now = next;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 320, 320]);
    }

    #[test]
    fn what_cannot_be_read_or_lies_in_the_future_holds_nothing_up() {
        for value in [
            "",
            "3",
            "many 2026-01-02T02:00:00Z refused",
            "1 tomorrow refused",
            "1 2099-01-01T00:00:00Z refused",
        ] {
            assert_eq!(tried(value), None, "{value}");
        }
        assert!(tried("4294967295 2026-01-02T02:00:00Z refused").unwrap().again_at() < day(3));
    }
}
