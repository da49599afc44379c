//! Why a builder becomes an image, is terminated, or is left alone.

use std::fmt;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::model::{ImageId, Version};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why a builder becomes an image, is terminated, or is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaptureReason {
    #[error("it is not a builder, so capture leaves it alone")]
    NotABuilder,
    #[error("it is a builder, but its tag kiln:version names no bake; it is left to its owner")]
    NoBakeOnIt,
    #[error("the script succeeded and the builder shut itself down")]
    ScriptSucceeded,
    #[error("the long-lived builder has stopped for its bake")]
    StoppedForBake,
    #[error("{0} is being made, so the long-lived builder starts again")]
    ImageBegun(ImageRef),
    #[error("{0} is still being made from this builder")]
    ImagePending(ImageId),
    #[error("{0} is available, so its builder is no longer needed")]
    ImageAvailable(ImageId),
    #[error("its builder is gone, or already at work on another bake")]
    BuilderGone,
    #[error("creating {image} failed: {why}")]
    ImageFailed { image: ImageId, why: String },
    #[error("no image could be made from it by {}, nor in the hour after", .0.to_rfc3339())]
    NoImageInTime(DateTime<Utc>),
    #[error("its version {0} is in the future, and would be newer than every bake that follows; bake again")]
    OfTheFuture(Version),
    #[error("image {0} was created from this builder but no longer exists; it was probably deregistered")]
    ImageDeregistered(ImageId),
    #[error("{0} was made from another builder of the same bake")]
    AnotherBuilder(ImageId),
    #[error(
        "{0} has the name of this image, but was not made from this builder; deregister it, or copy it under another name first"
    )]
    NameTaken(ImageId),
    #[error("an image of this name exists, and EC2 does not show it yet: {0}")]
    NameNotShown(String),
}

/// The image of a long-lived builder, which restarts as soon as creation of the image has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageRef {
    /// It exists already.
    Existing(ImageId),
    /// The step before creates it.
    Pending,
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Existing(image) => write!(f, "{image}"),
            Self::Pending => f.write_str("the image"),
        }
    }
}
