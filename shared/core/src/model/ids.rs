//! Identifiers. Each kind is its own type, so an instance id cannot be used as an image id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not a valid identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{given}' is not {expected}")]
pub struct BadId {
    /// The rejected text.
    pub given: String,
    /// The accepted form, for error messages.
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The accepted form, for error messages.
            pub const EXPECTED: &'static str = $expected;

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadId { given: text.to_owned(), expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of an Amazon Machine Image. It is valid in one Region only.
    ImageId,
    |text| prefixed(text, "ami-"),
    "an image id such as ami-0123456789abcdef0"
);
id!(
    /// The id of an EC2 instance.
    InstanceId,
    |text| prefixed(text, "i-"),
    "an instance id such as i-0123456789abcdef0"
);
id!(
    /// The id of an EBS snapshot.
    SnapshotId,
    |text| prefixed(text, "snap-"),
    "a snapshot id such as snap-0123456789abcdef0"
);
id!(
    /// The id of a subnet.
    SubnetId,
    |text| prefixed(text, "subnet-"),
    "a subnet id such as subnet-0123456789abcdef0"
);
id!(
    /// The id of a security group.
    SecurityGroupId,
    |text| prefixed(text, "sg-"),
    "a security group id such as sg-0123456789abcdef0"
);
id!(
    /// The code of an AWS Region, such as `eu-west-1`.
    Region,
    is_region,
    "a Region code such as eu-west-1"
);
id!(
    /// The name of a recipe. It becomes part of image names, tags, parameter names and log lines, so only
    /// characters that are safe in all of them are allowed.
    RecipeName,
    is_recipe_name,
    "a recipe name: 1 to 64 of a-z, 0-9 and '-', beginning with a letter and not ending with '-'"
);

impl Region {
    /// The AWS partition of the Region, as it is written in ARNs.
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>)
    pub fn partition(&self) -> &'static str {
        const PARTITIONS: [(&str, &str); 6] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-isob-", "aws-iso-b"),
            ("us-isof-", "aws-iso-f"),
            ("us-iso-", "aws-iso"),
            ("eu-isoe-", "aws-iso-e"),
        ];
        let of = PARTITIONS.iter().find(|(prefix, _)| self.as_str().starts_with(prefix));
        of.map_or("aws", |(_, partition)| partition)
    }
}

fn prefixed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.contains('-')
        && words.split('-').all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_recipe_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_not_an_image_id() {
        assert!("i-0123456789abcdef0".parse::<ImageId>().is_err());
        assert!("ami-0123456789abcdef0".parse::<ImageId>().is_ok());
        assert!("ami-".parse::<ImageId>().is_err());
    }

    #[test]
    fn regions_of_every_partition_parse_and_other_texts_do_not() {
        for code in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "us-isob-east-1"] {
            assert!(code.parse::<Region>().is_ok(), "{code}");
        }
        for code in ["", "useast1", "US-EAST-1", "us-east", "us--1", "us-east-1*", "eu-west-"] {
            assert!(code.parse::<Region>().is_err(), "{code}");
        }
    }

    #[test]
    fn a_recipe_name_has_no_wildcard_no_slash_and_no_capital_letter() {
        for name in ["web", "a", "al2023-arm64"] {
            assert!(name.parse::<RecipeName>().is_ok(), "{name}");
        }
        for name in ["", "Web", "web/x", "web*", "-web", "web-", "1web", "w b"] {
            assert!(name.parse::<RecipeName>().is_err(), "{name}");
        }
    }
}
