//! The channels that a release has come to, as a tag of its images tells.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::model::version::Version;
use crate::model::{Tags, tags};

/// The most channels of a recipe: all that a release has come to fit into one tag with its seal.
pub const MOST_CHANNELS: usize = 4;
/// The most characters of a channel's name.
pub const MOST_OF_NAME: usize = 20;

/// What stands behind the name of a channel whose news was sent.
const TOLD: char = '=';
/// What stands there until then.
const UNTOLD: char = '~';

/// A channel that a release has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    channel: String,
    /// When, to the second.
    at: Version,
    /// Whether its news was sent, and its parameter moved before that.
    is_told: bool,
}

/// The channels that a release has come to: `kiln:channels` as `stage=20261123T020000Z prod~20261126T020000Z`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries(Vec<Entry>);

impl Entries {
    /// What these tags tell. What cannot be read is no channel.
    pub fn of(tags: &Tags) -> Self {
        let entry = |word: &str| {
            let (channel, at) = word.split_once([TOLD, UNTOLD])?;
            let is_told = word.as_bytes().get(channel.len()) == Some(&(TOLD as u8));
            Some(Entry { channel: channel.to_owned(), at: at.parse().ok()?, is_told })
        };
        Self(tags.get(tags::CHANNELS).unwrap_or_default().split(' ').filter_map(entry).collect())
    }

    /// When it came to a channel; `None` if it did not.
    pub fn since(&self, channel: &str) -> Option<DateTime<Utc>> {
        self.get(channel).map(|entry| entry.at.time())
    }

    /// Whether it came to a channel, and that was told.
    pub fn is_told(&self, channel: &str) -> bool {
        self.get(channel).is_some_and(|entry| entry.is_told)
    }

    /// The same, once it has come to one more channel. A time that cannot be written, of the year 10000, adds nothing.
    #[must_use]
    pub fn with(mut self, channel: &str, now: DateTime<Utc>) -> Self {
        if let (None, Ok(at)) = (self.get(channel), Version::at(now)) {
            self.0.push(Entry { channel: channel.to_owned(), at, is_told: false });
        }
        self
    }

    /// The same, once that was told.
    #[must_use]
    pub fn told(mut self, channel: &str) -> Self {
        for entry in self.0.iter_mut().filter(|entry| entry.channel == channel) {
            entry.is_told = true;
        }
        self
    }

    /// Whether it came to no channel.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, channel: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.channel == channel)
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { " " };
            let sign = if entry.is_told { TOLD } else { UNTOLD };
            write!(f, "{before}{}{sign}{}", entry.channel, entry.at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::day;

    fn read(text: &str) -> Entries {
        Entries::of(&Tags::new().with(tags::CHANNELS, text))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let entries = Entries::default().with("stage", day(3)).told("stage").with("prod", day(6));
        assert_eq!(entries.to_string(), "stage=20260104T020000Z prod~20260107T020000Z");
        assert_eq!(read(&entries.to_string()), entries);
        assert_eq!((entries.since("stage"), entries.since("prod")), (Some(day(3)), Some(day(6))));
        assert!(entries.is_told("stage") && !entries.is_told("prod") && entries.since("test").is_none());
    }

    #[test]
    fn a_release_comes_to_a_channel_once() {
        let entries = Entries::default().with("stage", day(3)).with("stage", day(9));
        assert_eq!(entries.since("stage"), Some(day(3)));
    }

    #[test]
    fn what_cannot_be_read_is_no_channel() {
        for text in ["", "stage", "stage=", "stage=yesterday", "stage 20260104T020000Z", "="] {
            assert!(read(text).is_empty(), "{text}");
        }
        assert!(read("x stage=20260104T020000Z =").since("stage").is_some());
    }

    #[test]
    fn the_most_channels_of_the_longest_names_fit_into_a_tag_with_its_seal() {
        let name = |n: usize| format!("{n:0>width$}", width = MOST_OF_NAME);
        let all = (0..MOST_CHANNELS).fold(Entries::default(), |all, n| all.with(&name(n), day(1)));
        assert!(all.to_string().len() <= tags::MOST_OF_LIST);
    }
}
