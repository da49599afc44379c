//! The retention policy of a release, and the answer of a rule that keeps an image.

use crate::model::Version;
use crate::plan::reason::{RetentionReason, UseReason};
use crate::plan::{NextStep, Reason, Retention, Usage};
use crate::recipe::{Expire, Recipe};

/// The waiting times of the three steps, and the recipe that applies to a release that is kept.
#[derive(Clone, Copy)]
pub struct RetentionPolicy<'a> {
    /// The waiting times.
    pub expire: &'a Expire,
    /// The recipe; `None` if it was deleted.
    pub recipe: Option<&'a Recipe>,
    /// The newest version that is released.
    pub newest: Option<Version>,
}

impl<'a> RetentionPolicy<'a> {
    /// The policy of a recipe.
    pub fn of(recipe: &'a Recipe, newest: Option<Version>) -> Self {
        Self { expire: &recipe.expire, recipe: Some(recipe), newest }
    }

    /// The policy for images whose recipe was deleted: the default waiting times.
    pub fn without_recipe() -> Self {
        Self { expire: &Expire::DEFAULT, recipe: None, newest: None }
    }
}

/// Why an image is kept, and what is known about its usage. Each constructor sets both, so no rule can forget one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Why.
    pub reason: Reason,
    /// What is known about its usage.
    pub retention: Retention,
}

impl Keep {
    fn with(
        reason: impl Into<Reason>,
        usage: Option<Usage>,
        next: Option<NextStep>,
        by_choice: bool,
    ) -> Self {
        Self { reason: reason.into(), retention: Retention { usage, next, by_choice } }
    }

    /// Its recipe keeps it, so its usage was not read.
    pub fn by_rule(reason: impl Into<Reason>, next: Option<NextStep>) -> Self {
        Self::with(reason, None, next, false)
    }

    /// Something uses it.
    pub fn in_use(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::InUse), None, false)
    }

    /// A person or another service keeps an image that the recipe would remove; an `Image Kept` event reports it.
    pub fn by_choice(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::InUse), None, true)
    }

    /// Whether it is used could not be determined.
    pub fn unknown(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::Unknown), None, false)
    }

    /// Nothing uses it, but it is kept for another reason.
    pub fn unused(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::Unused), None, false)
    }

    /// Whether this reason alone keeps the release: the usage is not unknown, and the image is not kept only with its
    /// release.
    pub(super) fn is_certain(&self) -> bool {
        let with_release = matches!(self.reason, Reason::Retention(RetentionReason::ReleaseStays { .. }));
        self.retention.usage != Some(Usage::Unknown) && !with_release
    }

    /// Whether only the usage by other accounts is still unknown.
    pub(super) fn waits_for_sharing(&self) -> bool {
        matches!(self.reason, Reason::Use(UseReason::ReportMissing(_) | UseReason::SharingUnknown))
    }
}
