//! The in-memory account: what EC2 and Parameter Store hold, and how a call changes it.
//!
//! Nothing here waits, fails by chance or answers with an old state; `cloud.rs` adds time, faults and stale reads.
//! The assumptions about AWS, with their sources, are listed in the page on assumptions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use kiln_core::inventory::{
    Architecture, Features, Image, ImageState, Instance, InstanceState, MadeFor, MadeFrom, NewImage,
    NewInstance, NewReplica, Platform, Protection, Result, Seal, Snapshot, StopReason,
};
use kiln_core::model::{
    ImageId, ImageRecord, InstanceId, Origin, Region, SealKeys, SnapshotId, SubnetId, Tags,
};

use super::ec2::{Ec2, Machine, error};
use super::history::History;
use super::watermarks;

/// The keys of the seals of the one Kiln in this account.
pub fn seals() -> &'static SealKeys {
    static SEALS: LazyLock<SealKeys> = LazyLock::new(|| SealKeys::new([7; 32]));
    &SEALS
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The Regions.
    pub regions: BTreeMap<Region, Ec2>,
    /// The parameters of the home Region.
    pub parameters: BTreeMap<String, String>,
    /// What lies in the stack's bucket.
    pub objects: BTreeMap<String, Vec<u8>>,
    created: u64,
}

/// The number of volumes of each instance.
const VOLUMES: usize = 2;

/// The zone of a subnet: its last letter.
pub(crate) fn zone_of(region: &Region, subnet: &SubnetId) -> String {
    format!("{region}{}", &subnet.as_str()[subnet.as_str().len() - 1..])
}

fn image_of<'a>(account: &'a mut Account, region: &Region, id: &ImageId) -> &'a mut History<Image> {
    account.region(region).images.get_mut(id).unwrap()
}

impl Account {
    fn id<T: std::str::FromStr>(&mut self, prefix: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        self.created += 1;
        format!("{prefix}-{:017x}", self.created).parse().unwrap()
    }

    /// How many resources were created so far.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// One Region. It is created at its first use.
    pub fn region(&mut self, region: &Region) -> &mut Ec2 {
        self.regions.entry(region.clone()).or_default()
    }

    /// RegisterImage: an available image that Kiln did not bake, with one snapshot.
    pub fn register(&mut self, region: &Region, name: &str, tags: Tags, now: DateTime<Utc>) -> ImageId {
        let snapshots = self.snapshots(region, &Tags::new(), 1, now);
        for snapshot in &snapshots {
            self.region(region).complete(snapshot, now);
        }
        self.image(region, name, tags, ImageState::Available, snapshots, now)
    }

    /// Makes an image look as if CreateImage had made it from an instance.
    pub fn set_source_instance(&mut self, region: &Region, image: &ImageId, now: DateTime<Utc>) {
        let instance = self.id("i");
        image_of(self, region, image).change(now, |image| image.source_instance = Some(instance));
    }

    /// Tags an image with the record that Kiln would have written on it in the past.
    pub fn set_record(&mut self, region: &Region, image: &ImageId, record: &ImageRecord, now: DateTime<Utc>) {
        let sealed = seals().tags_of_record(region, image, record, &record.write());
        self.region(region).tag_image(image, &sealed, now);
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
            owner: "123456789012".into(),
            name: name.to_owned(),
            state,
            state_reason: String::new(),
            created: Some(now),
            last_launched: None,
            deprecated: None,
            architecture: Architecture("arm64".into()),
            root_on_ebs: true,
            protection: Protection::Off,
            source_instance: None,
            source_image: None,
            features: Features::default(),
            product_codes: Vec::new(),
            watermarks: Vec::new(),
            scanned: None,
            snapshots: snapshots.clone(),
            gib: 16,
            devices: Box::default(),
            tags: tags.clone(),
            seal: Seal::Missing,
            description: None,
        };
        let ec2 = self.region(region);
        ec2.tags.insert(id.to_string(), tags);
        for snapshot in &snapshots {
            if let Some(history) = ec2.snapshots.get_mut(snapshot) {
                history.change(now, |snapshot| {
                    snapshot.made_for =
                        Some(MadeFor { image: id.clone(), from: MadeFrom::Image(id.clone()) });
                });
            }
        }
        ec2.made_for.insert(id.clone(), snapshots.into_iter().collect());
        ec2.images.insert(id.clone(), History::new(now, image));
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
                made_for: None,
                full_bytes: None,
                tags: tags.clone(),
                seal: Seal::Missing,
            };
            self.region(region).tags.insert(id.to_string(), tags.clone());
            self.region(region).snapshots.insert(id.clone(), History::new(now, snapshot));
        }
        ids
    }

    /// Adds an instance that runs from an image, without any check.
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
            stop_reason: StopReason::Unknown,
            image: Some(image.clone()),
            platform: Platform::Linux,
            zone: Some("us-east-1a".into()),
            launched: Some(now),
            token: String::new(),
            subnet: None,
            tags: tags.clone(),
            seal: Seal::Missing,
        };
        self.region(region).tags.insert(id.to_string(), tags);
        let machine = Machine { instance, console: String::new() };
        self.region(region).machines.insert(id.clone(), History::new(now, machine));
        id
    }

    /// RunInstances. A client token never expires: the same call returns the same instance, and another call with it is
    /// an error.
    pub fn launch(&mut self, new: &NewInstance, token: &str, now: DateTime<Utc>) -> Result<InstanceId> {
        let call = "RunInstances";
        let links = new.program.needs_network().then_some(now);
        let asked = (&new.image, &new.instance_type, &new.subnet, &new.program, links, &new.tags);
        let asked = format!("{asked:?}");
        let ec2 = self.region(&new.region);
        if let Some(before) = ec2.token(call, token, &asked, &new.region)? {
            let id: InstanceId = before.parse().unwrap();
            let state = ec2.machines.get(&id).and_then(History::now).map(|machine| machine.instance.state);
            return match state {
                None | Some(InstanceState::Terminated) => {
                    Err(error(call, &id, &new.region, "IdempotentInstanceTerminated", "it is terminated"))
                }
                Some(_) => Ok(id),
            };
        }
        ec2.check_available(call, &new.image, &new.region)?;
        let id = self.run(&new.region, &new.image, InstanceState::Pending, new.tags.clone(), now);
        let ec2 = self.region(&new.region);
        let zone = new.subnet.as_ref().map(|subnet| zone_of(&new.region, subnet));
        ec2.change(&id, now, |machine| {
            machine.instance.token = token.to_owned();
            machine.instance.subnet = new.subnet.clone();
            machine.instance.zone = zone.or(machine.instance.zone.take());
        });
        ec2.tokens.insert(token.to_owned(), (asked, id.to_string()));
        ec2.open_instance(&id, now);
        Ok(id)
    }

    /// CreateImage. It has no client token; the name is unique among the account's images of the Region.
    pub fn create_image(&mut self, new: &NewImage, now: DateTime<Utc>) -> Result<ImageId> {
        let call = "CreateImage";
        let ec2 = self.region(&new.region);
        let machine = ec2.machines.get(&new.instance).and_then(History::now);
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
        if ec2.images.values().filter_map(History::now).any(|image| image.name == new.name) {
            return Err(error(call, &new.name, &new.region, "InvalidAMIName.Duplicate", "the name is taken"));
        }
        let id = self.pending(&new.region, &new.name, &new.tags, now);
        let base = self.region(&new.region).machines[&new.instance]
            .now()
            .and_then(|machine| machine.instance.image.clone());
        let inherited = base.as_ref().map(|base| watermarks::of(self, &new.region, base)).unwrap_or_default();
        image_of(self, &new.region, &id).change(now, |image| {
            image.watermarks = inherited;
            image.source_instance = Some(new.instance.clone());
            image.source_image = base.map(|image| Origin { region: new.region.clone(), image });
        });
        self.region(&new.region).open_created(&id, &MadeFrom::Instance(new.instance.clone()), now);
        Ok(id)
    }

    /// CopyImage. Names may repeat. A client token never expires, and returns its image's id even after the image is
    /// gone.
    pub fn copy_image(&mut self, new: &NewReplica, now: DateTime<Utc>) -> Result<ImageId> {
        let call = "CopyImage";
        let asked = format!("{:?}", (&new.image, &new.from, &new.name, &new.tags, &new.encryption));
        if let Some(before) = self.region(&new.region).token(call, new.token.as_str(), &asked, &new.region)? {
            return Ok(before.parse().unwrap());
        }
        self.region(&new.from).check_available(call, &new.image, &new.region)?;
        let inherited = watermarks::of(self, &new.from, &new.image);
        let id = self.pending(&new.region, &new.name, &new.tags, now);
        image_of(self, &new.region, &id).change(now, |image| {
            image.watermarks = inherited;
            image.source_image = Some(Origin { region: new.from.clone(), image: new.image.clone() });
        });
        let ec2 = self.region(&new.region);
        ec2.tokens.insert(new.token.to_string(), (asked, id.to_string()));
        ec2.open_created(&id, &MadeFrom::Image(new.image.clone()), now);
        Ok(id)
    }

    fn pending(&mut self, region: &Region, name: &str, tags: &Tags, now: DateTime<Utc>) -> ImageId {
        let snapshots = self.snapshots(region, tags, VOLUMES, now);
        self.image(region, name, tags.clone(), ImageState::Pending, snapshots, now)
    }

    /// All images that exist now, in every Region.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.regions.values().flat_map(|ec2| ec2.images.values()).filter_map(History::now)
    }
}
