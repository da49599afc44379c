//! A bake that found no room for its builder, as a parameter of its own remembers it.
//!
//! Only `bake` may write these parameters. A tag on an image could be deleted or set back by whoever may tag images, would
//! go with its image, and the first bake of a recipe has none.

use crate::model::ImageName;

/// A bake that found no room for its builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The bake. Its name is the last part of the parameter's.
    pub name: ImageName,
    /// What EC2 said of the last try; `None` once the bake has failed. The same event delivered again does not begin it.
    pub why: Option<String>,
}

const WAITS: &str = "waits for room: ";
const FAILED: &str = "failed";
/// Less than the 4,096 characters of a standard parameter's value.
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>)
const MOST_CHARACTERS: usize = 1000;

impl Waiting {
    /// What the parameter of this name says; `None` if it is none of Kiln's.
    pub fn read(name: &str, value: &str) -> Option<Self> {
        let why = match value.strip_prefix(WAITS) {
            Some(why) => Some(why.to_owned()),
            None if value == FAILED => None,
            None => return None,
        };
        Some(Self { name: name.parse().ok()?, why })
    }

    /// The value of its parameter.
    pub fn value(&self) -> String {
        match &self.why {
            Some(why) => format!("{WAITS}{}", why.chars().take(MOST_CHARACTERS).collect::<String>()),
            None => FAILED.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    #[test]
    fn a_waiting_bake_reads_back_as_it_was_written() {
        for why in [None, Some("no capacity: ü".to_owned())] {
            let waiting = Waiting { name: name("web", 9), why };
            assert_eq!(Waiting::read(&waiting.name.to_string(), &waiting.value()), Some(waiting));
        }
        let long = Waiting { name: name("web", 9), why: Some("ü".repeat(9000)) };
        assert!(long.value().chars().count() < 4096);
        assert_eq!(Waiting::read(&name("web", 9).to_string(), "something else"), None);
        assert_eq!(Waiting::read("web", FAILED), None);
    }
}
