//! Client tokens, which make a repeated call safe: AWS answers it with the result of the first.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::name::ImageName;
use crate::model::record::Role;

/// An idempotency token: 64 hexadecimal characters (EC2's maximum), a hash of what makes the call unique. The
/// SDK's default is random, so a retried function would make the call a second time.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    /// The token for `parts`. Other parts, or another order, give another token.
    pub fn of(parts: &[&str]) -> Self {
        Self(digest(parts))
    }

    /// The token for launching the builder or tester of a bake in one place, which `context` names. Its first 16
    /// characters identify role and bake, so [`Token::is_of`] can tell Kiln's instance from a copy of its tags.
    pub fn launch(role: Role, name: &ImageName, context: &str) -> Self {
        let mut token = launch_prefix(role, name);
        let rest = digest(&[role.word(), name.recipe.as_str(), &name.version.to_string(), context]);
        token.push_str(&rest[token.len()..]);
        Self(token)
    }

    /// Whether a token launched this role for this bake, in any place.
    pub fn is_of(token: &str, role: Role, name: &ImageName) -> bool {
        token.len() == 64 && token.starts_with(&launch_prefix(role, name))
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

/// A word of 16 hexadecimal characters, a hash of `parts`. A verdict line must carry the word of its bake, so lines
/// of an earlier bake, which may still be in the logs of the image, do not count.
pub fn nonce(parts: &[&str]) -> String {
    let mut word = digest(parts);
    word.truncate(16);
    word
}

fn launch_prefix(role: Role, name: &ImageName) -> String {
    nonce(&["launch", role.word(), name.recipe.as_str(), &name.version.to_string()])
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Without the length, ("ab", "c") and ("a", "bc") would be the same.
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
    fn a_token_identifies_role_and_bake_in_any_place() {
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
    fn moving_text_between_parts_changes_the_token() {
        assert_ne!(Token::of(&["ab", "c"]), Token::of(&["a", "bc"]));
        assert_ne!(Token::of(&["ab", ""]), Token::of(&["ab"]));
    }

    proptest! {
        #[test]
        fn a_token_is_64_ascii_characters_and_the_same_every_time(parts in proptest::collection::vec(".*", 0..5)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let token = Token::of(&parts);
            prop_assert_eq!(token.as_str().len(), 64);
            prop_assert!(token.as_str().is_ascii());
            prop_assert_eq!(Token::of(&parts), token);
        }
    }
}
