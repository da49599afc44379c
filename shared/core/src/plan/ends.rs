//! Whether a reason is the end of a matter, or says what is waited for: then it also says what ends the wait.
//!
//! Each match names every reason, so that a new one does not compile until somebody has decided this for it.

use super::reason::{
    BakeReason, CaptureReason, OrphanReason, PreflightReason, Problem, PublishReason, Reason, RecallReason,
    ReconcileReason, ReleaseReason, ReplicateReason, RestoreReason, RetentionReason, ScanReason,
    ScriptReason, UseReason, VerifyReason,
};

/// What ends a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It is at its end: something was done, was refused with an event or an error, or is no matter of this function.
    Here,
    /// The deadline of a builder or tester (`kiln:deadline`, and [`crate::capture::CAPTURE_GRACE`]): then it has failed.
    AtDeadline,
    /// A day after the first attempt ([`crate::replicate::COPY_WINDOW`]): then the Region is given up.
    AtCopyWindow,
    /// The recipe's `publish.findings_timeout`: then the image is rejected.
    AtFindingsTimeout,
    /// EC2 ends it itself: a pending image becomes available or failed.
    ByEc2,
    /// The next try, whose time the tag `kiln:release-tried` tells: if it fails, an event says so.
    AtNextTry,
    /// The invocation fails while it lasts, and the next sweep, night or retry tries again: the alarm tells it.
    Loudly,
    /// It lasts as long as what it names does; each night looks again. Nothing else waits for it.
    WhileItLasts,
}

impl Reason {
    /// What ends the matter.
    pub fn ends(&self) -> Ends {
        match self {
            // A bad recipe's bakes are refused each night; its builders and testers have deadlines of their own.
            Self::LookUpFailed(_) | Self::BadRecipe(_) => Ends::Loudly,
            Self::NotManaged(_)
            | Self::SetBack { .. }
            | Self::RecipeGone(_)
            | Self::ImageNotAvailable(_)
            | Self::Adopt(_)
            | Self::Limit(_)
            | Self::DeletedRecipe(_) => Ends::Here,
            Self::Bake(reason) => reason.ends(),
            Self::Preflight(reason) => reason.ends(),
            Self::Script(reason) => reason.ends(),
            Self::Capture(reason) => reason.ends(),
            Self::Verify(reason) => reason.ends(),
            Self::Publish(reason) => reason.ends(),
            Self::Replicate(reason) => reason.ends(),
            Self::Release(reason) => reason.ends(),
            Self::Retention(reason) => reason.ends(),
            Self::Use(reason) => reason.ends(),
            Self::Restore(RestoreReason::InRecycleBin { .. }) => Ends::WhileItLasts,
            Self::Restore(
                RestoreReason::AskedBack
                | RestoreReason::NotDisabled(_)
                | RestoreReason::Gone
                | RestoreReason::NotFound(_),
            ) => Ends::Here,
            Self::Recall(RecallReason::NothingInItsPlace(_)) => Ends::Loudly,
            Self::Recall(_) | Self::Channel(_) | Self::Hold(_) => Ends::Here,
            Self::Orphan(OrphanReason::SnapshotUsed(_)) => Ends::WhileItLasts,
            Self::Orphan(OrphanReason::ImageGone) => Ends::Here,
            Self::Reconcile(ReconcileReason::Later(_)) => Ends::WhileItLasts,
        }
    }
}

impl BakeReason {
    fn ends(&self) -> Ends {
        match self {
            // The bake that is under way has its own deadline; it does not hold up the next one after that.
            Self::AlreadyBaking { .. } => Ends::AtDeadline,
            // The rule's own time; after it, the bake has failed.
            Self::WaitsForRoom { .. } => Ends::AtDeadline,
            Self::RoomAgain
            | Self::NoRoom { .. }
            | Self::RoomNeverCame
            | Self::RoomCame
            | Self::NothingWaits
            | Self::TimeToBake { .. }
            | Self::LongLived(_)
            | Self::BaseReleased(_)
            | Self::AlreadyBaked(_)
            | Self::NewerBake(_)
            | Self::BakeEnded(_)
            | Self::LongLivedNotRunning(..)
            | Self::InAutoScaling(..)
            | Self::NoLongLived { .. }
            | Self::BadBase(_) => Ends::Here,
        }
    }
}

impl PreflightReason {
    fn ends(&self) -> Ends {
        match self {
            Self::Passed
            | Self::BestEffort { .. }
            | Self::Experimental(_)
            | Self::WaysUnseen(_)
            | Self::NoWatermarks(_) => Ends::Here,
            Self::Found(problem) => match problem.as_ref() {
                Problem::Unknown(error) | Problem::Parameter { error, .. } if error.kind.is_retryable() => {
                    Ends::Loudly
                }
                _ => Ends::Here,
            },
        }
    }
}

impl ScriptReason {
    fn ends(&self) -> Ends {
        match self {
            Self::NotStopped(_) | Self::NoVerdictYet => Ends::AtDeadline,
            Self::TerminatedBySomeone
            | Self::Failed(_)
            | Self::StoppedBySomeone
            | Self::StoppedByOther(_)
            | Self::NoVerdict
            | Self::TimeIsUp(_) => Ends::Here,
        }
    }
}

impl CaptureReason {
    fn ends(&self) -> Ends {
        match self {
            Self::ImagePending(_) => Ends::ByEc2,
            Self::NameTaken(_) | Self::NameNotShown(_) | Self::ImageDeregistered(_) => Ends::AtDeadline,
            Self::NotABuilder
            | Self::NoBakeOnIt
            | Self::ScriptSucceeded
            | Self::StoppedForBake
            | Self::ImageBegun(_)
            | Self::ImageAvailable(_)
            | Self::BuilderGone
            | Self::ImageFailed { .. }
            | Self::NoImageInTime(_)
            | Self::OfTheFuture(_)
            | Self::AnotherBuilder(_) => Ends::Here,
        }
    }
}

impl VerifyReason {
    fn ends(&self) -> Ends {
        match self {
            Self::TesterAtWork(_) | Self::BuilderThere(_) => Ends::AtDeadline,
            // Until the recipe names a place; after a day the image is rejected.
            Self::OnlyBuildersZone(_) | Self::NoSubnet | Self::BadTags { .. } => Ends::Loudly,
            Self::NotATester
            | Self::TimeToTest(_)
            | Self::Passed(_)
            | Self::Unchanged { .. }
            | Self::Failed { .. }
            | Self::NoTesterInTime(_)
            | Self::NothingToTest
            | Self::NeedsNoTest(_)
            | Self::AskedAgain
            | Self::NotRejected(_)
            | Self::ReplicasUntested => Ends::Here,
        }
    }
}

impl PublishReason {
    fn ends(&self) -> Ends {
        match self {
            Self::Scan(ScanReason::NotScanned(_)) => Ends::AtFindingsTimeout,
            Self::Scan(ScanReason::NeverScanned(_) | ScanReason::Findings { .. })
            | Self::Verified
            | Self::NotToPublish(_)
            | Self::RecipeRequires(_)
            | Self::RecipeChanged
            | Self::SharedOtherwise(_) => Ends::Here,
        }
    }
}

impl ReplicateReason {
    fn ends(&self) -> Ends {
        match self {
            Self::NextAttempt { .. } | Self::CopyFailed { .. } => Ends::AtCopyWindow,
            Self::ReplicaPending => Ends::ByEc2,
            // Its tester has a deadline, and so has the wait for one.
            Self::ReplicaUntested => Ends::AtDeadline,
            Self::ReplicaNot(..) => Ends::WhileItLasts,
            Self::ReplicaRejected(_)
            | Self::HomeImageGone(_)
            | Self::RolledBackFrom
            | Self::SourceStage(_)
            | Self::OriginGone(_)
            | Self::ReplicaMissing
            | Self::GaveUp { .. }
            | Self::ReplicaAvailable
            | Self::NotNewest(_)
            | Self::AskedAgain
            | Self::FailedTry => Ends::Here,
        }
    }
}

impl ReleaseReason {
    fn ends(&self) -> Ends {
        match self {
            Self::NotShownYet { .. } | Self::TriedBefore { .. } => Ends::AtNextTry,
            Self::NoTemplate(_)
            | Self::ParameterRefused { .. }
            | Self::NotAllMoved { .. }
            | Self::NeverShown { .. }
            | Self::RollbackOvertaken { .. }
            | Self::Lost { .. }
            | Self::LostForNow(_)
            | Self::NamesUnknown { .. } => Ends::Loudly,
            Self::BeingFinished(_)
            | Self::StaysBehind { .. }
            | Self::GivesWay { .. }
            | Self::AccountUnread { .. } => Ends::WhileItLasts,
            Self::Ready(_)
            | Self::CameLater(_)
            | Self::ReadyHere(_)
            | Self::PointsElsewhere(_)
            | Self::RolledBackTo(_)
            | Self::InAccounts(_)
            | Self::NothingNamesIt
            | Self::NoRollbackTarget { .. }
            | Self::NoRecipesParameter(_) => Ends::Here,
        }
    }
}

impl RetentionReason {
    fn ends(&self) -> Ends {
        match self {
            Self::AmongNewest { .. }
            | Self::NotWhole { .. }
            | Self::InChannel(_)
            | Self::Young { .. }
            | Self::InProgress(_)
            | Self::FoundUnused { .. }
            | Self::InQuarantine(_)
            | Self::AdoptedStays
            | Self::ReleaseStays { .. } => Ends::WhileItLasts,
            Self::Superseded { .. }
            | Self::Unchanged
            | Self::Recalled
            | Self::QuarantineOver { .. }
            | Self::RegionRemoved
            | Self::DanglingReference { .. }
            | Self::Recounted { .. }
            | Self::ReferencesDenied(_) => Ends::Here,
        }
    }
}

impl UseReason {
    fn ends(&self) -> Ends {
        match self {
            Self::Used(_)
            | Self::LaunchedLately { .. }
            | Self::LaunchUnknown
            | Self::UsedByOtherAccounts { .. }
            | Self::ReportMissing(_)
            | Self::SharingUnknown
            | Self::BakedInto(_)
            | Self::Pinned
            | Self::BaseOfRecipe(_)
            | Self::UnresolvedReference { .. }
            | Self::Unknown(_)
            | Self::Protected(_)
            | Self::Held(_)
            | Self::ManagedBy(_)
            | Self::SnapshotNeeded(_)
            | Self::Restored(_) => Ends::WhileItLasts,
        }
    }
}
