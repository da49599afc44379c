//! Client tokens, which make a repeated call safe: AWS answers it with the result of the first.

use std::fmt;

use sha2::{Digest, Sha256};

/// How many characters of a launch's token only Kiln can make, and how many follow them.
const HALF: usize = 32;

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

    /// The token of a launch: its first half is the beginning of `word`, which only Kiln can make, so that
    /// [`Token::begins_with`] tells Kiln's instance from a copy of its tags. `launch` makes the second half.
    pub fn launch(word: &str, launch: &str) -> Self {
        Self(format!("{}{}", &word[..HALF], &digest(&[word, launch])[..HALF]))
    }

    /// Whether a token is that of a launch with this word.
    pub fn begins_with(token: &str, word: &str) -> bool {
        token.len() == 2 * HALF && token.as_bytes().starts_with(&word.as_bytes()[..HALF])
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

/// A word of 16 hexadecimal characters, a hash of `parts`.
pub fn nonce(parts: &[&str]) -> String {
    let mut word = digest(parts);
    word.truncate(16);
    word
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
    fn a_token_shows_the_word_of_its_launch_and_no_other() {
        let (word, other) = ("0a".repeat(32), "0b".repeat(32));
        let (one, another) = (Token::launch(&word, "hour 1"), Token::launch(&word, "hour 2"));
        assert_ne!(one, another);
        for token in [&one, &another] {
            assert_eq!(token.as_str().len(), 64);
            assert!(Token::begins_with(token.as_str(), &word));
            assert!(!Token::begins_with(token.as_str(), &other));
        }
        assert!(!Token::begins_with("", &word));
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
