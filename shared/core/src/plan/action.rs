//! What is done.

use chrono::{DateTime, Utc};

use super::step::Step;
use crate::events::outbound::Envelope;
use crate::inventory::{Candidates, NewImage, NewReplica, NewTemplateVersion, PermissionChange};
use crate::model::{ImageId, InstanceId, Region, SnapshotId, Stage, Tags, Version, tags};

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: all is as it should be, or it is not Kiln's to touch.
    Leave,
    /// Nothing now: it must be looked at again, so the function fails and Lambda tries it anew.
    LookAgain,
    /// Nothing: it cannot be done as asked, and a person must change something.
    Refuse,
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
    StartAgain(InstanceId),
    /// Terminate a launched builder or tester.
    Terminate(InstanceId),
    /// Make a replica.
    Copy(NewReplica),
    /// Write the stage on an image.
    Mark(ImageId, Stage),
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
    Deprecate(ImageId, Option<DateTime<Utc>>),
    /// Guard an image against deregistration.
    Protect(ImageId),
    /// Take that guard away.
    Unprotect(ImageId),
    /// Write on an image that it is published, and as what.
    Publish(ImageId, String),
    /// Write on an image what of its recipe holds for it.
    Note(ImageId, Tags),
    /// Let the parameters of several Regions name a release, all at once, and see that they do.
    MoveParameters(Vec<Move>, WaitFor),
    /// Let a launch template name a release.
    MoveTemplate(TemplateMove),
    /// Take the mark of retirement from an image that stays, and have it copied anew where it lacks a replica.
    BringBack(ImageId, DateTime<Utc>),
    /// Enable an image that was disabled.
    Enable(ImageId),
    /// Ask EC2 for a report on the use of an image by other accounts.
    AskUsage(ImageId),
    /// Deprecate an image that nobody uses, and write on it since when that is known, and how many its recipe has there.
    MarkUnused(ImageId, DateTime<Utc>, usize),
    /// Take that back: the image is deprecated when its recipe says, or never.
    Spare(ImageId, Option<DateTime<Utc>>),
    /// Disable an image and write on it since when, and how many its recipe has there.
    Retire(ImageId, DateTime<Utc>, usize),
    /// Deregister an image and delete its snapshots.
    Deregister(ImageId),
    /// Write on a snapshot since when it is left behind.
    MarkOrphan(SnapshotId, Option<DateTime<Utc>>),
    /// Delete a snapshot that was left behind.
    DeleteSnapshot(SnapshotId),
    /// Say it, before what follows in the chain makes it past.
    Say(Envelope),
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
            Self::Mark(image, Stage::Retired) => Some((image, Tags::new().with(tags::STAGE, Stage::Retired))),
            Self::MarkUnused(image, since, counted) => {
                Some((image, Tags::new().with_time(tags::UNUSED, *since).with(tags::COUNTED, counted)))
            }
            Self::Retire(image, since, counted) => {
                let retired = Tags::new().with(tags::STAGE, Stage::Retired).with_time(tags::RETIRED, *since);
                Some((image, retired.with(tags::COUNTED, counted)))
            }
            Self::Note(image, noted) => Some((image, noted.clone())),
            _ => None,
        }
    }

    /// The step of an image on its way out that it is, if it is one.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::MarkUnused(..) => Some(Step::Deprecate),
            Self::Retire(..) => Some(Step::Disable),
            Self::Deregister(_) => Some(Step::Deregister),
            _ => None,
        }
    }

    /// Its name in logs, answers and plans.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::LookAgain => "look-again",
            Self::Refuse => "refuse",
            Self::Launch(_) => "launch",
            Self::StopForBake { .. } => "stop",
            Self::Capture(_) => "capture",
            Self::StartAgain(_) => "start",
            Self::Terminate(_) => "terminate",
            Self::Copy(_) => "copy",
            Self::Mark(..) => "mark",
            Self::Adopt { .. } => "adopt",
            Self::Share(..) => "share",
            Self::ShareSnapshot(..) => "share-snapshot",
            Self::Deprecate(..) => "deprecate",
            Self::Protect(_) => "protect",
            Self::Unprotect(_) => "unprotect",
            Self::Publish(..) => "publish",
            Self::Note(..) => "note",
            Self::MoveParameters(..) => "move-parameters",
            Self::MoveTemplate(_) => "move-template",
            Self::BringBack(..) => "bring-back",
            Self::Enable(_) => "enable",
            Self::AskUsage(_) => "ask-usage",
            Self::MarkUnused(..) => "mark-unused",
            Self::Spare(..) => "spare",
            Self::Retire(..) => "retire",
            Self::Deregister(_) => "deregister",
            Self::MarkOrphan(..) => "mark-orphan",
            Self::DeleteSnapshot(_) => "delete-snapshot",
            Self::Say(_) => "say",
        }
    }
}
