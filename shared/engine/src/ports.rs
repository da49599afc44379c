//! The ports through which the cloud is observed and changed.
//!
//! They are named for the work. They have an AWS side (crate `kiln`) and may have others; whoever asks
//! for a port asks for no more of it than is used. No port waits for AWS to be done.

// The ports are used with concrete types, on one thread: nobody needs their futures to be `Send`.
#![allow(async_fn_in_trait)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Announcement;
use kiln_core::inventory::{
    Architecture, Change, Cloudly, DefaultEncryption, Deregistration, Finding, Grantee, Image, Instance, Key,
    Launchers, NewImage, NewInstance, NewReplica, NewTemplateVersion, PublicImages, Snapshot, Subnet,
    Template, UsageReport, Use, Vcpus, Wanted,
};
use kiln_core::model::{ImageId, InstanceId, Region, SnapshotId, SubnetId, Tags, Token};

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
    /// Enables an image that was disabled. One that is enabled already is success.
    async fn enable_image(&self, region: &Region, image: &ImageId) -> Cloudly<()>;
    /// Until when a deregistered image lies in the Recycle Bin; `None` where it does not.
    async fn recycled_until(&self, region: &Region, image: &ImageId) -> Cloudly<Option<DateTime<Utc>>>;
    /// What lies in the Recycle Bin of a Region, with until when.
    async fn recycled(&self, region: &Region) -> Cloudly<BTreeMap<ImageId, DateTime<Utc>>>;
    /// Deregisters an image and deletes its snapshots.
    async fn deregister_image(&self, region: &Region, image: &ImageId) -> Cloudly<Deregistration>;
    /// The snapshots of the account that bear `kiln:recipe`.
    async fn snapshots(&self, region: &Region) -> Cloudly<Vec<Snapshot>>;
    /// The snapshots that bear `kiln:recipe` and were made for this image, which may be gone.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Cloudly<Vec<Snapshot>>;
    /// Which of these snapshots something other than an image needs, and what: a volume that is being made, or a lock.
    async fn snapshot_needs(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Cloudly<BTreeMap<SnapshotId, String>>;
    /// Deletes a snapshot. One that is gone already is success.
    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Cloudly<()>;
    /// Adds tags to an image, and replaces those of the same key.
    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Cloudly<()>;
    /// Adds the same tags to many images, in as few calls as may be. An error means that some may not bear them.
    async fn tag_images(&self, region: &Region, images: &[ImageId], tags: &Tags) -> Cloudly<()>;
    /// Adds tags to a snapshot, and replaces those of the same key.
    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Cloudly<()>;
}

/// What an image grants, and to whom.
pub trait Sharing {
    /// Who may launch an image.
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Cloudly<BTreeSet<Grantee>>;
    /// Changes who may launch an image.
    async fn change_launch(&self, region: &Region, image: &ImageId, change: &Change) -> Cloudly<()>;
    /// Who may make volumes of a snapshot.
    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Cloudly<BTreeSet<Grantee>>;
    /// Changes who may make volumes of a snapshot.
    async fn change_volumes(&self, region: &Region, snapshot: &SnapshotId, change: &Change) -> Cloudly<()>;
    /// Sets when an image is deprecated, or that it never is.
    async fn deprecate(&self, region: &Region, image: &ImageId, at: Option<DateTime<Utc>>) -> Cloudly<()>;
    /// Guards an image against deregistration.
    async fn protect(&self, region: &Region, image: &ImageId) -> Cloudly<()>;
    /// Takes that guard away.
    async fn unprotect(&self, region: &Region, image: &ImageId) -> Cloudly<()>;
    /// What Amazon Inspector found in an image.
    async fn findings(&self, region: &Region, image: &ImageId) -> Cloudly<Vec<Finding>>;
}

/// Builders and testers.
pub trait Instances {
    /// The instances that bear `kiln:recipe`, in any state.
    async fn instances(&self, region: &Region) -> Cloudly<Vec<Instance>>;
    /// One instance; `None` where there is none of that id.
    async fn instance(&self, region: &Region, instance: &InstanceId) -> Cloudly<Option<Instance>>;
    /// Launches a builder or a tester.
    async fn launch(&self, new: &NewInstance) -> Cloudly<InstanceId>;
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
    /// What EC2 itself tells that names any of `images`: launch templates by any of their versions, parameters, recipes of
    /// Image Builder, and instances, in any state but terminated.
    async fn references(&self, region: &Region, images: &[ImageId]) -> Cloudly<Vec<Use>>;
    /// Every version of every launch template, with the image that it names, aliases resolved.
    async fn template_versions(&self, region: &Region) -> Cloudly<Vec<Use>>;
    /// The same of those launch templates alone that name a parameter in place of an image: whose latest or default version
    /// does, or any version of a template among `pinned`.
    async fn aliased_versions(&self, region: &Region, pinned: &BTreeSet<String>) -> Cloudly<Vec<Use>>;
    /// What Auto Scaling, and fleets and Spot requests that may still launch, name.
    async fn launchers(&self, region: &Region) -> Cloudly<Launchers>;
    /// The usage reports that there are of these images.
    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Cloudly<Vec<UsageReport>>;
    /// Asks for a usage report on an image; it is ready long after the answer.
    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Cloudly<()>;
}

/// The parameters of SSM.
pub trait Parameters {
    /// The value of one parameter; `None` where there is none of that name.
    async fn parameter(&self, region: &Region, name: &str) -> Cloudly<Option<String>>;
    /// The last part of the name, and the value, of each parameter directly below `path`.
    async fn parameters_below(&self, region: &Region, path: &str) -> Cloudly<Vec<(String, String)>>;
    /// The values of these parameters; what is not there is not in the answer.
    async fn parameters(&self, region: &Region, names: &[String]) -> Cloudly<BTreeMap<String, String>>;
    /// Lets a parameter name an image, and makes it where there is none. EC2 looks at the image before the value is seen.
    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Cloudly<()>;
    /// Finds out whether a parameter may be written, and writes nothing.
    async fn try_parameter(&self, region: &Region, name: &str) -> Cloudly<()>;
}

/// Launch templates that releases go to.
pub trait Templates {
    /// A template by its name; `None` where there is none.
    async fn template(&self, region: &Region, name: &str) -> Cloudly<Option<Template>>;
    /// Makes a version that is the latest one but for its image; answers with its number.
    async fn new_template_version(&self, new: &NewTemplateVersion) -> Cloudly<i64>;
    /// Makes a version the default one.
    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Cloudly<()>;
}

/// What is around the images.
pub trait Surroundings {
    /// These subnets, or where none are named, the default ones.
    async fn subnets(&self, region: &Region, named: &[SubnetId]) -> Cloudly<Vec<Subnet>>;
    /// The Regions that are enabled for the account.
    async fn enabled_regions(&self, home: &Region) -> Cloudly<BTreeSet<Region>>;
    /// A KMS key; `None` where there is none of that name.
    async fn key(&self, region: &Region, key: &str) -> Cloudly<Option<Key>>;
    /// What new volumes are encrypted with.
    async fn default_encryption(&self, region: &Region) -> Cloudly<DefaultEncryption>;
    /// Whether images may be public.
    async fn public_images(&self, region: &Region) -> Cloudly<PublicImages>;
    /// What an instance type needs of its quota; `None` where that cannot be told.
    async fn vcpus(&self, region: &Region, instance_type: &str) -> Cloudly<Option<Vcpus>>;
}

/// The bus on which Kiln says what it did.
pub trait Bus {
    /// Sends events, in as few calls as may be. An error means that at least one of them was not taken.
    async fn send(&self, announcements: &[Announcement], now: DateTime<Utc>) -> Cloudly<()>;
}

/// All ports at once.
pub trait Cloud: Images + Sharing + Instances + Usages + Parameters + Templates + Surroundings + Bus {}

impl<T: Images + Sharing + Instances + Usages + Parameters + Templates + Surroundings + Bus> Cloud for T {}
