//! Times without what nobody reads.

use chrono::{DateTime, TimeDelta, Utc};

/// `2026-11-26 01:46` of `2026-11-26T01:46:55Z`.
pub fn moment(rfc3339: &str) -> String {
    rfc3339.get(..16).unwrap_or(rfc3339).replace('T', " ")
}

/// `2026-11-26 01:46` of the version `20261126T014655Z`.
pub fn version_moment(version: &str) -> Option<DateTime<Utc>> {
    version.parse().ok().map(|version: kiln_core::model::Version| version.time())
}

/// How long it took until now, in one unit: `40 s`, `12 min`, `5 h`, `3 d`.
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let passed = (now - then).max(TimeDelta::zero());
    match (passed.num_seconds(), passed.num_minutes(), passed.num_hours(), passed.num_days()) {
        (seconds, 0..2, ..) => format!("{seconds} s"),
        (_, minutes, 0..2, _) => format!("{minutes} min"),
        (_, _, hours, 0..2) => format!("{hours} h"),
        (.., days) => format!("{days} d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_minute() {
        assert_eq!(
            (moment("2026-11-26T01:46:55Z").as_str(), moment("-").as_str()),
            ("2026-11-26 01:46", "-")
        );
    }

    #[test]
    fn an_age_is_told_in_the_unit_in_which_it_is_at_least_two() {
        let now = version_moment("20261126T020000Z").unwrap();
        let told = |minutes| ago(now - TimeDelta::minutes(minutes), now);
        assert_eq!(
            [told(1), told(12), told(119), told(120), told(60 * 47), told(60 * 48)],
            ["60 s", "12 min", "119 min", "2 h", "47 h", "2 d"]
        );
        assert_eq!(ago(now + TimeDelta::hours(1), now), "0 s");
    }
}
