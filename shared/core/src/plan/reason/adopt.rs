//! Why an image that something else made is adopted, or is not.

use thiserror::Error;

use crate::model::{ImageId, Version};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image that something else made is adopted, or is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdoptReason {
    #[error("it was tagged kiln:recipe, so it is adopted as version {0}")]
    Given(Version),
    #[error(
        "it cannot be adopted as version {version}, which {image} already has; set its tag kiln:version to another time"
    )]
    VersionTaken { version: Version, image: ImageId },
    #[error(
        "it cannot be adopted, because its tag kiln:version is not a version; set it to a time such as 20261123T020000Z"
    )]
    NoVersion,
    #[error(
        "it cannot be adopted, because the root device of {0} is an instance store volume; adopt an EBS-backed image"
    )]
    NotOnEbs(ImageId),
}
