//! Why something is done, or left.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::bake::BadBase;
use crate::capture::Begun;
use crate::expire::cross_account::Awaited;
use crate::expire::deleted_recipe::Ending;
use crate::expire::forecast::Step;
use crate::expire::limits::Stop;
use crate::expire::restore::Restoring;
use crate::inventory::{Change, CloudError, ImageState, InstanceState};
use crate::model::duration::{about, show};
use crate::model::record::NoRecord;
use crate::model::{ImageId, InstanceId, RecipeName, Region, SnapshotId, Stage, Version};
use crate::plan::text::{list, some, told};
use crate::publish::Scan;
use crate::verify::adopt::Giving;

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
    #[error("the long-lived builder {0} is {1}, but this bake did not stop it; start it and bake again")]
    LongLivedNotRunning(InstanceId, InstanceState),
    /// An instance that its group would replace once it stops.
    #[error(
        "instance {0} bears kiln:recipe, but belongs to Auto Scaling group {1}, which replaces it once it stops; take the tag from it"
    )]
    InAutoScaling(InstanceId, String),
    /// More than one instance bears the recipe's tag.
    #[error("{} instances bear kiln:recipe without kiln:role: {}; leave the tag on the one that is the builder", .0.len(), list(.0))]
    SeveralLongLived(Vec<InstanceId>),
    /// The base could not be looked up, or something else that had to be known.
    #[error("{0}")]
    LookUpFailed(CloudError),

    /// The base cannot be baked from.
    #[error("{0}")]
    BadBase(BadBase),
    /// A preflight found what would make the bake, or what follows on it, fail.
    #[error("{0}")]
    Preflight(Box<crate::bake::preflight::Problem>),
    /// A preflight found nothing.
    #[error("nothing that can be known beforehand speaks against a bake")]
    PreflightPassed,
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
    /// It is none of verify's.
    #[error("it is no tester")]
    NotATester,
    /// A builder without the tags that tell its bake.
    #[error("it is a builder, but its tag kiln:version does not tell its bake; it is left to its owner")]
    NoBakeOnIt,
    /// It is not stopped.
    #[error("the instance is {0}; only a stopped instance is acted on")]
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

    // verify
    /// It is to be tested.
    #[error("it is available, and is tested in another zone than {} before it is used", .0.as_deref().unwrap_or("that of its builder"))]
    TimeToTest(Option<String>),
    /// There is no zone to test it in.
    #[error("no subnet is in another zone than {0}, where it was baked; name one in verify.subnets")]
    NoOtherZone(String),
    /// A tester is at work.
    #[error("{0} is at work on testing it")]
    TesterAtWork(InstanceId),
    /// The test passed.
    #[error("it booted as {0}, and its check succeeded")]
    TestPassed(InstanceId),
    /// The test did not pass.
    #[error("its test on {tester} did not pass: {why}")]
    TestFailed { tester: InstanceId, why: Box<Reason> },
    /// There is nothing left to test.
    #[error("there is no image left to be tested")]
    NothingToTest,
    /// It is beyond being tested.
    #[error("it needs no test: its stage is {0}")]
    NeedsNoTest(Stage),
    /// Replicas of this recipe are not tested.
    #[error("the recipe does not ask for replicas to be tested")]
    ReplicasUntested,
    /// Somebody gives it to Kiln.
    #[error("{0}")]
    Giving(Giving),

    // publish
    /// It passed its test.
    #[error("it passed its test")]
    Verified,
    /// It is not at the stage at which it is published.
    #[error("its stage is {0}, so it is not published")]
    NotToPublish(Stage),
    /// The recipe says so.
    #[error("the recipe wants it so: {0}")]
    AsRecipe(String),
    /// The recipe's wishes changed.
    #[error("the recipe's [publish] has changed since it was published")]
    RecipeChanged,
    /// Inspector is heard first.
    #[error("{0}")]
    Scan(Scan),
    /// Its permissions are changed.
    #[error("the recipe shares it otherwise: {0}")]
    SharedOtherwise(Change),

    // release
    /// Every Region that is required is ready.
    #[error("{0} is ready in every Region that its recipe requires")]
    Ready(Version),
    /// A Region is ready by itself.
    #[error("{0} is ready here, and each Region goes by itself")]
    ReadyHere(Version),
    /// A parameter or a template is not as the newest release wants it.
    #[error("{0} is the release that it is to name")]
    NamesOther(Version),
    /// Somebody rolled back to it.
    #[error("somebody rolled back to {0}")]
    RolledBackTo(Version),
    /// A parameter was put, and is not seen yet.
    #[error("{parameter} in {region} does not name {image} yet: EC2 looks at the image first")]
    NotShownYet { region: Region, parameter: String, image: ImageId },
    /// There is no template of that name.
    #[error("there is no launch template {0} here; make it, and tag it kiln:recipe")]
    NoTemplate(String),
    /// There is nothing to roll back.
    #[error(
        "its recipe names neither publish.parameter nor publish.launch_template, so nothing names a release"
    )]
    NothingNamesIt,
    /// There is nothing to roll back to.
    #[error("there is no release{} that can be rolled back to{}", .to.map_or(String::new(), |to| format!(" {to}")), told(.why))]
    NoWayBack { to: Option<Version>, why: Vec<String> },
    /// A parameter was refused.
    #[error("parameter {parameter} was refused: {why}")]
    ParameterRefused { parameter: String, why: String },
    /// A parameter that no recipe names.
    #[error("no recipe names parameter {0}")]
    NoRecipesParameter(String),

    // replicate
    /// The test of the replica is awaited.
    #[error("the replica is to be booted before it counts as ready")]
    ReplicaUntested,
    /// The replica did not pass its test.
    #[error("the replica {0} was rejected")]
    ReplicaRejected(ImageId),
    /// The home image cannot be copied yet.
    #[error("it is {0}, so it is not copied")]
    SourceNot(ImageState),
    /// The home image is on its way out, or was found bad.
    #[error("its stage is {0}, so it is not copied")]
    SourceStage(Stage),
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
    Young { age: TimeDelta, older_than: TimeDelta, next: Option<(Step, DateTime<Utc>)> },
    /// Something uses it.
    #[error("it is used by {}", some(.0))]
    Used(Vec<String>),
    /// It was launched a short time ago.
    #[error("it was launched at {}, and the recipe keeps what was launched within {}", .at.to_rfc3339(), show(*.idle))]
    LaunchedLately { at: DateTime<Utc>, idle: TimeDelta },
    /// EC2 may not know when it was launched.
    #[error("EC2 tells since 2017 when an image was launched, and it is older: nobody knows")]
    LaunchUnknown,
    /// Other accounts use it.
    #[error("it is used by {}, by the usage report of {}", list(.by), .asked.to_rfc3339())]
    UsedElsewhere { by: Vec<String>, asked: DateTime<Utc> },
    /// Other accounts may use it.
    #[error("whether other accounts use it is unknown, so it stays: {0}")]
    NoReport(Awaited),
    /// Whether it is shared was not found out.
    #[error("whether it is shared with other accounts is unknown, so it stays")]
    SharingUnknown,
    /// Another image was baked from it.
    #[error("{0} was baked from it, and can still be launched")]
    BakedInto(ImageId),
    /// Somebody rolled back to it.
    #[error("somebody rolled back to it, and no newer release has come since")]
    Pinned,
    /// A recipe is baked from it.
    #[error("recipe {0} names it as its base")]
    UsedByRecipe(RecipeName),
    /// Something might use it.
    #[error("{by} names {what}, which could not be resolved: it might be this one")]
    MightBeUsed { by: String, what: String },
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
    /// Without DescribeImageReferences.
    #[error(
        "EC2 could not be asked what names an image, so instances and every launch template were looked at instead, and no parameters but those of recipes: {0}"
    )]
    Piecemeal(CloudError),
    /// Another service's.
    #[error("{0} manages it, so it is left to it")]
    OfOther(&'static str),
    /// Not released, and not old enough to be given up.
    #[error("it is {0}: on its way, or for somebody to look at")]
    InProgress(ImageState),
    /// Found unused once.
    #[error("nobody used it at {}; if that is still so from {} on, its next step is taken", .since.to_rfc3339(), .until.to_rfc3339())]
    FoundUnused { since: DateTime<Utc>, until: DateTime<Utc> },
    /// In quarantine.
    #[error("it is in quarantine until {}", .0.to_rfc3339())]
    InQuarantine(DateTime<Utc>),
    /// Out by both rules.
    #[error("{newer} newer releases are kept, and it is {} old", about(*.age))]
    Superseded { newer: usize, age: TimeDelta },
    /// Quarantine over.
    #[error("its quarantine since {} is over; {why}", .since.to_rfc3339())]
    QuarantineOver { since: DateTime<Utc>, why: Box<Reason> },
    /// A replica where none is wanted.
    #[error("its recipe names its Region no longer")]
    RegionLeft,

    /// There are fewer by now.
    #[error(
        "there were {before} images of the recipe's in its Region when it was counted, and {now} are left"
    )]
    Recounted { before: usize, now: usize },

    /// Its recipe was deleted.
    #[error("{0}")]
    Ending(Ending),
    /// A run is stopped.
    #[error("{0}")]
    Stopped(Stop),
    /// The step that it would take, had the run not been stopped.
    #[error("{1}")]
    Spared(Step, Stop),
    /// Somebody wants it back.
    #[error("{0}")]
    Restoring(Restoring),

    // leftovers
    /// The image of a snapshot is gone.
    #[error("its image is gone, and no image uses it")]
    ImageGone,
    /// Something needs a snapshot.
    #[error("{0}")]
    SnapshotNeeded(String),
    /// A snapshot belongs to an image.
    #[error("an image uses {0}")]
    SnapshotUsed(SnapshotId),
}

impl Reason {
    /// Whether it says that it is not known yet what other accounts do.
    pub fn is_of_sharing(&self) -> bool {
        matches!(self, Self::NoReport(_) | Self::SharingUnknown)
    }

    /// Whether it says that something could not be found out.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::UsageUnknown(_)
            | Self::LaunchUnknown
            | Self::MightBeUsed { .. }
            | Self::NoReport(_)
            | Self::SharingUnknown => true,
            Self::ReleaseStays { why, .. } => why.is_unknown(),
            _ => false,
        }
    }
}
