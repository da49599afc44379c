//! When a release is tried again that some Region did not take: after a wait that doubles with each try.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::inventory::Image;
use crate::model::{Region, Tags, tags};

/// The first wait. The next one is twice as long, and so on.
const FIRST: TimeDelta = TimeDelta::minutes(10);
/// The number of the try after which the wait grows no more: it is then 5 hours and 20 minutes.
const LAST: u32 = 6;
/// A try that is older was followed by one that succeeded: the longest wait is shorter.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);
/// The outcome of a try that waits for values to be shown.
const ACCEPTED: &str = "accepted";
/// In place of names of Regions that are too long for a tag.
const MANY: &str = "*";

/// The tries so far, as the tag `kiln:release-tried` of an image tells. The tag only restrains, so it needs no seal; a
/// time in the future does not count, so that nobody holds a release up for longer than the longest wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tries {
    count: u32,
    last: DateTime<Utc>,
    /// Whether SSM accepted every value then.
    pub accepted: bool,
    regions: String,
}

impl Tries {
    /// The tries of a release, from one of its images; `None` if there were none, or if it was released since.
    pub fn of(image: &Image, now: DateTime<Utc>) -> Option<Self> {
        let mut words = image.tags.get(tags::RELEASE_TRIED)?.split(' ');
        let (count, last, outcome) = (words.next()?, words.next()?, words.next()?);
        let last = DateTime::parse_from_rfc3339(last).ok()?.to_utc();
        let count: u32 = count.parse().ok()?;
        let counts = last <= now + TimeDelta::minutes(1)
            && now < last + FORGOTTEN
            && image.tags.time(tags::RELEASED_AT).is_none_or(|released| released < last);
        let regions = words.next().unwrap_or(MANY).to_owned();
        let tries = Self { count: count.clamp(1, LAST), last, accepted: outcome == ACCEPTED, regions };
        counts.then_some(tries)
    }

    /// Whether one of these Regions was tried.
    pub fn concerns<'a>(&self, mut regions: impl Iterator<Item = &'a Region>) -> bool {
        self.regions == MANY
            || regions.any(|region| self.regions.split(',').any(|name| name == region.as_str()))
    }

    /// When the next try is due.
    pub fn again_at(&self) -> DateTime<Utc> {
        self.last + FIRST * 2_i32.pow(self.count - 1)
    }

    /// Whether it was the first.
    pub fn is_first(&self) -> bool {
        self.count == 1
    }

    /// When the values that SSM accepted are shown at the latest.
    pub fn shown_by(&self) -> DateTime<Utc> {
        self.last + FIRST
    }

    /// When it was last tried.
    pub fn last(&self) -> DateTime<Utc> {
        self.last
    }

    /// The tag after one more try in these Regions: SSM accepted every value, or not.
    pub fn tag<'a>(
        before: Option<&Self>,
        accepted: bool,
        regions: impl Iterator<Item = &'a Region>,
        now: DateTime<Utc>,
    ) -> Tags {
        let count = before.map_or(1, |before| (before.count + 1).min(LAST));
        let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let outcome = if accepted { ACCEPTED } else { "refused" };
        let names = regions.map(Region::as_str).collect::<Vec<_>>().join(",");
        let names = if names.len() > tags::MOST_OF_LIST { MANY } else { &names };
        Tags::new().with(tags::RELEASE_TRIED, format!("{count} {now} {outcome} {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::plan::action::NoteTry;

    fn tried(value: &str) -> Option<Tries> {
        Tries::of(&image("web", 1).tagged(tags::RELEASE_TRIED, value).build(), day(2))
    }

    #[test]
    fn the_wait_doubles_with_each_try_up_to_five_hours_and_twenty_minutes() {
        let (mut image, mut now, mut waits) = (image("web", 1).build(), day(1), Vec::new());
        for _ in 0..8 {
            let tag = Tries::tag(Tries::of(&image, now).as_ref(), false, [region("eu-west-1")].iter(), now);
            image.tags = image.tags.and(&tag);
            let next = Tries::of(&image, now).unwrap().again_at();
            waits.push((next - now).num_minutes());
            now = next;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 320, 320]);
    }

    #[test]
    fn two_invocations_at_once_are_the_same_try_and_the_next_try_is_another() {
        let tried = |before: Option<&Tries>, now| {
            let refused = Tries::tag(before, false, [region("eu-west-1")].iter(), now);
            NoteTry {
                is_first: before.is_none(),
                image: id_of("us-east-1", 1),
                region: region("us-east-1"),
                refused,
                accepted: Tags::new(),
            }
        };
        let (first, moment) = (tried(None, day(2)), TimeDelta::seconds(1));
        assert_eq!(first.occasion(), tried(None, day(2) + moment).occasion());
        let noted = first.refused.get(tags::RELEASE_TRIED).unwrap();
        let before = Tries::of(&image("web", 1).tagged(tags::RELEASE_TRIED, noted).build(), day(2)).unwrap();
        assert_ne!(first.occasion(), tried(Some(&before), day(2) + moment).occasion());
    }

    #[test]
    fn what_cannot_be_read_lies_in_the_future_or_is_forgotten_holds_nothing_up() {
        let unreadable = ["", "3", "many 2026-01-02T02:00:00Z refused", "1 tomorrow refused"];
        for value in
            unreadable.into_iter().chain(["1 2099-01-01T00:00:00Z refused", "1 2026-01-01T02:00:00Z refused"])
        {
            assert_eq!(tried(value), None, "{value}");
        }
        assert!(tried("4294967295 2026-01-03T01:00:00Z refused").unwrap().again_at() < day(3));
    }

    #[test]
    fn a_try_before_the_release_does_not_count_and_one_after_it_does() {
        let at = |time: &str| {
            let released = image("web", 1).tagged(tags::RELEASED_AT, "2026-01-03T02:00:00Z");
            let image = released.tagged(tags::RELEASE_TRIED, &format!("1 {time} accepted")).build();
            Tries::of(&image, day(2) + TimeDelta::minutes(5)).is_some()
        };
        assert!(!at("2026-01-03T01:59:00Z") && at("2026-01-03T02:01:00Z"));
    }

    #[test]
    fn a_try_concerns_the_regions_that_were_tried() {
        let both = tried("1 2026-01-03T02:00:00Z accepted eu-west-1,us-east-1").unwrap();
        assert!(both.concerns([region("us-east-1")].iter()) && !both.concerns([region("eu-west-2")].iter()));
        assert!(tried("1 2026-01-03T02:00:00Z accepted *").unwrap().concerns([region("eu-west-2")].iter()));
        let many: Vec<Region> = (1..30).map(|n| region(&format!("ap-southeast-{n}"))).collect();
        let tag = Tries::tag(None, true, many.iter(), day(2));
        assert!(tag.get(tags::RELEASE_TRIED).unwrap().ends_with("accepted *"));
    }
}
