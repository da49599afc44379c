//! What Kiln's tags on an image or an instance say, read and written in one place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::ids::{ImageId, Region};
use crate::model::name::ImageName;
use crate::model::tags::{self, Tags};

/// How far an image has come. The order of the first four is the order of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Made from a builder whose script succeeded.
    Captured,
    /// Booted in another Availability Zone and found good.
    Verified,
    /// Shared with whom it may concern.
    Published,
    /// In every Region of its recipe.
    Released,
    /// Found bad, or, for a replica, given up.
    Rejected,
    /// On its way out: disabled, and deregistered once its quarantine has passed.
    Disabled,
}

/// What an instance of Kiln's is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An image is made on it.
    Builder,
    /// An image is proved on it.
    Tester,
}

/// A word in a tag that is none of those that Kiln writes there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not one of {1}")]
pub struct BadWord(pub String, pub &'static str);

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word that stands in the tag.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $type {
            type Err = BadWord;

            fn from_str(text: &str) -> Result<Self, BadWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(BadWord(text.to_owned(), concat!($($word, " "),+).trim_ascii_end())),
                }
            }
        }
    };
}

words!(Stage {
    Captured = "captured",
    Verified = "verified",
    Published = "published",
    Released = "released",
    Rejected = "rejected",
    Disabled = "disabled",
});
words!(Role { Builder = "builder", Tester = "tester" });

/// The image that a replica is a copy of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Where it is: the home Region.
    pub region: Region,
    /// Which it is.
    pub image: ImageId,
}

/// A text that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not an origin such as us-east-1/ami-0123456789abcdef0")]
pub struct BadOrigin(pub String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.image)
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin(text.to_owned());
        let (region, image) = text.split_once('/').ok_or_else(bad)?;
        Ok(Self { region: region.parse().map_err(|_| bad())?, image: image.parse().map_err(|_| bad())? })
    }
}

/// What Kiln wrote on an image or a replica, by the call that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// Its family and its bake.
    pub name: ImageName,
    /// How far it has come.
    pub stage: Stage,
    /// What it was baked from.
    pub base: Option<ImageId>,
    /// For a replica, what it is a copy of.
    pub copied: Option<CopySource>,
}

/// What stands on a replica besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The image that it is a copy of.
    pub origin: Origin,
    /// Which try it came from, counted from 1.
    pub attempt: u32,
}

/// Why tags do not make a record of Kiln's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Kiln did not make it, and nobody gave it to Kiln.
    #[error("it does not bear the tag kiln:recipe")]
    NotManaged,
    /// It bears `kiln:recipe`, but the rest does not say what Kiln would have said: someone changed it.
    #[error("its tag {key} is {found}, which Kiln does not write")]
    Malformed {
        /// The tag.
        key: &'static str,
        /// Its value in quotes, or that it is missing.
        found: String,
    },
    /// Tags can be copied by anyone, and are by the console; what EC2 itself says of the image is not what it would
    /// say had Kiln made it.
    #[error("its tags are Kiln's, but Kiln did not make it: {0}")]
    TagsCopied(&'static str),
}

impl ImageRecord {
    /// Reads the record of an image.
    ///
    /// # Errors
    /// Says why the tags are not a whole record; what is not whole is left alone everywhere.
    pub fn read(tags: &Tags) -> Result<Self, RecordError> {
        // In one pass: every image that is looked at is read so, and more than once.
        let [mut recipe, mut version, mut stage, mut base, mut origin, mut attempt] = [None::<&str>; 6];
        for (key, value) in tags.iter() {
            match key {
                tags::RECIPE => recipe = Some(value),
                tags::VERSION => version = Some(value),
                tags::STAGE => stage = Some(value),
                tags::BASE => base = Some(value),
                tags::ORIGIN => origin = Some(value),
                tags::ATTEMPT => attempt = Some(value),
                _ => {}
            }
        }
        let recipe = wanted(recipe, tags::RECIPE)?.ok_or(RecordError::NotManaged)?;
        let name = ImageName { recipe, version: needed(version, tags::VERSION)? };
        let stage = needed(stage, tags::STAGE)?;
        let base = wanted(base, tags::BASE)?;
        let copied = match wanted(origin, tags::ORIGIN)? {
            Some(origin) => Some(CopySource { origin, attempt: needed(attempt, tags::ATTEMPT)? }),
            None => None,
        };
        Ok(Self { name, stage, base, copied })
    }

    /// The record as tags.
    pub fn write(&self) -> Tags {
        let mut written = Tags::new()
            .with(tags::RECIPE, &self.name.recipe)
            .with(tags::VERSION, self.name.version)
            .with(tags::STAGE, self.stage);
        if let Some(base) = &self.base {
            written = written.with(tags::BASE, base);
        }
        if let Some(copied) = &self.copied {
            written = written.with(tags::ORIGIN, &copied.origin).with(tags::ATTEMPT, copied.attempt);
        }
        written
    }
}

fn needed<T: FromStr>(value: Option<&str>, key: &'static str) -> Result<T, RecordError> {
    wanted(value, key)?.ok_or(RecordError::Malformed { key, found: "missing".into() })
}

fn wanted<T: FromStr>(value: Option<&str>, key: &'static str) -> Result<Option<T>, RecordError> {
    let read =
        |value: &str| value.parse().map_err(|_| RecordError::Malformed { key, found: format!("'{value}'") });
    value.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::version::Version;

    fn record() -> ImageRecord {
        ImageRecord {
            name: "web-20261123T020000Z".parse().unwrap(),
            stage: Stage::Captured,
            base: None,
            copied: None,
        }
    }

    #[test]
    fn an_image_without_our_tag_is_not_ours() {
        let tags = Tags::new().with("Name", "web-20261123T020000Z").with(tags::STAGE, "released");
        assert_eq!(ImageRecord::read(&tags), Err(RecordError::NotManaged));
    }

    #[test]
    fn a_record_that_someone_changed_is_unreadable_and_says_where() {
        let changed = record().write().with(tags::STAGE, "Released");
        let error = ImageRecord::read(&changed).unwrap_err();
        assert_eq!(error.to_string(), "its tag kiln:stage is 'Released', which Kiln does not write");
        let hand_tagged = Tags::new().with(tags::RECIPE, "web");
        let error = ImageRecord::read(&hand_tagged).unwrap_err();
        assert_eq!(error.to_string(), "its tag kiln:version is missing, which Kiln does not write");
    }

    #[test]
    fn the_stages_are_in_the_order_of_the_chain() {
        assert!(Stage::Captured < Stage::Verified && Stage::Verified < Stage::Published);
        assert!(Stage::Published < Stage::Released);
    }

    fn stages() -> impl Strategy<Value = Stage> {
        prop::sample::select(vec![
            Stage::Captured,
            Stage::Verified,
            Stage::Published,
            Stage::Released,
            Stage::Rejected,
            Stage::Disabled,
        ])
    }

    proptest! {
        #[test]
        fn a_record_round_trips_through_tags(
            recipe in "[a-z][a-z0-9]{0,20}", second in 0i64..4_000_000_000, stage in stages(),
            base in proptest::option::of("ami-[0-9a-f]{17}"), origin in proptest::option::of("ami-[0-9a-f]{17}"),
            attempt in 1u32..9, own in proptest::collection::btree_map("[A-Z][a-z]{0,8}", ".{0,12}", 0..4),
        ) {
            let version = Version::at(chrono::DateTime::from_timestamp(second, 0).unwrap()).unwrap();
            let record = ImageRecord {
                name: ImageName { recipe: recipe.parse().unwrap(), version },
                stage,
                base: base.map(|id| id.parse().unwrap()),
                copied: origin.map(|id| CopySource {
                    origin: Origin { region: "us-east-1".parse().unwrap(), image: id.parse().unwrap() },
                    attempt,
                }),
            };
            let tags = own.into_iter().collect::<Tags>().and(&record.write());
            prop_assert_eq!(ImageRecord::read(&tags), Ok(record));
        }

        #[test]
        fn any_tags_are_read_without_a_panic(values in proptest::collection::vec(".{0,24}", 6)) {
            let keys = [tags::RECIPE, tags::VERSION, tags::STAGE, tags::BASE, tags::ORIGIN, tags::ATTEMPT];
            let _ = ImageRecord::read(&keys.into_iter().zip(values).collect());
        }
    }
}
