//! What is done.

use chrono::{DateTime, Utc};

use super::step::Step;
use crate::events::outbound::Envelope;
use crate::inventory::{Candidates, Deprecation, NewImage, NewReplica, NewTemplateVersion, PermissionChange};
use crate::model::{ImageId, InstanceId, Region, SnapshotId, Stage, Tags, Version, tags};

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: all is as it should be, or it is not Kiln's to touch.
    Keep,
    /// Nothing now: it must be looked at again, so the function fails and Lambda tries it anew.
    Retry,
    /// Nothing: it cannot be done as asked, and a person must change something.
    Reject,
    /// Launch a builder or a tester; each is tried in turn while the ones before have no room.
    Launch(Candidates),
    /// Mark a long-lived builder with the bake and stop it.
    StopForBake {
        /// The builder.
        instance: InstanceId,
        /// The bake.
        version: Version,
        /// When its image must have begun.
        deadline: DateTime<Utc>,
    },
    /// Make an image of a stopped builder.
    Capture(NewImage),
    /// Start a long-lived builder again and take the bake's marks from it.
    Restart(InstanceId),
    /// Terminate a launched builder or tester.
    Terminate(InstanceId),
    /// Make a replica.
    Copy(NewReplica),
    /// Write the stage on an image.
    SetStage(ImageId, Stage),
    /// Write on an image that somebody else made, and before that on its snapshots, that it is Kiln's now.
    Adopt {
        /// The image.
        image: ImageId,
        /// Its snapshots.
        snapshots: Vec<SnapshotId>,
        /// What is written.
        tags: Tags,
    },
    /// Change who may launch an image.
    Share(ImageId, PermissionChange),
    /// Change who may make volumes of a snapshot.
    ShareSnapshot(SnapshotId, PermissionChange),
    /// Set when an image is deprecated; `None`: never.
    SetDeprecation(ImageId, Deprecation),
    /// Guard an image against deregistration.
    Protect(ImageId),
    /// Take that guard away.
    Unprotect(ImageId),
    /// Write on an image that it is published, and as what.
    Publish(ImageId, String),
    /// Write on an image what of its recipe holds for it.
    Tag(ImageId, Tags),
    /// Let the parameters of several Regions name a release, all at once, and see that they do.
    MoveParameters(Vec<Move>, WaitFor),
    /// Let a launch template name a release.
    MoveTemplate(TemplateMove),
    /// Take the mark of retirement from an image that stays, and have it copied anew where it lacks a replica.
    Reactivate(ImageId, DateTime<Utc>),
    /// Enable an image that was disabled.
    Enable(ImageId),
    /// Ask EC2 for a report on the use of an image by other accounts.
    RequestUsageReport(ImageId),
    /// Deprecate an image that nobody uses, and write on it since when that is known, and how many its recipe has there.
    Deprecate(ImageId, DateTime<Utc>, usize),
    /// Take that back: the image is deprecated when its recipe says, or never.
    ClearUnused(ImageId, Deprecation),
    /// Disable an image and write on it since when, and how many its recipe has there.
    Disable(ImageId, DateTime<Utc>, usize),
    /// Deregister an image and delete its snapshots.
    Deregister(ImageId),
    /// Write on a snapshot since when it is left behind.
    MarkOrphan(SnapshotId, DateTime<Utc>),
    /// Take that mark away: the snapshot is used again.
    ClearOrphan(SnapshotId),
    /// Delete a snapshot that was left behind.
    DeleteSnapshot(SnapshotId),
    /// Say it, before what follows in the chain makes it past.
    Emit(Envelope),
}

/// A parameter that is to name an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Where.
    pub region: Region,
    /// The parameter.
    pub parameter: String,
    /// The image.
    pub image: ImageId,
}

/// What the chain goes on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// Every parameter shows its image.
    Pointers,
    /// SSM has taken every value: it shows them once EC2 has looked at the images, and says so.
    Accepted,
}

/// A launch template that is to name an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMove {
    /// The template's name.
    pub name: String,
    /// The image.
    pub image: ImageId,
    /// The version to be made of it; `None`: there is one.
    pub version: Option<NewTemplateVersion>,
    /// What becomes the default version.
    pub default: NewDefault,
}

/// What becomes the default version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewDefault {
    /// It stays.
    Unchanged,
    /// The version that is made.
    NewVersion,
    /// This version of this template, which is there.
    Number(String, i64),
}

impl Action {
    /// The image on which it writes tags, and those: what may be written on many at once, before anything else is done.
    pub fn writes(&self) -> Option<(&ImageId, Tags)> {
        match self {
            Self::SetStage(image, Stage::Disabled) => {
                Some((image, Tags::new().with(tags::STAGE, Stage::Disabled)))
            }
            Self::Deprecate(image, since, counted) => Some((
                image,
                Tags::new().with_time(tags::UNUSED_SINCE, *since).with(tags::FLEET_SIZE, counted),
            )),
            Self::Disable(image, since, counted) => {
                let retired =
                    Tags::new().with(tags::STAGE, Stage::Disabled).with_time(tags::DISABLED_AT, *since);
                Some((image, retired.with(tags::FLEET_SIZE, counted)))
            }
            Self::Tag(image, noted) => Some((image, noted.clone())),
            _ => None,
        }
    }

    /// The step of an image on its way out that it is, if it is one.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Deprecate(..) => Some(Step::Deprecate),
            Self::Disable(..) => Some(Step::Disable),
            Self::Deregister(_) => Some(Step::Deregister),
            _ => None,
        }
    }

    /// Its name in logs, answers and plans.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Retry => "retry",
            Self::Reject => "reject",
            Self::Launch(_) => "launch",
            Self::StopForBake { .. } => "stop",
            Self::Capture(_) => "capture",
            Self::Restart(_) => "restart",
            Self::Terminate(_) => "terminate",
            Self::Copy(_) => "copy",
            Self::SetStage(..) => "set-stage",
            Self::Adopt { .. } => "adopt",
            Self::Share(..) => "share",
            Self::ShareSnapshot(..) => "share-snapshot",
            Self::SetDeprecation(..) => "set-deprecation",
            Self::Protect(_) => "protect",
            Self::Unprotect(_) => "unprotect",
            Self::Publish(..) => "publish",
            Self::Tag(..) => "tag",
            Self::MoveParameters(..) => "move-parameters",
            Self::MoveTemplate(_) => "move-template",
            Self::Reactivate(..) => "reactivate",
            Self::Enable(_) => "enable",
            Self::RequestUsageReport(_) => "request-usage-report",
            Self::Deprecate(..) => "deprecate",
            Self::ClearUnused(..) => "clear-unused",
            Self::Disable(..) => "disable",
            Self::Deregister(_) => "deregister",
            Self::MarkOrphan(..) => "mark-orphan",
            Self::ClearOrphan(_) => "clear-orphan",
            Self::DeleteSnapshot(_) => "delete-snapshot",
            Self::Emit(_) => "emit",
        }
    }
}
