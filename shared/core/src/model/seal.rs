//! Seals: what a tag permits counts only with a seal, and only Kiln's roles can make one.
//!
//! Whoever may call `ec2:CreateTags` can write any tag, and can copy any tag from one resource to another. A seal is an
//! HMAC under a key that only Kiln's roles can derive. It binds what EC2 itself says of a resource and nobody can
//! change by a tag: its id and Region, the instance or the image that it was made from. `inventory/sealed.rs` says what
//! is bound for each resource.
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/hmac.html>)

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The message whose MAC under the stack's KMS key is the key of all its seals.
pub const DERIVATION: &[u8] = b"kiln: the key of seals, version 1";

/// How many bytes of a MAC a seal has: 128 bits.
const SEAL_BYTES: usize = 16;

/// Whether the tags of a resource that was read are Kiln's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seal {
    /// Their seal is right.
    Valid,
    /// They have no seal.
    #[default]
    Missing,
    /// Their seal was made for other tags or another resource, or under another key.
    Wrong,
}

/// The keys of seals: one that makes them, and former ones that are accepted for as long as images bear their seals.
#[derive(Clone)]
pub struct SealKeys {
    current: SealKey,
    former: Vec<SealKey>,
}

#[derive(Clone)]
struct SealKey {
    /// The beginning of every seal under this key, so that people see which key made it.
    id: String,
    secret: [u8; 32],
}

impl SealKey {
    fn of(secret: [u8; 32]) -> Self {
        let mut key = Self { id: String::new(), secret };
        key.id = hex(&key.mac(&["id"]).finalize().into_bytes()[..2]);
        key
    }

    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        // HMAC fills a short key with zeros up to the block size of the hash.
        let mut block = [0; 64];
        block[..self.secret.len()].copy_from_slice(&self.secret);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            // Without the length, ("ab", "c") and ("a", "bc") would have the same seal.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    fn word(&self, parts: &[&str]) -> String {
        hex(&self.mac(parts).finalize().into_bytes())
    }
}

impl SealKeys {
    /// Keys that make and accept seals under this secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { current: SealKey::of(secret), former: Vec::new() }
    }

    /// The same keys, which accept seals under a former secret as well.
    #[must_use]
    pub fn accepting(mut self, secret: [u8; 32]) -> Self {
        self.former.push(SealKey::of(secret));
        self
    }

    /// The seal of `parts`: the id of its key, and 32 hexadecimal characters.
    pub fn seal(&self, parts: &[&str]) -> String {
        let key = &self.current;
        format!("{}-{}", key.id, hex(&key.mac(parts).finalize().into_bytes()[..SEAL_BYTES]))
    }

    /// Whether `seal` was made of `parts` under one of the keys.
    pub fn is_seal_of(&self, seal: &str, parts: &[&str]) -> bool {
        let Some((id, found)) = seal.split_once('-') else { return false };
        let Some(found) = bytes(found) else { return false };
        // The comparison takes the same time wherever the first difference is.
        found.len() == SEAL_BYTES
            && self.all().any(|key| key.id == id && key.mac(parts).verify_truncated_left(&found).is_ok())
    }

    /// 64 hexadecimal characters that only Kiln can make of `parts`.
    pub fn word(&self, parts: &[&str]) -> String {
        self.current.word(parts)
    }

    /// The words of `parts` under each key that is accepted; the current one's first.
    pub fn words(&self, parts: &[&str]) -> Vec<String> {
        self.all().map(|key| key.word(parts)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &SealKey> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

/// Never shows a secret.
impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|key| &key.id)).finish()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    digits.map(|digits| {
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    /// Computed apart from this code, with Python's `hmac` module.
    #[test]
    fn known_answers() {
        let keys = SealKeys::new(SECRET);
        assert_eq!(keys.seal(&["image", "us-east-1", "ami-0a"]), "ef94-a2a4b189a8d2377005bf2a171941893c");
        assert_eq!(
            keys.word(&["launch", "builder"]),
            "5237e31f0c0dd5d37312dcc2fe5d9ac6c070d0a02690f2b6269acb9a76fcfb24"
        );
    }

    #[test]
    fn a_seal_is_accepted_under_its_own_key_and_a_former_one_and_under_no_other() {
        let seal = SealKeys::new(SECRET).seal(&["a", "b"]);
        let rotated = SealKeys::new([8; 32]).accepting(SECRET);
        assert!(rotated.is_seal_of(&seal, &["a", "b"]));
        assert!(!SealKeys::new([8; 32]).is_seal_of(&seal, &["a", "b"]));
        assert!(SealKeys::new([8; 32]).is_seal_of(&rotated.seal(&["a", "b"]), &["a", "b"]));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let shown = format!("{:?}", SealKeys::new([0xab; 32]));
        assert!(!shown.contains("171") && !shown.contains("ab, "), "{shown}");
        assert!(shown.len() < 12, "{shown}");
    }

    proptest! {
        #[test]
        fn no_other_parts_and_no_other_text_have_the_seal(
            parts in proptest::collection::vec("[a-z/-]{0,9}", 1..4),
            others in proptest::collection::vec("[a-z/-]{0,9}", 1..4),
            text in ".{0,48}",
        ) {
            let of = |parts: &[String]| parts.iter().map(String::as_str).collect::<Vec<_>>().join("\u{0}");
            let keys = SealKeys::new(SECRET);
            let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
            let seal = keys.seal(&borrowed);
            prop_assert!(keys.is_seal_of(&seal, &borrowed));
            let borrowed: Vec<&str> = others.iter().map(String::as_str).collect();
            prop_assert_eq!(keys.is_seal_of(&seal, &borrowed), of(&parts) == of(&others));
            prop_assert!(!keys.is_seal_of(&text, &borrowed));
        }
    }
}
