//! The in-memory cloud: what EC2 and Parameter Store hold, and what a call does to it, at a moment.
//!
//! Nothing here waits, fails by chance or lags: time, faults and stale reads are the wire's (`cloud.rs`). What is
//! modelled of AWS, and where it is documented, stands in the table of [`super`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kiln::cloud::image::Deletion;
use kiln::cloud::usage::Names;
use kiln::cloud::{
    Architecture, CloudError, Cloudly, Deregistration, Image, ImageState, Instance, InstanceState,
    NewBuilder, NewImage, NewReplica, Protection, Snapshot, SnapshotDeletion, StopCause, TemplateVersion,
    Use, Wanted,
};
use kiln::domain::{ImageId, InstanceId, Origin, Region, SnapshotId, Tags, tags};

use super::held::Held;

/// An instance and what is behind it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// As EC2 describes it.
    pub instance: Instance,
    /// What stands on its console, once EC2 has posted it.
    pub console: String,
}

/// A launch template's version.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// The image that its one version names.
    pub image: ImageId,
}

/// What one Region holds.
#[derive(Debug, Clone, Default)]
pub struct Ec2 {
    /// The images.
    pub images: BTreeMap<ImageId, Held<Image>>,
    /// The snapshots.
    pub snapshots: BTreeMap<SnapshotId, Held<Snapshot>>,
    /// The instances.
    pub machines: BTreeMap<InstanceId, Held<Machine>>,
    /// The launch templates.
    pub templates: BTreeMap<String, Held<Template>>,
    /// The client tokens that were used, with what the call asked for and the id that it made.
    tokens: BTreeMap<String, (String, String)>,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The Regions.
    pub regions: BTreeMap<Region, Ec2>,
    /// The parameters of the home Region.
    pub parameters: BTreeMap<String, String>,
    made: u64,
}

/// How many volumes every instance has.
const VOLUMES: usize = 2;

fn error(operation: &'static str, on: impl ToString, region: &Region, code: &str, why: &str) -> CloudError {
    CloudError::new(operation, on.to_string(), region, code, why)
}

fn image_of<'a>(account: &'a mut Account, region: &Region, id: &ImageId) -> &'a mut Held<Image> {
    account.region(region).images.get_mut(id).unwrap()
}

impl Account {
    fn id<T: std::str::FromStr>(&mut self, prefix: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        self.made += 1;
        format!("{prefix}-{:017x}", self.made).parse().unwrap()
    }

    /// How many things were made so far.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// One Region; made when it is first asked for.
    pub fn region(&mut self, region: &Region) -> &mut Ec2 {
        self.regions.entry(region.clone()).or_default()
    }

    /// An image that nobody baked, with its snapshot.
    pub fn register(&mut self, region: &Region, name: &str, tags: Tags, now: DateTime<Utc>) -> ImageId {
        let snapshots = self.snapshots(region, &Tags::new(), 1, now);
        for snapshot in &snapshots {
            self.region(region).complete(snapshot, now);
        }
        self.image(region, name, tags, ImageState::Available, snapshots, now)
    }

    fn image(
        &mut self,
        region: &Region,
        name: &str,
        tags: Tags,
        state: ImageState,
        snapshots: Vec<SnapshotId>,
        now: DateTime<Utc>,
    ) -> ImageId {
        let id: ImageId = self.id("ami");
        let image = Image {
            id: id.clone(),
            region: region.clone(),
            name: name.to_owned(),
            state,
            state_reason: String::new(),
            created: Some(now),
            deprecated: None,
            architecture: Architecture("arm64".into()),
            root_on_ebs: true,
            protection: Protection::Off,
            source_instance: None,
            source_image: None,
            snapshots,
            lasting_devices: Vec::new(),
            tags,
        };
        self.region(region).images.insert(id.clone(), Held::new(now, image));
        id
    }

    fn snapshots(
        &mut self,
        region: &Region,
        tags: &Tags,
        count: usize,
        now: DateTime<Utc>,
    ) -> Vec<SnapshotId> {
        let ids: Vec<SnapshotId> = (0..count).map(|_| self.id("snap")).collect();
        for id in &ids {
            let snapshot = Snapshot {
                id: id.clone(),
                region: region.clone(),
                started: Some(now),
                completed: false,
                tags: tags.clone(),
            };
            self.region(region).snapshots.insert(id.clone(), Held::new(now, snapshot));
        }
        ids
    }

    /// An instance that somebody launched.
    pub fn run(
        &mut self,
        region: &Region,
        image: &ImageId,
        state: InstanceState,
        tags: Tags,
        now: DateTime<Utc>,
    ) -> InstanceId {
        let id: InstanceId = self.id("i");
        let instance = Instance {
            id: id.clone(),
            region: region.clone(),
            state,
            stop_cause: StopCause::Unknown,
            image: Some(image.clone()),
            launched: Some(now),
            token: String::new(),
            tags,
        };
        let machine = Machine { instance, console: String::new() };
        self.region(region).machines.insert(id.clone(), Held::new(now, machine));
        id
    }

    /// RunInstances. The token holds for ever, answers for what it made, and refuses another call.
    pub fn launch(&mut self, new: &NewBuilder, now: DateTime<Utc>) -> Cloudly<InstanceId> {
        let call = "RunInstances";
        let asked = format!("{:?}", (&new.image, &new.instance_type, &new.subnet, &new.user_data, &new.tags));
        let ec2 = self.region(&new.region);
        if let Some(before) = ec2.token(call, new.token.as_str(), &asked, &new.region)? {
            let id: InstanceId = before.parse().unwrap();
            let state = ec2.machines.get(&id).and_then(Held::now).map(|machine| machine.instance.state);
            return match state {
                None | Some(InstanceState::Gone) => {
                    Err(error(call, &id, &new.region, "IdempotentInstanceTerminated", "it is terminated"))
                }
                Some(_) => Ok(id),
            };
        }
        match ec2.images.get(&new.image).and_then(Held::now).map(|image| &image.state) {
            Some(ImageState::Available) => {}
            Some(_) => {
                return Err(error(
                    call,
                    &new.image,
                    &new.region,
                    "InvalidAMIID.Unavailable",
                    "not available",
                ));
            }
            None => {
                return Err(error(call, &new.image, &new.region, "InvalidAMIID.NotFound", "no such image"));
            }
        }
        let id = self.run(&new.region, &new.image, InstanceState::Pending, new.tags.clone(), now);
        let ec2 = self.region(&new.region);
        ec2.change(&id, now, |machine| machine.instance.token = new.token.to_string());
        ec2.tokens.insert(new.token.to_string(), (asked, id.to_string()));
        Ok(id)
    }

    /// CreateImage. There is no token; the name is unique among the account's images of the Region.
    pub fn create_image(&mut self, new: &NewImage, now: DateTime<Utc>) -> Cloudly<ImageId> {
        let call = "CreateImage";
        let ec2 = self.region(&new.region);
        let machine = ec2.machines.get(&new.instance).and_then(Held::now);
        match machine.map(|machine| machine.instance.state) {
            Some(InstanceState::Stopped | InstanceState::Running | InstanceState::Stopping) => {}
            Some(_) => {
                let why = "Instance is not in state 'running' or 'stopping' or 'stopped'";
                return Err(error(call, &new.instance, &new.region, "InvalidParameterValue", why));
            }
            None => {
                return Err(error(
                    call,
                    &new.instance,
                    &new.region,
                    "InvalidInstanceID.NotFound",
                    "not there",
                ));
            }
        }
        if ec2.images.values().filter_map(Held::now).any(|image| image.name == new.name) {
            return Err(error(call, &new.name, &new.region, "InvalidAMIName.Duplicate", "the name is taken"));
        }
        let id = self.pending(&new.region, &new.name, &new.tags, now);
        let base = self.region(&new.region).machines[&new.instance]
            .now()
            .and_then(|machine| machine.instance.image.clone());
        image_of(self, &new.region, &id).change(now, |image| {
            image.source_instance = Some(new.instance.clone());
            image.source_image = base.map(|image| Origin { region: new.region.clone(), image });
        });
        Ok(id)
    }

    /// CopyImage. Names may repeat; the token holds for ever and answers even for an image that is gone.
    pub fn copy_image(&mut self, new: &NewReplica, now: DateTime<Utc>) -> Cloudly<ImageId> {
        let call = "CopyImage";
        let asked = format!("{:?}", (&new.image, &new.from, &new.name, &new.tags, &new.encryption));
        if let Some(before) = self.region(&new.region).token(call, new.token.as_str(), &asked, &new.region)? {
            return Ok(before.parse().unwrap());
        }
        match self.region(&new.from).images.get(&new.image).and_then(Held::now).map(|image| &image.state) {
            Some(ImageState::Available) => {}
            Some(_) => {
                return Err(error(
                    call,
                    &new.image,
                    &new.region,
                    "InvalidAMIID.Unavailable",
                    "not available",
                ));
            }
            None => {
                return Err(error(call, &new.image, &new.region, "InvalidAMIID.NotFound", "no such image"));
            }
        }
        let id = self.pending(&new.region, &new.name, &new.tags, now);
        image_of(self, &new.region, &id).change(now, |image| {
            image.source_image = Some(Origin { region: new.from.clone(), image: new.image.clone() });
        });
        self.region(&new.region).tokens.insert(new.token.to_string(), (asked, id.to_string()));
        Ok(id)
    }

    fn pending(&mut self, region: &Region, name: &str, tags: &Tags, now: DateTime<Utc>) -> ImageId {
        let snapshots = self.snapshots(region, tags, VOLUMES, now);
        self.image(region, name, tags.clone(), ImageState::Pending, snapshots, now)
    }

    /// All things that exist, for whoever checks the whole.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.regions.values().flat_map(|ec2| ec2.images.values()).filter_map(Held::now)
    }
}

impl Ec2 {
    fn token(
        &self,
        call: &'static str,
        token: &str,
        asked: &str,
        region: &Region,
    ) -> Cloudly<Option<String>> {
        match self.tokens.get(token) {
            None => Ok(None),
            Some((before, id)) if before == asked => Ok(Some(id.clone())),
            Some(_) => Err(error(call, token, region, "IdempotentParameterMismatch", "another call had it")),
        }
    }

    fn complete(&mut self, snapshot: &SnapshotId, now: DateTime<Utc>) {
        if let Some(held) = self.snapshots.get_mut(snapshot) {
            held.change(now, |snapshot| snapshot.completed = true);
        }
    }

    /// The making of an image comes to its end. Tells whether there is such an image, still being made.
    pub fn finish(
        &mut self,
        id: &ImageId,
        failed: Option<&str>,
        loses_snapshots: bool,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(image) = self.images.get(id).and_then(Held::now).cloned() else { return false };
        if image.state != ImageState::Pending {
            return false;
        }
        // Its builder must live until it is done.
        let builder = image.source_instance.as_ref().and_then(|id| self.machines.get(id)?.now());
        let gone = image.source_instance.is_some()
            && builder.is_none_or(|machine| machine.instance.state == InstanceState::Gone);
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

    /// DescribeImages, of the account's own, as it was at a moment.
    pub fn described(&self, wanted: &Wanted, at: DateTime<Utc>) -> Vec<Image> {
        let fits = |image: &&Image| match wanted {
            Wanted::AllOfKilns => image.tags.has(tags::RECIPE),
            Wanted::Tagged(tags) => tags.iter().all(|(key, value)| image.tags.get(key) == Some(value)),
            Wanted::Named(name) => image.name == *name,
            Wanted::Id(id) => image.id == *id,
            Wanted::Newest { name, .. } => image.name == *name && image.state == ImageState::Available,
            Wanted::OfSnapshots(ids) => image.snapshots.iter().any(|snapshot| ids.contains(snapshot)),
        };
        self.images.values().filter_map(|held| held.at(at)).filter(fits).cloned().collect()
    }

    /// DescribeInstances of those that bear Kiln's tag.
    pub fn kilns_instances(&self, at: DateTime<Utc>) -> Vec<Instance> {
        let seen = self.machines.values().filter_map(|held| held.at(at)).map(|machine| &machine.instance);
        seen.filter(|instance| instance.tags.has(tags::RECIPE)).cloned().collect()
    }

    /// The instances that were launched from any of these images and are not terminated.
    pub fn instances_of(&self, images: &[ImageId], at: DateTime<Utc>) -> Vec<Use> {
        let seen = self.machines.values().filter_map(|held| held.at(at)).map(|machine| &machine.instance);
        seen.filter(|instance| instance.state != InstanceState::Gone)
            .filter_map(|instance| {
                let image = instance.image.as_ref().filter(|image| images.contains(image))?;
                Some(Use { image: image.clone(), instance: instance.id.clone() })
            })
            .collect()
    }

    /// Every version of every launch template.
    pub fn template_versions(&self, at: DateTime<Utc>) -> Vec<TemplateVersion> {
        self.templates
            .values()
            .filter_map(|held| held.at(at))
            .map(|template| TemplateVersion {
                template: template.id.clone(),
                number: 1,
                names: Names::Image(template.image.clone()),
            })
            .collect()
    }

    /// DescribeSnapshots of those that bear Kiln's tag.
    pub fn kilns_snapshots(&self, at: DateTime<Utc>) -> Vec<Snapshot> {
        let seen = self.snapshots.values().filter_map(|held| held.at(at));
        seen.filter(|snapshot| snapshot.tags.has(tags::RECIPE)).cloned().collect()
    }

    /// DisableImage.
    pub fn disable(&mut self, region: &Region, id: &ImageId, now: DateTime<Utc>) -> Cloudly<()> {
        let call = "DisableImage";
        let Some(held) = self.images.get_mut(id).filter(|held| held.now().is_some()) else {
            return Err(error(call, id, region, "InvalidAMIID.NotFound", "no such image"));
        };
        match held.now().map(|image| &image.state) {
            Some(ImageState::Disabled | ImageState::Available) => {
                held.change(now, |image| image.state = ImageState::Disabled);
                Ok(())
            }
            _ => Err(error(call, id, region, "IncorrectState", "it cannot be disabled")),
        }
    }

    /// DeregisterImage with its snapshots; `keeps` tells of a snapshot whether, and with which code, it stays.
    pub fn deregister(
        &mut self,
        id: &ImageId,
        now: DateTime<Utc>,
        mut keeps: impl FnMut(&SnapshotId) -> Option<&'static str>,
    ) -> Deregistration {
        let Some(image) = self.images.get(id).and_then(Held::now).cloned() else {
            return Deregistration::Before;
        };
        self.images.get_mut(id).unwrap().remove(now);
        let mut outcome = |ec2: &mut Self, snapshot: &SnapshotId| {
            let shared =
                ec2.images.values().filter_map(Held::now).any(|image| image.snapshots.contains(snapshot));
            if shared {
                return Deletion::UsedElsewhere;
            }
            if let Some(code) = keeps(snapshot) {
                return Deletion::Failed(code.to_owned());
            }
            if let Some(held) = ec2.snapshots.get_mut(snapshot) {
                held.remove(now);
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
    pub fn delete_snapshot(&mut self, region: &Region, id: &SnapshotId, now: DateTime<Utc>) -> Cloudly<()> {
        if self.images.values().filter_map(Held::now).any(|image| image.snapshots.contains(id)) {
            return Err(error("DeleteSnapshot", id, region, "InvalidSnapshot.InUse", "an image uses it"));
        }
        if let Some(held) = self.snapshots.get_mut(id) {
            held.remove(now);
        }
        Ok(())
    }

    /// The state of an instance.
    pub fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        Some(self.machines.get(id)?.now()?.instance.state)
    }

    /// Changes an instance.
    pub fn change(&mut self, id: &InstanceId, now: DateTime<Utc>, change: impl FnOnce(&mut Machine)) {
        if let Some(held) = self.machines.get_mut(id) {
            held.change(now, change);
        }
    }

    /// Puts an instance into another state.
    pub fn become_state(&mut self, id: &InstanceId, now: DateTime<Utc>, state: InstanceState) {
        self.change(id, now, |machine| machine.instance.state = state);
    }
}
