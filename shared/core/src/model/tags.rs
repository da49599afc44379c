//! The tags in which Kiln keeps its state, since there is no database. The docs of the keys become
//! `docs/reference/tags.md`.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

/// The recipe that an image, snapshot, instance or launch template belongs to. Kiln manages only what has this tag.
/// Set it yourself on an image, long-lived builder or launch template that a recipe names; by itself it hands over
/// nothing.
pub const RECIPE: &str = "kiln:recipe";
/// The version, which is the UTC time at which the bake began, such as `20261123T020000Z`. On an image that you hand
/// over you may set it yourself; otherwise Kiln uses the time at which the image was created.
pub const VERSION: &str = "kiln:version";
/// On an instance that Kiln launched: `builder` or `tester`.
pub const ROLE: &str = "kiln:role";
/// On an image or replica: how far it has come. `captured`, `verified`, `published` and `released` follow each other. A
/// `rejected` image failed its test, scan or copy. An `unchanged` one has nothing that the newest release has not. A
/// `recalled` one was taken back. A `disabled` image is being removed.
pub const STAGE: &str = "kiln:stage";
/// On an image or replica: the image that it was baked from.
pub const BASE: &str = "kiln:base";
/// On a builder, tester or image: the name of the image that it was baked from, if the recipe's tags or description name it.
pub const BASE_NAME: &str = "kiln:base-name";
/// On a builder that Kiln launched, and its image: a hash of all in the recipe that makes the image what it is.
pub const BAKED_BY: &str = "kiln:baked-by";
/// On an image that passed its test: how many packages it has, and the digest of the whole list of its contents.
pub const CONTENTS: &str = "kiln:contents";
/// On an image that was recalled: why, in the words of who recalled it. `no` once it was brought back. That it is recalled
/// stands in its description.
pub const RECALLED: &str = "kiln:recalled";
/// On a home image that was recalled: when that was done and told. `no` until then, and once it was brought back.
pub const RECALLED_AT: &str = "kiln:recalled-at";
/// On a replica: the home image that it was copied from, as `region/ami-id`.
pub const ORIGIN: &str = "kiln:origin";
/// On a builder or tester: the time by which it must have finished. After that, its bake or test has failed.
pub const DEADLINE: &str = "kiln:deadline";
/// On a home image: when somebody asked to copy it anew, or Kiln reactivated it. Missing replicas are then copied
/// again; without it, a replica that somebody deregistered is copied again only on a later day.
pub const RECOPY: &str = "kiln:recopy";
/// On a tester: the image that it tests. On a builder that Kiln launched: the image that was created from it; if
/// somebody deregisters that image, no second one is created. On a usage report: the image that the report is about.
pub const IMAGE: &str = "kiln:image";
/// On a long-lived builder: the last bake for which it was stopped, so that a late event does not start that bake
/// again.
pub const LAST_BAKE: &str = "kiln:last-bake";
/// On a replica: the number of the attempt that copied it, counted from 1.
pub const ATTEMPT: &str = "kiln:attempt";
/// On an image: when Kiln disabled it. Its quarantine begins then. `no` once the image was brought back.
pub const DISABLED_AT: &str = "kiln:disabled-at";
/// On an image that its recipe no longer keeps: when it was first found unused, and was deprecated. `no` once it is
/// used or kept again.
pub const UNUSED_SINCE: &str = "kiln:unused-since";
/// On an image that was deprecated or disabled: how many images its recipe had in the Region at that step. If a later
/// run finds far fewer, EC2 probably returned a partial answer, so that run removes nothing.
pub const FLEET_SIZE: &str = "kiln:fleet-size";
/// On an image of a deleted recipe: when somebody called `retire_recipe`, which allows Kiln to remove the recipe's
/// images. `no` once the recipe exists again.
pub const RECIPE_RETIRED_AT: &str = "kiln:recipe-retired-at";
/// On an image that somebody had brought back: when that was. Kiln keeps the image until you remove this tag.
pub const RESTORED_AT: &str = "kiln:restored-at";
/// On a snapshot whose image is gone: when Kiln first found that. Its quarantine begins then. `no` once an image uses
/// it again.
pub const ORPHANED_SINCE: &str = "kiln:orphaned-since";
/// On a home image: the Availability Zone in which its builder ran. The image is tested in another one.
pub const ZONE: &str = "kiln:zone";
/// On an image that you handed over: its own `region/ami-id`. A copy of the image has another id, so Kiln does not
/// manage the copy even if it has the same tags.
pub const ADOPTED: &str = "kiln:adopted";
/// On a replica of an image that you handed over: the name of that image.
pub const ADOPTED_NAME: &str = "kiln:adopted-name";
/// On an image or replica: a hash of the `[publish]` settings that were applied to it. Once those of its recipe differ,
/// the next sweep applies them again. It begins with `protected-` if Kiln protected the image, then with `shared-` if
/// other accounts were ever allowed to launch it.
pub const PUBLISHED_AS: &str = "kiln:published-as";
/// On a home image: when it was released. Kiln writes it before it sends `Image Released`.
pub const RELEASED_AT: &str = "kiln:released-at";
/// On a home image: the Regions in which it was released, with spaces between them.
pub const RELEASED_IN: &str = "kiln:released-in";
/// On an image or replica: the channels of its recipe that its release has come to, each with the time: `stage=20261123T020000Z`.
/// Instead of `=` stands `~` until that was told.
pub const CHANNELS: &str = "kiln:channels";
/// On an image or replica: the channels that were rolled back from its release, each with the time: `prod=20261126T020000Z`.
/// It counts unless the release has come to the channel again since.
pub const CHANNELS_LEFT: &str = "kiln:channels-left";
/// On an image that some Region's parameter did not take: how often it was tried, and when last. The next try waits,
/// each time twice as long.
pub const RELEASE_TRIED: &str = "kiln:release-tried";
/// On a builder or tester whose recipe keeps logs: where its whole log lies.
pub const LOG: &str = "kiln:log";
/// The name that people see of an instance: that of its image, and its role. Not Kiln's own tag.
pub const NAME: &str = "Name";
/// On a builder: `yes`, once the end of its bake needs no more telling.
pub const END_TOLD: &str = "kiln:end-told";
/// On a home image: the images that somebody took away and that nothing could be named in place of, once that was told.
pub const LOSS_TOLD: &str = "kiln:loss-told";
/// On a home image that was copied back: the home image that was lost, from which layers may have been baked.
pub const IN_PLACE_OF: &str = "kiln:in-place-of";
/// On a home image that was copied back from a replica, because somebody took the one before away: that replica, as
/// `region/ami-id`.
pub const COPIED_BACK: &str = "kiln:copied-back";
/// On a home image that somebody rolled back to: `yes`, until a newer version is released. The role of `expire` may not
/// remove an image that bears it. The rollback itself stands in the description of the image.
pub const PIN_HOLDS: &str = "kiln:pin-holds";
/// The seal of the tags: it shows that Kiln wrote them for this resource. Without the right one, Kiln treats an image as
/// nobody's: it never shares, copies, releases or removes it. Other values have their seal behind a space.
pub const SEAL: &str = "kiln:seal";
/// Set it on an image or snapshot, with your reason as its value. Kiln then keeps it until you remove the tag.
pub const HOLD: &str = "kiln:hold";

/// The prefix of every key that Kiln writes. A recipe's own tags may not have it.
pub const PREFIX: &str = "kiln:";

/// The most tags of a resource.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>)
pub const MOST: usize = 50;
/// The most characters of a tag's value (the same page).
pub const MOST_CHARACTERS: usize = 256;
/// The longest list in a tag's value, beside what else stands in it.
pub const MOST_OF_LIST: usize = 200;
/// The number of tags that are reserved for Kiln, of those that EC2 allows on a resource.
pub const MOST_OF_KILN: usize = 28;

/// Kiln's own keys. [`Tags`] borrows them from here instead of allocating a copy for every image.
const OWN: [&str; 39] = [
    RECIPE,
    VERSION,
    ROLE,
    STAGE,
    BASE,
    BASE_NAME,
    BAKED_BY,
    CONTENTS,
    RECALLED,
    RECALLED_AT,
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
    ADOPTED_NAME,
    PUBLISHED_AS,
    RELEASED_AT,
    RELEASED_IN,
    CHANNELS,
    CHANNELS_LEFT,
    RELEASE_TRIED,
    LOG,
    END_TOLD,
    LOSS_TOLD,
    COPIED_BACK,
    IN_PLACE_OF,
    PIN_HOLDS,
    SEAL,
    HOLD,
];

/// The tags of one resource, sorted by key. Keys are unique and case-sensitive, as in EC2, which allows 50 per
/// resource. They are one sorted list rather than a map, to save memory: a run may hold 100,000 resources.
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

    /// These tags and one more. It replaces an existing value of the key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.set(key, value.to_string());
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These tags and all of `others`. Of a key in both, the value of `others` counts.
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

    /// The index of a key, or the index at which to insert it.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(existing, _)| existing.as_ref().cmp(key))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        // A linear search: most keys differ in length, which makes comparing them faster than a binary search.
        self.0.iter().find(|(existing, _)| existing == key).map(|(_, value)| value.as_str())
    }

    /// The value of `key`, parsed. `None` if it is absent or does not parse.
    pub fn read<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }

    /// These tags and a time in RFC 3339, to the second, as [`Tags::time`] reads it.
    #[must_use]
    pub fn with_time(self, key: &str, time: DateTime<Utc>) -> Self {
        self.with(key, time.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    /// The value of `key` as a time. `None` if it is absent or not RFC 3339.
    pub fn time(&self, key: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(self.get(key)?).ok().map(|time| time.to_utc())
    }

    /// Whether the list of words in the value of `key` has this one; `None` if there is no such tag.
    pub fn lists(&self, key: &str, word: &str) -> Option<bool> {
        Some(self.get(key)?.split(' ').any(|one| one == word))
    }

    /// Whether there is a tag with this key.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.as_str()))
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Tags {
    /// Of a key that occurs more than once, the last value counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all: Vec<(Key, String)> =
            pairs.into_iter().map(|(text, value)| (key(text.as_ref()), value.into())).collect();
        // The sort is stable: after the reversal, the last value of a key comes first, and dedup keeps it.
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
        fn tags_behave_as_a_map_in_which_the_last_value_of_a_key_counts(
            pairs in proptest::collection::vec(("[a-d]{1,2}", "[x-z]{0,2}"), 0..12), others in
            proptest::collection::vec(("[a-d]{1,2}", "[x-z]{0,2}"), 0..12), key in "[a-d]{1,2}",
        ) {
            let mut map: BTreeMap<String, String> = pairs.iter().cloned().collect();
            let mut tags: Tags = pairs.into_iter().collect();
            let listed = |tags: &Tags| -> Vec<(String, String)> {
                tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            };
            prop_assert_eq!(listed(&tags), map.clone().into_iter().collect::<Vec<_>>());
            map.extend(others.clone());
            tags = tags.and(&others.into_iter().collect());
            prop_assert_eq!(listed(&tags), map.clone().into_iter().collect::<Vec<_>>());
            map.insert(key.clone(), "new".into());
            tags = tags.with(&key, "new");
            prop_assert_eq!(listed(&tags), map.into_iter().collect::<Vec<_>>());
            prop_assert_eq!((tags.get(&key), tags.has("e")), (Some("new"), false));
        }
    }
}
