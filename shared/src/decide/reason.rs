//! Why something is done, or left.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::elsewhere::Awaited;
use super::plan::Step;
use crate::cloud::{Architecture, Change, CloudError, ImageState, InstanceState, Severity};
use crate::domain::duration::{about, show};
use crate::domain::record::NoRecord;
use crate::domain::{ImageId, InstanceId, RecipeName, Region, SnapshotId, Stage, Version};

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

    /// A preflight found what would make the bake, or what follows on it, fail.
    #[error("{0}")]
    Preflight(Box<super::preflight::Problem>),
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
    /// Somebody gave it to Kiln.
    #[error("somebody tagged it kiln:recipe, which gives it to Kiln as version {0}")]
    Given(Version),
    /// Somebody gave it to Kiln under a version that another one has.
    #[error(
        "it was given to Kiln as version {version}, which {image} has; tag it kiln:version with another time"
    )]
    VersionTaken { version: Version, image: ImageId },
    /// Somebody gave it to Kiln under a version that is none.
    #[error(
        "it was given to Kiln, but it tells no version: tag it kiln:version with a time such as 20261123T020000Z"
    )]
    NoVersion,

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
    /// Inspector has not scanned it.
    #[error("Amazon Inspector has not scanned it yet; it waits until {}", .0.to_rfc3339())]
    NotScanned(DateTime<Utc>),
    /// Inspector never scanned it.
    #[error("Amazon Inspector had not scanned it by {}; see that it scans AMIs, or take publish.block_on_findings away", .0.to_rfc3339())]
    NeverScanned(DateTime<Utc>),
    /// Inspector found what the recipe bars.
    #[error("it has {count} findings of {at_least} or above that have a fix, such as {first}")]
    Findings { count: usize, at_least: Severity, first: String },
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
    #[error("nobody used it at {}; if that is still so from {} on, it is disabled", .since.to_rfc3339(), .until.to_rfc3339())]
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
    /// Its recipe was deleted.
    #[error("its recipe was deleted, and somebody said at {} that its images may go", .0.to_rfc3339())]
    RecipeEnded(DateTime<Utc>),
    /// Its recipe is there again.
    #[error("recipe {0} is there again, so its images go by its rules")]
    RecipeIsBack(RecipeName),
    /// The recipe is not gone.
    #[error("recipe {0} is there: delete its parameter first, then its images may go")]
    RecipeStillThere(RecipeName),
    /// Nobody said that the images of a deleted recipe may go.
    #[error("there is no recipe {0}; its images stay until somebody says {{\"retire_recipe\": \"{0}\"}}")]
    RecipeMissing(RecipeName),
    /// No image of a recipe.
    #[error("there is no recipe {0}, nor any image of it")]
    NoImages(RecipeName),

    /// More would go than may.
    #[error(
        "{images} images would go in one run, which is more than {most} ({limit}), so none goes; look at the plan, and if it is right, say so: {{\"recipe\": …, \"dry_run\": false, \"allow\": {images}}}"
    )]
    TooMany { images: usize, most: usize, limit: String },
    /// A Region shows nothing, though there should be something.
    #[error(
        "{region} answers with no image of the recipe's, though {told_by} tells that there were some, so none goes anywhere; if that is right, say so by hand with \"allow\""
    )]
    EmptyRegion { region: Region, told_by: crate::domain::Origin },

    /// A Region shows far fewer images than before.
    #[error(
        "{region} shows {now} images of the recipe's, and there were {before} at an earlier step, so none goes anywhere; if that is right, say so by hand with \"allow\""
    )]
    FarFewer { region: Region, before: usize, now: usize },
    /// There are fewer by now.
    #[error(
        "there were {before} images of the recipe's in its Region when it was counted, and {now} are left"
    )]
    Recounted { before: usize, now: usize },

    /// Somebody wants it back.
    #[error("somebody asked for it to be brought back; it stays until its tag kiln:restored is taken away")]
    AskedBack,
    /// Somebody brought it back.
    #[error("somebody brought it back at {0}; take its tag kiln:restored away when it may go")]
    Restored(String),
    /// There is nothing to bring back.
    #[error("it is not retired: its stage is {0}")]
    NotRetired(Stage),
    /// It is deregistered.
    #[error(
        "it is in no Region of the account, nor in a Recycle Bin there: it is deregistered, and nothing brings it back; bake the recipe anew, or roll back to a release that is there"
    )]
    Gone,
    /// It may be where nobody could look.
    #[error("it is in no Region that could be looked at; it may be in {}, which could not", list(.0))]
    NotFound(Vec<Region>),
    /// It is deregistered, and in the Recycle Bin.
    #[error(
        "it is deregistered, and lies in the Recycle Bin of {region} until {}: restore its snapshots there first, then it (aws ec2 restore-image-from-recycle-bin), and ask again", .until.to_rfc3339()
    )]
    InRecycleBin { region: Region, until: DateTime<Utc> },

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

fn told(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}

/// The first few, and how many there are beside them.
fn some(users: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = list(&users[..users.len().min(SHOWN)]);
    match users.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
