//! The mark of an image in `kiln:published-as`: which `[publish]` was applied to it, and what must not be forgotten.

use std::fmt;

use crate::inventory::Image;
use crate::model::tags;

const PROTECTED_PREFIX: &str = "protected-";
const SHARED_PREFIX: &str = "shared-";
/// Behind it stands the name of a watermark, which has no colon.
const WATERMARK_PREFIX: &str = "marked-";

/// A mark. Its text is its word, behind a prefix for each of the others that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whether the image was protected for its recipe. Kiln may disable such protection again.
    pub protected: bool,
    /// Whether somebody else was ever allowed to launch the image. EC2 forgets that.
    pub shared: bool,
    /// The name of the watermark that was put on the image for its recipe. Kiln may take that off again.
    pub watermark: Option<String>,
    /// A hash of the rest of what was applied.
    pub word: String,
}

impl Mark {
    /// The mark of an image; `None` if it was published before Kiln wrote marks.
    pub fn on(image: &Image) -> Option<Self> {
        image.tags.get(tags::PUBLISHED_AS).map(Self::read)
    }

    fn read(text: &str) -> Self {
        let unprotected = text.strip_prefix(PROTECTED_PREFIX);
        let rest = unprotected.unwrap_or(text);
        let unshared = rest.strip_prefix(SHARED_PREFIX);
        let rest = unshared.unwrap_or(rest);
        let marked = rest.strip_prefix(WATERMARK_PREFIX).and_then(|rest| rest.split_once(':'));
        Self {
            protected: unprotected.is_some(),
            shared: unshared.is_some(),
            watermark: marked.map(|(name, _)| name.to_owned()),
            word: marked.map_or(rest, |(_, word)| word).to_owned(),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protected = if self.protected { PROTECTED_PREFIX } else { "" };
        let shared = if self.shared { SHARED_PREFIX } else { "" };
        let marked = self.watermark.as_ref().map(|name| format!("{WATERMARK_PREFIX}{name}:"));
        write!(f, "{protected}{shared}{}{}", marked.unwrap_or_default(), self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_as_it_was_written() {
        for protected in [true, false] {
            for shared in [true, false] {
                for watermark in [None, Some("golden-linux/v2".to_owned())] {
                    let mark = Mark { protected, shared, watermark, word: "0123abcd".into() };
                    assert_eq!(Mark::read(&mark.to_string()), mark);
                }
            }
        }
    }
}
