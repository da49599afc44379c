//! The ports through which Kiln reads and changes the account.
//!
//! They are named for the work, not for AWS's API. What they read has been checked for its seal, and what they write is
//! sealed: see `inventory/sealed.rs` of the core. The crate `kiln` implements them on AWS; there may be others. A
//! function asks only for the ports that it uses. No port waits until AWS has finished.

// The ports are used with concrete types on one thread, so their futures need not be `Send`.
#![allow(async_fn_in_trait)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::events::wake::Function;
use kiln_core::failures::{Message, Queue};
use kiln_core::inventory::usage::TemplateVersion;
use kiln_core::inventory::{
    Chosen, DefaultEncryption, Deprecation, Deregistration, Finding, Grantee, Image, ImageQuery, Instance,
    InstanceType, Key, LaunchSources, MarkRange, NewImage, NewInstance, NewReplica, NewTemplateVersion,
    ParameterKind, PermissionChange, PublicImages, Reference, Result, Snapshot, Subnet, Template,
    UsageReport, Vcpus, Waiting, WaysOut, WithSnapshots,
};
use kiln_core::model::{
    Anchor, ImageId, ImageName, ImageRecord, InstanceId, Region, Role, SecurityGroupId, SnapshotId, SubnetId,
    Tags, Token,
};
use kiln_core::news::Post;
use serde_json::Value;

/// Images and snapshots.
pub trait Images {
    /// The images of one Region that match.
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>>;
    /// Creates an image. Returns its id long before the image is available.
    async fn create_image(&self, new: &NewImage) -> Result<ImageId>;
    /// Copies an image to another Region. Returns the replica's id long before the replica is available.
    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId>;
    /// Disables an image: it cannot be launched until it is enabled again.
    async fn disable_image(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Enables a disabled image. Succeeds if it is enabled already.
    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Until when a deregistered image stays in the Recycle Bin; `None` if it is not there.
    async fn recycled_until(&self, region: &Region, image: &ImageId) -> Result<Option<DateTime<Utc>>>;
    /// The images in the Recycle Bin of a Region, and until when each stays there.
    async fn recycled(&self, region: &Region) -> Result<BTreeMap<ImageId, DateTime<Utc>>>;
    /// Deregisters an image and deletes these of its snapshots.
    async fn deregister_image(
        &self,
        region: &Region,
        image: &ImageId,
        snapshots: WithSnapshots,
    ) -> Result<Deregistration>;
    /// The account's snapshots with the tag `kiln:recipe`.
    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>>;
    /// The snapshots with the tag `kiln:recipe` that were created for this image, even if it no longer exists.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>>;
    /// Which of these snapshots something other than an image needs, and what: a volume that is being created, or a
    /// lock.
    async fn snapshot_needs(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<BTreeMap<SnapshotId, String>>;
    /// Deletes a snapshot. Succeeds if it no longer exists.
    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Result<()>;
    /// Adds tags to an image, each with a seal if it needs one. Tags of the same key are replaced.
    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()>;
    /// Sets the stage of an image to that of `record`, with its seal, and adds other tags in the same call.
    async fn set_stage(
        &self,
        region: &Region,
        image: &ImageId,
        record: &ImageRecord,
        more: &Tags,
    ) -> Result<()>;
    /// Writes the description of an image: its own, and with its seal what no tag can take back.
    async fn anchor_image(&self, region: &Region, image: &ImageId, own: &str, anchor: &Anchor) -> Result<()>;
    /// Adds the same marks to many images of a range, in as few calls as possible. After an error, some images may lack
    /// them.
    async fn mark_images(
        &self,
        region: &Region,
        images: &[ImageId],
        range: &MarkRange,
        marks: &Tags,
    ) -> Result<()>;
    /// Adds tags to a snapshot, each with a seal if it needs one. Tags of the same key are replaced.
    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()>;
}

/// Who may use an image, when it becomes deprecated, whether it is protected, and what was found in it.
pub trait Sharing {
    /// Who may launch an image.
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<Grantee>>;
    /// Changes who may launch an image.
    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()>;
    /// Who may create volumes from a snapshot.
    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Result<BTreeSet<Grantee>>;
    /// Changes who may create volumes from a snapshot.
    async fn change_volumes(
        &self,
        region: &Region,
        snapshot: &SnapshotId,
        change: &PermissionChange,
    ) -> Result<()>;
    /// Sets when an image becomes deprecated, or that it never does.
    async fn deprecate(&self, region: &Region, image: &ImageId, to: Deprecation) -> Result<()>;
    /// Makes what is launched from an image ask for a token of the metadata service by default.
    async fn require_imds_v2(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Puts the watermark of this name of the account on an image.
    async fn attach_watermark(&self, region: &Region, image: &ImageId, name: &str) -> Result<()>;
    /// Takes the watermark with this key off an image. Succeeds if the image does not bear it.
    async fn detach_watermark(&self, region: &Region, image: &ImageId, key: &str) -> Result<()>;
    /// Protects an image against deregistration.
    async fn protect(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// Removes that protection.
    async fn unprotect(&self, region: &Region, image: &ImageId) -> Result<()>;
    /// The findings of Amazon Inspector for an image.
    async fn findings(&self, region: &Region, image: &ImageId) -> Result<Vec<Finding>>;
}

/// Builders and testers.
pub trait Instances {
    /// The instances with the tag `kiln:recipe`, in any state.
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>>;
    /// One instance; `None` if it does not exist.
    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>>;
    /// Launches a builder or a tester.
    async fn launch(&self, new: &NewInstance) -> Result<InstanceId>;
    /// Stops an instance. Returns long before it has stopped.
    async fn stop(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Starts a stopped instance.
    async fn start(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Terminates an instance. Succeeds if it no longer exists.
    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Result<()>;
    /// Tags a long-lived builder with the bake for which it is stopped, and seals those tags.
    async fn tag_for_bake(
        &self,
        region: &Region,
        instance: &InstanceId,
        bake: &ImageName,
        tags: &Tags,
    ) -> Result<()>;
    /// The words of which a verdict line of this role and bake must carry one.
    async fn verdict_words(&self, role: Role, bake: &ImageName) -> Result<Vec<String>>;
    /// Adds tags to an instance. Tags of the same key are replaced.
    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Result<()>;
    /// Removes the tags with these keys from an instance.
    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Result<()>;
    /// The output of an instance's serial console.
    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String>;
    /// Which images an instance type boots.
    async fn instance_type(&self, region: &Region, name: &str) -> Result<InstanceType>;
}

/// Who uses images.
pub trait References {
    /// The instances that were launched from any of `images`, in any state except terminated.
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>>;
    /// What references any of `images`, as EC2 itself lists it: launch templates by any of their versions, parameters,
    /// recipes of EC2 Image Builder, and instances in any state except terminated.
    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>>;
    /// The image that each version of each launch template names. Parameters in place of an image are resolved.
    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>>;
    /// The same for some launch templates only: those whose latest or default version names a parameter in place of an
    /// image, and those in `pinned`.
    async fn aliased_versions(&self, region: &Region, pinned: &BTreeSet<String>) -> Result<Vec<Reference>>;
    /// Every version of the launch templates with these names. Those that do not exist are left out.
    async fn versions_of(&self, region: &Region, names: &BTreeSet<String>) -> Result<Vec<TemplateVersion>>;
    /// The launch sources of Auto Scaling, and of fleets and Spot requests that may still launch.
    async fn launchers(&self, region: &Region) -> Result<LaunchSources>;
    /// The existing usage reports on these images.
    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>>;
    /// Requests a usage report on an image. Returns long before the report is ready.
    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()>;
}

/// Parameters in SSM's Parameter Store.
pub trait Parameters {
    /// The value of one parameter; `None` if it does not exist.
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>>;
    /// The last part of the name, and the value, of each parameter directly below `path`.
    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>>;
    /// The values of these parameters. Those that do not exist are left out.
    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>>;
    /// The types of these parameters. Those that do not exist are left out.
    async fn parameter_kinds(
        &self,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, ParameterKind>>;
    /// Points a parameter at an image, and creates the parameter if needed. EC2 validates the image before the
    /// parameter shows it.
    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()>;
    /// Checks whether a parameter may be written. Writes nothing.
    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()>;
}

/// The recipes' parameters in other accounts, which gave Kiln roles for that.
pub trait AccountParameters {
    /// The values of these parameters of an account. Those that do not exist are left out.
    async fn parameters_in(
        &self,
        account: &str,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, String>>;
    /// Points a parameter of an account at an image, and creates the parameter if needed. EC2 validates the image before
    /// the parameter shows it.
    async fn put_image_in(&self, account: &str, region: &Region, name: &str, image: &ImageId) -> Result<()>;
}

/// The bakes that found no room for their builders, each noted in a parameter of its own in the home Region.
pub trait WaitingBakes {
    /// All that are noted.
    async fn waiting(&self, home: &Region) -> Result<Vec<Waiting>>;
    /// Notes a bake, or notes it anew.
    async fn note_waiting(&self, home: &Region, bake: &Waiting) -> Result<()>;
    /// Deletes what is noted of a bake. Succeeds if nothing is.
    async fn forget_waiting(&self, home: &Region, bake: &ImageName) -> Result<()>;
}

/// Launch templates that name releases.
pub trait Templates {
    /// A template by its name; `None` if it does not exist.
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Template>>;
    /// Creates a version that differs from the latest one only in its image. Returns its number.
    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64>;
    /// Makes a version the default version.
    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()>;
}

/// The account around the images: subnets, Regions, keys, encryption, public access and quotas.
pub trait AccountInfo {
    /// These subnets. One that is named by its id must exist.
    async fn subnets(&self, region: &Region, chosen: &Chosen<SubnetId>) -> Result<Vec<Subnet>>;
    /// Those of these security groups that exist, each with its VPC. Nobody asks for default groups.
    async fn security_groups(
        &self,
        region: &Region,
        chosen: &Chosen<SecurityGroupId>,
    ) -> Result<BTreeMap<SecurityGroupId, String>>;
    /// The route tables and the VPC endpoints of these VPCs.
    async fn ways_out(&self, region: &Region, vpcs: &BTreeSet<String>) -> Result<WaysOut>;
    /// The Regions that are enabled for the account.
    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>>;
    /// A KMS key; `None` if it does not exist.
    async fn key(&self, region: &Region, key: &str) -> Result<Option<Key>>;
    /// The KMS keys that encrypt any of these snapshots.
    async fn snapshot_keys(&self, region: &Region, snapshots: &[SnapshotId]) -> Result<BTreeSet<String>>;
    /// How new volumes are encrypted by default.
    async fn default_encryption(&self, region: &Region) -> Result<DefaultEncryption>;
    /// Whether images may be public.
    async fn public_images(&self, region: &Region) -> Result<PublicImages>;
    /// Whether EC2 knows watermarks of images.
    async fn knows_watermarks(&self, region: &Region) -> Result<bool>;
    /// The vCPUs that an instance type needs, and its quota; `None` if either is unknown.
    async fn vcpus(&self, region: &Region, instance_type: &str) -> Result<Option<Vcpus>>;
}

/// The bus that Kiln sends its events to.
pub trait Bus {
    /// Sends events, in as few calls as possible. An error means that the bus did not accept at least one of them.
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()>;
}

/// The stack's bucket, for what is large. Nothing is decided by what lies there, except for a Windows whose console shows no
/// verdict: see `inventory/log_verdict.rs` of the core.
pub trait Store {
    /// Where an object lies, for people.
    fn place(&self, key: &str) -> String;
    /// Puts an object. One of the same key is replaced.
    async fn put_object(&self, key: &str, content: &[u8]) -> Result<()>;
    /// Puts an object that a browser shows as what its media type says.
    async fn put_page(&self, key: &str, media_type: &str, content: &[u8]) -> Result<()>;
    /// The keys that begin with `prefix`, sorted.
    async fn keys_below(&self, prefix: &str) -> Result<Vec<String>>;
    /// An object; `None` if there is none of this key.
    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>>;
}

/// The topic through which people are told. Only `notify` has it, so it is none of the ports of [`Cloud`].
pub trait Topic {
    /// Its ARN; `None` if the stack has none.
    fn topic(&self) -> Option<&str>;
    /// Sends a post to everybody who subscribed to the topic. Each call sends it once more.
    async fn publish(&self, topic: &str, post: &Post) -> Result<()>;
}

/// Kiln's own functions, as a sweep wakes them.
pub trait Functions {
    /// Invokes a function with a payload, and does not wait for it. Lambda keeps the payload until the function has
    /// handled it, or has failed three times.
    async fn wake(&self, function: Function, payload: &Value) -> Result<()>;
}

/// The stack's queues, in which waits what did not end well.
pub trait Letters {
    /// The messages of a queue. Nobody else reads them until they are put back, or a minute is over.
    async fn messages(&self, queue: Queue) -> Result<Vec<Message>>;
    /// Lets these messages, ten at most, be read again at once.
    async fn put_back(&self, messages: &[&Message]) -> Result<()>;
    /// Removes a message.
    async fn remove(&self, message: &Message) -> Result<()>;
}

/// How much waits in the stack's queues.
pub trait QueueLengths {
    /// About how many messages wait in a queue: SQS counts them a little late.
    async fn waiting_in(&self, queue: Queue) -> Result<usize>;
}

/// All ports together.
pub trait Cloud:
    Images
    + Sharing
    + Instances
    + References
    + Parameters
    + AccountParameters
    + WaitingBakes
    + Templates
    + AccountInfo
    + Bus
    + Store
    + Functions
{
}

impl<T> Cloud for T where
    T: Images
        + Sharing
        + Instances
        + References
        + Parameters
        + AccountParameters
        + WaitingBakes
        + Templates
        + AccountInfo
        + Bus
        + Store
        + Functions
{
}
