//! What AWS is asked to find and to create.

use chrono::{DateTime, Utc};

use crate::inventory::device::Disk;
use crate::inventory::platform::Platform;
use crate::model::{
    ImageId, ImageName, InstanceId, Program, Region, Role, SecurityGroupId, SnapshotId, SubnetId, Tags, Token,
};

/// Which images to read. Except for [`ImageQuery::Id`] and [`ImageQuery::Newest`], only the account's own images are
/// read, including disabled ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageQuery {
    /// All images with the tag `kiln:recipe`.
    AllManaged,
    /// Images with all of these tags.
    Tagged(Tags),
    /// Images with this name.
    Named(String),
    /// Images with any of these names.
    AnyNamed(Vec<String>),
    /// The image with this id, whoever owns it.
    Id(ImageId),
    /// Available images of `owner` whose name matches `name`.
    Newest {
        /// An account id or an alias such as `amazon`.
        owner: String,
        /// A name, in which `*` and `?` are wildcards.
        name: String,
    },
    /// Images that use any of these snapshots.
    OfSnapshots(Vec<SnapshotId>),
    /// Images that Kiln baked from any of these images.
    BakedFrom(Vec<ImageId>),
}

/// An image to create from an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// The Region.
    pub region: Region,
    /// The stopped instance.
    pub instance: InstanceId,
    /// The name of the image. EC2 rejects a second image of the same name, so the call may safely be repeated.
    pub name: String,
    /// The description of the image.
    pub description: String,
    /// The tags of the image and of its snapshots.
    pub tags: Tags,
    /// The devices of the instance that the image is to be without.
    pub left_out: Vec<String>,
}

/// A replica to create in another Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplica {
    /// The Region of the replica.
    pub region: Region,
    /// The Region of the source image.
    pub from: Region,
    /// The source image.
    pub image: ImageId,
    /// The name of the replica.
    pub name: String,
    /// The description of the replica.
    pub description: String,
    /// The tags of the replica and of its snapshots.
    pub tags: Tags,
    /// How the replica is encrypted.
    pub encryption: Encryption,
    /// The client token, with which the call may safely be repeated.
    pub token: Token,
}

/// How a replica is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// As its source, or else as the Region's default says.
    AsSource,
    /// With this KMS key of the replica's Region.
    Key(String),
}

/// A builder or tester to launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// The Region.
    pub region: Region,
    /// The image to launch from.
    pub image: ImageId,
    /// What that image runs.
    pub platform: Platform,
    /// The instance type.
    pub instance_type: String,
    /// The subnet; `None` for the default VPC.
    pub subnet: Option<SubnetId>,
    /// The security groups; the default group of its VPC if empty.
    pub security_groups: Vec<SecurityGroupId>,
    /// Whether it gets a public address; `None` for what its subnet says.
    pub public_ip: Option<bool>,
    /// What it is launched for.
    pub role: Role,
    /// Its instance profile, by name; `None` for none.
    pub profile: Option<String>,
    /// The bake that it is launched for.
    pub name: ImageName,
    /// What it runs.
    pub program: Program,
    /// The tags of the instance and of its volumes.
    pub tags: Tags,
    /// The disks that are not as the image says. All of them go with the instance.
    pub disks: Vec<Disk>,
    /// What tells this launch from others of the same role, bake, image and subnet. The same launch may safely be repeated
    /// in the same Availability Zone.
    pub launch: String,
}

/// The places in which an instance may be launched, in order. The next one is tried if the one before has no capacity.
/// There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The launch that is tried first.
    pub first: NewInstance,
    /// The launches that are tried after it, in order.
    pub others: Vec<NewInstance>,
    /// Until when a builder waits, if none of them has room; `None` for a tester, which is always tried again.
    pub waits_until: Option<DateTime<Utc>>,
}

impl Candidates {
    /// The launches of a list; `None` if it is empty.
    pub fn of(instances: impl IntoIterator<Item = NewInstance>) -> Option<Self> {
        let mut instances = instances.into_iter();
        Some(Self { first: instances.next()?, others: instances.collect(), waits_until: None })
    }

    /// All launches, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &NewInstance> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// A launch template version to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemplateVersion {
    /// The Region.
    pub region: Region,
    /// The id of the template.
    pub template: String,
    /// The image that the version launches.
    pub image: ImageId,
    /// The description of the version.
    pub description: String,
    /// The client token, with which the call may safely be repeated.
    pub token: Token,
}
