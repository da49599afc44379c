//! The actions that decisions can ask for. Docs of the variants become `docs/reference/actions-and-reasons.md`.

use chrono::{DateTime, Utc};

use super::step::Step;
use crate::events::outbound::Envelope;
use crate::events::wake::Wake;
use crate::inventory::{
    Candidates, Deprecation, Image, NewImage, NewReplica, NewTemplateVersion, PermissionChange, Waiting,
    WithSnapshots, sealed,
};
use crate::model::{
    Anchor, ImageId, ImageName, ImageRecord, InstanceId, Kept, Region, SnapshotId, Stage, Tags, Version, tags,
};

fn own_description(image: &Image) -> String {
    image.description.as_ref().map_or(String::new(), |description| description.own.clone())
}

/// What is done to a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Does nothing: everything is as it should be, or Kiln must not change it.
    Keep,
    /// Does nothing yet: something could not be read, or is not ready. The function fails, so that Lambda invokes it
    /// again.
    Retry,
    /// Does nothing: it is not possible until somebody changes what the reason names.
    Reject,
    /// Launches a builder or a tester. If a subnet has no capacity, the next one is tried.
    Launch(Candidates),
    /// Tags a long-lived builder with the bake and stops it, so that an image can be created from it.
    StopForBake {
        /// The builder.
        instance: InstanceId,
        /// The version of the bake.
        version: Version,
        /// The time by which creation of its image must have begun.
        deadline: DateTime<Utc>,
    },
    /// Creates an image from a stopped builder.
    Capture(NewImage),
    /// Starts a long-lived builder again and removes the tags of the bake from it.
    Restart(InstanceId),
    /// Terminates a builder or tester that Kiln launched.
    Terminate(InstanceId),
    /// Terminates a builder, and records on it that the end of its bake needs no more telling (`kiln:end-told`).
    EndBuilder(InstanceId),
    /// Copies an image to another Region.
    Copy(NewReplica),
    /// Sets the tag `kiln:stage` of an image, and what else is known of it then.
    SetStage(ImageId, ImageRecord, Tags),
    /// Writes into the description of an image what no tag can take back: that it was rejected or released, or that
    /// somebody rolled back to it or asked for it anew.
    Anchor {
        /// The image.
        image: ImageId,
        /// What its description says beside.
        own: String,
        /// What no tag can take back.
        anchor: Anchor,
    },
    /// Tags an image that you handed over, and before that its snapshots, so that Kiln manages them.
    Adopt {
        /// The image.
        image: ImageId,
        /// The snapshots of the image.
        snapshots: Vec<SnapshotId>,
        /// The record of the image.
        record: ImageRecord,
        /// The tags that are written to each of them.
        tags: Tags,
    },
    /// Changes who may launch an image.
    Share(ImageId, PermissionChange),
    /// Changes who may create volumes from a snapshot.
    ShareSnapshot(SnapshotId, PermissionChange),
    /// Sets or removes the time at which EC2 deprecates an image.
    SetDeprecation(ImageId, Deprecation),
    /// Makes what is launched from an image ask for a token of the metadata service.
    RequireImdsV2(ImageId),
    /// Puts the watermark of this name on an image, so that other accounts can see that it was verified. Where EC2 does not
    /// take it, that is told, and nothing waits for it.
    AttachWatermark(ImageId, String),
    /// Takes the watermark with this key off an image.
    DetachWatermark(ImageId, String),
    /// Turns deregistration protection on.
    Protect(ImageId),
    /// Turns off the deregistration protection that Kiln turned on.
    Unprotect(ImageId),
    /// Records on an image that it is published, and with which settings (`kiln:stage`, `kiln:published-as`).
    Publish(ImageId, ImageRecord, String),
    /// Writes tags on an image; the reason says why.
    Tag(ImageId, Tags),
    /// Points the SSM parameters of one or more Regions at a release. None is written unless Kiln may write all of
    /// them.
    MoveParameters(Moves),
    /// Points the same parameters of other accounts at a release. An account that cannot be reached is told, and nothing
    /// waits for it.
    MoveInAccounts(Vec<AccountMove>),
    /// Points a launch template at a release: creates a version, sets the default version, or both.
    MoveTemplate(TemplateMove),
    /// Sets an image that is kept after all back to stage `captured`, so that it is tested, published and copied again.
    Reactivate {
        /// The image.
        image: ImageId,
        /// What its description says beside the anchor.
        own: String,
        /// Its record.
        record: ImageRecord,
        /// What no tag can take back: what was before does not count any more.
        anchor: Anchor,
        /// The current time.
        now: DateTime<Utc>,
    },
    /// Enables a disabled image, so that it can be launched again.
    Enable(ImageId),
    /// Requests EC2's report on which other accounts use an image.
    RequestUsageReport(ImageId),
    /// Deprecates an unused image. Records on it since when it is unused, and how many images its recipe has in the
    /// Region.
    Deprecate(ImageId, DateTime<Utc>, usize),
    /// Undoes `deprecate`, because the image is used or kept again. It is deprecated when its recipe says so, or never.
    ClearUnused(ImageId, Deprecation),
    /// Disables an image, so that nobody can launch it. Records on it when, and how many images its recipe has in the
    /// Region.
    Disable(ImageId, DateTime<Utc>, usize),
    /// Records on a home image that its release is being deregistered (`kiln:stage`, `kiln:disabled-at`), before its
    /// replicas go.
    MarkDisabled(ImageId, DateTime<Utc>),
    /// Deregisters an image and deletes its snapshots, except those that another image uses. Of an image that you handed
    /// over, only the snapshots that EC2 made for it are deleted: what you registered it from stays.
    Deregister(ImageId, WithSnapshots),
    /// Records on a snapshot since when its image is gone (`kiln:orphaned-since`).
    MarkOrphan(SnapshotId, DateTime<Utc>),
    /// Undoes `mark-orphan`, because the snapshot is used again.
    ClearOrphan(SnapshotId),
    /// Deletes a snapshot whose image is gone and whose quarantine is over.
    DeleteSnapshot(SnapshotId),
    /// Keeps in the stack's bucket what is in an image, and the recipe that it was baked by. Nothing is decided by it.
    KeepContents {
        /// The key below the bucket.
        key: String,
        /// What is kept.
        kept: Kept,
    },
    /// Sends an event before the tag that records it is written. A failure between the two repeats the event instead of
    /// losing it.
    Emit(Envelope),
    /// Notes in a parameter that a bake waits for room for its builder, or that it has failed.
    NoteWaiting(Waiting),
    /// Deletes the note that a bake waits for room, or has failed.
    ForgetWaiting(ImageName),
    /// Wakes the function whose work is missing, as the event would have done that was lost. `reconcile` does nothing
    /// else.
    Wake(Wake),
}

/// Parameters that move together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moves {
    /// The parameters to move.
    pub moves: Vec<Move>,
    /// Those that have moved already, perhaps by an invocation that died. If one of the others is refused, they are set
    /// back too.
    pub moved: Vec<Move>,
    /// When the move counts as done.
    pub until: WaitFor,
    /// Where a try that fails is noted; `None` if a person asked for the move, who tries again himself.
    pub tries: Option<NoteTry>,
}

impl Moves {
    /// Sets back what has moved, as far as it is known to what.
    pub fn back(moved: Vec<Move>) -> Self {
        let moves = moved.into_iter().filter_map(Move::reversed).collect();
        Self { moves, moved: Vec::new(), until: WaitFor::Accepted, tries: None }
    }
}

/// Where a try that fails is noted, so that the next one waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteTry {
    /// The image on which it is noted.
    pub image: ImageId,
    /// Its Region.
    pub region: Region,
    /// Whether no try was noted before this one.
    pub is_first: bool,
    /// The tag to write if a value is refused.
    pub refused: Tags,
    /// The tag to write if all are accepted, and not all are shown yet.
    pub accepted: Tags,
}

impl NoteTry {
    /// What tells this try from the others: its number, and its hour. Two invocations at once are the same try.
    pub fn occasion(&self) -> String {
        let tried = self.refused.get(tags::RELEASE_TRIED).unwrap_or_default();
        tried.split(':').next().unwrap_or_default().to_owned()
    }
}

/// A parameter that is pointed at an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The Region of the parameter.
    pub region: Region,
    /// The name of the parameter.
    pub parameter: String,
    /// The image.
    pub image: ImageId,
    /// The image that it is set back to; `None` if it named none that is known.
    pub back: Option<ImageId>,
}

impl Move {
    /// The way back, which nothing sets forward again; `None` if it is not known where to.
    pub fn reversed(self) -> Option<Self> {
        let Self { region, parameter, image: _, back } = self;
        Some(Self { region, parameter, image: back?, back: None })
    }
}

/// A parameter of another account that is pointed at an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMove {
    /// The account.
    pub account: String,
    /// The Region of the parameter.
    pub region: Region,
    /// The name of the parameter.
    pub parameter: String,
    /// The image.
    pub image: ImageId,
}

/// When a move of parameters counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// Once every parameter shows its new image.
    Visible,
    /// Once SSM has accepted every value. SSM returns it later, after EC2 has validated the image, and then sends an
    /// event.
    Accepted,
}

/// A launch template that is pointed at an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMove {
    /// The name of the template.
    pub name: String,
    /// The image.
    pub image: ImageId,
    /// The version to create; `None` if a version with the image exists.
    pub version: Option<NewTemplateVersion>,
    /// Which version becomes the default version.
    pub default: NewDefault,
}

/// Which version becomes the default version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewDefault {
    /// The default version stays as it is.
    Unchanged,
    /// The version that is created.
    NewVersion,
    /// An existing version: the id of the template, and the number of the version.
    Number(String, i64),
}

impl Action {
    /// Anchors an image.
    pub fn anchor(image: &Image, anchor: Anchor) -> Self {
        Self::Anchor { image: image.id.clone(), own: own_description(image), anchor }
    }

    /// Lets an image begin again.
    pub fn reactivate(image: &Image, record: &ImageRecord, now: DateTime<Utc>) -> Self {
        let record = record.asked_again(now);
        let anchor = image.anchor().asked_anew(now);
        Self::Reactivate { image: image.id.clone(), own: own_description(image), record, anchor, now }
    }

    /// The image that it marks, and the marks. They may be written for several images at once, before any action runs.
    pub fn marks(&self) -> Option<(&ImageId, Tags)> {
        match self {
            Self::MarkDisabled(image, since) => Some((
                image,
                Tags::new().with(tags::STAGE, Stage::Disabled).with_time(tags::DISABLED_AT, *since),
            )),
            Self::Deprecate(image, since, counted) => Some((
                image,
                Tags::new().with_time(tags::UNUSED_SINCE, *since).with(tags::FLEET_SIZE, counted),
            )),
            Self::Disable(image, since, counted) => {
                let disabled =
                    Tags::new().with(tags::STAGE, Stage::Disabled).with_time(tags::DISABLED_AT, *since);
                Some((image, disabled.with(tags::FLEET_SIZE, counted)))
            }
            Self::Tag(image, tags) if tags.iter().all(|(key, _)| sealed::is_mark(key)) => {
                Some((image, tags.clone()))
            }
            _ => None,
        }
    }

    /// The step towards removal that this action is, if it is one.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Deprecate(..) => Some(Step::Deprecate),
            Self::Disable(..) => Some(Step::Disable),
            Self::Deregister(..) => Some(Step::Deregister),
            _ => None,
        }
    }

    /// The name of the action in logs, answers and plans.
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
            Self::EndBuilder(_) => "end-builder",
            Self::Copy(_) => "copy",
            Self::SetStage(..) => "set-stage",
            Self::Anchor { .. } => "anchor",
            Self::Adopt { .. } => "adopt",
            Self::Share(..) => "share",
            Self::ShareSnapshot(..) => "share-snapshot",
            Self::SetDeprecation(..) => "set-deprecation",
            Self::RequireImdsV2(_) => "require-imds-v2",
            Self::AttachWatermark(..) => "attach-watermark",
            Self::DetachWatermark(..) => "detach-watermark",
            Self::Protect(_) => "protect",
            Self::Unprotect(_) => "unprotect",
            Self::Publish(..) => "publish",
            Self::Tag(..) => "tag",
            Self::MoveParameters(..) => "move-parameters",
            Self::MoveInAccounts(_) => "move-in-accounts",
            Self::MoveTemplate(_) => "move-template",
            Self::Reactivate { .. } => "reactivate",
            Self::Enable(_) => "enable",
            Self::RequestUsageReport(_) => "request-usage-report",
            Self::Deprecate(..) => "deprecate",
            Self::ClearUnused(..) => "clear-unused",
            Self::Disable(..) => "disable",
            Self::MarkDisabled(..) => "mark-disabled",
            Self::Deregister(..) => "deregister",
            Self::MarkOrphan(..) => "mark-orphan",
            Self::ClearOrphan(_) => "clear-orphan",
            Self::DeleteSnapshot(_) => "delete-snapshot",
            Self::KeepContents { .. } => "keep-contents",
            Self::Emit(_) => "emit",
            Self::NoteWaiting(_) => "note-waiting",
            Self::ForgetWaiting(_) => "forget-waiting",
            Self::Wake(_) => "wake",
        }
    }
}
