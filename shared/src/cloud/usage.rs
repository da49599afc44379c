//! Who uses images, as it was observed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{ImageId, InstanceId, RecipeName, SnapshotId};

/// One use of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The image.
    pub image: ImageId,
    /// The instance that was launched from it.
    pub instance: InstanceId,
}

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersion {
    /// The template's id.
    pub template: String,
    /// The version's number.
    pub number: i64,
    /// What it launches.
    pub names: Names,
}

/// What a version of a launch template launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// This image.
    Image(ImageId),
    /// No image.
    None,
    /// Something that could not be resolved to an image: it might be any.
    Unresolved(String),
}

/// All that was found out about the use of images in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Instances, in any state but terminated.
    pub instances: Vec<Use>,
    /// Versions of launch templates.
    pub templates: Vec<TemplateVersion>,
    /// The snapshots that somebody holds, with the reason.
    pub held: BTreeMap<SnapshotId, String>,
    /// The images that parameters of recipes name.
    pub parameters: BTreeMap<ImageId, String>,
    /// The images that recipes name as their base.
    pub bases: BTreeMap<ImageId, RecipeName>,
}
