//! What is decided, as data: the plan that a person reads, the log line, what a test expects and what is
//! carried out are the same value.

use chrono::{DateTime, Utc};

use super::action::Action;
use super::reason::Reason;
use super::step::Retention;
use crate::inventory::{CloudError, ErrorKind, Image, Instance};
use crate::model::{ImageName, RecipeName, Region, Version};
use crate::recipe::BadRecipe;

/// One thing that is done, or left, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it is about.
    pub subject: Subject,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Since when it may have been due; known to a sweep, which says how late a repair is.
    pub since: Option<DateTime<Utc>>,
    /// What the rule knows of an image that it lets go or keeps; `None` for every other decision.
    pub retention: Option<Retention>,
}

/// Decisions that are carried out one after another; when one fails, those after it are not begun. Chains
/// do not depend on each other.
pub type Sequence = Vec<Decision>;

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Of which family.
    pub recipe: Option<RecipeName>,
    /// Of which bake.
    pub version: Option<Version>,
    /// Where.
    pub region: Region,
    /// The image, instance or snapshot, where there is one already.
    pub resource: Option<String>,
}

impl Subject {
    /// An image whose record was read.
    pub fn member(image: &Image, name: &ImageName) -> Self {
        Self {
            recipe: Some(name.recipe.clone()),
            version: Some(name.version),
            region: image.region.clone(),
            resource: Some(image.id.to_string()),
        }
    }

    /// An image.
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

    /// An instance.
    pub fn instance(instance: &Instance) -> Self {
        use crate::model::tags::{RECIPE, VERSION};
        Self {
            recipe: instance.tags.read(RECIPE),
            version: instance.tags.read(VERSION),
            region: instance.region.clone(),
            resource: Some(instance.id.to_string()),
        }
    }

    /// A bake, or an image that is not there yet.
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

    /// A recipe with mistakes, under the name that it has in spite of them.
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

    /// That a thing which bears no name of Kiln's is the subject.
    pub fn resource(resource: impl ToString, region: &Region) -> Self {
        Self { recipe: None, version: None, region: region.clone(), resource: Some(resource.to_string()) }
    }

    /// The decision that it must be looked at again, since something that had to be known could not be seen.
    pub fn retry_later(self, error: &CloudError) -> Decision {
        self.decide(Action::Retry, Reason::LookUpFailed(error.clone()))
    }

    /// The same of what no recipe names: where it is closed to this role, whoever closed it knows, and it is only told.
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

    /// A decision about an image that is let go or kept, with what the rule knows of it.
    pub fn retain(self, action: Action, reason: impl Into<Reason>, retention: Retention) -> Decision {
        Decision { retention: Some(retention), ..self.decide(action, reason) }
    }
}
