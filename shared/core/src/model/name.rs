//! The name of an image: `<recipe>-<version>`, the same in every Region.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::ids::RecipeName;
use crate::model::version::Version;

/// The name of an image and of its replicas. CreateImage fails if the account already has an image of that
/// name in the Region, so an event that is delivered twice creates only one image.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    /// The recipe.
    pub recipe: RecipeName,
    /// The version, which identifies the bake.
    pub version: Version,
}

/// A text that is not a name in the form that Kiln uses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not an image name such as web-20261123T020000Z")]
pub struct BadName(pub String);

impl ImageName {
    /// Whether a text is exactly this name.
    pub fn is(&self, text: &str) -> bool {
        let version = text.strip_prefix(self.recipe.as_str()).and_then(|rest| rest.strip_prefix('-'));
        // Each version has exactly one text form, so comparing parsed versions compares texts.
        version.and_then(|version| version.parse::<Version>().ok()) == Some(self.version)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.recipe, self.version)
    }
}

impl FromStr for ImageName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName(text.to_owned());
        let (recipe, version) = text.rsplit_once('-').ok_or_else(bad)?;
        Ok(Self { recipe: recipe.parse().map_err(|_| bad())?, version: version.parse().map_err(|_| bad())? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_parses_back_and_has_a_length_that_ec2_accepts(recipe in "[a-z][a-z0-9-]{0,62}[a-z0-9]", second in 0i64..253_402_300_799) {
            let version = Version::at(chrono::DateTime::from_timestamp(second, 0).unwrap()).unwrap();
            let name = ImageName { recipe: recipe.parse().unwrap(), version };
            let text = name.to_string();
            prop_assert_eq!(text.parse::<ImageName>().unwrap(), name);
            prop_assert!((3..=127).contains(&text.len()));
        }

        #[test]
        fn no_text_makes_the_parser_panic_and_a_parsed_name_prints_as_it_was(text in ".{0,90}") {
            if let Ok(name) = text.parse::<ImageName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
