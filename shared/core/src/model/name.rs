//! The name of an image: `<recipe>-<version>`, alike in every Region.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::ids::RecipeName;
use crate::model::version::Version;

/// The name that Kiln gives to an image and to its replicas. CreateImage refuses a second image of the same
/// name, which makes the name the guard against a doubled event.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    /// The family.
    pub recipe: RecipeName,
    /// The bake.
    pub version: Version,
}

/// A text that is not a name that Kiln gives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not an image name such as web-20261123T020000Z")]
pub struct BadName(pub String);

impl ImageName {
    /// Whether a text is this name.
    pub fn is(&self, text: &str) -> bool {
        let version = text.strip_prefix(self.recipe.as_str()).and_then(|rest| rest.strip_prefix('-'));
        // A version is written in one way alone.
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
        fn round_trips_within_what_ec2_allows(recipe in "[a-z][a-z0-9-]{0,62}[a-z0-9]", second in 0i64..253_402_300_799) {
            let version = Version::at(chrono::DateTime::from_timestamp(second, 0).unwrap()).unwrap();
            let name = ImageName { recipe: recipe.parse().unwrap(), version };
            let text = name.to_string();
            prop_assert_eq!(text.parse::<ImageName>().unwrap(), name);
            prop_assert!((3..=127).contains(&text.len()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,90}") {
            if let Ok(name) = text.parse::<ImageName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
