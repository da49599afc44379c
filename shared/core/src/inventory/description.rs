//! The description of an image, in which stands what no tag can take back.

use crate::model::{Anchor, Stage};

/// The description of an image, and what Kiln keeps in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// What is not Kiln's.
    pub own: String,
    /// What no tag can take back.
    pub anchor: Anchor,
    /// The stage that the tag says, if it says another than the anchor: somebody has set the tag back.
    pub set_back: Option<Stage>,
}

impl Description {
    /// A description as EC2 shows it, before its seal is checked.
    pub fn unread(text: &str) -> Box<Self> {
        Box::new(Self { own: text.to_owned(), ..Self::default() })
    }
}

/// What an image without a description is anchored to.
pub(super) const NO_ANCHOR: Anchor =
    Anchor { asked_again: None, asked_before: None, end: None, pin: None, left: None };
