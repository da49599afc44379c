//! Why a bake begins, or does not.

use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

use crate::inventory::{Architecture, ImageState, InstanceState};
use crate::model::{ImageId, InstanceId, RecipeName, Version};
use crate::plan::text::join;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a bake begins, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BakeReason {
    #[error("it is time to bake from {image} ({base})")]
    TimeToBake { image: ImageId, base: String },
    #[error("the long-lived builder {0} is stopped for its image, and started again afterwards")]
    LongLived(InstanceId),
    #[error("no subnet has room for its builder with any of its instance types: {why}; each sweep tries again until {}", .until.to_rfc3339_opts(SecondsFormat::Secs, true))]
    WaitsForRoom { why: String, until: DateTime<Utc> },
    #[error("no subnet had room for its builder with any of its instance types until {}: {why}; name further bake.instance_types or bake.subnets, then bake again", .until.to_rfc3339_opts(SecondsFormat::Secs, true))]
    NoRoom { why: String, until: DateTime<Utc> },
    #[error("it waited for room for its builder, and has failed; bake again")]
    RoomNeverCame,
    #[error("it waited for room for its builder, and has begun")]
    RoomCame,
    #[error("no bake of this name waits for room: it has begun, or has failed, and that was told")]
    NothingWaits,
    #[error("it found no room for its builder before, and is tried again")]
    RoomAgain,
    #[error("its base {0} was released, and no bake of it has used that release")]
    BaseReleased(RecipeName),
    #[error("{0} was already made by this bake")]
    AlreadyBaked(ImageId),
    #[error("a newer bake, {0}, has begun since")]
    NewerBake(Version),
    #[error("the builder {0} has finished this bake")]
    BakeEnded(InstanceId),
    #[error("{instance} is already at work on {}", .version.map_or("another bake".into(), |version| version.to_string()))]
    AlreadyBaking { instance: InstanceId, version: Option<Version> },
    #[error("the long-lived builder {0} is {1}, but this bake did not stop it; start it and bake again")]
    LongLivedNotRunning(InstanceId, InstanceState),
    #[error(
        "instance {0} bears kiln:recipe, but belongs to Auto Scaling group {1}, which replaces it once it stops; name another instance in bake.instance"
    )]
    InAutoScaling(InstanceId, String),
    #[error(
        "bake.instance names {instance}, which is not here, is terminated, or does not bear kiln:recipe = {recipe}, without which Kiln may not stop it; correct bake.instance, or tag the instance"
    )]
    NoLongLived { instance: InstanceId, recipe: RecipeName },
    #[error(transparent)]
    BadBase(#[from] BadBase),
}

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why nothing can be baked from a base.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadBase {
    #[error("there is no base: {0}; correct bake.base, or create what it names")]
    NoBase(String),
    #[error("the base {image} is {base}, but {instance_type} runs {}; change bake.instance_type, bake.instance_types or bake.base", join(.runs))]
    WrongArchitecture { image: ImageId, base: Architecture, instance_type: String, runs: Vec<Architecture> },
    #[error("the base {0} is {1}, not available; change bake.base, or wait until it is available")]
    BaseNotAvailable(ImageId, ImageState),
    #[error("the base {0} is deprecated since {1}; choose a newer one, or set bake.allow_deprecated = true")]
    BaseDeprecated(ImageId, DateTime<Utc>),
    #[error(
        "the root device of {0} is an instance store volume, which CreateImage cannot image; use an EBS-backed image"
    )]
    BaseNotOnEbs(ImageId),
    #[error(
        "the base {0} is macOS, which Kiln can neither bake nor test: it runs on Dedicated Hosts alone; leave such images to the tool that builds them"
    )]
    MacOs(ImageId),
}
