//! By which policy a release goes, and what a rule says that keeps an image.

use crate::model::Version;
use crate::plan::reason::{RetentionReason, UseReason};
use crate::plan::{NextStep, Reason, Retention, Usage};
use crate::recipe::{Expire, Recipe};

/// The waiting times by which a release goes, and what its recipe grants it where it stays.
#[derive(Clone, Copy)]
pub struct RetentionPolicy<'a> {
    /// The waiting times.
    pub expire: &'a Expire,
    /// The recipe; `None` where it was deleted.
    pub recipe: Option<&'a Recipe>,
    /// The newest release.
    pub newest: Option<Version>,
}

impl<'a> RetentionPolicy<'a> {
    /// The policy of a recipe.
    pub fn of(recipe: &'a Recipe, newest: Option<Version>) -> Self {
        Self { expire: &recipe.expire, recipe: Some(recipe), newest }
    }

    /// The policy for images whose recipe was deleted: the waiting times of a recipe that names none.
    pub fn without_recipe(defaults: &'a Expire) -> Self {
        Self { expire: defaults, recipe: None, newest: None }
    }
}

/// Why an image is kept, and what is known of its use. There is no way to keep an image without saying both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Why.
    pub reason: Reason,
    /// What is known of it.
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

    /// Its recipe keeps it, so nobody looked who uses it.
    pub fn by_rule(reason: impl Into<Reason>, next: Option<NextStep>) -> Self {
        Self::with(reason, None, next, false)
    }

    /// Something uses it.
    pub fn in_use(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::InUse), None, false)
    }

    /// A person or another service keeps what the recipe would let go: an event says so.
    pub fn by_choice(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::InUse), None, true)
    }

    /// Whether it is used could not be found out.
    pub fn unknown(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::Unknown), None, false)
    }

    /// Nobody uses it, and it is kept all the same.
    pub fn unused(reason: impl Into<Reason>) -> Self {
        Self::with(reason, Some(Usage::Unused), None, false)
    }

    /// Whether it says for certain that the release stays.
    pub(super) fn is_certain(&self) -> bool {
        let with_release = matches!(self.reason, Reason::Retention(RetentionReason::ReleaseStays { .. }));
        self.retention.usage != Some(Usage::Unknown) && !with_release
    }

    /// Whether only what other accounts do with the image is not known yet.
    pub(super) fn waits_for_sharing(&self) -> bool {
        matches!(self.reason, Reason::Use(UseReason::ReportMissing(_) | UseReason::SharingUnknown))
    }
}
