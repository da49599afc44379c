//! The anchor of an image in its description: how it is sealed, written and read.

use chrono::{DateTime, Utc};

use crate::inventory::description::Description;
use crate::model::anchor::Described;
use crate::model::{Anchor, ImageId, Region, SealKeys, Tags, tags};

impl SealKeys {
    /// A description as EC2 shows it, in its parts. An anchor without its seal is somebody's text.
    pub(super) fn opened_description(&self, region: &Region, image: &ImageId, text: &str) -> Description {
        let found = Described::of(text);
        let is_sealed =
            |anchor: &Anchor| self.is_seal_of(found.seal, &anchor_parts(region, image, &anchor.text()));
        match found.anchor {
            Some(anchor) if is_sealed(&anchor) => {
                Description { own: found.own.to_owned(), anchor, set_back: None }
            }
            _ => Description { own: text.to_owned(), ..Description::default() },
        }
    }

    /// The description of an image with its anchor.
    pub fn description(&self, region: &Region, image: &ImageId, own: &str, anchor: &Anchor) -> String {
        anchor.describe(own, &self.seal(&anchor_parts(region, image, &anchor.text())))
    }
}

fn anchor_parts<'a>(region: &'a Region, image: &'a ImageId, text: &'a str) -> [&'a str; 4] {
    ["anchor", region.as_str(), image.as_str(), text]
}

/// These tags without the marks of before a time.
pub(super) fn since(asked: DateTime<Utc>, opened: &Tags) -> Tags {
    let is_mark = |key: &str| [tags::UNUSED_SINCE, tags::DISABLED_AT].contains(&key);
    let is_of_before = |(key, value): &(&str, &str)| {
        let marked = DateTime::parse_from_rfc3339(value).ok().filter(|_| is_mark(key));
        marked.is_some_and(|marked| marked < asked)
    };
    opened.iter().filter(|one| !is_of_before(one)).collect()
}
