//! What EC2 and Parameter Store hold in one Region, and how a call changes it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kiln_core::inventory::image::Deletion;
use kiln_core::inventory::usage::{PinnedVersion, Referrer, Target};
use kiln_core::inventory::{
    CloudError, Deregistration, Description, Grantee, Image, ImageQuery, ImageState, Instance, InstanceState,
    MadeFor, MadeFrom, Reference, Result, Seal, Snapshot, SnapshotDeletion,
};
use kiln_core::model::{ImageId, InstanceId, Region, SnapshotId, Tags, tags};

use super::account::seals;
use super::account_parameters::OfAccounts;
use super::history::History;
use super::other_accounts::OtherAccounts;
use super::templates::Template;

/// An instance and its console.
#[derive(Debug, Clone)]
pub struct Machine {
    /// As EC2 describes it.
    pub instance: Instance,
    /// The console output, once EC2 has posted it.
    pub console: String,
}

/// What one Region holds.
#[derive(Debug, Clone, Default)]
pub struct Ec2 {
    /// The images.
    pub images: BTreeMap<ImageId, History<Image>>,
    /// The snapshots.
    pub snapshots: BTreeMap<SnapshotId, History<Snapshot>>,
    /// The instances.
    pub machines: BTreeMap<InstanceId, History<Machine>>,
    /// The launch templates.
    pub templates: BTreeMap<String, History<Template>>,
    /// The Auto Scaling groups, each with the version of a launch template that it names by number.
    pub groups: BTreeMap<String, History<PinnedVersion>>,
    /// Who may launch each image.
    pub launch_permissions: BTreeMap<ImageId, BTreeSet<Grantee>>,
    /// Who may make volumes of each snapshot.
    pub volume_permissions: BTreeMap<SnapshotId, BTreeSet<Grantee>>,
    /// How other accounts use images, and the reports about it.
    pub other_accounts: OtherAccounts,
    /// The snapshots that were created for each image.
    pub made_for: BTreeMap<ImageId, BTreeSet<SnapshotId>>,
    /// The image that each parameter of type `aws:ec2:image` names.
    pub parameters_shown: BTreeMap<String, History<ImageId>>,
    /// How often each of these parameters was written.
    pub put_counts: BTreeMap<String, u64>,
    /// The images that parameters of other accounts name.
    pub account_parameters: OfAccounts,
    /// How often each of those was written.
    pub account_puts: BTreeMap<(String, String), u64>,
    /// The tags of each resource as they were written. An image, snapshot or instance above has those that count.
    pub(crate) tags: BTreeMap<String, Tags>,
    /// The description of each image, if somebody wrote one.
    pub(crate) descriptions: BTreeMap<ImageId, String>,
    /// The client tokens that were used, with the request and the id of what it created.
    pub(crate) tokens: BTreeMap<String, (String, String)>,
}

impl Ec2 {
    fn add_tags(&mut self, resource: &str, tags: &Tags) -> Tags {
        let written = self.tags.entry(resource.to_owned()).or_default();
        *written = std::mem::take(written).and(tags);
        written.clone()
    }

    /// CreateTags on an image, by whomever.
    pub fn tag_image(&mut self, id: &ImageId, tags: &Tags, now: DateTime<Utc>) {
        let written = self.add_tags(id.as_str(), tags);
        let description = self.descriptions.get(id).map(|text| Description::unread(text));
        if let Some(history) = self.images.get_mut(id) {
            history.change(now, |image| {
                image.tags = written;
                image.description = description;
                seals().open_image(image);
            });
        }
    }

    /// ModifyImageAttribute of the description.
    pub fn describe_image(&mut self, id: &ImageId, text: String, now: DateTime<Utc>) {
        self.descriptions.insert(id.clone(), text);
        self.tag_image(id, &Tags::new(), now);
    }

    /// CreateTags on a snapshot, by whomever.
    pub fn tag_snapshot(&mut self, id: &SnapshotId, tags: &Tags, now: DateTime<Utc>) {
        let written = self.add_tags(id.as_str(), tags);
        if let Some(history) = self.snapshots.get_mut(id) {
            history.change(now, |snapshot| {
                snapshot.tags = written;
                seals().open_snapshot(snapshot);
            });
        }
    }

    /// Checks the seals of an image that was just created, and of its snapshots, now that EC2 says what it was made from.
    pub(crate) fn open_created(&mut self, id: &ImageId, from: &MadeFrom, now: DateTime<Utc>) {
        for snapshot in self.made_for.get(id).cloned().unwrap_or_default() {
            if let Some(history) = self.snapshots.get_mut(&snapshot) {
                let made_for = MadeFor { image: id.clone(), from: from.clone() };
                history.change(now, |snapshot| snapshot.made_for = Some(made_for));
            }
            self.tag_snapshot(&snapshot, &Tags::new(), now);
        }
        self.tag_image(id, &Tags::new(), now);
    }

    /// Checks the client token of an instance that was just launched.
    pub(crate) fn open_instance(&mut self, id: &InstanceId, now: DateTime<Utc>) {
        self.tag_instance(id, &Tags::new(), &[], now);
    }

    /// CreateTags and DeleteTags on an instance.
    pub fn tag_instance(&mut self, id: &InstanceId, add: &Tags, remove: &[&str], now: DateTime<Utc>) {
        let written = self.add_tags(id.as_str(), add);
        let kept: Tags = written.iter().filter(|(key, _)| !remove.contains(key)).collect();
        self.tags.insert(id.to_string(), kept.clone());
        self.change(id, now, |machine| {
            machine.instance.tags = kept;
            machine.instance.seal = Seal::Missing;
            seals().open_instance(&mut machine.instance);
        });
    }

    pub(crate) fn token(
        &self,
        call: &'static str,
        token: &str,
        asked: &str,
        region: &Region,
    ) -> Result<Option<String>> {
        match self.tokens.get(token) {
            None => Ok(None),
            Some((before, id)) if before == asked => Ok(Some(id.clone())),
            Some(_) => Err(error(call, token, region, "IdempotentParameterMismatch", "another call had it")),
        }
    }

    /// Checks that an image is available, so that it can be launched or copied.
    pub(crate) fn check_available(
        &self,
        call: &'static str,
        image: &ImageId,
        asked_in: &Region,
    ) -> Result<()> {
        match self.images.get(image).and_then(History::now).map(|image| &image.state) {
            Some(ImageState::Available) => Ok(()),
            Some(_) => Err(error(call, image, asked_in, "InvalidAMIID.Unavailable", "not available")),
            None => Err(error(call, image, asked_in, "InvalidAMIID.NotFound", "no such image")),
        }
    }

    pub(crate) fn complete(&mut self, snapshot: &SnapshotId, now: DateTime<Utc>) {
        if let Some(history) = self.snapshots.get_mut(snapshot) {
            history.change(now, |snapshot| snapshot.completed = true);
        }
    }

    /// Ends the creation of a pending image. Returns whether there was such an image.
    pub fn finish(
        &mut self,
        id: &ImageId,
        failed: Option<&str>,
        loses_snapshots: bool,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(image) = self.images.get(id).and_then(History::now).cloned() else { return false };
        if image.state != ImageState::Pending {
            return false;
        }
        // The image fails if its builder was terminated meanwhile.
        let builder = image.source_instance.as_ref().and_then(|id| self.machines.get(id)?.now());
        let gone = image.source_instance.is_some()
            && builder.is_none_or(|machine| machine.instance.state == InstanceState::Terminated);
        let why = if gone { Some("Client.InstanceTerminated") } else { failed };
        for snapshot in &image.snapshots {
            self.complete(snapshot, now);
        }
        self.images.get_mut(id).unwrap().change(now, |image| match why {
            Some(why) => {
                image.state = ImageState::Failed;
                image.state_reason = why.to_owned();
                if loses_snapshots {
                    image.snapshots.clear();
                }
            }
            None => image.state = ImageState::Available,
        });
        true
    }

    /// DescribeImages of the account's own images, at a moment.
    pub fn described(&self, wanted: &ImageQuery, at: DateTime<Utc>) -> Vec<Image> {
        let fits = |image: &&Image| match wanted {
            ImageQuery::AllManaged => image.tags.has(tags::RECIPE),
            ImageQuery::Tagged(tags) => tags.iter().all(|(key, value)| image.tags.get(key) == Some(value)),
            ImageQuery::Named(name) => image.name == *name,
            ImageQuery::AnyNamed(names) => names.contains(&image.name),
            ImageQuery::Id(id) => image.id == *id,
            ImageQuery::Newest { name, .. } => image.name == *name && image.state == ImageState::Available,
            ImageQuery::OfSnapshots(ids) => image.snapshots.iter().any(|snapshot| ids.contains(snapshot)),
            ImageQuery::BakedFrom(ids) => image.tags.read(tags::BASE).is_some_and(|base| ids.contains(&base)),
        };
        self.images.values().filter_map(|history| history.at(at)).filter(fits).cloned().collect()
    }

    /// DescribeInstances of those with the tag `kiln:recipe`.
    pub fn tagged_instances(&self, at: DateTime<Utc>) -> Vec<Instance> {
        let seen =
            self.machines.values().filter_map(|history| history.at(at)).map(|machine| &machine.instance);
        seen.filter(|instance| instance.tags.has(tags::RECIPE)).cloned().collect()
    }

    /// The instances that were launched from any of these images and are not terminated.
    pub fn instances_of(&self, images: &[ImageId], at: DateTime<Utc>) -> Vec<Reference> {
        let seen =
            self.machines.values().filter_map(|history| history.at(at)).map(|machine| &machine.instance);
        seen.filter(|instance| instance.state != InstanceState::Terminated)
            .filter_map(|instance| {
                let image = instance.image.as_ref().filter(|image| images.contains(image))?;
                let by = Referrer::Instance(instance.id.clone());
                Some(Reference { names: Target::Image(image.clone()), by })
            })
            .collect()
    }

    /// DescribeImageReferences.
    pub fn references(&self, region: &Region, images: &[ImageId], at: DateTime<Utc>) -> Vec<Reference> {
        let shown = self.parameters_shown.iter().filter_map(|(name, history)| {
            let names = Target::Image(history.at(at)?.clone());
            Some(Reference { names, by: Referrer::Parameter(name.clone()) })
        });
        let named = self.named_by_templates(region, at).into_iter().chain(shown);
        let named = named.filter(|one| matches!(&one.names, Target::Image(image) if images.contains(image)));
        named.chain(self.instances_of(images, at)).collect()
    }

    /// DescribeSnapshots of those with the tag `kiln:recipe`.
    pub fn tagged_snapshots(&self, at: DateTime<Utc>) -> Vec<Snapshot> {
        let seen = self.snapshots.values().filter_map(|history| history.at(at));
        seen.filter(|snapshot| snapshot.tags.has(tags::RECIPE)).cloned().collect()
    }

    /// DisableImage.
    pub fn disable(&mut self, region: &Region, id: &ImageId, now: DateTime<Utc>) -> Result<()> {
        let call = "DisableImage";
        let Some(history) = self.images.get_mut(id).filter(|history| history.now().is_some()) else {
            return Err(error(call, id, region, "InvalidAMIID.NotFound", "no such image"));
        };
        match history.now().map(|image| &image.state) {
            Some(ImageState::Disabled | ImageState::Available) => {
                history.change(now, |image| image.state = ImageState::Disabled);
                // A disabled image loses its launch permissions, and enabling it does not restore them.
                self.launch_permissions.remove(id);
                Ok(())
            }
            _ => Err(error(call, id, region, "IncorrectState", "it cannot be disabled")),
        }
    }

    /// EnableImage. The image is available again, for its owner only.
    pub fn enable(&mut self, region: &Region, id: &ImageId, now: DateTime<Utc>) -> Result<()> {
        let call = "EnableImage";
        let Some(history) = self.images.get_mut(id).filter(|history| history.now().is_some()) else {
            return Err(error(call, id, region, "InvalidAMIID.NotFound", "no such image"));
        };
        match history.now().map(|image| &image.state) {
            Some(ImageState::Disabled | ImageState::Available) => {
                history.change(now, |image| image.state = ImageState::Available);
                Ok(())
            }
            _ => Err(error(call, id, region, "IncorrectState", "it cannot be enabled")),
        }
    }

    /// DeregisterImage with deletion of its snapshots. `stays` returns the error code for a snapshot that is not
    /// deleted.
    pub fn deregister(
        &mut self,
        id: &ImageId,
        now: DateTime<Utc>,
        mut stays: impl FnMut(&SnapshotId) -> Option<&'static str>,
    ) -> Deregistration {
        let Some(image) = self.images.get(id).and_then(History::now).cloned() else {
            return Deregistration::Before;
        };
        self.images.get_mut(id).unwrap().remove(now);
        let mut outcome = |ec2: &mut Self, snapshot: &SnapshotId| {
            let shared =
                ec2.images.values().filter_map(History::now).any(|image| image.snapshots.contains(snapshot));
            if shared {
                return Deletion::UsedElsewhere;
            }
            if let Some(code) = stays(snapshot) {
                return Deletion::Failed(code.to_owned());
            }
            if let Some(history) = ec2.snapshots.get_mut(snapshot) {
                history.remove(now);
            }
            Deletion::Deleted
        };
        let deletions = image.snapshots.iter().map(|snapshot| SnapshotDeletion {
            snapshot: snapshot.clone(),
            outcome: outcome(self, snapshot),
        });
        Deregistration::Now(deletions.collect())
    }

    /// DeleteSnapshot.
    pub fn delete_snapshot(&mut self, region: &Region, id: &SnapshotId, now: DateTime<Utc>) -> Result<()> {
        if self.images.values().filter_map(History::now).any(|image| image.snapshots.contains(id)) {
            return Err(error("DeleteSnapshot", id, region, "InvalidSnapshot.InUse", "an image uses it"));
        }
        if let Some(history) = self.snapshots.get_mut(id) {
            history.remove(now);
        }
        Ok(())
    }

    /// The state of an instance.
    pub fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        Some(self.machines.get(id)?.now()?.instance.state)
    }

    /// Changes an instance.
    pub fn change(&mut self, id: &InstanceId, now: DateTime<Utc>, change: impl FnOnce(&mut Machine)) {
        if let Some(history) = self.machines.get_mut(id) {
            history.change(now, change);
        }
    }

    /// Puts an instance into another state.
    pub fn set_state(&mut self, id: &InstanceId, now: DateTime<Utc>, state: InstanceState) {
        self.change(id, now, |machine| machine.instance.state = state);
    }
}

/// An error of EC2.
pub(crate) fn error(
    operation: &'static str,
    on: impl ToString,
    region: &Region,
    code: &str,
    why: &str,
) -> CloudError {
    CloudError::new(operation, on.to_string(), region, code, why)
}
