//! Why something is done, or left.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::cloud::{Architecture, CloudError, ImageState, InstanceState};
use crate::domain::duration::{about, show};
use crate::domain::record::NoRecord;
use crate::domain::{ImageId, InstanceId, RecipeName, SnapshotId, Version};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why something is done, or left. As text it is a whole sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    // bake
    /// The base was found, and nothing speaks against it.
    #[error("it is time to bake from {image} ({base})")]
    TimeToBake { image: ImageId, base: String },
    /// A long-lived builder runs.
    #[error("the long-lived builder {0} is stopped to be imaged, and started again")]
    LongLived(InstanceId),
    /// The image of this version is there.
    #[error("{0} was already made of this bake")]
    AlreadyBaked(ImageId),
    /// The event came late.
    #[error("the bake {0} has begun since")]
    NewerBake(Version),
    /// The builder of this version was terminated, or has gone back to its own work.
    #[error("the builder {0} has done this bake")]
    BakeEnded(InstanceId),
    /// A builder of this recipe is at work.
    #[error("{instance} is already at work on {}", .version.map_or("another bake".into(), |version| version.to_string()))]
    AlreadyBaking { instance: InstanceId, version: Option<Version> },
    /// A long-lived builder does not run.
    #[error("the long-lived builder {0} is {1:?}, so somebody else stopped it; start it, and bake again")]
    LongLivedNotRunning(InstanceId, InstanceState),
    /// An instance that its group would replace once it stops.
    #[error(
        "instance {0} bears kiln:recipe, but belongs to Auto Scaling group {1}, which replaces it once it stops; take the tag from it"
    )]
    InAutoScaling(InstanceId, String),
    /// More than one instance bears the recipe's tag.
    #[error("{} instances bear kiln:recipe without kiln:role: {}; leave the tag on the one that is the builder", .0.len(), list(.0))]
    SeveralLongLived(Vec<InstanceId>),
    /// There is no such base.
    #[error("there is no base: {0}; correct bake.base, or make what it names")]
    NoBase(String),
    /// The base could not be looked up, or something else that had to be known.
    #[error("{0}")]
    LookUpFailed(CloudError),
    /// The base cannot run on the instance type.
    #[error("the base {image} is {base}, but {instance_type} runs {}; change bake.instance_type or bake.base", list(.runs))]
    WrongArchitecture { image: ImageId, base: Architecture, instance_type: String, runs: Vec<Architecture> },
    /// The base cannot be launched.
    #[error("the base {0} is {1}, not available; change bake.base, or wait until it is")]
    BaseNotAvailable(ImageId, ImageState),
    /// The base's owner has deprecated it.
    #[error("the base {0} is deprecated since {1}; choose a newer one, or set bake.allow_deprecated = true")]
    BaseDeprecated(ImageId, DateTime<Utc>),
    /// The base has no EBS root volume.
    #[error(
        "the base {0} has its root on an instance store, of which CreateImage makes no image; change bake.base"
    )]
    BaseNotOnEbs(ImageId),

    /// The recipe itself is wrong.
    #[error("{0}")]
    BadRecipe(crate::recipe::BadRecipe),

    // capture
    /// It does not bear Kiln's tag.
    #[error("{0}")]
    NotKilns(NoRecord),
    /// It is Kiln's, but of another function's.
    #[error("it is none of capture's: it is no builder")]
    NotABuilder,
    /// A builder without the tags that tell its bake.
    #[error("it is a builder, but its tag kiln:version does not tell its bake; it is left to its owner")]
    NoBakeOnIt,
    /// It is not stopped.
    #[error("it is {0:?}, not stopped")]
    NotStopped(InstanceState),
    /// The script ended well, and the builder stopped by itself.
    #[error("the script succeeded and the builder stopped by itself")]
    ScriptSucceeded,
    /// A long-lived builder has stopped for its bake.
    #[error("the long-lived builder has stopped for its bake")]
    StoppedForBake,
    /// The image is under way, so a long-lived builder may go on.
    #[error("{0} is under way, so the long-lived builder goes on")]
    ImageBegun(Begun),
    /// The image is being made; its builder must stay until it is available.
    #[error("{0} is still being made of it")]
    ImagePending(ImageId),
    /// The image is available, so its builder has done its work.
    #[error("{0} is available, so its builder has done its work")]
    ImageAvailable(ImageId),
    /// There is no builder to end.
    #[error("its builder is gone, or at work on another bake")]
    BuilderGone,
    /// The image's making failed.
    #[error("the making of {image} failed: {why}")]
    ImageFailed { image: ImageId, why: String },
    /// The script failed.
    #[error("the script failed with status {0}")]
    ScriptFailed(i32),
    /// A person stopped the builder.
    #[error("somebody stopped the builder before its script had ended")]
    StoppedBySomeone,
    /// AWS stopped the builder.
    #[error("the builder was stopped by {0}, not by itself")]
    StoppedByOther(String),
    /// The console does not bear the verdict yet.
    #[error(
        "the builder stopped by itself, but its console bears no verdict yet; EC2 posts it a little later"
    )]
    NoVerdictYet,
    /// The console never bore a verdict.
    #[error("the builder stopped without a verdict on its console, and its deadline has passed")]
    NoVerdict,
    /// The builder did not stop in time.
    #[error("it had not stopped when its time was up at {}", .0.to_rfc3339())]
    TimeIsUp(DateTime<Utc>),
    /// The recipe of a builder is gone.
    #[error("there is no recipe {0} any more that can be read")]
    RecipeGone(String),
    /// A long-lived builder could not be imaged for too long.
    #[error("no image could be made of it until {}, nor for an hour after", .0.to_rfc3339())]
    NoImageInTime(DateTime<Utc>),
    /// The image is gone.
    #[error("its image {0} was begun, and is not seen: somebody may have deregistered it")]
    ImageTaken(ImageId),
    /// Another builder of the same bake was faster.
    #[error("{0} was made of another builder of the same bake")]
    AnotherBuilder(ImageId),
    /// The image's name belongs to another.
    #[error("{0} has the name, but was not made of this builder; rename or deregister it")]
    NameTaken(ImageId),

    // replicate
    /// The home image cannot be copied yet.
    #[error("it is {0}, so it is not copied")]
    SourceNot(ImageState),
    /// The home image is on its way out, or was found bad.
    #[error("its stage is {0}, so it is not copied")]
    SourceStage(crate::domain::Stage),
    /// The origin that a replica names is gone.
    #[error("its origin {0} is gone")]
    OriginGone(String),
    /// A Region lacks its replica.
    #[error("the recipe wants a replica here, and there is none")]
    ReplicaMissing,
    /// A try at copying failed.
    #[error("try {attempt} at copying failed: {why}")]
    CopyFailed { attempt: u32, why: String },
    /// Every try at copying failed.
    #[error("all {attempts} tries at copying failed, the last with: {why}")]
    GaveUp { attempts: u32, why: String },
    /// What is there is neither on its way nor to be used.
    #[error("its replica {0} is {1}, and left as it is")]
    ReplicaNot(ImageId, ImageState),
    /// The copy is under way.
    #[error("the copy is under way")]
    ReplicaPending,
    /// The replica is there.
    #[error("the replica is available")]
    ReplicaAvailable,
    /// All replicas are there.
    #[error("every Region of the recipe has its replica")]
    AllReplicated,
    /// Nothing to do.
    #[error("it is released already")]
    AlreadyReleased,
    /// An older release.
    #[error("{0} is the newest release; what is older is left as it is")]
    NotNewest(Version),
    /// A failed try that a later one has made superfluous.
    #[error("this try at copying failed, and a later one has come to its end")]
    FailedTry,

    // expire
    /// One of the newest.
    #[error("it is number {rank} of the {keep} newest that the recipe keeps")]
    AmongNewest { rank: usize, keep: usize },
    /// Too young.
    #[error("it is {} old, and the recipe keeps what is younger than {}", about(*.age), show(*.older_than))]
    Young { age: TimeDelta, older_than: TimeDelta },
    /// An instance uses it.
    #[error("instance {0} uses it")]
    UsedByInstance(InstanceId),
    /// A launch template uses it.
    #[error("version {number} of launch template {template} names it")]
    UsedByTemplate { template: String, number: i64 },
    /// A recipe is baked from it.
    #[error("recipe {0} names it as its base")]
    UsedByRecipe(RecipeName),
    /// A launch template might use it.
    #[error(
        "version {number} of launch template {template} names {what}, which could not be resolved: it might be this one"
    )]
    MightBeUsed { template: String, number: i64, what: String },
    /// A member of its release must stay.
    #[error("{image} of the same release stays, for {why}")]
    ReleaseStays { image: ImageId, why: Box<Reason> },
    /// Whether it is used could not be found out.
    #[error("whether it is used is unknown, so it stays: {0}")]
    UsageUnknown(CloudError),
    /// Protected.
    #[error("deregistration protection is {0}")]
    Protected(String),
    /// Held by a person.
    #[error("somebody holds it: kiln:hold = '{0}'")]
    Held(String),
    /// Another service's.
    #[error("AWS Backup manages it")]
    OfBackup,
    /// Not released, and not old enough to be given up.
    #[error("it is {0}: on its way, or for somebody to look at")]
    InProgress(ImageState),
    /// In quarantine.
    #[error("it is in quarantine until {}", .0.to_rfc3339())]
    InQuarantine(DateTime<Utc>),
    /// Out by both rules.
    #[error("{newer} newer releases are kept, and it is {} old", about(*.age))]
    Superseded { newer: usize, age: TimeDelta },
    /// Quarantine over.
    #[error("its quarantine since {} is over; {newer} newer releases are kept", .since.to_rfc3339())]
    QuarantineOver { since: DateTime<Utc>, newer: usize },

    // leftovers
    /// The image of a snapshot is gone.
    #[error("its image is gone, and no image uses it")]
    ImageGone,
    /// A snapshot belongs to an image.
    #[error("an image uses {0}")]
    SnapshotUsed(SnapshotId),
}

/// An image that a long-lived builder need not wait for: known, or made by the step before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It was there.
    Before(ImageId),
    /// The step before makes it.
    JustNow,
}

impl std::fmt::Display for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before(image) => write!(f, "{image}"),
            Self::JustNow => f.write_str("the image"),
        }
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
