//! The channels that a release has come to, as a tag of its images tells.

use chrono::{DateTime, TimeDelta, Utc};

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

/// The channels that a release has come to: `kiln:channels` as `stage=20261123T020000Z prod~20261126T020000Z`; and those that
/// were rolled back from it since: `kiln:channels-left` as `prod=20261127T020000Z`.
///
/// They are two tags, because whoever brings a release on must not write over a rollback of the same moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    came: Vec<Entry>,
    left: Vec<Entry>,
}

impl Entries {
    /// What these tags tell. What cannot be read is no channel.
    pub fn of(tags: &Tags) -> Self {
        let entry = |word: &str| {
            let (channel, at) = word.split_once([TOLD, UNTOLD])?;
            let is_told = word.as_bytes().get(channel.len()) == Some(&(TOLD as u8));
            Some(Entry { channel: channel.to_owned(), at: at.parse().ok()?, is_told })
        };
        let all = |key| tags.get(key).unwrap_or_default().split(' ').filter_map(entry).collect();
        Self { came: all(tags::CHANNELS), left: all(tags::CHANNELS_LEFT) }
    }

    /// Since when it is in a channel; `None` if it did not come to it, or the channel was rolled back from it.
    pub fn since(&self, channel: &str) -> Option<DateTime<Utc>> {
        of(&self.came, channel).filter(|_| !self.is_taken_back(channel)).map(|entry| entry.at.time())
    }

    /// Whether it came to a channel, whatever became of it there.
    pub fn has_come(&self, channel: &str) -> bool {
        of(&self.came, channel).is_some()
    }

    /// Whether it came to a channel that was rolled back from it since.
    pub fn is_taken_back(&self, channel: &str) -> bool {
        let (came, left) = (of(&self.came, channel), of(&self.left, channel));
        came.zip(left).is_some_and(|(came, left)| left.at >= came.at)
    }

    /// Whether it came to a channel, and that was told.
    pub fn is_told(&self, channel: &str) -> bool {
        of(&self.came, channel).is_some_and(|entry| entry.is_told)
    }

    /// The same, once it has come to one more channel. A time that cannot be written, of the year 10000, adds nothing.
    #[must_use]
    pub fn with(mut self, channel: &str, now: DateTime<Utc>) -> Self {
        // It comes again after it left, though both are of one second.
        let after = of(&self.left, channel).map(|left| left.at.time() + TimeDelta::seconds(1));
        if let (None, Ok(at)) = (self.since(channel), Version::at(after.map_or(now, |after| now.max(after))))
        {
            set(&mut self.came, Entry { channel: channel.to_owned(), at, is_told: false });
        }
        self
    }

    /// The same, once that was told.
    #[must_use]
    pub fn told(mut self, channel: &str) -> Self {
        for entry in self.came.iter_mut().filter(|entry| entry.channel == channel) {
            entry.is_told = true;
        }
        self
    }

    /// The same, once a channel that it is in was rolled back from it.
    #[must_use]
    pub fn taken_back(mut self, channel: &str, now: DateTime<Utc>) -> Self {
        // Clocks differ: it left after it came.
        let left = self.since(channel).map(|came| Version::at(now.max(came)));
        if let Some(Ok(at)) = left {
            set(&mut self.left, Entry { channel: channel.to_owned(), at, is_told: true });
        }
        self
    }

    /// The tags that tell it and that an image with `tags` does not bear yet.
    pub fn missing_on(&self, tags: &Tags) -> Tags {
        let of_key = [(tags::CHANNELS, &self.came), (tags::CHANNELS_LEFT, &self.left)];
        let changed = of_key.into_iter().map(|(key, entries)| (key, text(entries)));
        let changed = changed.filter(|(key, text)| tags.get(key).unwrap_or_default() != text);
        changed.fold(Tags::new(), |all, (key, text)| all.with(key, text))
    }

    /// Whether it came to no channel.
    pub fn is_empty(&self) -> bool {
        self.came.is_empty()
    }
}

fn of<'a>(entries: &'a [Entry], channel: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.channel == channel)
}

fn set(entries: &mut Vec<Entry>, new: Entry) {
    entries.retain(|entry| entry.channel != new.channel);
    entries.push(new);
}

/// As it stands in a tag.
fn text(entries: &[Entry]) -> String {
    let word = |entry: &Entry| {
        let sign = if entry.is_told { TOLD } else { UNTOLD };
        format!("{}{sign}{}", entry.channel, entry.at)
    };
    entries.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::day;

    fn read(text: &str) -> Entries {
        Entries::of(&Tags::new().with(tags::CHANNELS, text))
    }

    /// What an image without tags of channels is given.
    fn written(entries: &Entries) -> Tags {
        entries.missing_on(&Tags::new())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let entries = Entries::default().with("stage", day(3)).told("stage").with("prod", day(6));
        let tags = written(&entries);
        assert_eq!(tags.get(tags::CHANNELS), Some("stage=20260104T020000Z prod~20260107T020000Z"));
        assert_eq!((tags.get(tags::CHANNELS_LEFT), Entries::of(&tags)), (None, entries.clone()));
        assert_eq!((entries.since("stage"), entries.since("prod")), (Some(day(3)), Some(day(6))));
        assert!(entries.is_told("stage") && !entries.is_told("prod") && entries.since("test").is_none());
    }

    #[test]
    fn a_release_comes_to_a_channel_once() {
        let entries = Entries::default().with("stage", day(3)).with("stage", day(9));
        assert_eq!(entries.since("stage"), Some(day(3)));
    }

    #[test]
    fn what_a_channel_was_rolled_back_from_has_come_to_it_and_is_not_in_it_until_it_comes_again() {
        let came = Entries::default().with("stage", day(3)).told("stage");
        let back = came.clone().taken_back("stage", day(5));
        let tags = back.missing_on(&written(&came));
        assert_eq!(tags.get(tags::CHANNELS_LEFT), Some("stage=20260106T020000Z"));
        assert!(!tags.has(tags::CHANNELS), "what came is not written over");
        assert_eq!(Entries::of(&written(&came).and(&tags)), back);
        assert!(back.has_come("stage") && back.is_taken_back("stage") && back.since("stage").is_none());
        let again = back.clone().with("stage", day(9));
        assert_eq!((again.since("stage"), again.is_told("stage")), (Some(day(9)), false));
        assert!(back.clone().with("stage", day(5)).since("stage").is_some(), "in the same second");
        assert!(!again.missing_on(&written(&back)).has(tags::CHANNELS_LEFT), "nor is what left");
    }

    #[test]
    fn a_channel_is_rolled_back_from_what_is_in_it_whatever_the_clock_says() {
        assert!(Entries::default().taken_back("stage", day(5)).is_empty());
        let early = Entries::default().with("stage", day(3)).taken_back("stage", day(2));
        assert!(early.is_taken_back("stage"));
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
        let all = (0..MOST_CHANNELS).fold(all, |all, n| all.taken_back(&name(n), day(2)));
        let tags = written(&all);
        assert!(
            [tags::CHANNELS, tags::CHANNELS_LEFT]
                .iter()
                .all(|key| tags.get(key).unwrap().len() <= tags::MOST_OF_LIST)
        );
    }
}
