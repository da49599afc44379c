//! The ports through which the cloud is observed and changed.
//!
//! They are named for the work. They have an AWS side (crate `kiln`) and may have others; whoever asks
//! for a port asks for no more of it than is used. No port waits for AWS to be done.

// The ports are used with concrete types, on one thread: nobody needs their futures to be `Send`.
#![allow(async_fn_in_trait)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::inventory::{
    Architecture, DefaultEncryption, Deprecation, Deregistration, Finding, Grantee, Image, ImageQuery,
    Instance, Key, LaunchSources, NewImage, NewInstance, NewReplica, NewTemplateVersion, PermissionChange,
    PublicImages, Reference, Result, Snapshot, Subnet, Template, UsageReport, Vcpus,
};
use kiln_core::model::{ImageId, InstanceId, Region, SnapshotId, SubnetId, Tags, Token};

/// Images and snapshots.
pub trait Images {
    /// The images that are wanted, of one Region.
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>>;
    /// Makes an image; answers with its id long before it is available.
    async fn create_image(&self, new: &NewImage) -> Result<ImageId>;
    /// Makes a replica; answers with its id long before it is available.
    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId>;
    /// Disables an image: it can be launched no more, and can be enabled again.
    async fn disable_image(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Enables an image that was disabled. One that is enabled already is success.
    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Until when a deregistered image lies in the Recycle Bin; `None` where it does not.
    async fn recycled_until(&self, region: &Region, image: &ImageId) -> Result<Option<DateTime<Utc>>>;
    /// What lies in the Recycle Bin of a Region, with until when.
    async fn recycled(&self, region: &Region) -> Result<BTreeMap<ImageId, DateTime<Utc>>>;
    /// Deregisters an image and deletes its snapshots.
    async fn deregister_image(&self, region: &Region, image: &ImageId) -> Result<Deregistration>;
    /// The snapshots of the account that bear `kiln:recipe`.
    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>>;
    /// The snapshots that bear `kiln:recipe` and were made for this image, which may be gone.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>>;
    /// Which of these snapshots something other than an image needs, and what: a volume that is being made, or a lock.
    async fn snapshot_needs(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<BTreeMap<SnapshotId, String>>;
    /// Deletes a snapshot. One that is gone already is success.
    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Result<()>;
    /// Adds tags to an image, and replaces those of the same key.
    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()>;
    /// Adds the same tags to many images, in as few calls as may be. An error means that some may not bear them.
    async fn tag_images(&self, region: &Region, images: &[ImageId], tags: &Tags) -> Result<()>;
    /// Adds tags to a snapshot, and replaces those of the same key.
    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()>;
}

/// What an image grants, and to whom.
pub trait Sharing {
    /// Who may launch an image.
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<Grantee>>;
    /// Changes who may launch an image.
    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()>;
    /// Who may make volumes of a snapshot.
    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Result<BTreeSet<Grantee>>;
    /// Changes who may make volumes of a snapshot.
    async fn change_volumes(
        &self,
        region: &Region,
        snapshot: &SnapshotId,
        change: &PermissionChange,
    ) -> Result<()>;
    /// Sets when an image is deprecated, or that it never is.
    async fn deprecate(&self, region: &Region, image: &ImageId, to: Deprecation) -> Result<()>;
    /// Guards an image against deregistration.
    async fn protect(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Takes that guard away.
    async fn unprotect(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// What Amazon Inspector found in an image.
    async fn findings(&self, region: &Region, image: &ImageId) -> Result<Vec<Finding>>;
}

/// Builders and testers.
pub trait Instances {
    /// The instances that bear `kiln:recipe`, in any state.
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>>;
    /// One instance; `None` where there is none of that id.
    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>>;
    /// Launches a builder or a tester.
    async fn launch(&self, new: &NewInstance) -> Result<InstanceId>;
    /// Asks an instance to stop.
    async fn stop(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Starts a stopped instance.
    async fn start(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Terminates an instance. One that is gone already is success.
    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Adds tags to an instance, and replaces those of the same key.
    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Result<()>;
    /// Takes tags of these keys from an instance.
    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Result<()>;
    /// What stands on the serial console.
    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String>;
    /// The architectures that an instance type can boot.
    async fn architectures(&self, region: &Region, instance_type: &str) -> Result<Vec<Architecture>>;
}

/// Who uses images.
pub trait References {
    /// The instances, in any state but terminated, that were launched from any of `images`.
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>>;
    /// What EC2 itself tells that names any of `images`: launch templates by any of their versions, parameters, recipes of
    /// Image Builder, and instances, in any state but terminated.
    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>>;
    /// Every version of every launch template, with the image that it names, aliases resolved.
    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>>;
    /// The same of those launch templates alone that name a parameter in place of an image: whose latest or default version
    /// does, or any version of a template among `pinned`.
    async fn aliased_versions(&self, region: &Region, pinned: &BTreeSet<String>) -> Result<Vec<Reference>>;
    /// What Auto Scaling, and fleets and Spot requests that may still launch, name.
    async fn launchers(&self, region: &Region) -> Result<LaunchSources>;
    /// The usage reports that there are of these images.
    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>>;
    /// Asks for a usage report on an image; it is ready long after the answer.
    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()>;
}

/// The parameters of SSM.
pub trait Parameters {
    /// The value of one parameter; `None` where there is none of that name.
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>>;
    /// The last part of the name, and the value, of each parameter directly below `path`.
    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>>;
    /// The values of these parameters; what is not there is not in the answer.
    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>>;
    /// Lets a parameter name an image, and makes it where there is none. EC2 looks at the image before the value is seen.
    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()>;
    /// Finds out whether a parameter may be written, and writes nothing.
    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()>;
}

/// Launch templates that releases go to.
pub trait Templates {
    /// A template by its name; `None` where there is none.
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Template>>;
    /// Makes a version that is the latest one but for its image; answers with its number.
    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64>;
    /// Makes a version the default one.
    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()>;
}

/// What is around the images.
pub trait AccountInfo {
    /// These subnets, or where none are named, the default ones.
    async fn subnets(&self, region: &Region, named: &[SubnetId]) -> Result<Vec<Subnet>>;
    /// The Regions that are enabled for the account.
    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>>;
    /// A KMS key; `None` where there is none of that name.
    async fn key(&self, region: &Region, key: &str) -> Result<Option<Key>>;
    /// What new volumes are encrypted with.
    async fn default_encryption(&self, region: &Region) -> Result<DefaultEncryption>;
    /// Whether images may be public.
    async fn public_images(&self, region: &Region) -> Result<PublicImages>;
    /// What an instance type needs of its quota; `None` where that cannot be told.
    async fn vcpus(&self, region: &Region, instance_type: &str) -> Result<Option<Vcpus>>;
}

/// The bus on which Kiln says what it did.
pub trait Bus {
    /// Sends events, in as few calls as may be. An error means that at least one of them was not taken.
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()>;
}

/// All ports at once.
pub trait Cloud:
    Images + Sharing + Instances + References + Parameters + Templates + AccountInfo + Bus
{
}

impl<T: Images + Sharing + Instances + References + Parameters + Templates + AccountInfo + Bus> Cloud for T {}
