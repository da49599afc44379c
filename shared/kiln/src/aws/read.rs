//! Turns the SDK's types into what Kiln observes.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use chrono::{DateTime, Utc};
use kiln_core::inventory::image::{Deletion, made_for};
use kiln_core::inventory::{
    Architecture, Description, Device, Features, Image, ImageState, Instance, InstanceState, InstanceType,
    Platform, Protection, Seal, Snapshot, SnapshotDeletion, StopReason,
};
use kiln_core::model::{Origin, Region, Tags, tags as keys};

pub fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

pub fn tags(given: &[Tag]) -> Tags {
    given.iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())).collect()
}

pub fn to_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub fn tag_specifications(types: &[ResourceType], tags: &Tags) -> Vec<TagSpecification> {
    let specification = |resource: &ResourceType| {
        TagSpecification::builder().resource_type(resource.clone()).set_tags(Some(to_tags(tags))).build()
    };
    types.iter().map(specification).collect()
}

/// A time that EC2 gives as text (RFC 3339), as it gives most.
pub fn time(text: Option<&str>) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text?).ok()?.to_utc())
}

/// A time that the SDK gives as a time.
pub fn instant(time: Option<&aws_sdk_ec2::primitives::DateTime>) -> Option<DateTime<Utc>> {
    let time = time?;
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

/// The description of an image that Kiln may have written: of all others nobody reads it.
fn description(given: &aws_sdk_ec2::types::Image) -> Option<Box<Description>> {
    let is_managed = given.tags().iter().any(|tag| tag.key() == Some(keys::RECIPE));
    given.description().filter(|text| is_managed && !text.is_empty()).map(Description::unread)
}

/// An image; `None` if it lacks a field that every image has.
pub fn image(region: &Region, given: &aws_sdk_ec2::types::Image) -> Option<Image> {
    let volumes =
        || given.block_device_mappings().iter().filter_map(|mapping| Some((mapping, mapping.ebs()?)));
    let device =
        |(mapping, ebs): (&aws_sdk_ec2::types::BlockDeviceMapping, &aws_sdk_ec2::types::EbsBlockDevice)| {
            let name = mapping.device_name()?;
            Some(Device {
                name: name.into(),
                gib: ebs.volume_size().and_then(|gib| u32::try_from(gib).ok()).unwrap_or_default(),
                is_root: given.root_device_name() == Some(name),
                outlives: ebs.delete_on_termination() == Some(false),
            })
        };
    Some(Image {
        id: given.image_id()?.parse().ok()?,
        region: region.clone(),
        owner: given.owner_id().unwrap_or_default().to_owned(),
        name: given.name().unwrap_or_default().to_owned(),
        state: ImageState::from(given.state()?.as_str()),
        state_reason: given
            .state_reason()
            .and_then(|reason| reason.message())
            .unwrap_or("no reason given")
            .to_owned(),
        created: time(given.creation_date()),
        last_launched: time(given.last_launched_time()),
        deprecated: time(given.deprecation_time()),
        architecture: Architecture(
            given.architecture().map(|word| word.as_str().to_owned()).unwrap_or_default(),
        ),
        root_on_ebs: given.root_device_type().is_none_or(|kind| kind.as_str() == "ebs"),
        protection: match given.deregistration_protection() {
            None | Some("" | "disabled") => Protection::Off,
            Some(other) => Protection::On(other.to_owned()),
        },
        source_instance: given.source_instance_id().and_then(|id| id.parse().ok()),
        source_image: source_image(given),
        features: features(given),
        product_codes: given
            .product_codes()
            .iter()
            .filter_map(|code| Some(code.product_code_id()?.to_owned()))
            .collect(),
        watermarks: given
            .image_watermarks()
            .iter()
            .filter_map(|watermark| Some(watermark.watermark_key()?.to_owned()))
            .collect(),
        scanned: given.scan_results().and_then(|scan| instant(scan.finding_scan_date())),
        snapshots: volumes().filter_map(|(_, ebs)| ebs.snapshot_id()?.parse().ok()).collect(),
        gib: volumes().filter_map(|(_, ebs)| u32::try_from(ebs.volume_size()?).ok()).sum(),
        devices: volumes().filter_map(device).collect(),
        tags: tags(given.tags()),
        seal: Seal::Missing,
        description: description(given),
    })
}

fn features(given: &aws_sdk_ec2::types::Image) -> Features {
    let encrypted = |mapping: &aws_sdk_ec2::types::BlockDeviceMapping| {
        mapping.ebs().is_some_and(|ebs| ebs.encrypted() == Some(true))
    };
    Features {
        boot_mode: given.boot_mode().map(|mode| mode.as_str().to_owned()).unwrap_or_default(),
        nitro_tpm: given.tpm_support().is_some(),
        ena: given.ena_support() == Some(true),
        platform: Platform::of(
            given.platform().map(|platform| platform.as_str()).unwrap_or_default(),
            given.platform_details().unwrap_or_default(),
            given.architecture().map(|word| word.as_str()).unwrap_or_default(),
        ),
        encrypted: given.block_device_mappings().iter().any(encrypted),
        imds_v2: given.imds_support().is_some_and(|support| support.as_str() == "v2.0"),
    }
}

/// What an instance type boots.
pub fn instance_type(given: &aws_sdk_ec2::types::InstanceTypeInfo) -> InstanceType {
    let architectures = given.processor_info().map(|info| info.supported_architectures()).unwrap_or_default();
    InstanceType {
        architectures: architectures.iter().map(|word| Architecture(word.as_str().to_owned())).collect(),
        boot_modes: given.supported_boot_modes().iter().map(|mode| mode.as_str().to_owned()).collect(),
        nitro_tpm: given.nitro_tpm_support().is_some_and(|support| support.as_str() == "supported"),
        requires_ena: given
            .network_info()
            .and_then(|network| network.ena_support())
            .is_some_and(|support| support.as_str() == "required"),
    }
}

fn source_image(given: &aws_sdk_ec2::types::Image) -> Option<Origin> {
    let region = given.source_image_region()?.parse().ok()?;
    Some(Origin { region, image: given.source_image_id()?.parse().ok()? })
}

/// An instance; `None` if it lacks a field that every instance has.
pub fn instance(region: &Region, given: &aws_sdk_ec2::types::Instance) -> Option<Instance> {
    Some(Instance {
        id: given.instance_id()?.parse().ok()?,
        region: region.clone(),
        state: InstanceState::from(given.state()?.name()?.as_str()),
        stop_reason: StopReason::from(
            given.state_reason().and_then(|reason| reason.code()).unwrap_or_default(),
        ),
        image: given.image_id().and_then(|id| id.parse().ok()),
        // EC2 tells of Windows alone, in small letters; the SDK knows it in others.
        // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html)
        platform: match given.platform() {
            Some(platform) if platform.as_str().eq_ignore_ascii_case("windows") => Platform::Windows,
            _ => Platform::Linux,
        },
        zone: given.placement().and_then(|placement| Some(placement.availability_zone()?.to_owned())),
        launched: instant(given.launch_time()),
        token: given.client_token().unwrap_or_default().to_owned(),
        subnet: given.subnet_id().and_then(|id| id.parse().ok()),
        tags: tags(given.tags()),
        seal: Seal::Missing,
    })
}

/// A snapshot; `None` if it lacks a field that every snapshot has.
pub fn snapshot(region: &Region, given: &aws_sdk_ec2::types::Snapshot) -> Option<Snapshot> {
    Some(Snapshot {
        id: given.snapshot_id()?.parse().ok()?,
        region: region.clone(),
        started: instant(given.start_time()),
        completed: given.state().is_some_and(|state| state.as_str() == "completed"),
        made_for: given.description().and_then(made_for),
        full_bytes: given.full_snapshot_size_in_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
        tags: tags(given.tags()),
        seal: Seal::Missing,
    })
}

/// Whether a snapshot was deleted with its image.
pub fn deletion(given: &aws_sdk_ec2::types::DeleteSnapshotReturnCode) -> Option<SnapshotDeletion> {
    Some(SnapshotDeletion {
        snapshot: given.snapshot_id()?.parse().ok()?,
        outcome: Deletion::from(given.return_code().map(|code| code.as_str()).unwrap_or_default()),
    })
}
