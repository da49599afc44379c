//! A valid recipe, as types. `reference.rs` describes the fields for users.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;

use super::disks::Disks;
use super::instance_types::in_order;
use super::network::{Network, RegionTests};
use super::params::Params;
use crate::inventory::Severity;
use crate::model::program::{Digest, LogRetention, Object, Step};
use crate::model::{ImageId, InstanceId, RecipeName, Region, Tags};

/// A valid recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The name of the recipe.
    pub name: RecipeName,
    /// What it is for, in its author's words; `None` if it says nothing.
    pub description: Option<String>,
    /// The document that it was read from.
    pub document: String,
    /// The user's own tags for images, snapshots and instances.
    pub tags: Tags,
    /// The values that its texts and scripts use by their names.
    pub params: Params,
    /// The archive of its folder, for a recipe that has one.
    pub archive: Option<Digest>,
    /// How images are baked.
    pub bake: Bake,
    /// How images are tested.
    pub verify: Verify,
    /// What the images say of themselves.
    pub image: ImageSettings,
    /// Which images that something else made may become the recipe's; `None` if none may.
    pub adopt: Option<Adopt>,
    /// Who may use images, and which parameter and launch template name them.
    pub publish: Publish,
    /// The parameters to which a release comes later, each behind the one that it follows.
    pub channels: Vec<Channel>,
    /// The Regions to which images are copied.
    pub replicate: Replicate,
    /// How long images are kept.
    pub expire: Expire,
}

/// `[bake]`: how images are baked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bake {
    /// The image that a bake begins from.
    pub base: Base,
    /// The instance type of the builder.
    pub instance_type: String,
    /// Further types for the builder, in order of preference: where no zone has room for the one before.
    pub instance_types: Vec<String>,
    /// What runs on the builder as root, in order. If empty, the base is imaged as it is.
    pub steps: Vec<Step>,
    /// Further files for the folder that the steps run in.
    pub fetch: Vec<Object>,
    /// How long the whole log of builders and testers is kept; `None` if it is not.
    pub keep_log: Option<LogRetention>,
    /// How long the builder may run.
    pub timeout: TimeDelta,
    /// How long after its time a bake that found no room for its builder is tried again.
    pub window: TimeDelta,
    /// The instance profile of the builder; `None` for none, so that its scripts have no rights at all.
    pub profile: Option<String>,
    /// Where the builder is launched.
    pub network: Network,
    /// The disks of the builder, as they differ from those of the base.
    pub disks: Disks,
    /// Whether a deprecated base is accepted.
    pub allow_deprecated: bool,
    /// Whether a base with AWS Marketplace product codes is accepted although images are copied or shared.
    pub allow_product_codes: bool,
    /// Whether a release of the base recipe starts a bake.
    pub on_base_release: bool,
}

impl Bake {
    /// Every type that the builder may have, the preferred one first.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        in_order(Some(&self.instance_type), &self.instance_types).into_iter()
    }
}

/// What a bake begins from: how the base image is found, or the instance that is imaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An SSM parameter that holds an image id: `ssm:/aws/service/…`.
    Parameter(String),
    /// An image id.
    Image(ImageId),
    /// The newest release of another recipe: `recipe:base`.
    Recipe(RecipeName),
    /// A long-lived instance of the user's own: `bake.instance`. It is stopped for each bake, and started again.
    Instance(InstanceId),
    /// The newest available image of an owner whose name matches.
    Newest {
        /// An account id, `self`, or an alias such as `amazon`.
        owner: String,
        /// A name, in which `*` and `?` are wildcards as in EC2's filters.
        name: String,
    },
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Image(image) => write!(f, "{image}"),
            Self::Recipe(recipe) => write!(f, "recipe:{recipe}"),
            Self::Instance(instance) => write!(f, "instance {instance}"),
            Self::Newest { owner, name } => write!(f, "the newest '{name}' of owner {owner}"),
        }
    }
}

/// `[verify]`: how images are tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// What runs on the tester as root, in order. If empty, a clean boot is the test.
    pub steps: Vec<Step>,
    /// How long the tester may run.
    pub timeout: TimeDelta,
    /// The preferred instance type of testers; `None` for the types of the builder.
    pub instance_type: Option<String>,
    /// Further types for testers, in order of preference: where no zone has room for the one before.
    pub instance_types: Vec<String>,
    /// The instance profile of testers; `None` for none.
    pub profile: Option<String>,
    /// Where the tester of a home image is launched.
    pub network: Network,
    /// The testers of replicas; in the default VPC of a Region that is not named.
    pub regions: BTreeMap<Region, RegionTests>,
}

/// `[image]`: what the images say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// The description of a home image; `None` for Kiln's own.
    pub description: Option<String>,
    /// Whether what is launched from them asks for a token of the metadata service by default.
    pub imds_v2: bool,
}

/// `[adopt]`: which images that something else made may become the recipe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopt {
    /// The name that an image must have to be adopted by its tag; `*` and `?` are wildcards.
    pub name: String,
    /// Whether an adopted image may be disabled and deregistered. If not, it is only deprecated.
    pub deregister: bool,
}

/// `[publish]`: who may use images, and which parameter and launch template name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The SSM parameter, one in each Region, that holds the image id of the current release.
    pub parameter: Option<String>,
    /// The accounts in which the same parameter names the release too.
    pub parameter_accounts: Vec<String>,
    /// Who may launch images.
    pub share: Share,
    /// The name of the watermark that published images bear; `None` for none.
    pub watermark: Option<String>,
    /// How long after the start of its bake an image is deprecated; `None` for never.
    pub deprecate_after: Option<TimeDelta>,
    /// Whether published images get deregistration protection, which only Kiln removes.
    pub protect: bool,
    /// The lowest severity at which a fixable finding rejects an image; `None` if findings are not read.
    pub block_on_findings: Option<Severity>,
    /// How long an image may wait for its scan before it is rejected.
    pub findings_timeout: TimeDelta,
    /// The launch template, one in each Region, that launches the current release.
    pub launch_template: Option<LaunchTemplate>,
    /// Whether an image that is the same as the newest release is removed instead of published.
    pub skip_unchanged: bool,
}

/// `publish.launch_template`: a launch template that gets a new version for each release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// The name of the template, the same in each Region.
    pub name: String,
    /// Whether each new version becomes the default version.
    pub default: bool,
}

/// `publish.share`: who may launch images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Account ids.
    pub accounts: Vec<String>,
    /// ARNs of organizations.
    pub organizations: Vec<String>,
    /// ARNs of organizational units.
    pub organizational_units: Vec<String>,
    /// Whether everyone may launch images.
    pub public: bool,
    /// Whether the accounts may also create volumes from the snapshots, which lets them copy the image.
    pub snapshots: bool,
}

/// `channels.<name>`: a parameter of its own, to which a release comes after it was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// The SSM parameter, one in each Region, that holds the image id of its release.
    pub parameter: String,
    /// Who may launch images from then on, beside those of `publish.share`.
    pub share: Share,
    /// The channel that a release must have come to before; `None` if it only must have been released.
    pub follows: Option<String>,
    /// What a release waits for.
    pub gate: Gate,
}

/// What a release waits for before it comes to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// For this long, since it came to the channel before, or since it was released.
    After(TimeDelta),
    /// For somebody who approves it.
    Approval,
}

/// `[replicate]`: the Regions to which images are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicate {
    /// The Regions that get a replica of every image.
    pub regions: Vec<Region>,
    /// When the parameters of the Regions move to a new release.
    pub release: ReleaseStrategy,
    /// What follows if somebody takes away an image of the release that is named.
    pub on_loss: OnLoss,
    /// The Regions that a release does not wait for.
    pub best_effort: Vec<Region>,
    /// Whether each replica is tested in its Region before it counts as ready.
    pub verify: bool,
    /// The KMS key of the replica in a Region. A Region without a key here uses the source's encryption or its default.
    pub kms_keys: BTreeMap<Region, String>,
}

/// `replicate.release`: when the parameters of the Regions move to a new release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseStrategy {
    /// All together, once every required Region has its replica.
    AllRegions,
    /// Each Region on its own, as soon as it has its replica.
    PerRegion,
}

/// `replicate.on_loss`: what follows if somebody deregisters or disables an image of the release that is named. In either
/// case all Regions name the newest release that can be launched in all of them, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLoss {
    /// What is gone is copied anew, a home image from a replica. Then the release is named again.
    CopyBack,
    /// It is rolled back from: nothing is named in its place until there is a newer release.
    RollBack,
}

/// `[expire]`: how long images are kept. An image is removed only if neither `keep` nor `older_than` keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// The number of newest releases that are kept whatever their age; at least 1.
    pub keep: usize,
    /// The age up to which images are kept.
    pub older_than: TimeDelta,
    /// How long after an image was first found unused, and was deprecated, it must still be unused to be disabled. If
    /// zero, one check is enough.
    pub confirm_after: TimeDelta,
    /// How long an image is disabled before it is deregistered. If zero, it is not disabled first.
    pub quarantine: TimeDelta,
    /// An image that was launched within this time is kept. If zero, launches are not checked.
    pub idle: TimeDelta,
    /// The most images, including replicas, that one run may deprecate, disable or deregister.
    pub max_per_run: usize,
    /// The most images of the recipe that one step of one run may take, in percent.
    pub max_percent: usize,
}

/// The defaults for every `[expire]` field that a recipe leaves out.
impl Expire {
    /// The values of the fields that a recipe leaves out, and those for images whose recipe was deleted.
    pub const DEFAULT: Self = Self {
        keep: 5,
        older_than: TimeDelta::days(30),
        confirm_after: TimeDelta::days(2),
        quarantine: TimeDelta::days(7),
        idle: TimeDelta::zero(),
        max_per_run: 100,
        max_percent: 50,
    };
    /// For what was never published: it goes at once.
    pub const AT_ONCE: Self =
        Self { confirm_after: TimeDelta::zero(), quarantine: TimeDelta::zero(), ..Self::DEFAULT };
}

impl Replicate {
    /// Whether a release needs a replica in this Region.
    pub fn requires(&self, region: &Region) -> bool {
        self.regions.contains(region) && !self.best_effort.contains(region)
    }
}

impl Recipe {
    /// Whether adopted images may be disabled and deregistered.
    pub fn removes_adopted(&self) -> bool {
        self.adopt.as_ref().is_some_and(|adopt| adopt.deregister)
    }

    /// The Regions that get a replica: never the home Region, even if the recipe names it.
    pub fn replica_regions<'a>(&'a self, home: &'a Region) -> impl Iterator<Item = &'a Region> {
        self.replicate.regions.iter().filter(move |region| *region != home)
    }

    /// The home Region, then those that get a replica.
    pub fn regions<'a>(&'a self, home: &'a Region) -> impl Iterator<Item = &'a Region> {
        std::iter::once(home).chain(self.replica_regions(home))
    }

    /// The recipe that this one is baked from, if its base is a recipe.
    pub fn base_recipe(&self) -> Option<&RecipeName> {
        match &self.bake.base {
            Base::Recipe(base) => Some(base),
            _ => None,
        }
    }
}
