//! Why an image that something else made is adopted, or is not.

use thiserror::Error;

use crate::model::{ImageId, Version};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image that something else made is adopted, or is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdoptReason {
    #[error(
        "it was tagged kiln:recipe, and its recipe asks for images of its name, so it is adopted as version {0}"
    )]
    Given(Version),
    #[error("somebody asked to adopt it, so it is adopted as version {0}")]
    AskedFor(Version),
    #[error(
        "it bears kiln:recipe, but the recipe asks for no image named '{0}' ([adopt] name), so it is left alone; to adopt it once, invoke verify with adopt"
    )]
    NotAsked(String),
    #[error(
        "it cannot be adopted, because it bears tags that only Kiln writes; it is Kiln's already, or a copy of an image of Kiln's"
    )]
    NotAdoptable,
    #[error("it cannot be adopted, because AWS Backup or Data Lifecycle Manager made it and removes it")]
    Managed,
    #[error("it cannot be adopted as version {0}, which is in the future; correct its tag kiln:version")]
    InTheFuture(Version),
    #[error(
        "it cannot be adopted, because it would have {0} tags with the recipe's and Kiln's, and EC2 allows 50; remove some"
    )]
    TooManyTags(usize),
    #[error(
        "it cannot be adopted as version {version}, which {image} already has; set its tag kiln:version to another time"
    )]
    VersionTaken { version: Version, image: ImageId },
    #[error(
        "it cannot be adopted as version {version}, because {image} was handed over with the same version and comes first; set its tag kiln:version to another time"
    )]
    VersionWanted { version: Version, image: ImageId },
    #[error(
        "it cannot be adopted, because its tag kiln:version is not a version; set it to a time such as 20261123T020000Z"
    )]
    NoVersion,
    #[error(
        "it cannot be adopted, because the root device of {0} is an instance store volume; adopt an EBS-backed image"
    )]
    NotOnEbs(ImageId),
    #[error(
        "it cannot be adopted, because it is macOS, which runs on Dedicated Hosts alone, so that no tester can be launched from it; take kiln:recipe off it"
    )]
    MacOs,
}
