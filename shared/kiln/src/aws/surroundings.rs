//! The account around the images, on EC2, KMS and Service Quotas.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::retry::RetryConfig;
use aws_sdk_ec2::types::{Filter, InstanceType};
use aws_sdk_kms::types::KeyManagerType;
use futures::future::try_join;
use kiln_core::inventory::{
    Chosen, DefaultEncryption, ErrorKind, Key, KeyManager, PublicImages, Result, Subnet, Vcpus, WaysOut,
};
use kiln_core::model::{Region, SecurityGroupId, SnapshotId, SubnetId, Tags};
use kiln_engine::ports::AccountInfo;

use crate::aws::errors::Call;
use crate::aws::{Aws, pages, read, ways_out};

impl AccountInfo for Aws {
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>)
    async fn subnets(&self, region: &Region, chosen: &Chosen<SubnetId>) -> Result<Vec<Subnet>> {
        let call = self.ec2(region).await.describe_subnets();
        let request = match chosen {
            Chosen::Default => call.filters(read::filter("default-for-az", ["true".to_owned()])),
            Chosen::Ids(ids) => call.set_subnet_ids(Some(ids.iter().map(ToString::to_string).collect())),
            Chosen::Tagged(tags) => call.set_filters(Some(with_tags(tags))),
        };
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(Call::new("DescribeSubnets", region), "the subnets", fetch).await?;
        let subnet = |given: &aws_sdk_ec2::types::Subnet| {
            Some(Subnet {
                id: given.subnet_id()?.parse().ok()?,
                zone: given.availability_zone()?.to_owned(),
                vpc: given.vpc_id()?.to_owned(),
                gives_public_ip: given.map_public_ip_on_launch() == Some(true),
            })
        };
        Ok(given.iter().filter_map(subnet).collect())
    }

    /// By a filter, because a group that does not exist fails a call that names it.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>)
    async fn security_groups(
        &self,
        region: &Region,
        chosen: &Chosen<SecurityGroupId>,
    ) -> Result<BTreeMap<SecurityGroupId, String>> {
        let filters = match chosen {
            Chosen::Default => return Ok(BTreeMap::new()),
            Chosen::Ids(ids) => vec![read::filter("group-id", ids.iter().map(ToString::to_string))],
            Chosen::Tagged(tags) => with_tags(tags),
        };
        let request = self.ec2(region).await.describe_security_groups().set_filters(Some(filters));
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given =
            pages::all(Call::new("DescribeSecurityGroups", region), "the security groups", fetch).await?;
        let group = |given: &aws_sdk_ec2::types::SecurityGroup| {
            Some((given.group_id()?.parse().ok()?, given.vpc_id()?.to_owned()))
        };
        Ok(given.iter().filter_map(group).collect())
    }

    /// By filters, because a VPC that does not show its route tables must not fail the call.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html>,
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>)
    async fn ways_out(&self, region: &Region, vpcs: &BTreeSet<String>) -> Result<WaysOut> {
        let of_vpcs = read::filter("vpc-id", vpcs.iter().cloned());
        let tables = self.ec2(region).await.describe_route_tables().filters(of_vpcs.clone());
        let tables = async |token| tables.clone().set_next_token(token).send().await;
        let tables = pages::all(Call::new("DescribeRouteTables", region), "the route tables", tables);
        let endpoints = self.ec2(region).await.describe_vpc_endpoints().filters(of_vpcs);
        let endpoints = async |token| endpoints.clone().set_next_token(token).send().await;
        let endpoints = pages::all(Call::new("DescribeVpcEndpoints", region), "the VPC endpoints", endpoints);
        let (tables, endpoints) = try_join(tables, endpoints).await?;
        Ok(WaysOut {
            tables: tables.iter().filter_map(ways_out::table).collect(),
            endpoints: endpoints.iter().filter_map(ways_out::endpoint).collect(),
        })
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>)
    async fn enabled_regions(&self, home: &Region) -> Result<BTreeSet<Region>> {
        let given = self.ec2(home).await.describe_regions().send().await;
        let given = given.map_err(Call::new("DescribeRegions", home).on("the Regions of the account"))?;
        Ok(given.regions().iter().filter_map(|region| region.region_name()?.parse().ok()).collect())
    }

    /// (<https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>)
    async fn key(&self, region: &Region, key: &str) -> Result<Option<Key>> {
        let call = self.kms(region).await.describe_key().key_id(key);
        let given = match call.send().await.map_err(Call::new("DescribeKey", region).on(key)) {
            Ok(given) => given,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(given.key_metadata.map(|metadata| Key {
            manager: match metadata.key_manager {
                Some(KeyManagerType::Customer) => KeyManager::Customer,
                _ => KeyManager::Aws,
            },
            enabled: metadata.enabled,
        }))
    }

    /// Asks for images by a watermark that no image bears: EC2 refuses a filter that it does not know. So the call needs no
    /// right to put watermarks on, and leaves no denied call behind that would alarm somebody.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>)
    async fn knows_watermarks(&self, region: &Region) -> Result<bool> {
        let by_key = read::filter("image-watermark.watermark-key", ["000000000000:kiln".to_owned()]);
        let call = self.ec2(region).await.describe_images().owners("self").filters(by_key);
        match call.send().await.map_err(Call::new("DescribeImages", region).on("watermarks")) {
            Err(error) if error.kind == ErrorKind::Invalid => Ok(false),
            outcome => outcome.map(|_| true),
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html>)
    async fn snapshot_keys(&self, region: &Region, snapshots: &[SnapshotId]) -> Result<BTreeSet<String>> {
        let ids: Vec<String> = snapshots.iter().map(ToString::to_string).collect();
        let call = self.ec2(region).await.describe_snapshots().set_snapshot_ids(Some(ids.clone()));
        let given = call.send().await;
        let given = given.map_err(Call::new("DescribeSnapshots", region).on(ids.join(", ")))?;
        Ok(given.snapshots().iter().filter_map(|snapshot| Some(snapshot.kms_key_id()?.to_owned())).collect())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsEncryptionByDefault.html>)
    async fn default_encryption(&self, region: &Region) -> Result<DefaultEncryption> {
        const ON: &str = "encryption by default";
        let ec2 = self.ec2(region).await;
        let by_default = ec2.get_ebs_encryption_by_default().send().await;
        let by_default = by_default.map_err(Call::new("GetEbsEncryptionByDefault", region).on(ON))?;
        if by_default.ebs_encryption_by_default() != Some(true) {
            return Ok(DefaultEncryption::Off);
        }
        let key = ec2.get_ebs_default_kms_key_id().send().await;
        let key = key.map_err(Call::new("GetEbsDefaultKmsKeyId", region).on(ON))?;
        Ok(DefaultEncryption::Key(key.kms_key_id.unwrap_or_else(|| "alias/aws/ebs".into())))
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageBlockPublicAccessState.html>)
    async fn public_images(&self, region: &Region) -> Result<PublicImages> {
        let given = self.ec2(region).await.get_image_block_public_access_state().send().await;
        let failed = Call::new("GetImageBlockPublicAccessState", region);
        let given = given.map_err(failed.on("public images of the account"))?;
        Ok(match given.image_block_public_access_state() {
            Some("unblocked") => PublicImages::Allowed,
            _ => PublicImages::Blocked,
        })
    }

    /// A quota that cannot be read is unknown, which is no reason not to bake.
    /// (<https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>)
    async fn vcpus(&self, region: &Region, instance_type: &str) -> Result<Option<Vcpus>> {
        let Some(quota) = quota_of(instance_type) else { return Ok(None) };
        let types = self.ec2(region).await.describe_instance_types();
        let given = types.instance_types(InstanceType::from(instance_type)).send().await;
        let given = given.map_err(Call::new("DescribeInstanceTypes", region).on(instance_type))?;
        let needed = given.instance_types().first().and_then(|found| found.v_cpu_info()?.default_v_cpus());
        let call = self.quotas().await.get_service_quota().service_code("ec2").quota_code(quota);
        // One attempt only: no decision needs the quota.
        let once = RetryConfig::standard().with_max_attempts(1);
        let once = aws_sdk_servicequotas::config::Builder::new().retry_config(once);
        let allowed = match call.customize().config_override(once).send().await {
            Ok(given) => given.quota.and_then(|quota| quota.value),
            Err(_) => None,
        };
        // A quota is a whole number, and smaller than the largest whole number that a double holds exactly.
        #[allow(clippy::cast_possible_truncation)]
        let vcpus = |(needed, allowed): (i32, f64)| Vcpus { needed: needed.into(), allowed: allowed as i64 };
        Ok(needed.zip(allowed).map(vcpus))
    }
}

/// The filters that only what bears all of these tags passes.
fn with_tags(tags: &Tags) -> Vec<Filter> {
    tags.iter().map(|(key, value)| read::filter(&format!("tag:{key}"), [value.to_owned()])).collect()
}

/// The quota of on-demand vCPUs that an instance type counts towards, by the letters that its name begins with.
fn quota_of(instance_type: &str) -> Option<&'static str> {
    let letters: String = instance_type.chars().take_while(char::is_ascii_lowercase).collect();
    match letters.as_str() {
        "inf" => Some("L-1945791B"),
        "trn" => Some("L-2C3B7624"),
        "g" | "gr" | "vt" => Some("L-DB2E81BA"),
        "p" => Some("L-417A185B"),
        "f" => Some("L-74FC7D96"),
        "x" => Some("L-7295265B"),
        "a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z" => Some("L-1216C47A"),
        _ => None,
    }
}
