//! Times: absolute, with their age beside.

use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use maud::{Markup, html};

/// A time with its age: `26 Nov 2026 02:27 UTC, yesterday`.
pub fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) { (at.format("%-d %b %Y %H:%M UTC")) }
        " " span.age { (age(at, now)) }
    }
}

/// A day with its age, for tables: `26 Nov 2026 yesterday`.
pub fn day(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) { (at.format("%-d %b %Y")) }
        " " span.age { (age(at, now)) }
    }
}

/// How long ago a time is, by the days of UTC: so it changes at midnight only, and a page's bytes do too.
pub fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now.date_naive() - at.date_naive()).num_days() {
        0 => "today".into(),
        1 => "yesterday".into(),
        -1 => "tomorrow".into(),
        days @ 2.. => format!("{days} days ago"),
        days => format!("in {} days", -days),
    }
}

/// How long something that is under way takes already, or until its deadline, to the minute.
pub fn lasting(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let minutes = (to - from).num_minutes().max(0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 1..48, 0) => format!("{hours} h"),
        (hours @ 1..48, minutes) => format!("{hours} h {minutes} min"),
        (hours, _) => format!("{} days", hours / 24),
    }
}

/// Midnight of the day on which the catalogue was made: what all pages but the first say of when they were made.
pub fn today(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn an_age_counts_midnights_so_that_it_changes_once_a_day() {
        let now = at("2026-11-27T18:30:00Z");
        assert_eq!(age(at("2026-11-27T00:00:00Z"), now), "today");
        assert_eq!(age(at("2026-11-26T23:59:59Z"), now), "yesterday");
        assert_eq!(age(at("2026-11-20T02:00:00Z"), now), "7 days ago");
        assert_eq!(age(at("2026-11-28T02:00:00Z"), now), "tomorrow");
        assert_eq!(age(at("2026-12-04T02:00:00Z"), now), "in 7 days");
    }

    #[test]
    fn what_is_under_way_is_told_to_the_minute() {
        let now = at("2026-11-27T18:30:00Z");
        assert_eq!(lasting(at("2026-11-27T18:13:10Z"), now), "16 min");
        assert_eq!(lasting(at("2026-11-27T16:20:00Z"), now), "2 h 10 min");
        assert_eq!(lasting(at("2026-11-24T16:20:00Z"), now), "3 days");
    }
}
