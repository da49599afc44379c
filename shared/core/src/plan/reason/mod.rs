//! Why something is done, or is not. Displayed, a reason is a complete sentence without its full stop.
//!
//! Each capability has its own file of reasons. Rules import reasons; reasons import no rules, so there are no import
//! cycles between them.

pub mod adopt;
pub mod bake;
pub mod capture;
pub mod channel;
pub mod deleted_recipe;
pub mod hold;
pub mod in_use;
pub mod limits;
pub mod orphans;
pub mod preflight;
pub mod publish;
pub mod recall;
pub mod reconcile;
pub mod release;
pub mod replicate;
pub mod restore;
pub mod retention;
pub mod script;
pub mod verify;

use thiserror::Error;

use crate::inventory::{CloudError, ImageState};
use crate::model::Stage;
use crate::model::record::RecordError;
use crate::recipe::BadRecipe;

pub use adopt::AdoptReason;
pub use bake::{BadBase, BakeReason};
pub use capture::{CaptureReason, ImageRef};
pub use channel::ChannelReason;
pub use deleted_recipe::DeletedRecipeReason;
pub use hold::HoldReason;
pub use in_use::{ReportStatus, UseReason};
pub use limits::{Limit, LimitExceeded};
pub use orphans::OrphanReason;
pub use preflight::{NoWay, PreflightReason, Problem};
pub use publish::{PublishReason, ScanReason};
pub use recall::RecallReason;
pub use reconcile::ReconcileReason;
pub use release::ReleaseReason;
pub use replicate::ReplicateReason;
pub use restore::RestoreReason;
pub use retention::RetentionReason;
pub use script::ScriptReason;
pub use verify::VerifyReason;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why something is done, or left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    #[error("{0}")]
    LookUpFailed(CloudError),
    #[error("{0}")]
    NotManaged(RecordError),
    #[error("{0}")]
    BadRecipe(BadRecipe),
    #[error("there is no readable recipe {0} any more")]
    RecipeGone(String),
    #[error(
        "the tag kiln:stage says {found}, and the description of the image, which no tag changes, that it is {counts}; the tag is set right"
    )]
    SetBack { found: Stage, counts: Stage },
    #[error("the image is {0}; only an available image is tested, published or copied")]
    ImageNotAvailable(ImageState),
    #[error(transparent)]
    Bake(#[from] BakeReason),
    #[error(transparent)]
    Preflight(#[from] PreflightReason),
    #[error(transparent)]
    Script(#[from] ScriptReason),
    #[error(transparent)]
    Capture(#[from] CaptureReason),
    #[error(transparent)]
    Adopt(#[from] AdoptReason),
    #[error(transparent)]
    Verify(#[from] VerifyReason),
    #[error(transparent)]
    Publish(#[from] PublishReason),
    #[error(transparent)]
    Replicate(#[from] ReplicateReason),
    #[error(transparent)]
    Release(#[from] ReleaseReason),
    #[error(transparent)]
    Channel(#[from] ChannelReason),
    #[error(transparent)]
    Retention(#[from] RetentionReason),
    #[error(transparent)]
    Use(#[from] UseReason),
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    #[error(transparent)]
    DeletedRecipe(#[from] DeletedRecipeReason),
    #[error(transparent)]
    Restore(#[from] RestoreReason),
    #[error(transparent)]
    Hold(#[from] HoldReason),
    #[error(transparent)]
    Recall(#[from] RecallReason),
    #[error(transparent)]
    Orphan(#[from] OrphanReason),
    #[error(transparent)]
    Reconcile(#[from] ReconcileReason),
}
