//! What bakes and releases need besides images: subnets, keys, launch templates, account settings.

use super::image::Architecture;
use crate::model::{ImageId, SubnetId};

/// A subnet in which an instance can be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The id of the subnet.
    pub id: SubnetId,
    /// The Availability Zone of the subnet.
    pub zone: String,
    /// Its VPC.
    pub vpc: String,
    /// Whether it gives instances a public address, unless their launch says otherwise.
    pub gives_public_ip: bool,
}

/// An instance type: which images it boots.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceTypeInfo.html>)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceType {
    /// The architectures that it supports.
    pub architectures: Vec<Architecture>,
    /// The boot modes that it supports, in EC2's words; empty if EC2 does not say.
    pub boot_modes: Vec<String>,
    /// Whether it has NitroTPM.
    pub nitro_tpm: bool,
    /// Whether it boots only images with the driver of the Elastic Network Adapter.
    pub requires_ena: bool,
}

/// The type and the data type of a parameter, in the words of Parameter Store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterKind {
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
}

impl ParameterKind {
    /// Whether it can name an image.
    pub fn names_images(&self) -> bool {
        self.kind == "String" && self.data_type == "aws:ec2:image"
    }
}

/// A KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Who manages it.
    pub manager: KeyManager,
    /// Whether it is enabled.
    pub enabled: bool,
}

/// Who manages a KMS key. An image encrypted with an AWS managed key cannot be shared.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManager {
    /// The account; a customer managed key.
    Customer,
    /// AWS; an AWS managed key.
    Aws,
}

/// EBS encryption by default in a Region: how volumes and snapshots are encrypted if the call does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultEncryption {
    /// They are not encrypted.
    Off,
    /// They are encrypted with this key.
    Key(String),
}

/// Whether the account allows public images in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicImages {
    /// Images may be made public.
    Allowed,
    /// Images cannot be made public; those that are public stay so.
    Blocked,
}

/// The vCPUs of an instance type, and the account's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vcpus {
    /// The vCPUs of one instance of the type.
    pub needed: i64,
    /// The quota for all running instances of its class.
    pub allowed: i64,
}

/// A launch template, with its latest and its default version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The id of the template.
    pub id: String,
    /// The latest version.
    pub latest: TemplatePoint,
    /// The default version.
    pub default: TemplatePoint,
}

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePoint {
    /// The number of the version.
    pub number: i64,
    /// The image id in the version; `None` if it has none, or a reference such as `resolve:ssm:…`.
    pub image: Option<ImageId>,
}
