//! Which subnets or security groups of a Region a launch takes.

use crate::model::Tags;

/// Which of the subnets or security groups of a Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chosen<Id> {
    /// Those that EC2 takes by itself: of the default VPC, or its default group.
    #[default]
    Default,
    /// Those with these ids. There is at least one.
    Ids(Vec<Id>),
    /// Those that bear all of these tags. In a value, `*` and `?` are wildcards, as in EC2's filters.
    Tagged(Tags),
}

impl<Id> Chosen<Id> {
    /// Those with these ids; what EC2 takes by itself if there are none.
    pub fn of(ids: Vec<Id>) -> Self {
        if ids.is_empty() { Self::Default } else { Self::Ids(ids) }
    }

    /// The ids; empty if it names none.
    pub fn ids(&self) -> &[Id] {
        if let Self::Ids(ids) = self { ids } else { &[] }
    }

    /// The tags; `None` if it names none.
    pub fn tags(&self) -> Option<&Tags> {
        if let Self::Tagged(tags) = self { Some(tags) } else { None }
    }

    /// Whether EC2 takes them by itself.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }
}
