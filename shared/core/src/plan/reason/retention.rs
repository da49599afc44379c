//! Why an image is kept or removed by the rules of its recipe, and which step it takes.

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::inventory::{CloudError, ImageState};
use crate::model::duration::{about, show};
use crate::model::{ImageId, Region};

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image is kept or removed by the rules of its recipe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetentionReason {
    #[error("it is number {rank} of the {keep} newest releases that the recipe keeps")]
    AmongNewest { rank: usize, keep: usize },
    #[error(
        "it cannot be launched in {} any more, where it was released, so it is not counted among the {keep} newest releases that the recipe keeps",
        .missing.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
    )]
    NotWhole { missing: Vec<Region>, keep: usize },
    #[error("it is {} old, and the recipe keeps images younger than {}", about(*.age), show(*.older_than))]
    Young { age: TimeDelta, older_than: TimeDelta },
    #[error("it is {0}: still on its way, or waiting for somebody to look at it")]
    InProgress(ImageState),
    #[error("it was unused at {}; if it still is at {}, the next step is taken", .since.to_rfc3339(), .until.to_rfc3339())]
    FoundUnused { since: DateTime<Utc>, until: DateTime<Utc> },
    #[error("it is in quarantine until {}", .0.to_rfc3339())]
    InQuarantine(DateTime<Utc>),
    #[error("channel {0} names it")]
    InChannel(String),
    #[error("it has nothing that the newest release of its time had not, and was never published")]
    Unchanged,
    #[error("it was recalled")]
    Recalled,
    #[error("{newer} newer releases are kept, and it is {} old", about(*.age))]
    Superseded { newer: usize, age: TimeDelta },
    #[error("its quarantine since {} is over; {why}", .since.to_rfc3339())]
    QuarantineOver { since: DateTime<Utc>, why: String },
    #[error("it was adopted, and the recipe does not let Kiln remove such images (adopt.deregister)")]
    AdoptedStays,
    #[error(
        "{by} names the parameter {parameter}, which holds no image, so nothing can be launched by it; correct or delete it. Only images that it might name are kept"
    )]
    DanglingReference { by: String, parameter: String },
    #[error("its recipe no longer names this Region")]
    RegionRemoved,
    #[error("kept with its release: {image} stays, because {why}")]
    ReleaseStays { image: ImageId, why: String },
    #[error(
        "the recipe had {before} images in this Region when it was last counted; after this run {now} are left"
    )]
    Recounted { before: usize, now: usize },
    #[error(
        "EC2 could not be asked what references an image, so instances and every launch template version were read instead; of parameters, only those of recipes are seen: {0}"
    )]
    ReferencesDenied(CloudError),
}
