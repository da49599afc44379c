//! What a bill of materials of one image is made of.

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use super::hash::hex;
use super::packages::Packages;

/// The operating system of an image, as its `/etc/os-release` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Os {
    /// `ID`, such as `amzn` or `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `2023`; empty if it has none.
    pub version: String,
}

/// What a bill is about. The same value always gives the same bytes.
#[derive(Debug, Clone)]
pub struct Bill<'a> {
    /// The name of the recipe.
    pub recipe: &'a str,
    /// The version of the image.
    pub version: &'a str,
    /// Its operating system.
    pub os: &'a Os,
    /// When the packages were listed.
    pub listed_at: DateTime<Utc>,
    /// The version of Kiln that makes the bill.
    pub kiln: &'a str,
    /// What is installed.
    pub packages: &'a Packages,
}

impl Bill<'_> {
    /// The UUID of the bill in one form: taken from what it says, so that bills which say the same are the same bill.
    /// Version 8 is for such (<https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8>).
    pub(super) fn uuid(&self, form: &str) -> String {
        let mut hash = Sha256::new();
        let parts = [form, self.recipe, self.version, &self.os.id, &self.os.version, self.kiln];
        for text in parts.into_iter().chain([self.time().as_str(), &self.packages.digest()]) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let mut bytes = hash.finalize();
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex(&bytes[..16]);
        [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
    }

    /// When the packages were listed, as both forms write it.
    pub(super) fn time(&self) -> String {
        self.listed_at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}
