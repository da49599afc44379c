//! Planted bugs: Kiln as it would behave with a mistake in it. They are made where Kiln meets the cloud, so that
//! no switch of a test stands in the code that is shipped.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::Envelope;
use kiln_core::inventory::{
    Architecture, DefaultEncryption, Deprecation, Deregistration, Finding, Grantee, Image, ImageQuery,
    ImageState, Instance, InstanceState, Key, NewImage, NewInstance, NewReplica, NewTemplateVersion,
    PermissionChange, PublicImages, Reference, Result, Snapshot, StopReason, Subnet, Template, Vcpus,
};
use kiln_core::model::user_data::verdict_nonce;
use kiln_core::model::{
    ImageId, ImageName, InstanceId, Region, Role, SnapshotId, SubnetId, Tags, Token, tags,
};
use kiln_engine::ports::{AccountInfo, Bus, Images, Instances, Parameters, Sharing, Templates};

use super::cloud::Wire;
use super::lambda::Function;

/// A mistake that a person could make in Kiln.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Kiln as it is.
    None,
    /// Calls bear a token of their own each time, as the SDK would fill in.
    NoClientToken,
    /// Images are tagged by a second call.
    TagsAfterCreation,
    /// A builder that has stopped is taken for one that has succeeded.
    TrustsTheEvent,
    /// Who uses an image is asked before it is disabled, and not again before it is deregistered.
    ExpiryWithoutRecheck,
    /// One release fewer is kept.
    KeepsOneFewer,
    /// A copy is begun without looking whether one is there, or failed.
    CopiesWithoutLooking,
    /// A look-up of use that failed is read as "unused".
    FailedLookUpIsUnused,
    /// Of a launch template the default version alone is looked at.
    DefaultVersionAlone,
    /// What other accounts do with an image is not read.
    OthersUnseen,
    /// A snapshot goes with its image, whoever else stands on it.
    SharedSnapshotGoes,
    /// The sweep does not know deadlines.
    SweepWithoutDeadline,
    /// A builder is let go while its image is still being made.
    TerminatesTooEarly,
    /// The sweep repairs nothing.
    NoSweep,
    /// The parameters move before the last Region has its replica.
    MovesBeforeTheLast,
    /// Who the recipe no longer names is not taken away.
    PermissionsOnlyAdded,
    /// The sweep does not know of rollbacks.
    RollbackUndone,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::NoClientToken,
        Self::TagsAfterCreation,
        Self::TrustsTheEvent,
        Self::ExpiryWithoutRecheck,
        Self::KeepsOneFewer,
        Self::CopiesWithoutLooking,
        Self::FailedLookUpIsUnused,
        Self::DefaultVersionAlone,
        Self::OthersUnseen,
        Self::SharedSnapshotGoes,
        Self::SweepWithoutDeadline,
        Self::TerminatesTooEarly,
        Self::NoSweep,
        Self::MovesBeforeTheLast,
        Self::PermissionsOnlyAdded,
        Self::RollbackUndone,
    ];
}

/// Who used which image when it was first asked, by the call.
pub type FirstUses = RefCell<BTreeMap<(&'static str, ImageId), Vec<Reference>>>;

/// The cloud, as Kiln with a bug in it would use it.
pub struct Sabotaged {
    pub(crate) wire: Wire,
    pub(crate) bug: Bug,
    calls: RefCell<u64>,
}

impl Sabotaged {
    /// The cloud for one invocation.
    pub fn new(wire: Wire, bug: Bug) -> Self {
        Self { wire, bug, calls: RefCell::new(0) }
    }

    fn anything(&self) -> String {
        *self.calls.borrow_mut() += 1;
        format!("{:?} {} {}", self.wire.function(), self.wire.number(), self.calls.borrow())
    }
}

impl Images for Sabotaged {
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>> {
        let mut images = self.wire.images(region, wanted).await?;
        if self.bug == Bug::SharedSnapshotGoes && matches!(wanted, ImageQuery::OfSnapshots(_)) {
            images.clear();
        }
        if self.bug == Bug::CopiesWithoutLooking && self.wire.function() != Function::Expire {
            images.retain(|image| !image.tags.has(tags::ORIGIN) || matches!(wanted, ImageQuery::Id(_)));
        }
        if self.bug == Bug::MovesBeforeTheLast && self.wire.function() == Function::Replicate {
            for image in images.iter_mut().filter(|image| image.tags.has(tags::ORIGIN)) {
                if image.state == ImageState::Pending && !matches!(wanted, ImageQuery::Id(_)) {
                    image.state = ImageState::Available;
                    image.tags = std::mem::take(&mut image.tags).with(tags::STAGE, "published");
                }
            }
        }
        if self.bug == Bug::RollbackUndone && self.wire.function() == Function::Reconcile {
            for image in &mut images {
                let kept = image.tags.iter().filter(|(key, _)| *key != tags::PINNED);
                image.tags = kept.collect();
            }
        }
        if self.bug == Bug::TerminatesTooEarly && self.wire.function() == Function::Capture {
            for image in images.iter_mut().filter(|image| image.state == ImageState::Pending) {
                image.state = ImageState::Available;
            }
        }
        Ok(images)
    }

    async fn create_image(&self, new: &NewImage) -> Result<ImageId> {
        if self.bug != Bug::TagsAfterCreation {
            return self.wire.create_image(new).await;
        }
        let image = self.wire.create_image(&NewImage { tags: Tags::new(), ..new.clone() }).await?;
        self.wire.tag_image(&new.region, &image, &new.tags).await?;
        Ok(image)
    }

    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId> {
        match self.bug {
            Bug::NoClientToken => {
                self.wire
                    .copy_image(&NewReplica { token: Token::of(&[&self.anything()]), ..new.clone() })
                    .await
            }
            _ => self.wire.copy_image(new).await,
        }
    }

    async fn disable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        self.wire.disable_image(region, image).await
    }

    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        self.wire.enable_image(region, image).await
    }

    async fn recycled_until(&self, region: &Region, image: &ImageId) -> Result<Option<DateTime<Utc>>> {
        self.wire.recycled_until(region, image).await
    }

    async fn deregister_image(&self, region: &Region, image: &ImageId) -> Result<Deregistration> {
        self.wire.deregister_image(region, image).await
    }

    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>> {
        self.wire.snapshots(region).await
    }

    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>> {
        self.wire.snapshots_of(region, image).await
    }

    async fn snapshot_needs(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<BTreeMap<SnapshotId, String>> {
        self.wire.snapshot_needs(region, snapshots).await
    }

    async fn recycled(&self, region: &Region) -> Result<BTreeMap<ImageId, DateTime<Utc>>> {
        self.wire.recycled(region).await
    }

    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Result<()> {
        self.wire.delete_snapshot(region, snapshot).await
    }

    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()> {
        self.wire.tag_image(region, image, tags).await
    }

    async fn tag_images(&self, region: &Region, images: &[ImageId], tags: &Tags) -> Result<()> {
        self.wire.tag_images(region, images, tags).await
    }

    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()> {
        self.wire.tag_snapshot(region, snapshot, tags).await
    }
}

impl Instances for Sabotaged {
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>> {
        let mut instances = self.wire.instances(region).await?;
        if self.wire.function() == Function::Reconcile && self.bug == Bug::SweepWithoutDeadline {
            for instance in &mut instances {
                let kept = instance.tags.iter().filter(|(key, _)| *key != tags::DEADLINE);
                instance.tags = kept.collect();
            }
        }
        Ok(instances)
    }

    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>> {
        let mut instance = self.wire.instance(region, instance).await?;
        if let Some(instance) = &mut instance
            && self.bug == Bug::TrustsTheEvent
            && instance.state == InstanceState::Stopped
        {
            instance.stop_reason = StopReason::Guest;
        }
        Ok(instance)
    }

    async fn launch(&self, new: &NewInstance) -> Result<InstanceId> {
        match self.bug {
            Bug::NoClientToken if new.tags.get(tags::ROLE) == Some("builder") => {
                let name = ImageName {
                    recipe: new.tags.read(tags::RECIPE).unwrap(),
                    version: new.tags.read(tags::VERSION).unwrap(),
                };
                let token = Token::launch(Role::Builder, &name, &self.anything());
                self.wire.launch(&NewInstance { token, ..new.clone() }).await
            }
            _ => self.wire.launch(new).await,
        }
    }

    async fn stop(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        self.wire.stop(region, instance).await
    }

    async fn start(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        self.wire.start(region, instance).await
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        self.wire.terminate(region, instance).await
    }

    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Result<()> {
        self.wire.tag_instance(region, instance, tags).await
    }

    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Result<()> {
        self.wire.untag_instance(region, instance, keys).await
    }

    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String> {
        let console = self.wire.console(region, instance).await?;
        if self.bug == Bug::TrustsTheEvent
            && let Some(of) = self.wire.instance(region, instance).await?
            && let (Some(recipe), Some(version)) = (of.tags.read(tags::RECIPE), of.tags.read(tags::VERSION))
        {
            let nonce = verdict_nonce(Role::Builder, &ImageName { recipe, version });
            return Ok(format!("kiln-verdict {nonce} 0\n"));
        }
        Ok(console)
    }

    async fn architectures(&self, region: &Region, instance_type: &str) -> Result<Vec<Architecture>> {
        self.wire.architectures(region, instance_type).await
    }
}

impl Parameters for Sabotaged {
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        let value = self.wire.parameter(region, name).await?;
        Ok(value.map(|document| self.recipe(document)))
    }

    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
        let found = self.wire.parameters_below(region, path).await?;
        Ok(found.into_iter().map(|(name, document)| (name, self.recipe(document))).collect())
    }

    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        self.wire.parameters(region, names).await
    }

    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        self.wire.put_image(region, name, image).await
    }

    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()> {
        self.wire.try_parameter(region, name).await
    }
}

impl Sharing for Sabotaged {
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<Grantee>> {
        self.wire.launch_permissions(region, image).await
    }

    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()> {
        match self.bug {
            Bug::PermissionsOnlyAdded => {
                let change = PermissionChange { remove: BTreeSet::new(), ..change.clone() };
                self.wire.change_launch(region, image, &change).await
            }
            _ => self.wire.change_launch(region, image, change).await,
        }
    }

    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Result<BTreeSet<Grantee>> {
        self.wire.volume_permissions(region, snapshot).await
    }

    async fn change_volumes(
        &self,
        region: &Region,
        snapshot: &SnapshotId,
        change: &PermissionChange,
    ) -> Result<()> {
        self.wire.change_volumes(region, snapshot, change).await
    }

    async fn deprecate(&self, region: &Region, image: &ImageId, to: Deprecation) -> Result<()> {
        self.wire.deprecate(region, image, to).await
    }

    async fn protect(&self, region: &Region, image: &ImageId) -> Result<()> {
        self.wire.protect(region, image).await
    }

    async fn unprotect(&self, region: &Region, image: &ImageId) -> Result<()> {
        self.wire.unprotect(region, image).await
    }

    async fn findings(&self, region: &Region, image: &ImageId) -> Result<Vec<Finding>> {
        self.wire.findings(region, image).await
    }
}

impl Templates for Sabotaged {
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Template>> {
        self.wire.template(region, name).await
    }

    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64> {
        self.wire.new_template_version(new).await
    }

    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()> {
        self.wire.set_default_version(region, template, number).await
    }
}

impl AccountInfo for Sabotaged {
    async fn subnets(&self, region: &Region, named: &[SubnetId]) -> Result<Vec<Subnet>> {
        self.wire.subnets(region, named).await
    }

    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>> {
        self.wire.enabled_regions(home).await
    }

    async fn key(&self, region: &Region, key: &str) -> Result<Option<Key>> {
        self.wire.key(region, key).await
    }

    async fn default_encryption(&self, region: &Region) -> Result<DefaultEncryption> {
        self.wire.default_encryption(region).await
    }

    async fn public_images(&self, region: &Region) -> Result<PublicImages> {
        self.wire.public_images(region).await
    }

    async fn vcpus(&self, region: &Region, instance_type: &str) -> Result<Option<Vcpus>> {
        self.wire.vcpus(region, instance_type).await
    }
}

impl Sabotaged {
    fn recipe(&self, document: String) -> String {
        match self.bug {
            Bug::KeepsOneFewer => document.replace("keep = 2", "keep = 1").replace("keep = 3", "keep = 2"),
            _ => document,
        }
    }
}

impl Bus for Sabotaged {
    async fn send(&self, envelopes: &[Envelope], now: DateTime<Utc>) -> Result<()> {
        self.wire.send(envelopes, now).await
    }
}
