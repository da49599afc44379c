//! The ports over the in-memory account. Every call takes time, and may be throttled, fail before or after its effect,
//! return a state of some seconds ago, or be the last one before its function is killed.

use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use kiln_core::inventory::{
    CloudError, Deregistration, Image, ImageQuery, ImageState, MarkRange, NewImage, NewReplica,
    ParameterKind, Result, Snapshot, WithSnapshots,
};
use kiln_core::model::{Anchor, ImageId, ImageRecord, Region, SnapshotId, Tags};
use kiln_engine::ports::{Images, Parameters};

use super::account::{Account, seals};
use super::bugs::FirstUses;
use super::history::History;
use super::lambda::{Function, Invocation, KillPoint};
use super::operators;
use super::world::World;

/// The in-memory account, called by one invocation.
pub struct InMemoryCloud {
    pub(crate) world: Rc<World>,
    invocation: Rc<Invocation>,
}

/// Whether a call reads or changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Read,
    Change,
}

pub(crate) fn failed(operation: &'static str, on: &str, region: &Region, code: &str) -> CloudError {
    CloudError::new(operation, on, region, code, "a fault of the simulation")
}

impl InMemoryCloud {
    /// The ports of one invocation.
    pub fn new(world: Rc<World>, invocation: Rc<Invocation>) -> Self {
        Self { world, invocation }
    }

    /// The function that makes the calls.
    pub fn function(&self) -> Function {
        self.invocation.function
    }

    /// Whether a Region is the home Region.
    pub fn is_home(&self, region: &Region) -> bool {
        *region == self.world.context.home
    }

    /// The number of the invocation among those of its function.
    pub fn number(&self) -> u32 {
        self.invocation.number
    }

    pub(crate) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// The references that each call answered first.
    pub fn first_uses(&self) -> &FirstUses {
        &self.world.first_uses
    }

    pub(crate) async fn call<T>(
        &self,
        kind: CallKind,
        operation: &'static str,
        region: &Region,
        on: &str,
        effect: impl FnOnce(&mut Account, DateTime<Utc>) -> Result<T>,
    ) -> Result<T> {
        let world = &self.world;
        let number = u32::try_from(self.invocation.calls.borrow().len()).unwrap_or(u32::MAX);
        self.invocation.calls.borrow_mut().push(operation);
        let faults = world.faults.get();
        self.maybe_kill(number, false).await;
        if faults.slow {
            world.clock.sleep(world.between(10, 150)).await;
        }
        if let Some(code) = world.troubles.borrow().error(operation, region, world.now()) {
            world.disturb();
            return Err(failed(operation, on, region, code));
        }
        if world.chance(faults.throttled) {
            world.disturb();
            world.clock.sleep(world.between(5_000, 20_000)).await;
            world.note(|| format!("       {operation} on {on} in {region} is throttled"));
            return Err(failed(operation, on, region, "RequestLimitExceeded"));
        }
        if world.chance(faults.fails_before) {
            world.disturb();
            world.note(|| format!("       {operation} on {on} in {region} fails"));
            return Err(failed(operation, on, region, "InternalError"));
        }
        let result = effect(&mut world.account.borrow_mut(), world.now());
        let function = self.invocation.function;
        if kind == CallKind::Change {
            world.note(|| {
                let outcome = result.as_ref().err().map_or("done".to_owned(), |error| error.code.clone());
                format!("       {function:?}: {operation} on {on} in {region}: {outcome}")
            });
        }
        self.maybe_kill(number, true).await;
        if faults.slow {
            world.clock.sleep(world.between(10, 150)).await;
        }
        if world.chance(faults.fails_after) {
            world.disturb();
            world.note(|| {
                format!("       {operation} on {on} in {region} took effect, and its answer is lost")
            });
            return Err(failed(operation, on, region, "InternalError"));
        }
        result
    }

    /// Kills the function here, by chance or at the kill point: nothing after this call happens.
    async fn maybe_kill(&self, call: u32, after: bool) {
        let invocation = &self.invocation;
        let (function, number) = (invocation.function, invocation.number);
        let here = KillPoint { function, invocation: number, call, after };
        if self.world.kill_point.get() == Some(here)
            || self.world.chance(self.world.faults.get().killed / 2.0)
        {
            self.world.note(|| {
                let when = if after { "after" } else { "before" };
                format!("       {function:?} #{number} dies {when} call {call}")
            });
            self.world.disturb();
            invocation.abort.abort();
            pending::<()>().await;
        }
    }

    pub(crate) async fn read<T>(
        &self,
        operation: &'static str,
        region: &Region,
        on: &str,
        look: impl FnOnce(&mut Account, DateTime<Utc>) -> T,
    ) -> Result<T> {
        let at = self.world.seen_at();
        self.call(CallKind::Read, operation, region, on, |account, _| Ok(look(account, at))).await
    }

    /// Whether a call finds a resource. One that was created a moment ago may not be found.
    pub(crate) fn known<T: Clone>(&self, history: Option<&History<T>>) -> bool {
        history.is_some_and(|history| history.now().is_some() && history.at(self.world.seen_at()).is_some())
    }
}

impl Images for InMemoryCloud {
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>> {
        self.read("DescribeImages", region, "images", |account, at| {
            account.region(region).described(wanted, at)
        })
        .await
    }

    async fn create_image(&self, new: &NewImage) -> Result<ImageId> {
        let effect = |account: &mut Account, now| {
            let sealed = NewImage { tags: seals().tags_of_image(new), ..new.clone() };
            let id = account.create_image(&sealed, now)?;
            self.world.invariants.borrow_mut().image_created(
                account,
                self.invocation(),
                &new.region,
                &id,
                now,
            );
            self.world.begin_image(&new.region, &id, false);
            Ok(id)
        };
        self.call(CallKind::Change, "CreateImage", &new.region, &new.name, effect).await
    }

    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId> {
        let effect = |account: &mut Account, now| {
            let before = account.created();
            let sealed = NewReplica { tags: seals().tags_of_replica(new), ..new.clone() };
            let id = account.copy_image(&sealed, now)?;
            // A token that was used before creates nothing.
            if account.created() != before {
                let mut invariants = self.world.invariants.borrow_mut();
                invariants.image_created(account, self.invocation(), &new.region, &id, now);
                invariants.image_copied(account, &self.invocation, &new.region, &id);
                self.world.begin_image(&new.region, &id, true);
            }
            Ok(id)
        };
        self.call(CallKind::Change, "CopyImage", &new.region, &new.name, effect).await
    }

    async fn disable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        let effect = |account: &mut Account, now| {
            if !self.known(account.region(region).images.get(image)) {
                return Err(failed("DisableImage", image.as_str(), region, "InvalidAMIID.NotFound"));
            }
            let disabled = |image: &Image| image.state == ImageState::Disabled;
            if account.region(region).images.get(image).and_then(History::now).is_some_and(disabled) {
                return Ok(());
            }
            self.world.invariants.borrow_mut().image_removed(account, &self.invocation, region, image, now);
            operators::launches_just_before(&self.world, account.region(region), image, now);
            account.region(region).disable(region, image, now)
        };
        self.call(CallKind::Change, "DisableImage", region, image.as_str(), effect).await
    }

    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        let effect = |account: &mut Account, now| {
            account.region(region).enable(region, image, now)?;
            self.world.invariants.borrow_mut().changes += 1;
            let (world, region, image) = (Rc::clone(&self.world), region.clone(), image.clone());
            self.world.spawn(async move { world.send_image_event(&region, &image) });
            Ok(())
        };
        self.call(CallKind::Change, "EnableImage", region, image.as_str(), effect).await
    }

    /// The Recycle Bin has no retention rule.
    async fn recycled_until(&self, _: &Region, _: &ImageId) -> Result<Option<DateTime<Utc>>> {
        Ok(None)
    }

    async fn deregister_image(
        &self,
        region: &Region,
        image: &ImageId,
        snapshots: WithSnapshots,
    ) -> Result<Deregistration> {
        let effect = |account: &mut Account, now| {
            if !self.known(account.region(region).images.get(image)) {
                return Ok(Deregistration::Before);
            }
            self.world.invariants.borrow_mut().image_removed(account, &self.invocation, region, image, now);
            let probability = self.world.faults.get().snapshot_stays;
            let made = account.region(region).made_for.get(image).cloned().unwrap_or_default();
            let stays = |snapshot: &SnapshotId| match snapshots {
                WithSnapshots::MadeForIt if !made.contains(snapshot) => Some("not asked for"),
                _ => self.world.chance(probability).then_some("internal-error"),
            };
            let outcome = account.region(region).deregister(image, now, stays);
            let (world, region, image) = (Rc::clone(&self.world), region.clone(), image.clone());
            self.world.spawn(async move { world.send_image_event(&region, &image) });
            Ok(outcome)
        };
        self.call(CallKind::Change, "DeregisterImage", region, image.as_str(), effect).await
    }

    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>> {
        self.read("DescribeSnapshots", region, "snapshots", |account, at| {
            account.region(region).tagged_snapshots(at)
        })
        .await
    }

    /// Includes snapshots whose image is gone.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>> {
        self.read("DescribeSnapshots", region, "snapshots", |account, at| {
            let ec2 = account.region(region);
            let own = ec2.made_for.get(image).cloned().unwrap_or_default();
            ec2.tagged_snapshots(at).into_iter().filter(|one| own.contains(&one.id)).collect()
        })
        .await
    }

    /// The simulation has no volumes in creation and no snapshot locks.
    async fn snapshot_needs(
        &self,
        region: &Region,
        _: &[SnapshotId],
    ) -> Result<BTreeMap<SnapshotId, String>> {
        self.read("DescribeVolumes", region, "volumes", |_, _| BTreeMap::new()).await
    }

    async fn recycled(&self, _: &Region) -> Result<BTreeMap<ImageId, DateTime<Utc>>> {
        Ok(BTreeMap::new())
    }

    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Result<()> {
        let effect = |account: &mut Account, now| {
            self.world.invariants.borrow_mut().snapshot_deleted(account, self.invocation(), region, snapshot);
            account.region(region).delete_snapshot(region, snapshot, now)
        };
        self.call(CallKind::Change, "DeleteSnapshot", region, snapshot.as_str(), effect).await
    }

    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()> {
        let sealed = seals().sealed_values(region, image.as_str(), tags);
        self.tag_images(region, std::slice::from_ref(image), &sealed).await
    }

    async fn set_stage(
        &self,
        region: &Region,
        image: &ImageId,
        record: &ImageRecord,
        more: &Tags,
    ) -> Result<()> {
        let sealed = seals().tags_of_record(region, image, record, more);
        self.tag_images(region, std::slice::from_ref(image), &sealed).await
    }

    async fn anchor_image(&self, region: &Region, image: &ImageId, own: &str, anchor: &Anchor) -> Result<()> {
        self.anchor(region, image, own, anchor).await
    }

    async fn mark_images(
        &self,
        region: &Region,
        images: &[ImageId],
        range: &MarkRange,
        marks: &Tags,
    ) -> Result<()> {
        self.tag_images(region, images, &seals().sealed_marks(region, range, marks)).await
    }

    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            if !ec2.snapshots.contains_key(snapshot) {
                return Err(failed("CreateTags", snapshot.as_str(), region, "InvalidSnapshot.NotFound"));
            }
            let sealed = seals().tags_of_snapshot(region, snapshot, tags);
            let before = ec2.tags.get(snapshot.as_str()).cloned().unwrap_or_default();
            if before.clone().and(&sealed) != before {
                self.world.invariants.borrow_mut().changes += 1;
                ec2.tag_snapshot(snapshot, &sealed, now);
            }
            Ok(())
        };
        self.call(CallKind::Change, "CreateTags", region, snapshot.as_str(), effect).await
    }
}

impl Parameters for InMemoryCloud {
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        self.read("GetParameter", region, name, |account, _| account.parameters.get(name).cloned()).await
    }

    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
        self.below(region, path).await
    }

    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        self.shown(region, names).await
    }

    async fn parameter_kinds(
        &self,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, ParameterKind>> {
        self.kinds(region, names).await
    }

    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        self.put(region, name, image).await
    }

    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()> {
        self.read("PutParameter", region, name, |_, _| ()).await
    }
}
