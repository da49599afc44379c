//! Tags: where Kiln's record stands, since there is no database.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

/// The family that a thing belongs to. Whatever bears it is Kiln's.
pub const RECIPE: &str = "kiln:recipe";
/// The bake that a thing belongs to.
pub const VERSION: &str = "kiln:version";
/// What an instance is for: `builder` or `tester`.
pub const ROLE: &str = "kiln:role";
/// How far an image has come.
pub const STAGE: &str = "kiln:stage";
/// The image that an image was baked from.
pub const BASE: &str = "kiln:base";
/// On a replica: the image that it is a copy of, as `region/ami-id`.
pub const ORIGIN: &str = "kiln:origin";
/// When a builder or a tester must have ended (RFC 3339).
pub const DEADLINE: &str = "kiln:deadline";
/// On a home image: that it is to be copied anew where a replica is missing, whatever was copied before. Kiln writes the
/// time at which it brought the image back; a person may write anything that was not there before.
pub const RECOPY: &str = "kiln:recopy";
/// On a tester: the image that it proves. On a launched builder: the image that was begun of it, so that none is begun
/// again when somebody takes that one away.
pub const IMAGE: &str = "kiln:image";
/// On a long-lived builder: the last bake for which it was stopped, so that an event that comes late bakes nothing
/// again.
pub const LAST_BAKE: &str = "kiln:last-bake";
/// On a replica: which try at copying it came from, counted from 1.
pub const ATTEMPT: &str = "kiln:attempt";
/// When an image was disabled by Kiln (RFC 3339); its quarantine runs from then. `no` where it was brought back since.
pub const DISABLED_AT: &str = "kiln:disabled-at";
/// On an image that its recipe lets go: when it was first found that nobody uses it (RFC 3339), which is when it was deprecated.
/// `no` where that was so once, and is so no longer.
pub const UNUSED_SINCE: &str = "kiln:unused-since";
/// On an image on its way out: how many images its recipe had in its Region at that step. Far fewer at the next one are no
/// reason to go on, but to stop.
pub const FLEET_SIZE: &str = "kiln:fleet-size";
/// On an image whose recipe was deleted: when somebody said that its images may go as well (RFC 3339). `no` where there is
/// such a recipe again.
pub const RECIPE_RETIRED_AT: &str = "kiln:recipe-retired-at";
/// On an image that somebody asked to be brought back: when (RFC 3339). It stays until a person takes the tag away.
pub const RESTORED_AT: &str = "kiln:restored-at";
/// On a snapshot that was left behind: when Kiln first saw that (RFC 3339).
pub const ORPHANED_SINCE: &str = "kiln:orphaned-since";
/// On a home image: the Availability Zone in which its builder ran. It is tested in another one.
pub const ZONE: &str = "kiln:zone";
/// On an image that somebody else made and gave to Kiln: its own `region/ami-id`, so that no copy of it is taken for it.
pub const ADOPTED: &str = "kiln:adopted";
/// On an image or replica: what of its recipe's `[publish]` was carried out on it, as [`crate::publish::sharing::mark`] writes it.
pub const PUBLISHED_AS: &str = "kiln:published-as";
/// On a home image: when it was released (RFC 3339), written before anyone hears of it.
pub const RELEASED_AT: &str = "kiln:released-at";
/// On a home image to which somebody rolled back: when (RFC 3339).
pub const PINNED: &str = "kiln:pinned";
/// On a home image to which somebody rolled back: the newest version that it is preferred to. A newer one ends that.
pub const PINNED_OVER: &str = "kiln:pinned-over";
/// Put on an image or a snapshot by anyone, with the reason as its value: it stays.
pub const HOLD: &str = "kiln:hold";

/// What every tag of Kiln's begins with; a recipe's own tags may not.
pub const PREFIX: &str = "kiln:";

/// Kiln's own keys, which stand once in memory, however many things bear them.
const OWN: [&str; 24] = [
    RECIPE,
    VERSION,
    ROLE,
    STAGE,
    BASE,
    ORIGIN,
    DEADLINE,
    RECOPY,
    IMAGE,
    LAST_BAKE,
    ATTEMPT,
    DISABLED_AT,
    UNUSED_SINCE,
    FLEET_SIZE,
    RECIPE_RETIRED_AT,
    RESTORED_AT,
    ORPHANED_SINCE,
    ZONE,
    ADOPTED,
    PUBLISHED_AS,
    RELEASED_AT,
    PINNED,
    PINNED_OVER,
    HOLD,
];

/// The tags of one thing. Keys are unique and case-sensitive, as in EC2, which allows 50 of them: they lie in one place, by
/// their keys, for there may be a hundred thousand things.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>)
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tags(Vec<(Key, String)>);

type Key = Cow<'static, str>;

fn key(text: &str) -> Key {
    match OWN.into_iter().find(|own| *own == text) {
        Some(own) => Cow::Borrowed(own),
        None => Cow::Owned(text.to_owned()),
    }
}

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// These tags with one more; a value that the key had before is replaced.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.set(key, value.to_string());
        self
    }

    /// These tags and all of `others`, whose values win.
    #[must_use]
    pub fn and(mut self, others: &Tags) -> Self {
        for (key, value) in &others.0 {
            self.set(key, value.clone());
        }
        self
    }

    fn set(&mut self, key: &str, value: String) {
        match self.place(key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (self::key(key), value)),
        }
    }

    /// Where a key is, or would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(its, _)| its.as_ref().cmp(key))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        // Most keys are of another length than the one that is looked for, so that this is quicker than by their order.
        self.0.iter().find(|(its, _)| its == key).map(|(_, value)| value.as_str())
    }

    /// The value of `key`, read as what it stands for; `None` where it is absent or does not parse.
    pub fn read<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }

    /// These tags with a time, to the second, as [`Tags::time`] reads it.
    #[must_use]
    pub fn with_time(self, key: &str, time: DateTime<Utc>) -> Self {
        self.with(key, time.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    /// The time that `key` bears (RFC 3339); `None` where it is absent or is none.
    pub fn time(&self, key: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(self.get(key)?).ok().map(|time| time.to_utc())
    }

    /// Whether there is a tag of that key.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each key and value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.as_str()))
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Tags {
    /// The last value of a key wins.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all: Vec<(Key, String)> =
            pairs.into_iter().map(|(text, value)| (key(text.as_ref()), value.into())).collect();
        // Stable, so that of one key the last comes first once all are turned round.
        all.reverse();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|(next, _), (first, _)| next == first);
        all.shrink_to_fit();
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tags_are_a_map_whose_last_value_of_a_key_wins(
            pairs in proptest::collection::vec(("[a-d]{1,2}", "[x-z]{0,2}"), 0..12), others in
            proptest::collection::vec(("[a-d]{1,2}", "[x-z]{0,2}"), 0..12), key in "[a-d]{1,2}",
        ) {
            let mut map: BTreeMap<String, String> = pairs.iter().cloned().collect();
            let mut tags: Tags = pairs.into_iter().collect();
            let told = |tags: &Tags| -> Vec<(String, String)> {
                tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            };
            prop_assert_eq!(told(&tags), map.clone().into_iter().collect::<Vec<_>>());
            map.extend(others.clone());
            tags = tags.and(&others.into_iter().collect());
            prop_assert_eq!(told(&tags), map.clone().into_iter().collect::<Vec<_>>());
            map.insert(key.clone(), "new".into());
            tags = tags.with(&key, "new");
            prop_assert_eq!(told(&tags), map.into_iter().collect::<Vec<_>>());
            prop_assert_eq!((tags.get(&key), tags.has("e")), (Some("new"), false));
        }
    }
}
