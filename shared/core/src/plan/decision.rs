//! A decision as data. The plan that a person reads, the log line, what a test expects and what is carried out are
//! the same value.

use chrono::{DateTime, Utc};

use super::action::Action;
use super::reason::Reason;
use super::step::Retention;
use crate::events::outbound::{Envelope, Event};
use crate::inventory::{CloudError, ErrorKind, Image, Instance};
use crate::model::{ImageName, RecipeName, Region, Version};
use crate::recipe::BadRecipe;

/// One action on one subject, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the decision is about.
    pub subject: Subject,
    /// What is done, which may be nothing.
    pub action: Action,
    /// Why it is done.
    pub reason: Reason,
    /// Since when the action may have been due. Set by a sweep, to report how late a repair is.
    pub since: Option<DateTime<Utc>>,
    /// What an expiry rule knows about the image; `None` for every other decision.
    pub retention: Option<Retention>,
}

/// Decisions that are carried out in order. If one fails, those after it are skipped. Sequences do not depend on each
/// other.
pub type Sequence = Vec<Decision>;

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The recipe, if there is one.
    pub recipe: Option<RecipeName>,
    /// The version, if the subject belongs to one bake.
    pub version: Option<Version>,
    /// The Region.
    pub region: Region,
    /// The id of the image, instance or snapshot, if it exists already.
    pub resource: Option<String>,
}

impl Subject {
    /// An image whose record was read before.
    pub fn member(image: &Image, name: &ImageName) -> Self {
        Self {
            recipe: Some(name.recipe.clone()),
            version: Some(name.version),
            region: image.region.clone(),
            resource: Some(image.id.to_string()),
        }
    }

    /// An image. Recipe and version come from its record, or else from its name.
    pub fn image(image: &Image) -> Self {
        let record = image.record().ok();
        let name = record.map(|record| record.name).or_else(|| image.name.parse::<ImageName>().ok());
        Self {
            recipe: name.as_ref().map(|name| name.recipe.clone()),
            version: name.map(|name| name.version),
            region: image.region.clone(),
            resource: Some(image.id.to_string()),
        }
    }

    /// An instance. Recipe and version come from its tags.
    pub fn instance(instance: &Instance) -> Self {
        use crate::model::tags::{RECIPE, VERSION};
        Self {
            recipe: instance.tags.read(RECIPE),
            version: instance.tags.read(VERSION),
            region: instance.region.clone(),
            resource: Some(instance.id.to_string()),
        }
    }

    /// A bake, or an image that does not exist yet.
    pub fn name(name: &ImageName, region: &Region) -> Self {
        Self {
            recipe: Some(name.recipe.clone()),
            version: Some(name.version),
            region: region.clone(),
            resource: None,
        }
    }

    /// A recipe as a whole, in its home Region.
    pub fn recipe(recipe: &RecipeName, region: &Region) -> Self {
        Self { recipe: Some(recipe.clone()), version: None, region: region.clone(), resource: None }
    }

    /// An invalid recipe, by the name under which it was found.
    pub fn bad_recipe(bad: &BadRecipe, home: &Region) -> Self {
        match bad.name.parse() {
            Ok(recipe) => Self::recipe(&recipe, home),
            Err(_) => Self::resource(&bad.name, home),
        }
    }

    /// A Region as a whole.
    pub fn region(region: &Region) -> Self {
        Self { recipe: None, version: None, region: region.clone(), resource: None }
    }

    /// Any other resource, by its id.
    pub fn resource(resource: impl ToString, region: &Region) -> Self {
        Self { recipe: None, version: None, region: region.clone(), resource: Some(resource.to_string()) }
    }

    /// Retry later, because something that the decision needs could not be read.
    pub fn retry_later(self, error: &CloudError) -> Decision {
        self.decide(Action::Retry, Reason::LookUpFailed(error.clone()))
    }

    /// Like [`Subject::retry_later`], for a Region that no recipe names. If access is denied there, that was
    /// deliberate: it is reported, and does not fail the run.
    pub fn retry_unless_denied(self, error: &CloudError) -> Decision {
        match error.kind {
            ErrorKind::Denied => self.decide(Action::Keep, Reason::LookUpFailed(error.clone())),
            _ => self.retry_later(error),
        }
    }

    /// A decision about this subject.
    pub fn decide(self, action: Action, reason: impl Into<Reason>) -> Decision {
        Decision { subject: self, action, reason: reason.into(), since: None, retention: None }
    }

    /// Sends an event about an image or a bake, in the Region of this subject.
    pub fn emit(self, name: &ImageName, news: Event, reason: impl Into<Reason>) -> Decision {
        self.emit_again(name, news, "", reason)
    }

    /// Like [`Subject::emit`], for an event that may come more than once in an image's life: `occasion` tells one from
    /// the other.
    pub fn emit_again(
        self,
        name: &ImageName,
        news: Event,
        occasion: &str,
        reason: impl Into<Reason>,
    ) -> Decision {
        let (region, occasion) = (self.region.clone(), occasion.to_owned());
        self.decide(Action::Emit(Envelope { name: name.clone(), region, news, occasion }), reason)
    }

    /// A decision of an expiry rule, with what the rule knows about the image.
    pub fn retain(self, action: Action, reason: impl Into<Reason>, retention: Retention) -> Decision {
        Decision { retention: Some(retention), ..self.decide(action, reason) }
    }
}
