//! Client tokens: what makes a call that is made twice happen once.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::name::ImageName;
use crate::model::record::Role;

/// An idempotency token: 64 characters of hexadecimal, the most that EC2's guide allows, made from what makes
/// the call unique. The SDK would fill in a random one, which a retried function would not know again.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    /// The token of what `parts` name, in their order. Different parts give different tokens.
    pub fn of(parts: &[&str]) -> Self {
        Self(digest(parts))
    }

    /// The token with which the builder or tester of a bake is launched into one place. It begins with what tells that
    /// bake, so that an instance can be told from one that somebody launched like it.
    pub fn launch(role: Role, name: &ImageName, context: &str) -> Self {
        let mut token = launched(role, name);
        let rest = digest(&[role.word(), name.recipe.as_str(), &name.version.to_string(), context]);
        token.push_str(&rest[token.len()..]);
        Self(token)
    }

    /// Whether a token is that of such a launch, into any place.
    pub fn is_of(token: &str, role: Role, name: &ImageName) -> bool {
        token.len() == 64 && token.starts_with(&launched(role, name))
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word that a console line must bear to count, made from what it vouches for: 16 characters of hexadecimal.
/// It tells a builder's own line from those that an image carries in its logs from an earlier bake.
pub fn nonce(parts: &[&str]) -> String {
    let mut word = digest(parts);
    word.truncate(16);
    word
}

fn launched(role: Role, name: &ImageName) -> String {
    nonce(&["launch", role.word(), name.recipe.as_str(), &name.version.to_string()])
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length goes first, so that ("ab", "c") and ("a", "bc") differ.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    hash.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_launch_is_known_by_its_token_in_any_place_and_no_other_is() {
        let name = |text: &str| text.parse::<ImageName>().unwrap();
        let own = name("web-20261123T020000Z");
        let (here, there) =
            (Token::launch(Role::Builder, &own, "subnet-0a"), Token::launch(Role::Builder, &own, ""));
        assert_ne!(here, there);
        for token in [&here, &there] {
            assert_eq!(token.as_str().len(), 64);
            assert!(Token::is_of(token.as_str(), Role::Builder, &own));
            assert!(!Token::is_of(token.as_str(), Role::Tester, &own));
            assert!(!Token::is_of(token.as_str(), Role::Builder, &name("web-20261124T020000Z")));
        }
        assert!(!Token::is_of("", Role::Builder, &own));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Token::of(&["ab", "c"]), Token::of(&["a", "bc"]));
        assert_ne!(Token::of(&["ab", ""]), Token::of(&["ab"]));
    }

    proptest! {
        #[test]
        fn is_at_most_64_characters_of_ascii_and_always_the_same(parts in proptest::collection::vec(".*", 0..5)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let token = Token::of(&parts);
            prop_assert_eq!(token.as_str().len(), 64);
            prop_assert!(token.as_str().is_ascii());
            prop_assert_eq!(Token::of(&parts), token);
        }
    }
}
