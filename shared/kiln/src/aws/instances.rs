//! Builders and testers, on EC2.

use aws_sdk_ec2::types::{
    self, BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataOptionsRequest, InstanceNetworkInterfaceSpecification, ResourceType, ShutdownBehavior,
    Tag, VolumeType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kiln_core::inventory::{
    CloudError, Disk, ErrorKind, Instance, InstanceType, NewInstance, Platform, Result,
};
use kiln_core::model::user_data::{Links, MOST_BYTES, packed, user_data};
use kiln_core::model::{ImageName, InstanceId, Region, Role, Tags, tags, windows};
use kiln_engine::ports::Instances;

use crate::aws::errors::Call;
use crate::aws::{Aws, pages, read};

const PAGE: i32 = 1_000;
/// The code with which GetConsoleOutput refuses `latest` for a type that is not built on Nitro.
const NO_LATEST_CONSOLE: &str = "UnsupportedOperation";
const TAGGED_TYPES: [ResourceType; 2] = [ResourceType::Instance, ResourceType::Volume];

fn groups(new: &NewInstance) -> Vec<String> {
    new.security_groups.iter().map(ToString::to_string).collect()
}

/// The user data of an instance, as what it runs takes it.
fn given_to(new: &NewInstance, links: &Links, word: &str) -> Vec<u8> {
    match new.platform {
        Platform::Windows => windows::user_data(new.role, &new.name, &new.program, links, word).into_bytes(),
        Platform::Linux | Platform::MacOs => {
            packed(&user_data(new.role, &new.name, &new.program, links, word))
        }
    }
}

/// The one network interface of an instance. EC2 takes the choice of a public address only there, and then subnet and groups
/// there too.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceSpecification.html>)
fn interface(new: &NewInstance, public: bool) -> InstanceNetworkInterfaceSpecification {
    InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .set_subnet_id(new.subnet.as_ref().map(ToString::to_string))
        .set_groups((!new.security_groups.is_empty()).then(|| groups(new)))
        .associate_public_ip_address(public)
        .delete_on_termination(true)
        .build()
}

fn profile(name: &str) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder().name(name).build()
}

/// What a launch says of a disk.
fn mapping(disk: &Disk) -> BlockDeviceMapping {
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let ebs = EbsBlockDevice::builder()
        .delete_on_termination(true)
        .set_volume_size(number(disk.gib))
        .set_volume_type(disk.kind.as_deref().map(VolumeType::from))
        .set_iops(number(disk.iops))
        .set_throughput(number(disk.throughput))
        .set_encrypted(disk.key.is_some().then_some(true))
        .set_kms_key_id(disk.key.clone())
        .build();
    BlockDeviceMapping::builder().device_name(&disk.device).ebs(ebs).build()
}

impl Instances for Aws {
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>)
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>> {
        let request = self.ec2(region).await.describe_instances();
        let request = request.filters(read::filter("tag-key", [tags::RECIPE.into()])).max_results(PAGE);
        let call = Call::new("DescribeInstances", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the instances that bear kiln:recipe", fetch).await?;
        let instances = given.iter().flat_map(|reservation| reservation.instances());
        let instances = instances.filter_map(|instance| read::instance(region, instance)).collect();
        self.opened_instances(instances).await
    }

    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>> {
        let call = self.ec2(region).await.describe_instances().instance_ids(instance.as_str());
        match call.send().await.map_err(Call::new("DescribeInstances", region).on(instance)) {
            Ok(given) => {
                let mut instances =
                    given.reservations().iter().flat_map(|reservation| reservation.instances());
                let instance = instances.find_map(|instance| read::instance(region, instance));
                Ok(self.opened_instances(instance.into_iter().collect()).await?.pop())
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>)
    async fn launch(&self, new: &NewInstance) -> Result<InstanceId> {
        let call = Call::new("RunInstances", &new.region);
        let seals = self.seals().await?;
        let words = seals.verdict_words(new.role, &new.name);
        let word = words.first().map_or("", String::as_str);
        let log = new.program.log_key(new.role, &new.name, &new.region);
        let token = seals.launch_token(new);
        let links = Links { launch: token.to_string(), ..self.links(new, log.as_deref()).await? };
        let user_data = given_to(new, &links, word);
        if user_data.len() > MOST_BYTES {
            let why = format!(
                "the user data would have {} bytes, and EC2 takes {MOST_BYTES}; fetch fewer files, or put scripts into the recipe's folder",
                user_data.len()
            );
            return Err(CloudError::new(
                "RunInstances",
                new.image.as_str(),
                &new.region,
                "UserDataTooLong",
                why,
            ));
        }
        let tags = match log {
            Some(key) => new.tags.clone().with(tags::LOG, format!("s3://{}/{key}", self.store)),
            None => new.tags.clone(),
        };
        let subnet = new.subnet.as_ref().map(ToString::to_string);
        let groups = (!new.security_groups.is_empty()).then(|| groups(new));
        let mappings: Vec<_> = new.disks.iter().map(mapping).collect();
        let launched = self
            .ec2(&new.region)
            .await
            .run_instances()
            .image_id(new.image.as_str())
            .instance_type(types::InstanceType::from(new.instance_type.as_str()))
            .min_count(1)
            .max_count(1)
            .client_token(token.as_str())
            .set_subnet_id(subnet.filter(|_| new.public_ip.is_none()))
            .set_security_group_ids(groups.filter(|_| new.public_ip.is_none()))
            .set_network_interfaces(new.public_ip.map(|public| vec![interface(new, public)]))
            .set_iam_instance_profile(new.profile.as_deref().map(profile))
            .user_data(STANDARD.encode(user_data))
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Stop)
            .metadata_options(
                InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required).build(),
            )
            .set_block_device_mappings((!mappings.is_empty()).then_some(mappings))
            .set_tag_specifications(Some(read::tag_specifications(&TAGGED_TYPES, &tags)))
            .send()
            .await
            .map_err(call.on(&new.image))?;
        let id = launched.instances().first().and_then(|instance| instance.instance_id()?.parse().ok());
        id.ok_or_else(|| call.lacks("instance", &new.image))
    }

    async fn stop(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let call = self.ec2(region).await.stop_instances().instance_ids(instance.as_str());
        call.send().await.map_err(Call::new("StopInstances", region).on(instance)).map(|_| ())
    }

    async fn start(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let call = self.ec2(region).await.start_instances().instance_ids(instance.as_str());
        call.send().await.map_err(Call::new("StartInstances", region).on(instance)).map(|_| ())
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let call = self.ec2(region).await.terminate_instances().instance_ids(instance.as_str());
        match call.send().await.map_err(Call::new("TerminateInstances", region).on(instance)) {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn tag_for_bake(
        &self,
        region: &Region,
        instance: &InstanceId,
        bake: &ImageName,
        tags: &Tags,
    ) -> Result<()> {
        let sealed = self.seals().await?.tags_of_bake(region, instance, bake, tags);
        self.create_tags(region, instance.as_str(), &sealed).await
    }

    async fn verdict_words(&self, role: Role, bake: &ImageName) -> Result<Vec<String>> {
        Ok(self.seals().await?.verdict_words(role, bake))
    }

    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Result<()> {
        self.create_tags(region, instance.as_str(), tags).await
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>)
    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Result<()> {
        // A key without a value removes the tag, whatever its value is.
        let keys = keys.iter().map(|key| Tag::builder().key(*key).build()).collect();
        let call = self.ec2(region).await.delete_tags().resources(instance.as_str()).set_tags(Some(keys));
        call.send().await.map_err(Call::new("DeleteTags", region).on(instance)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>)
    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String> {
        // Without `latest`, EC2 answers with what it kept after the last start or stop, and that may be minutes old.
        // Only Nitro types have a latest output. What others refuse is asked for without it, and so is an empty answer.
        let mut encoded = match self.console_output(region, instance, true).await {
            Ok(output) if !output.is_empty() => output,
            Err(error) if error.code != NO_LATEST_CONSOLE => return Err(error),
            Ok(_) | Err(_) => self.console_output(region, instance, false).await?,
        };
        encoded.retain(|character| !character.is_ascii_whitespace());
        let unreadable = |error: base64::DecodeError| {
            CloudError::new("GetConsoleOutput", instance.as_str(), region, "Unreadable", error.to_string())
        };
        let bytes = STANDARD.decode(encoded).map_err(unreadable)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html>)
    async fn instance_type(&self, region: &Region, name: &str) -> Result<InstanceType> {
        let call = Call::new("DescribeInstanceTypes", region);
        let types = self.ec2(region).await.describe_instance_types();
        let given = types.instance_types(types::InstanceType::from(name)).send().await;
        let given = given.map_err(call.on(name))?;
        given.instance_types().first().map(read::instance_type).ok_or_else(|| call.lacks("type", name))
    }
}

impl Aws {
    async fn console_output(&self, region: &Region, instance: &InstanceId, latest: bool) -> Result<String> {
        let call = self.ec2(region).await.get_console_output().instance_id(instance.as_str());
        let given = call.set_latest(latest.then_some(true)).send().await;
        let given = given.map_err(Call::new("GetConsoleOutput", region).on(instance))?;
        Ok(given.output().unwrap_or_default().to_owned())
    }

    /// Instances as they were read, each with whether Kiln launched or stopped it.
    async fn opened_instances(&self, mut instances: Vec<Instance>) -> Result<Vec<Instance>> {
        if instances.iter().any(|instance| instance.tags.has(tags::RECIPE)) {
            let seals = self.seals().await?;
            instances.iter_mut().for_each(|instance| seals.open_instance(instance));
        }
        Ok(instances)
    }
}
