//! What a preflight finds before anything is launched.

use thiserror::Error;

use crate::inventory::{CloudError, Platform};
use crate::model::{ImageId, Region, Role, SecurityGroupId};
use crate::recipe::BadTags;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// What a preflight found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PreflightReason {
    #[error("{0}")]
    Found(Box<Problem>),
    #[error("the bake goes on, because no release waits for the best-effort Region {region}, but: {problem}")]
    BestEffort { region: Region, problem: Box<Problem> },
    #[error(
        "baking Windows is experimental: it was never run on Windows; {0} needs EC2Launch v2 and Windows Server 2019 or newer"
    )]
    Experimental(ImageId),
    #[error("the bake goes on, but whether its subnets have a way to S3 could not be checked: {0}")]
    WaysUnseen(Box<CloudError>),
    #[error(
        "the bake goes on, but EC2 in {0} does not know watermarks: images get none there (publish.watermark), so accounts that allow launches only of what bears one launch none of them"
    )]
    NoWatermarks(Region),
    #[error("preflight passed: no problems found")]
    Passed,
}

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Something that would make the bake, or what follows it, fail, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    #[error(
        "publish.parameter {parameter} cannot be written in {region}; is it below the template's ReleaseParameters? {error}"
    )]
    Parameter { parameter: String, region: Region, error: CloudError },
    #[error(
        "Region {0} does not exist or is not enabled for this account; enable it, or remove it from replicate.regions"
    )]
    RegionOff(Region),
    #[error("there is no KMS key {key} in {region}; create it, or correct {field}")]
    NoKey { key: String, region: Region, field: &'static str },
    #[error("KMS key {key} in {region} is not enabled; enable it, or correct {field}")]
    KeyOff { key: String, region: Region, field: &'static str },
    #[error(
        "images encrypted with {key} in {region} cannot be shared, because AWS manages that key; name a key of your own in {field}"
    )]
    AwsKey { key: String, region: Region, field: &'static str },
    #[error(
        "publish.share.public is set, but the account blocks public images in {0}; allow them (DisableImageBlockPublicAccess), or remove the field"
    )]
    PublicBlocked(Region),
    #[error("the name {name} is taken by {image}; deregister it, or copy it under another name first")]
    NameTaken { name: String, image: ImageId },
    #[error(
        "the base {image} bears product codes ({codes}), and an image with product codes {what}; choose another base{more}"
    )]
    ProductCodes { image: ImageId, codes: String, what: &'static str, more: &'static str },
    #[error(
        "the base {image} bears watermarks ({keys}), which images baked from it get too, and EC2 makes no such image public (publish.share.public); choose another base"
    )]
    Watermarks { image: ImageId, keys: String },
    #[error(
        "there is no subnet for a tester outside of the builder's Availability Zone ({0}); name one in verify.subnets"
    )]
    OneZone(String),
    #[error(
        "{instance_type} needs {needed} vCPUs, but the account's quota for its class is {allowed}; request a higher quota"
    )]
    Quota { instance_type: String, needed: i64, allowed: i64 },
    #[error("the base {image} runs {platform}, but {field} {why}")]
    WrongScript { image: ImageId, platform: Platform, field: String, why: String },
    #[error(
        "what {field} needs is up to {bytes} bytes of user data, of which EC2 takes {most}, and Windows none compressed; put scripts into the recipe's folder, or what is fetched into one object"
    )]
    TooMuchUserData { field: &'static str, bytes: usize, most: usize },
    #[error("{instance_type} cannot boot images baked from {image}, {why}; change {field} or bake.base")]
    Unfit { image: ImageId, instance_type: String, field: String, why: String },
    #[error("there is no instance type {instance_type} in {region}; change {field}")]
    NoType { instance_type: String, region: Region, field: String },
    #[error("{region} has no default subnets for {what}; create a default VPC there, or {remedy}")]
    NoSubnets { region: Region, what: &'static str, remedy: &'static str },
    #[error(
        "images baked from {image} cannot be shared, because it is encrypted with {key}, which AWS manages; choose a base in bake.base that is not, or remove publish.share"
    )]
    BaseAwsKey { image: ImageId, key: String },
    #[error(
        "publish.parameter {parameter} in {region} is a {kind} of data type {data_type}, which cannot be changed, and only a String of data type aws:ec2:image can name a release; delete it, or name another"
    )]
    ParameterKind { parameter: String, region: Region, kind: String, data_type: String },
    #[error(
        "bake.root.size is {gib} GiB, and the base {image} has {least}: a volume cannot be smaller than its snapshot; name at least \"{least}G\""
    )]
    RootTooSmall { image: ImageId, gib: u32, least: u32 },
    #[error("bake.volumes names {device}, which the base {image} has already; name another device")]
    DeviceTaken { image: ImageId, device: String },
    #[error("{why}; correct the tags there, or {field}")]
    Tags { why: BadTags, field: String },
    #[error("security group {group} in {region} {why}; correct {field}")]
    SecurityGroup { group: SecurityGroupId, region: Region, field: String, why: String },
    #[error(
        "no way leads from {subnets} in {region} to S3 in {home}, which the {role} needs for its files and its log: {why}; {remedy}, or name other subnets in {field}.subnets"
    )]
    NoWayToS3 {
        subnets: String,
        region: Region,
        home: Region,
        role: Role,
        why: NoWay,
        remedy: &'static str,
        field: String,
    },
    #[error("this check could not be made: {0}")]
    Unknown(CloudError),
}

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why no way leads out of a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoWay {
    #[error("the route table has no route out")]
    NoRoute,
    #[error("the only route out is through an internet gateway, and there is no public address")]
    NoAddress,
}

impl Problem {
    /// The one Region that it concerns; `None` if it concerns the bake itself.
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Parameter { region, .. }
            | Self::NoKey { region, .. }
            | Self::KeyOff { region, .. }
            | Self::AwsKey { region, .. }
            | Self::NoType { region, .. }
            | Self::SecurityGroup { region, .. }
            | Self::NoSubnets { region, .. }
            | Self::NoWayToS3 { region, .. }
            | Self::ParameterKind { region, .. } => Some(region),
            Self::RegionOff(region) | Self::PublicBlocked(region) => Some(region),
            Self::Unknown(error) => Some(&error.region),
            Self::Tags { why, .. } => Some(why.region()),
            Self::NameTaken { .. }
            | Self::ProductCodes { .. }
            | Self::Watermarks { .. }
            | Self::OneZone(_)
            | Self::Quota { .. }
            | Self::WrongScript { .. }
            | Self::TooMuchUserData { .. }
            | Self::Unfit { .. }
            | Self::RootTooSmall { .. }
            | Self::DeviceTaken { .. }
            | Self::BaseAwsKey { .. } => None,
        }
    }
}
