//! A recipe: one family of images, and how it is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::figures::{Cost, Findings};
use super::history::Entry;
use super::link::Link;
use super::version::Version;

/// One recipe with all of its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// What it is for, in its author's words; absent if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its text lies, as it is now; absent if it was deleted, or the text is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Link>,
    /// Its newest release; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Newest>,
    /// What it is baked from; absent if that is unknown, or it only adopts images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<RecipeBase>,
    /// Its channels, such as `stable`; empty if it has none.
    pub channels: Vec<Channel>,
    /// Each of its Regions, and what is named there; the home Region first.
    pub regions: Vec<Place>,
    /// The findings in its newest release; absent if it was not scanned, or the answer is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// What all of its images cost; absent if their size is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The last bake, test or copy that failed, or expiry that was blocked; absent if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// What is under way.
    pub under_way: Vec<UnderWay>,
    /// Its versions, newest first: those with images, and those before of which a record is kept.
    pub versions: Vec<Version>,
    /// What happened to it, newest first, as far back as it is kept.
    pub history: Vec<Entry>,
}

impl Recipe {
    /// One of its versions.
    pub fn version(&self, version: &str) -> Option<&Version> {
        self.versions.iter().find(|one| one.version == version)
    }

    /// The Regions that name this version.
    pub fn named_in<'a>(&'a self, version: &'a str) -> impl Iterator<Item = &'a Place> {
        self.regions.iter().filter(move |place| place.version.as_deref() == Some(version))
    }
}

/// The newest release of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Newest {
    /// Its version.
    pub version: String,
    /// When it was released; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<DateTime<Utc>>,
}

/// What a recipe is baked from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeBase {
    /// What the recipe says (`bake.base`).
    pub base: String,
    /// The recipe that this is; absent if the base is no recipe of Kiln's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
}

/// The recipe that another one is layered on. It is behind its base while `baked_from` is older than `newest`: versions
/// compare as texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The name of the base recipe.
    pub recipe: String,
    /// The release of the base from which the newest release was baked; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baked_from: Option<String>,
    /// The newest release of the base; absent if it has none, or that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}

impl Layer {
    /// Whether the newest release was baked from an older release of its base than the newest. `None`: unknown.
    pub fn is_behind(&self) -> Option<bool> {
        Some(self.baked_from.as_ref()? < self.newest.as_ref()?)
    }
}

/// A name of a recipe's that moves from release to release at a pace of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// The version that it names; absent if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// The newest release that waits for it; absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Wait>,
}

/// A release that waits for a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// Its version.
    pub version: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it comes by itself, if nobody recalls it and no newer one comes first; absent if somebody must approve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comes_at: Option<DateTime<Utc>>,
}

/// A Region of a recipe, and what is named there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The Region.
    pub region: String,
    /// Whether a release waits for this Region; `false` for one of best effort.
    pub required: bool,
    /// The SSM parameter that names the release there; absent if the recipe has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The launch template that names the release there; absent if the recipe has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<String>,
    /// The image that is named there now; absent if none is, or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version of that image; absent if it is none of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The event that told it, such as `Bake Failed`.
    pub event: String,
    /// The version that it was about.
    pub version: String,
    /// When it was told.
    pub at: DateTime<Utc>,
    /// Why, as a sentence.
    pub reason: String,
    /// Where the log lies; absent if none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Link>,
}

/// A version that is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// The version.
    pub version: String,
    /// What is done to it.
    pub phase: Phase,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The time by which it must have ended; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
}

/// What is done to a version on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its bake waits for room for a builder.
    Waiting,
    /// A builder runs its script.
    Baking,
    /// EC2 creates its image.
    Capturing,
    /// A tester runs its check.
    Testing,
    /// It is shared.
    Publishing,
    /// It is copied to its Regions.
    Replicating,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl Phase {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Baking => "baking",
            Self::Capturing => "capturing",
            Self::Testing => "testing",
            Self::Publishing => "publishing",
            Self::Replicating => "replicating",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(baked_from: Option<&str>, newest: Option<&str>) -> Option<bool> {
        let text = |version: Option<&str>| version.map(str::to_owned);
        Layer { recipe: "base".into(), baked_from: text(baked_from), newest: text(newest) }.is_behind()
    }

    #[test]
    fn a_layer_is_behind_while_its_base_has_a_newer_release_than_it_was_baked_from() {
        let (old, new) = (Some("20261101T020000Z"), Some("20261108T020000Z"));
        assert_eq!(layer(old, new), Some(true));
        assert_eq!(layer(new, new), Some(false));
        assert_eq!(layer(new, old), Some(false), "the base was rolled back: nothing newer is to be had");
        assert_eq!(layer(None, new), None);
        assert_eq!(layer(old, None), None);
    }
}
