//! What a recipe says, field by field.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;

use crate::inventory::Severity;
use crate::model::{ImageId, RecipeName, Region, SubnetId, Tags};

/// A recipe that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The family's name.
    pub name: RecipeName,
    /// The owner's own tags, for images and snapshots alike.
    pub tags: Tags,
    /// How the image is made.
    pub bake: Bake,
    /// How it is proved.
    pub verify: Verify,
    /// With whom it is shared, and under which name it is found.
    pub publish: Publish,
    /// Where it goes.
    pub replicate: Replicate,
    /// How long it stays.
    pub expire: Expire,
}

/// `[bake]`: how the image is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bake {
    /// What the image is baked from.
    pub base: Base,
    /// The type of the instance on which it is baked.
    pub instance_type: String,
    /// What is run on it, as root; empty: the base is taken as it is.
    pub script: String,
    /// How long the builder may take.
    pub timeout: TimeDelta,
    /// Where the builder is launched, in the order of preference; none: the default VPC.
    pub subnets: Vec<SubnetId>,
    /// Whether a base that its owner has deprecated may still serve.
    pub allow_deprecated: bool,
    /// Whether a base with product codes of AWS Marketplace may serve, though the image is copied or shared.
    pub allow_product_codes: bool,
    /// Whether a release of the recipe that is its base begins a bake.
    pub on_base_release: bool,
}

/// Where the base image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An SSM parameter that holds an image id: `ssm:/aws/service/…`.
    Parameter(String),
    /// An image by its id.
    Image(ImageId),
    /// The newest release of another recipe: `recipe:base`.
    Recipe(RecipeName),
    /// The newest available image of an owner whose name matches.
    Newest {
        /// An account id, `self`, or an alias such as `amazon`.
        owner: String,
        /// A name, in which `*` and `?` match as in EC2's filters.
        name: String,
    },
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Image(image) => write!(f, "{image}"),
            Self::Recipe(recipe) => write!(f, "recipe:{recipe}"),
            Self::Newest { owner, name } => write!(f, "the newest '{name}' of owner {owner}"),
        }
    }
}

/// `[verify]`: how the image is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// What is run on the tester, as root; empty: it must boot.
    pub script: String,
    /// How long the tester may take.
    pub timeout: TimeDelta,
    /// The type of the tester; none: as the builder.
    pub instance_type: Option<String>,
    /// Where the tester is launched, if not in the default subnets.
    pub subnets: Vec<SubnetId>,
}

/// `[publish]`: with whom the image is shared, and under which name it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The SSM parameter that names the newest release, one in each Region.
    pub parameter: Option<String>,
    /// With whom it is shared.
    pub share: Share,
    /// How long after its bake began it is marked as deprecated.
    pub deprecate_after: Option<TimeDelta>,
    /// Whether it is guarded against deregistration by anyone but Kiln.
    pub protect: bool,
    /// The least severity at which a finding that has a fix bars an image.
    pub block_on_findings: Option<Severity>,
    /// How long an image waits to be scanned before it is rejected.
    pub findings_timeout: TimeDelta,
    /// The launch template that names the newest release, one in each Region.
    pub launch_template: Option<LaunchTemplate>,
}

/// `publish.launch_template`: a template that gets a new version for each release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// Its name, alike in each Region.
    pub name: String,
    /// Whether the new version becomes the default one.
    pub default: bool,
}

/// `publish.share`: who may launch the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Account ids.
    pub accounts: Vec<String>,
    /// ARNs of organizations.
    pub organizations: Vec<String>,
    /// ARNs of organizational units.
    pub organizational_units: Vec<String>,
    /// Whether everyone may launch it.
    pub public: bool,
    /// Whether the accounts may make volumes of its snapshots as well, and so copy it.
    pub snapshots: bool,
}

/// `[replicate]`: where the image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicate {
    /// The Regions that get a replica.
    pub regions: Vec<Region>,
    /// When the parameters of the Regions move.
    pub release: ReleaseStrategy,
    /// Those of them that do not hold a release up.
    pub best_effort: Vec<Region>,
    /// Whether each replica is booted in its Region before it counts as ready.
    pub verify: bool,
    /// The KMS key that encrypts the replica, for each Region that needs one.
    pub kms_keys: BTreeMap<Region, String>,
}

/// `replicate.release`: when the parameters of the Regions move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseStrategy {
    /// All at once, when the last Region has its replica.
    AllRegions,
    /// Each as soon as its own replica is there.
    PerRegion,
}

/// `[expire]`: how long an image stays. `keep` and `older_than` must both let it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// How many of the newest releases stay, whatever their age. At least 1.
    pub keep: usize,
    /// How old an image must be.
    pub older_than: TimeDelta,
    /// How long after it was first found unused, and was deprecated, it must be found unused again before it is disabled;
    /// zero: once is enough.
    pub confirm_after: TimeDelta,
    /// How long it is disabled before it is deregistered; zero: not at all.
    pub quarantine: TimeDelta,
    /// How long nobody must have launched it; zero: that is not asked.
    pub idle: TimeDelta,
    /// How many images, replicas included, may go in one run.
    pub max_per_run: usize,
    /// How much of the recipe's images may go in one run, in percent.
    pub max_percent: usize,
}

/// The defaults for every `[expire]` field that a recipe leaves out.
impl Default for Expire {
    fn default() -> Self {
        Self {
            keep: 5,
            older_than: TimeDelta::days(30),
            confirm_after: TimeDelta::days(2),
            quarantine: TimeDelta::days(7),
            idle: TimeDelta::zero(),
            max_per_run: 100,
            max_percent: 50,
        }
    }
}

impl Replicate {
    /// Whether a release waits for this Region.
    pub fn requires(&self, region: &Region) -> bool {
        self.regions.contains(region) && !self.best_effort.contains(region)
    }
}

impl Recipe {
    /// The recipe that this one is baked from, where it is one.
    pub fn base_recipe(&self) -> Option<&RecipeName> {
        match &self.bake.base {
            Base::Recipe(base) => Some(base),
            _ => None,
        }
    }
}
