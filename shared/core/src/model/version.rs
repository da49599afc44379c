//! The version of an image: the UTC time at which its bake began, to the second.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// How far ahead of this clock another one may be: more than any clock of AWS's is off.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// Whether a time has not come yet, even if clocks are off.
pub fn is_yet_to_come(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    time > now + CLOCK_SKEW
}

/// A version such as `20261123T020000Z`. Versions, and their texts, sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(DateTime<Utc>);

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a version such as 20261123T020000Z (a UTC time, to the second)")]
pub struct BadVersion(pub String);

impl Version {
    /// The version of a bake that began at `time`. Fractions of a second are dropped.
    ///
    /// # Errors
    /// A time outside of the years 0 to 9999, because its text would not sort by time.
    pub fn at(time: DateTime<Utc>) -> Result<Self, BadVersion> {
        let text = time.format(FORMAT).to_string();
        text.parse()
    }

    /// When the bake began.
    pub fn time(self) -> DateTime<Utc> {
        self.0
    }

    /// Whether it lies in the future, so that no bake can have begun then: somebody wrote it. Such a version would be
    /// newer than every bake that follows, so nothing is made of it wherever it is read.
    pub fn is_of_the_future(self, now: DateTime<Utc>) -> bool {
        is_yet_to_come(self.0, now)
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        let bytes: &[u8; 16] = text.as_bytes().try_into().map_err(|_| bad())?;
        // Parsed by hand for speed: a run parses the version of every image.
        let mut digits = [0u32; 14];
        let positions = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14];
        for (digit, at) in digits.iter_mut().zip(positions) {
            *digit = u32::from(bytes[at].wrapping_sub(b'0'));
        }
        if bytes[8] != b'T' || bytes[15] != b'Z' || digits.iter().any(|digit| *digit > 9) {
            return Err(bad());
        }
        let two = |at: usize| digits[at] * 10 + digits[at + 1];
        let year = i32::try_from(two(0) * 100 + two(2)).map_err(|_| bad())?;
        let day = NaiveDate::from_ymd_opt(year, two(4), two(6)).ok_or_else(bad)?;
        let time = day.and_hms_opt(two(8), two(10), two(12)).ok_or_else(bad)?;
        Ok(Self(time.and_utc()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format(FORMAT))
    }
}

impl TryFrom<String> for Version {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<Self, BadVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_version_is_the_utc_time_at_which_the_bake_began() {
        let version: Version = "20261123T020000Z".parse().unwrap();
        assert_eq!(version.time().to_rfc3339(), "2026-11-23T02:00:00+00:00");
    }

    #[test]
    fn a_text_that_is_not_a_time_is_not_a_version() {
        for text in
            ["", "20261123", "20261323T020000Z", "20261123T020060Z", "+0261123T020000Z", "20261123T0200 0Z"]
        {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_is_of_the_future_once_it_is_more_than_a_minute_ahead() {
        let version: Version = "20261123T020000Z".parse().unwrap();
        let ahead = |seconds| version.is_of_the_future(version.time() - TimeDelta::seconds(seconds));
        assert!(!ahead(-1) && !ahead(0) && !ahead(60) && ahead(61));
    }

    proptest! {
        #[test]
        fn a_version_parses_back_and_sorts_by_time(a in 0i64..253_402_300_799, b in 0i64..253_402_300_799) {
            let at = |second| Version::at(DateTime::from_timestamp(second, 7).unwrap()).unwrap();
            let (a_version, b_version) = (at(a), at(b));
            prop_assert_eq!(a_version.to_string().parse::<Version>().unwrap(), a_version);
            prop_assert_eq!(a.cmp(&b), a_version.cmp(&b_version));
            prop_assert_eq!(a.cmp(&b), a_version.to_string().cmp(&b_version.to_string()));
        }

        #[test]
        fn no_text_makes_the_parser_panic_and_a_parsed_version_prints_as_it_was(text in ".{0,20}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
