//! The ports, over the in-memory account: every call takes time and may be throttled, fail before or after its
//! effect, read what was true some seconds ago, or be the last thing that its function does.

use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::inventory::{
    CloudError, Deregistration, Image, ImageQuery, ImageState, NewImage, NewReplica, Result, Snapshot,
};
use kiln_core::model::{ImageId, Region, SnapshotId, Tags};
use kiln_engine::ports::{Bus, Images, Parameters};

use super::account::Account;
use super::bugs::FirstUses;
use super::history::History;
use super::lambda::{self, Function, Invocation, KillPoint};
use super::world::World;

/// The cloud as one invocation sees it.
pub struct Wire {
    pub(crate) world: Rc<World>,
    invocation: Rc<Invocation>,
}

/// Whether a call changes anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Read,
    Change,
}

pub(crate) fn failed(operation: &'static str, on: &str, region: &Region, code: &str) -> CloudError {
    CloudError::new(operation, on, region, code, "a fault of the simulation")
}

impl Wire {
    /// The cloud for an invocation.
    pub fn new(world: Rc<World>, invocation: Rc<Invocation>) -> Self {
        Self { world, invocation }
    }

    /// Whose calls these are.
    pub fn function(&self) -> Function {
        self.invocation.function
    }

    /// Which invocation's.
    pub fn number(&self) -> u32 {
        self.invocation.number
    }

    pub(crate) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// Who used which image when it was first asked.
    pub fn first_uses(&self) -> &FirstUses {
        &self.world.first_uses
    }

    pub(crate) async fn call<T>(
        &self,
        does: Does,
        operation: &'static str,
        region: &Region,
        on: &str,
        effect: impl FnOnce(&mut Account, DateTime<Utc>) -> Result<T>,
    ) -> Result<T> {
        let world = &self.world;
        let number = self.invocation.calls.get();
        self.invocation.calls.set(number + 1);
        let faults = world.faults.get();
        self.perhaps_die(number, false).await;
        if faults.slow {
            world.clock.sleep(world.between(10, 150)).await;
        }
        if world.chance(faults.throttled) {
            world.clock.sleep(world.between(5_000, 20_000)).await;
            world.note(|| format!("       {operation} on {on} in {region} is throttled"));
            return Err(failed(operation, on, region, "RequestLimitExceeded"));
        }
        if world.chance(faults.fails_before) {
            world.note(|| format!("       {operation} on {on} in {region} fails"));
            return Err(failed(operation, on, region, "InternalError"));
        }
        let result = effect(&mut world.account.borrow_mut(), world.now());
        let function = self.invocation.function;
        if does == Does::Change {
            world.note(|| {
                let outcome = result.as_ref().err().map_or("done".to_owned(), |error| error.code.clone());
                format!("       {function:?}: {operation} on {on} in {region}: {outcome}")
            });
        }
        self.perhaps_die(number, true).await;
        if faults.slow {
            world.clock.sleep(world.between(10, 150)).await;
        }
        if world.chance(faults.fails_after) {
            world.note(|| {
                format!("       {operation} on {on} in {region} took effect, and its answer is lost")
            });
            return Err(failed(operation, on, region, "InternalError"));
        }
        result
    }

    /// The function may die here: nothing that it had in hand is done any more.
    async fn perhaps_die(&self, call: u32, after: bool) {
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
        self.call(Does::Read, operation, region, on, |account, _| Ok(look(account, at))).await
    }

    /// A thing that was made a moment ago may be unknown to the next call.
    pub(crate) fn known<T: Clone>(&self, held: Option<&History<T>>) -> bool {
        held.is_some_and(|held| held.now().is_some() && held.at(self.world.seen_at()).is_some())
    }
}

impl Wire {
    fn tag(&self, account: &mut Account, region: &Region, image: &ImageId, tags: &Tags, now: DateTime<Utc>) {
        let Some(held) = account.region(region).images.get_mut(image) else { return };
        let before = held.now().map(|image| image.tags.clone()).unwrap_or_default();
        let after = before.clone().and(tags);
        if after != before {
            held.change(now, |image| image.tags = after);
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.changes += 1;
            invariants.image_tagged(account, region, image, tags, now);
        }
    }
}

impl Images for Wire {
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>> {
        self.read("DescribeImages", region, "images", |account, at| {
            account.region(region).described(wanted, at)
        })
        .await
    }

    async fn create_image(&self, new: &NewImage) -> Result<ImageId> {
        let effect = |account: &mut Account, now| {
            let id = account.create_image(new, now)?;
            self.world.invariants.borrow_mut().image_made(account, &new.region, &id, now);
            self.world.begin_image(&new.region, &id, false);
            Ok(id)
        };
        self.call(Does::Change, "CreateImage", &new.region, &new.name, effect).await
    }

    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId> {
        let effect = |account: &mut Account, now| {
            let before = account.made();
            let id = account.copy_image(new, now)?;
            // A token that was used before makes nothing.
            if account.made() != before {
                self.world.invariants.borrow_mut().image_made(account, &new.region, &id, now);
                self.world.begin_image(&new.region, &id, true);
            }
            Ok(id)
        };
        self.call(Does::Change, "CopyImage", &new.region, &new.name, effect).await
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
            self.world.invariants.borrow_mut().image_goes(account, &self.invocation, region, image, now);
            account.region(region).disable(region, image, now)
        };
        self.call(Does::Change, "DisableImage", region, image.as_str(), effect).await
    }

    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        let effect = |account: &mut Account, now| account.region(region).enable(region, image, now);
        self.call(Does::Change, "EnableImage", region, image.as_str(), effect).await
    }

    /// No rule of the Recycle Bin's is set.
    async fn recycled_until(&self, _: &Region, _: &ImageId) -> Result<Option<DateTime<Utc>>> {
        Ok(None)
    }

    async fn deregister_image(&self, region: &Region, image: &ImageId) -> Result<Deregistration> {
        let effect = |account: &mut Account, now| {
            if !self.known(account.region(region).images.get(image)) {
                return Ok(Deregistration::Before);
            }
            self.world.invariants.borrow_mut().image_goes(account, &self.invocation, region, image, now);
            let stays = self.world.faults.get().snapshot_stays;
            let keeps = |_: &SnapshotId| self.world.chance(stays).then_some("internal-error");
            let outcome = account.region(region).deregister(image, now, keeps);
            let (world, region, image) = (Rc::clone(&self.world), region.clone(), image.clone());
            self.world.begin(async move { world.tell_image(&region, &image) });
            Ok(outcome)
        };
        self.call(Does::Change, "DeregisterImage", region, image.as_str(), effect).await
    }

    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>> {
        self.read("DescribeSnapshots", region, "snapshots", |account, at| {
            account.region(region).kilns_snapshots(at)
        })
        .await
    }

    /// What was ever made for it.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>> {
        self.read("DescribeSnapshots", region, "snapshots", |account, at| {
            let ec2 = account.region(region);
            let own = ec2.made_for.get(image).cloned().unwrap_or_default();
            ec2.kilns_snapshots(at).into_iter().filter(|one| own.contains(&one.id)).collect()
        })
        .await
    }

    /// Nobody in the simulation makes a volume, or locks a snapshot.
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
            self.world.invariants.borrow_mut().snapshot_goes(account, self.invocation(), region, snapshot);
            account.region(region).delete_snapshot(region, snapshot, now)
        };
        self.call(Does::Change, "DeleteSnapshot", region, snapshot.as_str(), effect).await
    }

    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()> {
        self.tag_images(region, std::slice::from_ref(image), tags).await
    }

    /// All of them or, where one is not there, none.
    async fn tag_images(&self, region: &Region, images: &[ImageId], tags: &Tags) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            let unknown = |image: &&ImageId| !self.known(ec2.images.get(*image));
            if let Some(image) = images.iter().find(unknown) {
                return Err(failed("CreateTags", image.as_str(), region, "InvalidAMIID.NotFound"));
            }
            for image in images {
                self.tag(account, region, image, tags, now);
            }
            Ok(())
        };
        let on = images.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        self.call(Does::Change, "CreateTags", region, &on, effect).await
    }

    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let Some(held) = account.region(region).snapshots.get_mut(snapshot) else {
                return Err(failed("CreateTags", snapshot.as_str(), region, "InvalidSnapshot.NotFound"));
            };
            let after = held.now().map(|snapshot| snapshot.tags.clone().and(tags)).unwrap_or_default();
            if held.now().is_some_and(|snapshot| snapshot.tags != after) {
                self.world.invariants.borrow_mut().changes += 1;
                held.change(now, |snapshot| snapshot.tags = after);
            }
            Ok(())
        };
        self.call(Does::Change, "CreateTags", region, snapshot.as_str(), effect).await
    }
}

impl Parameters for Wire {
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        self.read("GetParameter", region, name, |account, _| account.parameters.get(name).cloned()).await
    }

    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
        let below = format!("{path}/");
        let look = |account: &mut Account, _| {
            let found = account
                .parameters
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix(&below)?.to_owned(), value.clone())));
            found.collect()
        };
        self.read("GetParametersByPath", region, path, look).await
    }

    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        self.shown(region, names).await
    }

    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        self.put(region, name, image).await
    }

    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()> {
        self.read("PutParameter", region, name, |_, _| ()).await
    }
}

impl Bus for Wire {
    async fn send(&self, envelopes: &[Envelope], _: DateTime<Utc>) -> Result<()> {
        let effect = |_: &mut Account, _| {
            for envelope in envelopes {
                self.world.note(|| format!("       said: {} {}", envelope.detail_type(), envelope.name));
                self.world.invariants.borrow_mut().said(envelope);
                lambda::say(&self.world, envelope);
            }
            Ok(())
        };
        self.call(Does::Change, "PutEvents", &self.world.context.home, "kiln", effect).await
    }
}
