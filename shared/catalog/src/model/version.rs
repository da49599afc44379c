//! A version of a recipe: an image with its replicas, and all that is known of it.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use super::contents::{Contents, Difference};
use super::figures::{Cost, Findings};
use super::image::Image;
use super::link::Link;

/// One version: an image and its replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The version: the UTC time at which its bake began.
    pub version: String,
    /// How far it has come.
    pub stage: Stage,
    /// When it was released; absent if it was not, or that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<DateTime<Utc>>,
    /// Why it must not be used any more; absent if nobody recalled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<Recall>,
    /// The rollback to it that is in force; absent if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pin>,
    /// Whether it was made outside Kiln and handed over.
    pub adopted: bool,
    /// Its images, the home Region's first; none if only its record is left.
    pub images: Vec<Image>,
    /// Why it stays or goes, as last decided; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The next step of its removal; absent if none is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<NextStep>,
    /// Whether it is used; absent if that was not looked for, because its recipe keeps it anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Who uses it; absent if that was not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<User>>,
    /// Who beside its own account may launch one of its images: ids of accounts, ARNs of organizations and of
    /// organizational units, or `everyone`; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<Vec<String>>,
    /// What its images cost; absent if their size is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What it was baked from; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The SHA-256 of the text of the recipe that it was baked by; absent if that was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_digest: Option<String>,
    /// Where the text of that recipe lies; absent if it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_text: Option<Link>,
    /// What is in it; absent if that was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// What differs from the release before; absent if the contents of either were not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Its findings; absent if it was not scanned, or the answer is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// How its test ended; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestResult>,
    /// Where its logs lie.
    pub logs: Logs,
}

impl Version {
    /// When its bake began, which its name says; `None` if the name is no version of Kiln's.
    pub fn baked_at(&self) -> Option<DateTime<Utc>> {
        time_of(&self.version)
    }
}

/// The time that a version is named by.
pub(crate) fn time_of(version: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(version, "%Y%m%dT%H%M%SZ").ok().map(|time| time.and_utc())
}

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its image is made, and waits for its test.
    Captured,
    /// It passed its test.
    Verified,
    /// It is shared, and is copied to its Regions.
    Published,
    /// It is ready in every required Region.
    Released,
    /// It failed its test, or has findings that the recipe does not allow.
    Rejected,
    /// It passed its test, and has nothing that the newest release has not.
    Unchanged,
    /// Somebody took it back, as bad.
    Recalled,
    /// It is on its way out, and can be brought back.
    Disabled,
    /// It is gone, and kept here for the record.
    Deregistered,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl Stage {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Verified => "verified",
            Self::Published => "published",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Unchanged => "unchanged",
            Self::Recalled => "recalled",
            Self::Disabled => "disabled",
            Self::Deregistered => "deregistered",
            Self::Unknown => "unknown",
        }
    }
}

/// That a version must not be used any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// Why.
    pub reason: String,
    /// When it was recalled.
    pub at: DateTime<Utc>,
    /// Who recalled it; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// A rollback that is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// The version that was named before; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was rolled back to; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// What was decided about a version, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The action, in the words of plans and logs, such as `keep` or `deprecate`.
    pub action: String,
    /// Why, as a sentence without its full stop.
    pub reason: String,
}

/// The next step of a removal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextStep {
    /// The step.
    pub step: Step,
    /// The earliest time of the step; absent while a limit blocks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// A step of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// EC2 no longer lists it to others. It can still be launched.
    Deprecate,
    /// Nobody can launch it. It can be brought back.
    Disable,
    /// It goes with its snapshots. This cannot be undone.
    Deregister,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl Step {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deprecate => "deprecate",
            Self::Disable => "disable",
            Self::Deregister => "deregister",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a version is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// It is referenced, launched, held or otherwise needed.
    InUse,
    /// Every check was made, and none found a use.
    Unused,
    /// A check could not be made.
    #[serde(other)]
    Unknown,
}

/// Something that uses a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its ARN, or the id of an account.
    pub arn: String,
    /// The Region of the image that it uses.
    pub region: String,
}

/// What a version was baked from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The id of the image.
    pub image: String,
    /// Its name; absent if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The recipe that the image is of; absent if it is no image of Kiln's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Its version of that recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its end.
    pub outcome: TestOutcome,
    /// When it ended; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The Availability Zone of the tester; absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What it said, as a sentence; absent if there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// It booted, and its check succeeded.
    Passed,
    /// It did not boot, or its check failed.
    Failed,
    /// It runs now.
    Running,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl TestOutcome {
    /// Its word, as in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Unknown => "unknown",
        }
    }
}

/// Where the logs of a version lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// That of its builder; absent if none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Link>,
    /// That of its tester; absent if none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Link>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_time_of_its_bake() {
        assert_eq!(time_of("20261126T020000Z").map(|time| time.timestamp()), Some(1_795_658_400));
        assert_eq!(time_of("20261326T020000Z"), None);
        assert_eq!(time_of("<b>"), None);
    }

    #[test]
    fn a_word_of_a_later_kiln_is_read_as_unknown() {
        assert_eq!(serde_json::from_str::<Stage>("\"quarantined\"").unwrap(), Stage::Unknown);
        assert_eq!(serde_json::from_str::<Stage>("\"released\"").unwrap(), Stage::Released);
        assert_eq!(serde_json::from_str::<Usage>("\"in-use\"").unwrap(), Usage::InUse);
    }
}
