//! How the recipes are at this moment: a small document, observed when it is asked for, and kept nowhere.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{Failure, Gap, Newest, Stage, UnderWay};

/// The version of the document's form.
pub const STATUS_SCHEMA: u32 = 1;

/// How all recipes are, or the one that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the document's form: 1.
    pub schema: u32,
    /// When it was observed.
    pub made_at: DateTime<Utc>,
    /// The version of Kiln that observed it.
    pub kiln: String,
    /// The home Region, in which Kiln runs.
    pub home: String,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// The recipes, by name.
    pub recipes: Vec<RecipeStatus>,
    /// What waits in the stack's queues; without a queue that could not be read.
    #[serde(default)]
    pub queues: Vec<QueueStatus>,
}

/// A queue of the stack, in which waits what did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Its name, without the stack's: `failures`, `undelivered` or `ended-badly`.
    pub name: String,
    /// About how many messages wait in it.
    pub waiting: usize,
}

/// How one recipe is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeStatus {
    /// Its name.
    pub name: String,
    /// Its newest release; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Newest>,
    /// What is under way, the newest first.
    pub under_way: Vec<UnderWay>,
    /// How far its newest versions are that have an image, the newest first: at most five.
    pub versions: Vec<VersionStage>,
    /// What names its releases in each Region; the home Region first.
    pub pointers: Vec<Pointer>,
    /// The last bake or test that failed; absent if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// How far a version is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionStage {
    /// The version.
    pub version: String,
    /// Its stage.
    pub stage: Stage,
}

/// A parameter or a launch template in one Region, and what it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// The Region.
    pub region: String,
    /// Whether a release waits for this Region; `false` for one of best effort.
    pub required: bool,
    /// What it is.
    pub kind: PointerKind,
    /// Its name.
    pub name: String,
    /// The image that it names; absent if it names none, or could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version of that image; absent if it is none of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it could not be read; absent if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What can name a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointerKind {
    /// A parameter of SSM's.
    Parameter,
    /// A launch template.
    LaunchTemplate,
    /// What this version of the document did not know.
    #[serde(other)]
    Unknown,
}

impl PointerKind {
    /// Its words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::LaunchTemplate => "launch template",
            Self::Unknown => "something else",
        }
    }
}
