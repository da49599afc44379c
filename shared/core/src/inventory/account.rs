//! What is around the images: subnets, keys, launch templates, settings of the account.

use crate::model::{ImageId, SubnetId};

/// A subnet in which an instance can be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its Availability Zone.
    pub zone: String,
}

/// A KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Who manages it.
    pub manager: KeyManager,
    /// Whether it can be used.
    pub enabled: bool,
}

/// Who manages a KMS key. What is encrypted with a key of AWS's own cannot be shared.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManager {
    /// The account.
    Customer,
    /// AWS.
    Aws,
}

/// What new volumes and snapshots of a Region are encrypted with where nobody says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultEncryption {
    /// Nothing.
    Off,
    /// This key.
    Key(String),
}

/// Whether the account lets images be public in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicImages {
    /// They may be.
    Allowed,
    /// New ones may not.
    Blocked,
}

/// What an instance type needs of the account's quota, and what the quota is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vcpus {
    /// How many the type has.
    pub needed: i64,
    /// How many instances of its class may have in all.
    pub allowed: i64,
}

/// A launch template, by the two of its versions that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its latest version.
    pub latest: TemplatePoint,
    /// Its default version.
    pub default: TemplatePoint,
}

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePoint {
    /// Its number.
    pub number: i64,
    /// The image that it names by its id.
    pub image: Option<ImageId>,
}
