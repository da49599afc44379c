//! The ports of sharing and account settings, and the parameters that name images, over the in-memory
//! account.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::{DateTime, Utc};
use kiln_core::inventory::watermark::key;
use kiln_core::inventory::{
    Chosen, DefaultEncryption, Deprecation, Finding, Grantee, Image, ImageState, Key, ParameterKind,
    PermissionChange, PublicImages, Result, Route, RouteTable, Subnet, Vcpus, WaysOut,
};
use kiln_core::model::{ImageId, Region, SecurityGroupId, SnapshotId, SubnetId};
use kiln_engine::ports::{AccountInfo, Sharing};

use super::account::{Account, zone_of};
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;
use super::lambda;
use super::world::World;

impl Sharing for InMemoryCloud {
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<Grantee>> {
        let look = |account: &mut Account, _| account.region(region).launch_permissions.get(image).cloned();
        Ok(self.read("DescribeImageAttribute", region, image.as_str(), look).await?.unwrap_or_default())
    }

    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let available = |image: &Image| image.state == ImageState::Available;
            let history = account.region(region).images.get(image);
            if !self.known(history) || !history.and_then(History::now).is_some_and(available) {
                return Err(failed(
                    "ModifyImageAttribute",
                    image.as_str(),
                    region,
                    "InvalidAMIID.Unavailable",
                ));
            }
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.image_shared(account, self.invocation(), region, image, change, now);
            let ec2 = account.region(region);
            apply(ec2.launch_permissions.entry(image.clone()).or_default(), change);
            if !change.add.is_empty() {
                ec2.other_accounts.ever_shared.insert(image.clone());
            }
            Ok(())
        };
        self.call(CallKind::Change, "ModifyImageAttribute", region, image.as_str(), effect).await
    }

    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Result<BTreeSet<Grantee>> {
        let look =
            |account: &mut Account, _| account.region(region).volume_permissions.get(snapshot).cloned();
        Ok(self.read("DescribeSnapshotAttribute", region, snapshot.as_str(), look).await?.unwrap_or_default())
    }

    async fn change_volumes(
        &self,
        region: &Region,
        snapshot: &SnapshotId,
        change: &PermissionChange,
    ) -> Result<()> {
        let effect = |account: &mut Account, _| {
            self.world.invariants.borrow_mut().changes += 1;
            apply(account.region(region).volume_permissions.entry(snapshot.clone()).or_default(), change);
            Ok(())
        };
        self.call(CallKind::Change, "ModifySnapshotAttribute", region, snapshot.as_str(), effect).await
    }

    async fn deprecate(&self, region: &Region, image: &ImageId, to: Deprecation) -> Result<()> {
        let effect = |account: &mut Account, now| {
            self.world.invariants.borrow_mut().changes += 1;
            if let Some(history) = account.region(region).images.get_mut(image) {
                history.change(now, |image| image.deprecated = to.time());
            }
            Ok(())
        };
        self.call(CallKind::Change, "EnableImageDeprecation", region, image.as_str(), effect).await
    }

    async fn require_imds_v2(&self, region: &Region, image: &ImageId) -> Result<()> {
        Err(failed("ModifyImageAttribute", image.as_str(), region, "NotModelled"))
    }

    async fn attach_watermark(&self, region: &Region, image: &ImageId, name: &str) -> Result<()> {
        let attached = |image: &Image| {
            let (mut all, key) = (image.watermarks.clone(), key(&image.owner, name));
            if !all.contains(&key) {
                all.push(key);
            }
            all
        };
        self.watermarked("AttachImageWatermark", region, image, attached).await
    }

    async fn detach_watermark(&self, region: &Region, image: &ImageId, key: &str) -> Result<()> {
        let others = |image: &Image| image.watermarks.iter().filter(|one| *one != key).cloned().collect();
        self.watermarked("DetachImageWatermark", region, image, others).await
    }

    async fn protect(&self, region: &Region, image: &ImageId) -> Result<()> {
        Err(failed("EnableImageDeregistrationProtection", image.as_str(), region, "NotModelled"))
    }

    async fn unprotect(&self, region: &Region, image: &ImageId) -> Result<()> {
        Err(failed("DisableImageDeregistrationProtection", image.as_str(), region, "NotModelled"))
    }

    async fn findings(&self, region: &Region, image: &ImageId) -> Result<Vec<Finding>> {
        Err(failed("GetImageFindings", image.as_str(), region, "NotModelled"))
    }
}

fn apply(to: &mut BTreeSet<Grantee>, change: &PermissionChange) {
    to.extend(change.add.iter().cloned());
    to.retain(|one| !change.remove.contains(one));
}

impl InMemoryCloud {
    pub(crate) async fn below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
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

    /// A recipe document as it was read first.
    pub(super) fn first_read(&self, document: String) -> String {
        let name = document.lines().next().unwrap_or_default().to_owned();
        self.world.first_recipes.borrow_mut().entry(name).or_insert(document).clone()
    }

    /// Kiln writes all parameters of the simulation.
    pub(crate) async fn kinds(
        &self,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, ParameterKind>> {
        let kind = || ParameterKind { kind: "String".into(), data_type: "aws:ec2:image".into() };
        Ok(self.shown(region, names).await?.into_keys().map(|name| (name, kind())).collect())
    }

    /// Whether a parameter shows a newer release than this image is of.
    pub(crate) fn names_newer(&self, region: &Region, name: &str, image: &ImageId) -> bool {
        let mut account = self.world.account.borrow_mut();
        let ec2 = account.region(region);
        let version = |id: &ImageId| Some(ec2.images.get(id)?.now()?.record().ok()?.name.version);
        let shown = ec2.parameters_shown.get(name).and_then(History::now);
        shown.and_then(version) > version(image)
    }

    pub(crate) async fn shown(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        let look = |account: &mut Account, at| {
            let shown = &account.region(region).parameters_shown;
            let value = |name: &String| Some((name.clone(), shown.get(name)?.at(at)?.to_string()));
            names.iter().filter_map(value).collect()
        };
        self.read("GetParameters", region, "parameters", look).await
    }

    /// PutParameter of type `aws:ec2:image`: it succeeds at once, and the new value is visible up to 4 seconds later,
    /// once EC2 has found the image available.
    pub(crate) async fn put(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.parameter_put(account, self.invocation(), region, name, image, now);
            drop(invariants);
            let puts = account.region(region).put_counts.entry(name.to_owned()).or_default();
            *puts += 1;
            let (world, slow) = (Rc::clone(&self.world), self.world.faults.get().slow);
            let put =
                Put { region: region.clone(), name: name.to_owned(), image: image.clone(), number: *puts };
            match slow {
                true => self.world.spawn(async move {
                    world.clock.sleep(world.between(0, 4_000)).await;
                    let shown = put.take_effect(&mut world.account.borrow_mut(), world.now());
                    put.send_event(&world, shown);
                }),
                false => {
                    put.take_effect(account, now);
                }
            }
            Ok(())
        };
        self.call(CallKind::Change, "PutParameter", region, name, effect).await
    }
}

/// A write to a parameter that has not taken effect yet.
struct Put {
    region: Region,
    name: String,
    image: ImageId,
    number: u64,
}

impl Put {
    /// Makes the value visible, unless a later write came first. Returns false if the image is not available.
    fn take_effect(&self, account: &mut Account, now: DateTime<Utc>) -> bool {
        let ec2 = account.region(&self.region);
        let available = |image: &Image| image.state == ImageState::Available;
        // SSM validates every value, even one that a later write has replaced.
        if !ec2.images.get(&self.image).and_then(History::now).is_some_and(available) {
            return false;
        }
        if ec2.put_counts.get(&self.name) != Some(&self.number) {
            return true;
        }
        match ec2.parameters_shown.get_mut(&self.name) {
            Some(history) => history.change(now, |shown| *shown = self.image.clone()),
            None => {
                ec2.parameters_shown.insert(self.name.clone(), History::new(now, self.image.clone()));
            }
        }
        true
    }

    fn send_event(&self, world: &Rc<World>, shown: bool) {
        world.note(|| format!("       {} in {} names {}: {shown}", self.name, self.region, self.image));
        let (account, now) = (world.account.borrow(), world.now());
        world.invariants.borrow_mut().parameter_changed(&account, &world.context.home, &self.name, now);
        drop(account);
        lambda::parameter_event(world, &self.region, &self.name, shown);
    }
}

impl AccountInfo for InMemoryCloud {
    async fn subnets(&self, region: &Region, chosen: &Chosen<SubnetId>) -> Result<Vec<Subnet>> {
        let ids: Vec<SubnetId> = match chosen {
            Chosen::Default => ["subnet-0a", "subnet-0b", "subnet-0c"].map(|id| id.parse().unwrap()).into(),
            Chosen::Ids(ids) => ids.clone(),
            Chosen::Tagged(_) => return Err(failed("DescribeSubnets", "tags", region, "NotModelled")),
        };
        let subnet = |id: &SubnetId| Subnet {
            id: id.clone(),
            zone: zone_of(region, id),
            vpc: "vpc-0a".into(),
            gives_public_ip: true,
        };
        self.read("DescribeSubnets", region, "subnets", |_, _| ids.iter().map(subnet).collect()).await
    }

    async fn security_groups(
        &self,
        region: &Region,
        _: &Chosen<SecurityGroupId>,
    ) -> Result<BTreeMap<SecurityGroupId, String>> {
        Err(failed("DescribeSecurityGroups", "groups", region, "NotModelled"))
    }

    async fn ways_out(&self, _: &Region, vpcs: &BTreeSet<String>) -> Result<WaysOut> {
        let table = |vpc: &String| RouteTable {
            id: format!("rtb-{vpc}"),
            vpc: vpc.clone(),
            is_main: true,
            subnets: BTreeSet::new(),
            routes: vec![Route { destination: "0.0.0.0/0".into(), target: "igw-0a".into() }],
        };
        // It never fails here: what a preflight reads of the network decides nothing that is promised.
        Ok(WaysOut { tables: vpcs.iter().map(table).collect(), endpoints: Vec::new() })
    }

    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>> {
        let regions = ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|code| code.parse().unwrap());
        self.read("DescribeRegions", home, "Regions", |_, _| regions.into()).await
    }

    async fn key(&self, region: &Region, key: &str) -> Result<Option<Key>> {
        Err(failed("DescribeKey", key, region, "NotModelled"))
    }

    async fn snapshot_keys(&self, region: &Region, _: &[SnapshotId]) -> Result<BTreeSet<String>> {
        Err(failed("DescribeSnapshots", "keys", region, "NotModelled"))
    }

    async fn default_encryption(&self, region: &Region) -> Result<DefaultEncryption> {
        self.read("GetEbsEncryptionByDefault", region, "it", |_, _| DefaultEncryption::Off).await
    }

    async fn public_images(&self, region: &Region) -> Result<PublicImages> {
        Err(failed("GetImageBlockPublicAccessState", "it", region, "NotModelled"))
    }

    async fn knows_watermarks(&self, region: &Region) -> Result<bool> {
        self.read("DescribeImages", region, "watermarks", |_, _| true).await
    }

    async fn vcpus(&self, region: &Region, instance_type: &str) -> Result<Option<Vcpus>> {
        self.read("DescribeInstanceTypes", region, instance_type, |_, _| None).await
    }
}
