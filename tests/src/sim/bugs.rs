//! Planted bugs: Kiln as it would behave with a mistake in it. Each is made between Kiln and the cloud, by a changed
//! call or a changed answer, so the shipped code has no switch for tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::events::wake;
use kiln_core::failures::Queue;
use kiln_core::inventory::{
    Chosen, DefaultEncryption, Deprecation, Deregistration, Finding, Grantee, Image, ImageQuery, ImageState,
    Instance, InstanceState, InstanceType, Key, MarkRange, NewImage, NewInstance, NewReplica,
    PermissionChange, PublicImages, Reference, Result, Seal, Snapshot, StopReason, Subnet, Vcpus, WaysOut,
    WithSnapshots,
};
use kiln_core::model::{
    Anchor, AnchoredEnd, ImageId, ImageName, ImageRecord, InstanceId, Region, Role, SecurityGroupId,
    SnapshotId, SubnetId, Tags, Token, tags,
};
use kiln_engine::ports::{AccountInfo, Bus, Functions, Images, Instances, QueueLengths, Sharing, Store};
use serde_json::Value;

use super::bugs_in_names::told_apart;
use super::cloud::InMemoryCloud;
use super::contents;
use super::lambda::Function;

/// Port methods that no planted bug changes: each calls the same method of the wire.
macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        async fn $method(&self, $($arg: $type),*) -> Result<$answer> {
            self.cloud.$method($($arg),*).await
        }
    )*};
}
pub(super) use forward;

/// A mistake that somebody could make in Kiln.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Kiln as it is.
    None,
    /// Every call has a new client token, as the SDK would generate one.
    NoClientToken,
    /// An image gets its tags by a second call, after it was created.
    TagsAfterCreation,
    /// A builder that stopped counts as one whose script succeeded.
    TrustsTheEvent,
    /// The use of an image is read before it is disabled, and not read again before it is deregistered.
    ExpiryWithoutRecheck,
    /// Expiry keeps one release fewer than the recipe says.
    KeepsOneFewer,
    /// A replica is copied without reading whether one exists already, or failed.
    CopiesWithoutLooking,
    /// A read of usage that failed counts as "unused".
    FailedLookUpIsUnused,
    /// Only the default version of a launch template is read.
    DefaultVersionAlone,
    /// Use by other accounts is not read.
    OthersUnseen,
    /// Use by other accounts is not read once an image is disabled.
    OthersUnseenInQuarantine,
    /// A snapshot is deleted with its image, even if another image uses it.
    SharedSnapshotGoes,
    /// The sweep ignores deadlines.
    SweepWithoutDeadline,
    /// A builder is terminated while its image is still pending.
    TerminatesTooEarly,
    /// The sweep does not run.
    NoSweep,
    /// Parameters move before the last Region has its replica.
    MovesBeforeTheLast,
    /// An account that the recipe no longer names keeps its permission.
    PermissionsOnlyAdded,
    /// The sweep ignores rollbacks.
    RollbackUndone,
    /// Tags count without a seal.
    SealUnchecked,
    /// Regions of best effort hold a release up.
    BestEffortRequired,
    /// A version of the future is taken in.
    FutureTakenIn,
    /// A layer is baked from the newest release of its base, even if somebody rolled back from it.
    LayerIgnoresRollback,
    /// No parameter is set back to an older release, but by a rollback.
    NothingSetBack,
    /// Failed bakes and copies have no event.
    FailuresUnsaid,
    /// In other Regions the use of the home image is looked up, and not that of its replica.
    WrongMemberAsked,
    /// A launch template gets a version at each look, whatever it names.
    VersionAtEachLook,
    /// A launch template stays behind at a rollback.
    TemplateStaysBehind,
    /// Old versions that Kiln itself wrote into a launch template keep their images.
    OwnVersionsKeep,
    /// What launches from a version of a launch template by its number is not read.
    GroupsUnseen,
    /// What is left in Regions that no recipe names is not looked for.
    LeftRegionsUnseen,
    /// A recipe is read once, and never again.
    RecipeReadOnce,
    /// Two recipes that name one parameter are not refused.
    ConflictNotRefused,
    /// That a bake waits for room is not noted.
    WaitUnnoted,
    /// A release that lost an image counts among the newest.
    LostCounts,
    /// Two images have the same contents, whatever their testers list.
    ListsUnread,
    /// That a release was recalled stands in its tags alone.
    RecallInTagsAlone,
    /// The sweep finishes no recall that died half way.
    RecallUnfinished,
    /// A channel that waits for approval follows by itself.
    ApprovalNotAsked,
    /// A channel follows the release, and not the channel before.
    ChannelBeforeSkipped,
    /// That a channel was rolled back from a release does not count.
    ChannelGoesForward,
    /// A parameter of another account is not set back to an older release, whatever is rolled back or recalled.
    AccountsStayBehind,
    /// A recall leaves the watermark on.
    RecalledStaysMarked,
}

impl Bug {
    /// Every planted bug.
    pub const ALL: [Self; 41] = [
        Self::NoClientToken,
        Self::TagsAfterCreation,
        Self::TrustsTheEvent,
        Self::ExpiryWithoutRecheck,
        Self::KeepsOneFewer,
        Self::CopiesWithoutLooking,
        Self::FailedLookUpIsUnused,
        Self::DefaultVersionAlone,
        Self::OthersUnseen,
        Self::OthersUnseenInQuarantine,
        Self::SharedSnapshotGoes,
        Self::SweepWithoutDeadline,
        Self::TerminatesTooEarly,
        Self::NoSweep,
        Self::MovesBeforeTheLast,
        Self::PermissionsOnlyAdded,
        Self::RollbackUndone,
        Self::SealUnchecked,
        Self::BestEffortRequired,
        Self::FutureTakenIn,
        Self::LayerIgnoresRollback,
        Self::NothingSetBack,
        Self::FailuresUnsaid,
        Self::WrongMemberAsked,
        Self::VersionAtEachLook,
        Self::TemplateStaysBehind,
        Self::OwnVersionsKeep,
        Self::GroupsUnseen,
        Self::LeftRegionsUnseen,
        Self::RecipeReadOnce,
        Self::ConflictNotRefused,
        Self::WaitUnnoted,
        Self::LostCounts,
        Self::ListsUnread,
        Self::RecallInTagsAlone,
        Self::RecallUnfinished,
        Self::ApprovalNotAsked,
        Self::ChannelBeforeSkipped,
        Self::ChannelGoesForward,
        Self::AccountsStayBehind,
        Self::RecalledStaysMarked,
    ];
}

/// The references that each call answered when an image was first asked about.
pub type FirstUses = RefCell<BTreeMap<(&'static str, ImageId), Vec<Reference>>>;

/// Each recipe document as it was read first.
pub type FirstRecipes = RefCell<BTreeMap<String, String>>;

/// The cloud as Kiln with a bug in it would call and understand it.
pub struct BuggyCloud {
    pub(crate) cloud: InMemoryCloud,
    pub(crate) bug: Bug,
    calls: RefCell<u64>,
}

impl BuggyCloud {
    /// The cloud of one invocation.
    pub fn new(cloud: InMemoryCloud, bug: Bug) -> Self {
        Self { cloud, bug, calls: RefCell::new(0) }
    }

    /// A text that no other call of the run has.
    fn unique(&self) -> String {
        *self.calls.borrow_mut() += 1;
        format!("{:?} {} {}", self.cloud.function(), self.cloud.number(), self.calls.borrow())
    }

    /// The recipe document as Kiln reads it.
    pub(super) fn recipe(&self, document: String) -> String {
        match self.bug {
            Bug::BestEffortRequired => without_best_effort(&document),
            Bug::KeepsOneFewer => document.replace("keep = 2", "keep = 1").replace("keep = 3", "keep = 2"),
            Bug::ConflictNotRefused => told_apart(&document),
            Bug::ApprovalNotAsked => document.replace("approval = true\n", "after = \"0s\"\n"),
            Bug::ChannelBeforeSkipped => document.replace("follows = \"stage\"\n", ""),
            Bug::RecipeReadOnce => self.cloud.first_read(document),
            _ => document,
        }
    }
}

fn without_best_effort(document: &str) -> String {
    let lines = document.lines().filter(|line| !line.starts_with("best_effort"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn without(tags: &Tags, removed: &str) -> Tags {
    tags.iter().filter(|(key, _)| *key != removed).collect()
}

fn unpinned(image: &Image) -> Image {
    image.anchored(Anchor { pin: None, left: None, ..image.anchor().clone() })
}

fn is_replica(image: &Image) -> bool {
    image.tags.has(tags::ORIGIN)
}

impl Images for BuggyCloud {
    async fn images(&self, region: &Region, query: &ImageQuery) -> Result<Vec<Image>> {
        let mut images = self.cloud.images(region, query).await?;
        let by_id = matches!(query, ImageQuery::Id(_));
        let pending = |image: &&mut Image| image.state == ImageState::Pending;
        match (self.bug, self.cloud.function()) {
            (Bug::SharedSnapshotGoes, _) if matches!(query, ImageQuery::OfSnapshots(_)) => images.clear(),
            (Bug::CopiesWithoutLooking, function) if function != Function::Expire => {
                images.retain(|image| by_id || !is_replica(image));
            }
            (Bug::MovesBeforeTheLast, Function::Replicate) if !by_id => {
                for image in images.iter_mut().filter(pending).filter(|image| is_replica(image)) {
                    image.state = ImageState::Available;
                    image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, "published");
                }
            }
            (Bug::RollbackUndone, Function::Reconcile | Function::Replicate) => {
                images.iter_mut().for_each(|image| *image = unpinned(image));
            }
            (Bug::LayerIgnoresRollback, Function::Bake) => {
                images.iter_mut().for_each(|image| *image = unpinned(image));
            }
            (Bug::ChannelGoesForward, Function::Reconcile | Function::Replicate) => {
                images.iter_mut().for_each(|image| image.tags = without(&image.tags, tags::CHANNELS_LEFT));
            }
            (Bug::LostCounts, Function::Expire) => {
                images.iter_mut().for_each(|image| image.tags = without(&image.tags, tags::RELEASED_IN));
            }
            (Bug::RecallUnfinished, Function::Reconcile) => {
                for image in images.iter_mut().filter(|image| image.is_out()) {
                    image.tags =
                        std::mem::take(&mut image.tags).with_time(tags::RECALLED_AT, DateTime::UNIX_EPOCH);
                }
            }
            (Bug::SealUnchecked, _) => images.iter_mut().for_each(|image| image.seal = Seal::Valid),
            (Bug::TerminatesTooEarly, Function::Capture) => {
                images.iter_mut().filter(pending).for_each(|image| image.state = ImageState::Available);
            }
            _ => {}
        }
        Ok(images)
    }

    async fn create_image(&self, new: &NewImage) -> Result<ImageId> {
        if self.bug != Bug::TagsAfterCreation {
            return self.cloud.create_image(new).await;
        }
        let image = self.cloud.create_image(&NewImage { tags: Tags::new(), ..new.clone() }).await?;
        self.cloud.tag_image(&new.region, &image, &new.tags).await?;
        Ok(image)
    }

    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId> {
        if self.bug != Bug::NoClientToken {
            return self.cloud.copy_image(new).await;
        }
        let token = Token::of(&[&self.unique()]);
        self.cloud.copy_image(&NewReplica { token, ..new.clone() }).await
    }

    async fn anchor_image(&self, region: &Region, image: &ImageId, own: &str, anchor: &Anchor) -> Result<()> {
        let is_recalled = anchor.end == Some(AnchoredEnd::Recalled);
        if self.bug != Bug::RecallInTagsAlone || !is_recalled {
            return self.cloud.anchor_image(region, image, own, anchor).await;
        }
        let released = Anchor { end: Some(AnchoredEnd::Released), ..anchor.clone() };
        self.cloud.anchor_image(region, image, own, &released).await
    }

    forward! {
        disable_image(region: &Region, image: &ImageId) -> ();
        enable_image(region: &Region, image: &ImageId) -> ();
        recycled_until(region: &Region, image: &ImageId) -> Option<DateTime<Utc>>;
        recycled(region: &Region) -> BTreeMap<ImageId, DateTime<Utc>>;
        deregister_image(region: &Region, image: &ImageId, snapshots: WithSnapshots) -> Deregistration;
        snapshots(region: &Region) -> Vec<Snapshot>;
        snapshots_of(region: &Region, image: &ImageId) -> Vec<Snapshot>;
        snapshot_needs(region: &Region, snapshots: &[SnapshotId]) -> BTreeMap<SnapshotId, String>;
        delete_snapshot(region: &Region, snapshot: &SnapshotId) -> ();
        tag_image(region: &Region, image: &ImageId, tags: &Tags) -> ();
        set_stage(region: &Region, image: &ImageId, record: &ImageRecord, more: &Tags) -> ();
        mark_images(region: &Region, images: &[ImageId], range: &MarkRange, marks: &Tags) -> ();
        tag_snapshot(region: &Region, snapshot: &SnapshotId, tags: &Tags) -> ();
    }
}

impl Instances for BuggyCloud {
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>> {
        let mut instances = self.cloud.instances(region).await?;
        if self.bug == Bug::SweepWithoutDeadline && self.cloud.function() == Function::Reconcile {
            instances.iter_mut().for_each(|instance| instance.tags = without(&instance.tags, tags::DEADLINE));
        }
        Ok(instances)
    }

    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>> {
        let mut instance = self.cloud.instance(region, instance).await?;
        if let Some(instance) = &mut instance
            && self.bug == Bug::TrustsTheEvent
            && instance.state == InstanceState::Stopped
        {
            instance.stop_reason = StopReason::Guest;
        }
        Ok(instance)
    }

    async fn launch(&self, new: &NewInstance) -> Result<InstanceId> {
        if self.bug != Bug::NoClientToken || new.tags.get(tags::ROLE) != Some("builder") {
            return self.cloud.launch(new).await;
        }
        self.cloud.launch(&NewInstance { launch: self.unique(), ..new.clone() }).await
    }

    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String> {
        let console = self.cloud.console(region, instance).await?;
        if self.bug == Bug::TrustsTheEvent
            && let Some(of) = self.cloud.instance(region, instance).await?
            && let (Some(recipe), Some(version)) = (of.tags.read(tags::RECIPE), of.tags.read(tags::VERSION))
        {
            let words = self.cloud.verdict_words(Role::Builder, &ImageName { recipe, version }).await?;
            let nonce = &words[0];
            return Ok(format!("kiln-verdict {nonce} 0\n"));
        }
        if self.bug == Bug::ListsUnread
            && let Some(of) = self.cloud.instance(region, instance).await?
            && let (Some(recipe), Some(version)) = (of.tags.read(tags::RECIPE), of.tags.read(tags::VERSION))
        {
            let words = self.cloud.verdict_words(Role::Tester, &ImageName { recipe, version }).await?;
            return Ok(console + &contents::printed(&contents::list(0), &words[0]));
        }
        Ok(console)
    }

    forward! {
        stop(region: &Region, instance: &InstanceId) -> ();
        start(region: &Region, instance: &InstanceId) -> ();
        terminate(region: &Region, instance: &InstanceId) -> ();
        tag_instance(region: &Region, instance: &InstanceId, tags: &Tags) -> ();
        tag_for_bake(region: &Region, instance: &InstanceId, bake: &ImageName, tags: &Tags) -> ();
        verdict_words(role: Role, bake: &ImageName) -> Vec<String>;
        untag_instance(region: &Region, instance: &InstanceId, keys: &[&str]) -> ();
        instance_type(region: &Region, name: &str) -> InstanceType;
    }
}

impl Sharing for BuggyCloud {
    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()> {
        let mut change = change.clone();
        if self.bug == Bug::PermissionsOnlyAdded {
            change.remove.clear();
        }
        self.cloud.change_launch(region, image, &change).await
    }

    async fn detach_watermark(&self, region: &Region, image: &ImageId, key: &str) -> Result<()> {
        match self.bug {
            Bug::RecalledStaysMarked => Ok(()),
            _ => self.cloud.detach_watermark(region, image, key).await,
        }
    }

    forward! {
        launch_permissions(region: &Region, image: &ImageId) -> BTreeSet<Grantee>;
        volume_permissions(region: &Region, snapshot: &SnapshotId) -> BTreeSet<Grantee>;
        change_volumes(region: &Region, snapshot: &SnapshotId, change: &PermissionChange) -> ();
        deprecate(region: &Region, image: &ImageId, to: Deprecation) -> ();
        require_imds_v2(region: &Region, image: &ImageId) -> ();
        attach_watermark(region: &Region, image: &ImageId, name: &str) -> ();
        protect(region: &Region, image: &ImageId) -> ();
        unprotect(region: &Region, image: &ImageId) -> ();
        findings(region: &Region, image: &ImageId) -> Vec<Finding>;
    }
}

impl AccountInfo for BuggyCloud {
    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>> {
        match self.bug {
            Bug::LeftRegionsUnseen => Ok(BTreeSet::from([home.clone()])),
            _ => self.cloud.enabled_regions(home).await,
        }
    }

    forward! {
        subnets(region: &Region, chosen: &Chosen<SubnetId>) -> Vec<Subnet>;
        security_groups(region: &Region, chosen: &Chosen<SecurityGroupId>) -> BTreeMap<SecurityGroupId, String>;
        ways_out(region: &Region, vpcs: &BTreeSet<String>) -> WaysOut;
        key(region: &Region, key: &str) -> Option<Key>;
        default_encryption(region: &Region) -> DefaultEncryption;
        snapshot_keys(region: &Region, snapshots: &[SnapshotId]) -> BTreeSet<String>;
        public_images(region: &Region) -> PublicImages;
        knows_watermarks(region: &Region) -> bool;
        vcpus(region: &Region, instance_type: &str) -> Option<Vcpus>;
    }
}

impl Bus for BuggyCloud {
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()> {
        let is_failure = |one: &&Envelope| ["Bake Failed", "Replication Failed"].contains(&one.detail_type());
        let said: Vec<Envelope> = match self.bug {
            Bug::FailuresUnsaid => envelopes.iter().filter(|one| !is_failure(one)).cloned().collect(),
            _ => envelopes.to_vec(),
        };
        self.cloud.send(&said, now).await
    }
}

impl Store for BuggyCloud {
    fn place(&self, key: &str) -> String {
        self.cloud.place(key)
    }

    forward! {
        put_object(key: &str, content: &[u8]) -> ();
        put_page(key: &str, media_type: &str, content: &[u8]) -> ();
        keys_below(prefix: &str) -> Vec<String>;
        object(key: &str) -> Option<Vec<u8>>;
    }
}

impl QueueLengths for BuggyCloud {
    forward! {
        waiting_in(queue: Queue) -> usize;
    }
}

impl Functions for BuggyCloud {
    forward! {
        wake(function: wake::Function, payload: &Value) -> ();
    }
}
