//! What was observed of the cloud, and the ports through which it is observed and changed.
//!
//! The ports are named for the work. They have an AWS side (`crate::aws`) and may have others; whoever asks
//! for a port asks for no more of it than is used. No port waits for AWS to be done.

// The ports are used with concrete types, on one thread: nobody needs their futures to be `Send`.
#![allow(async_fn_in_trait)]

pub mod error;
pub mod filter;
pub mod image;
pub mod instance;
pub mod usage;

use chrono::{DateTime, Utc};

use crate::domain::{ImageId, InstanceId, Region, SnapshotId, Tags, Token};
use crate::events::outbound::Announcement;

pub use error::{CloudError, Kind};
pub use image::{Architecture, Deregistration, Image, ImageState, Protection, Snapshot, SnapshotDeletion};
pub use instance::{Instance, InstanceState, Purpose, StopCause};
pub use usage::{TemplateVersion, Usage, Use};

/// The result of a call to the cloud.
pub type Cloudly<T> = Result<T, CloudError>;

/// Which images to look for. All of them are looked for among those of the account itself, disabled ones
/// included, but for [`Wanted::Id`] and [`Wanted::Newest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that bear `kiln:recipe`.
    AllOfKilns,
    /// Those that bear all of these tags.
    Tagged(Tags),
    /// Those of this name.
    Named(String),
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

/// A builder to be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBuilder {
    /// Where.
    pub region: Region,
    /// From which image.
    pub image: ImageId,
    /// Its type.
    pub instance_type: String,
    /// Where within the Region; none: the default VPC.
    pub subnet: Option<crate::domain::SubnetId>,
    /// What it runs at its first boot, as plain text.
    pub user_data: String,
    /// For the instance and its volumes.
    pub tags: Tags,
    /// The devices of the base whose volumes would outlive the builder; they are told not to.
    pub ephemeral_devices: Vec<String>,
    /// What makes the call safe to be made twice within its zone.
    pub token: Token,
}

/// Images and snapshots.
pub trait Images {
    /// The images that are wanted, of one Region.
    async fn images(&self, region: &Region, wanted: &Wanted) -> Cloudly<Vec<Image>>;
    /// Makes an image; answers with its id long before it is available.
    async fn create_image(&self, new: &NewImage) -> Cloudly<ImageId>;
    /// Makes a replica; answers with its id long before it is available.
    async fn copy_image(&self, new: &NewReplica) -> Cloudly<ImageId>;
    /// Disables an image: it can be launched no more, and can be enabled again.
    async fn disable_image(&self, region: &Region, image: &ImageId) -> Cloudly<()>;
    /// Deregisters an image and deletes its snapshots.
    async fn deregister_image(&self, region: &Region, image: &ImageId) -> Cloudly<Deregistration>;
    /// The snapshots of the account that bear `kiln:recipe`.
    async fn snapshots(&self, region: &Region) -> Cloudly<Vec<Snapshot>>;
    /// Deletes a snapshot. One that is gone already is success.
    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Cloudly<()>;
    /// Adds tags to an image, and replaces those of the same key.
    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Cloudly<()>;
    /// Adds tags to a snapshot, and replaces those of the same key.
    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Cloudly<()>;
}

/// Builders.
pub trait Instances {
    /// The instances that bear `kiln:recipe`, in any state.
    async fn instances(&self, region: &Region) -> Cloudly<Vec<Instance>>;
    /// One instance; `None` where there is none of that id.
    async fn instance(&self, region: &Region, instance: &InstanceId) -> Cloudly<Option<Instance>>;
    /// Launches a builder.
    async fn launch(&self, new: &NewBuilder) -> Cloudly<InstanceId>;
    /// Asks an instance to stop.
    async fn stop(&self, region: &Region, instance: &InstanceId) -> Cloudly<()>;
    /// Starts a stopped instance.
    async fn start(&self, region: &Region, instance: &InstanceId) -> Cloudly<()>;
    /// Terminates an instance. One that is gone already is success.
    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Cloudly<()>;
    /// Adds tags to an instance, and replaces those of the same key.
    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Cloudly<()>;
    /// Takes tags of these keys from an instance.
    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Cloudly<()>;
    /// What stands on the serial console.
    async fn console(&self, region: &Region, instance: &InstanceId) -> Cloudly<String>;
    /// The architectures that an instance type can boot.
    async fn architectures(&self, region: &Region, instance_type: &str) -> Cloudly<Vec<Architecture>>;
}

/// Who uses images.
pub trait Usages {
    /// The instances, in any state but terminated, that were launched from any of `images`.
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Cloudly<Vec<Use>>;
    /// Every version of every launch template, with the image that it names, aliases resolved.
    async fn template_versions(&self, region: &Region) -> Cloudly<Vec<TemplateVersion>>;
}

/// The parameters of SSM.
pub trait Parameters {
    /// The value of one parameter; `None` where there is none of that name.
    async fn parameter(&self, region: &Region, name: &str) -> Cloudly<Option<String>>;
    /// The last part of the name, and the value, of each parameter directly below `path`.
    async fn parameters_below(&self, region: &Region, path: &str) -> Cloudly<Vec<(String, String)>>;
}

/// The bus on which Kiln says what it did.
pub trait Bus {
    /// Sends events, in as few calls as may be. An error means that at least one of them was not taken.
    async fn send(&self, announcements: &[Announcement], now: DateTime<Utc>) -> Cloudly<()>;
}

/// All ports at once.
pub trait Cloud: Images + Instances + Usages + Parameters + Bus {}

impl<T: Images + Instances + Usages + Parameters + Bus> Cloud for T {}
