//! What the cloud is asked to find and to make.

use crate::model::{ImageId, InstanceId, Region, SnapshotId, SubnetId, Tags, Token};

/// Which images to look for. All of them are looked for among those of the account itself, disabled ones
/// included, but for [`ImageQuery::Id`] and [`ImageQuery::Newest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageQuery {
    /// All that bear `kiln:recipe`.
    AllOfKilns,
    /// Those that bear all of these tags.
    Tagged(Tags),
    /// Those of this name.
    Named(String),
    /// Those of any of these names.
    AnyNamed(Vec<String>),
    /// This one, whoever owns it.
    Id(ImageId),
    /// The available ones of `owner` whose name matches `name`, in which `*` and `?` match.
    Newest {
        /// An account id or an alias such as `amazon`.
        owner: String,
        /// The name, as EC2's filter takes it.
        name: String,
    },
    /// Those that were made of any of these snapshots.
    OfSnapshots(Vec<SnapshotId>),
    /// Those that Kiln baked from any of these images.
    BakedFrom(Vec<ImageId>),
}

/// An image to be made from an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Where.
    pub region: Region,
    /// From which instance.
    pub instance: InstanceId,
    /// Its name, which is what makes the call safe to be made twice.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// For the image and each of its snapshots.
    pub tags: Tags,
}

/// A copy to be made of an image in another Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplica {
    /// Where it is made.
    pub region: Region,
    /// Where the source is.
    pub from: Region,
    /// The source.
    pub image: ImageId,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// For the replica and each of its snapshots.
    pub tags: Tags,
    /// Whether it is to be encrypted, and with which key.
    pub encryption: Encryption,
    /// What makes the call safe to be made twice.
    pub token: Token,
}

/// How a replica is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// As its source, or as the Region's default has it.
    AsSource,
    /// With this key of the destination Region.
    Key(String),
}

/// A builder or a tester to be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// Where.
    pub region: Region,
    /// From which image.
    pub image: ImageId,
    /// Its type.
    pub instance_type: String,
    /// Where within the Region; none: the default VPC.
    pub subnet: Option<SubnetId>,
    /// What it runs at its first boot, as plain text.
    pub user_data: String,
    /// For the instance and its volumes.
    pub tags: Tags,
    /// The devices of the image whose volumes would outlive the instance; they are told not to.
    pub persistent_devices: Vec<String>,
    /// What makes the call safe to be made twice within its zone.
    pub token: Token,
}

/// Where an instance may be launched: the first place, and those that are tried in turn while the one before has no
/// room. There is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// What is tried first.
    pub first: NewInstance,
    /// What is tried after it.
    pub others: Vec<NewInstance>,
}

impl Candidates {
    /// Those of a list; `None` where it is empty.
    pub fn of(instances: impl IntoIterator<Item = NewInstance>) -> Option<Self> {
        let mut instances = instances.into_iter();
        Some(Self { first: instances.next()?, others: instances.collect() })
    }

    /// All of them, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &NewInstance> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// A version of a launch template to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemplateVersion {
    /// Where.
    pub region: Region,
    /// The template's id.
    pub template: String,
    /// The image that it names.
    pub image: ImageId,
    /// What it says of itself.
    pub description: String,
    /// What makes the call safe to be made twice.
    pub token: Token,
}
