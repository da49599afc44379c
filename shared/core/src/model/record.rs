//! The record that Kiln keeps on every image in tags. It is read and written only here.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::ids::{ImageId, Region};
use crate::model::name::ImageName;
use crate::model::tags::{self, Tags};

/// How far an image has come. The first four are in the order of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Created from a builder whose script succeeded, or adopted.
    Captured,
    /// Passed its test on a tester.
    Verified,
    /// Shared as its recipe says.
    Published,
    /// Available in every Region that its recipe requires.
    Released,
    /// Failed its test or scan; for a replica, all attempts to copy it failed.
    Rejected,
    /// Passed its test, and has nothing that the newest release has not; its recipe publishes no such image.
    Unchanged,
    /// Taken back by a person, as bad.
    Recalled,
    /// Disabled, or about to be; deregistered once its quarantine is over.
    Disabled,
}

/// The purpose of an instance that Kiln launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the bake script; an image is created from it.
    Builder,
    /// Boots an image and runs the verify script.
    Tester,
}

/// A tag value that is not one of the words that Kiln writes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not one of {1}")]
pub struct BadWord(pub String, pub &'static str);

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The value that is written to the tag.
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

impl Stage {
    /// All stages.
    pub const ALL: [Self; 8] = [
        Self::Captured,
        Self::Verified,
        Self::Published,
        Self::Released,
        Self::Rejected,
        Self::Unchanged,
        Self::Recalled,
        Self::Disabled,
    ];

    /// Whether an image at this stage is shared as its recipe says.
    pub fn is_published(self) -> bool {
        matches!(self, Self::Published | Self::Released)
    }

    /// Whether an image at this stage goes no further: it is never shared, copied, named or counted.
    pub fn is_out(self) -> bool {
        matches!(self, Self::Rejected | Self::Unchanged | Self::Recalled)
    }
}

words!(Stage {
    Captured = "captured",
    Verified = "verified",
    Published = "published",
    Released = "released",
    Rejected = "rejected",
    Unchanged = "unchanged",
    Recalled = "recalled",
    Disabled = "disabled",
});
impl Role {
    /// The tags of an instance that Kiln launches in this role.
    pub fn tags(self, name: &ImageName, deadline: DateTime<Utc>) -> Tags {
        Tags::new()
            .with(tags::NAME, format!("{name} ({self})"))
            .with(tags::RECIPE, &name.recipe)
            .with(tags::VERSION, name.version)
            .with(tags::ROLE, self)
            .with_time(tags::DEADLINE, deadline)
    }
}

words!(Role { Builder = "builder", Tester = "tester" });

/// The image that a replica is a copy of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The home Region, in which that image is.
    pub region: Region,
    /// The id of that image.
    pub image: ImageId,
}

/// A text that is not an origin in the form `region/ami-id`.
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

/// The record on an image or replica. It is written by the call that creates the image, so no image of Kiln lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// Its recipe and version.
    pub name: ImageName,
    /// How far the image has come.
    pub stage: Stage,
    /// The image that it was baked from; `None` for an adopted image.
    pub base: Option<ImageId>,
    /// On a replica: what it was copied from.
    pub copied: Option<CopySource>,
    /// On a home image that was copied back because the one before was lost: the replica that it was copied from.
    pub copied_back: Option<Origin>,
    /// Whether somebody else made the image, and handed it over.
    pub adopted: bool,
    /// When somebody last asked for it anew. It stands in no tag, but in the anchor of the image.
    pub asked_again: Option<DateTime<Utc>>,
}

/// What the record of a replica says in addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The home image that it was copied from.
    pub origin: Origin,
    /// The number of the attempt that copied it, counted from 1.
    pub attempt: u32,
}

/// Why the tags of an image are not accepted as a record. Kiln leaves such an image alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// There is no `kiln:recipe`: Kiln did not create it, and nobody handed it over.
    #[error("it does not have the tag kiln:recipe")]
    NotManaged,
    /// There is a `kiln:recipe`, but another tag of the record is missing or has a value that Kiln never writes.
    #[error("its tags are not a valid record ({key} is {found}), so Kiln leaves it alone")]
    Malformed {
        /// The key of the tag.
        key: &'static str,
        /// The value in quotes, or the word `missing`.
        found: String,
    },
    /// The tags are a valid record, but contradict EC2's own fields of the image. Anyone can copy tags, and the
    /// console copies them with an image.
    #[error("its tags are Kiln's, but Kiln did not make it: {0}")]
    TagsCopied(&'static str),
    /// The tags are a valid record without a valid seal. Anyone who may tag resources can write such tags.
    #[error("its tags are not Kiln's own: {0}. Kiln never shares, copies, releases or removes it")]
    NotSealed(&'static str),
}

impl ImageRecord {
    /// Reads the record from the tags of an image.
    ///
    /// # Errors
    /// Why the tags are not a complete and valid record.
    pub fn read(tags: &Tags) -> Result<Self, RecordError> {
        // One pass over the tags, because a run reads the record of every image more than once.
        let [mut recipe, mut version, mut stage, mut base, mut origin, mut attempt, mut back] =
            [None::<&str>; 7];
        let mut adopted = false;
        for (key, value) in tags.iter() {
            match key {
                tags::RECIPE => recipe = Some(value),
                tags::VERSION => version = Some(value),
                tags::STAGE => stage = Some(value),
                tags::BASE => base = Some(value),
                tags::ORIGIN => origin = Some(value),
                tags::ATTEMPT => attempt = Some(value),
                tags::COPIED_BACK => back = Some(value),
                tags::ADOPTED => adopted = true,
                _ => {}
            }
        }
        let recipe = optional(recipe, tags::RECIPE)?.ok_or(RecordError::NotManaged)?;
        let name = ImageName { recipe, version: required(version, tags::VERSION)? };
        let stage = required(stage, tags::STAGE)?;
        let base = optional(base, tags::BASE)?;
        let copied = match optional(origin, tags::ORIGIN)? {
            Some(origin) => Some(CopySource { origin, attempt: required(attempt, tags::ATTEMPT)? }),
            None => None,
        };
        let copied_back = optional(back, tags::COPIED_BACK)?;
        Ok(Self { name, stage, base, copied, copied_back, adopted, asked_again: None })
    }

    /// The same record at another stage.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// The record of an image that somebody asks for anew: it goes through all stages again.
    #[must_use]
    pub fn asked_again(&self, now: DateTime<Utc>) -> Self {
        Self { stage: Stage::Captured, asked_again: Some(now), ..self.clone() }
    }

    /// The tags that make up the record.
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
        if let Some(from) = &self.copied_back {
            written = written.with(tags::COPIED_BACK, from);
        }
        written
    }
}

fn required<T: FromStr>(value: Option<&str>, key: &'static str) -> Result<T, RecordError> {
    optional(value, key)?.ok_or(RecordError::Malformed { key, found: "missing".into() })
}

fn optional<T: FromStr>(value: Option<&str>, key: &'static str) -> Result<Option<T>, RecordError> {
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
            copied_back: None,
            adopted: false,
            asked_again: None,
        }
    }

    #[test]
    fn an_image_without_the_recipe_tag_is_not_managed() {
        let tags = Tags::new().with("Name", "web-20261123T020000Z").with(tags::STAGE, "released");
        assert_eq!(ImageRecord::read(&tags), Err(RecordError::NotManaged));
    }

    #[test]
    fn a_changed_record_is_malformed_and_the_error_names_the_tag() {
        let changed = record().write().with(tags::STAGE, "Released");
        let error = ImageRecord::read(&changed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its tags are not a valid record (kiln:stage is 'Released'), so Kiln leaves it alone"
        );
        let hand_tagged = Tags::new().with(tags::RECIPE, "web");
        let error = ImageRecord::read(&hand_tagged).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its tags are not a valid record (kiln:version is missing), so Kiln leaves it alone"
        );
    }

    #[test]
    fn stages_sort_in_the_order_of_the_pipeline() {
        assert!(Stage::Captured < Stage::Verified && Stage::Verified < Stage::Published);
        assert!(Stage::Published < Stage::Released);
    }

    fn stages() -> impl Strategy<Value = Stage> {
        prop::sample::select(Stage::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn a_record_written_to_tags_is_read_back_unchanged(
            recipe in "[a-z][a-z0-9]{0,20}", second in 0i64..4_000_000_000, stage in stages(),
            base in proptest::option::of("ami-[0-9a-f]{17}"), origin in proptest::option::of("ami-[0-9a-f]{17}"),
            attempt in 1u32..9, own in proptest::collection::btree_map("[A-Z][a-z]{0,8}", ".{0,12}", 0..4),
        ) {
            let version = Version::at(DateTime::from_timestamp(second, 0).unwrap()).unwrap();
            let record = ImageRecord {
                name: ImageName { recipe: recipe.parse().unwrap(), version },
                stage,
                base: base.map(|id| id.parse().unwrap()),
                copied: origin.map(|id| CopySource {
                    origin: Origin { region: "us-east-1".parse().unwrap(), image: id.parse().unwrap() },
                    attempt,
                }),
                copied_back: None,
                adopted: false,
                asked_again: None,
            };
            let tags = own.into_iter().collect::<Tags>().and(&record.write());
            prop_assert_eq!(ImageRecord::read(&tags), Ok(record));
        }

        #[test]
        fn no_tags_make_the_reader_panic(values in proptest::collection::vec(".{0,24}", 6)) {
            let keys = [tags::RECIPE, tags::VERSION, tags::STAGE, tags::BASE, tags::ORIGIN, tags::ATTEMPT];
            let _ = ImageRecord::read(&keys.into_iter().zip(values).collect());
        }
    }
}
