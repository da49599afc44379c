//! What a builder or tester runs: the steps of a recipe, and what they need to be there.

use std::fmt;
use std::str::FromStr;

use crate::model::ids::Region;
use crate::model::name::ImageName;
use crate::model::record::Role;

/// What a builder or tester runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// What is done, in order; nothing if empty.
    pub steps: Vec<Step>,
    /// What every script finds in its environment.
    pub environment: Vec<(String, String)>,
    /// The archive of the recipe's folder, in which every script finds itself; `None` for a recipe without one.
    pub archive: Option<Digest>,
    /// Further files for the folder.
    pub fetch: Vec<Object>,
    /// How long the whole log is kept; `None` if it is not.
    pub keep_log: Option<LogRetention>,
}

/// One step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A script whose text stands in the recipe.
    Text(String),
    /// A script of the recipe's folder, by its path there.
    File(String),
    /// The machine is restarted, and the next step follows.
    Reboot,
}

impl Step {
    /// The text of a script that stands in the recipe.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Program {
    /// Whether anything must be fetched before the first step.
    pub fn needs_network(&self) -> bool {
        self.archive.is_some() || !self.fetch.is_empty()
    }

    /// The key of the whole log below the stack's bucket; `None` if it is not kept.
    pub fn log_key(&self, role: Role, name: &ImageName, region: &Region) -> Option<String> {
        Some(self.keep_log?.log_key(role, name, region))
    }
}

/// A SHA-256 digest, as 64 hexadecimal characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// What a digest looks like.
    pub const EXPECTED: &'static str = "\"sha256:\" and 64 hexadecimal digits";

    /// Of the bytes of a hash.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its 64 digits.
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// The key of the archive with this digest below the stack's bucket. What lies there never changes.
    pub fn archive_key(&self) -> String {
        format!("archives/{}.tar.gz", self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// A text of another form than is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl FromStr for Digest {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.strip_prefix("sha256:").filter(|digits| is_digest(digits));
        digits.map(|digits| Self(digits.to_owned())).ok_or(Malformed)
    }
}

/// An object in S3, with the digest of what it must hold: `s3://bucket/key#sha256=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The digest of its content.
    pub digest: Digest,
}

impl Object {
    /// What an object looks like.
    pub const EXPECTED: &'static str = "\"s3://<bucket>/<key>#sha256=<64 hexadecimal digits>\", whose last part of the key is 1 to 100 of A-Z, a-z, 0-9, ., _, + and -";

    /// The last part of the key: the name of the file.
    pub fn file(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}#sha256={}", self.bucket, self.key, self.digest.hex())
    }
}

impl FromStr for Object {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (place, digest) = text.rsplit_once("#sha256=").ok_or(Malformed)?;
        let (bucket, key) =
            place.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or(Malformed)?;
        let digest = format!("sha256:{digest}").parse()?;
        let object = Self { bucket: bucket.to_owned(), key: key.to_owned(), digest };
        let of_bucket =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let is_bucket = (3..=63).contains(&bucket.len()) && bucket.bytes().all(of_bucket);
        let is_key = key.len() <= 1_024 && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\'');
        if is_bucket && is_key && is_file_name(object.file()) { Ok(object) } else { Err(Malformed) }
    }
}

/// How long a log is kept. The bucket has a rule for each.
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html>)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRetention(u16);

impl LogRetention {
    /// How long a log may be kept.
    pub const EXPECTED: &'static str = "\"7d\", \"30d\", \"90d\" or \"365d\"";

    /// In days.
    pub fn days(self) -> u16 {
        self.0
    }

    /// Each that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        DAYS.into_iter().map(Self)
    }

    /// The key of a log below the stack's bucket.
    pub fn log_key(self, role: Role, name: &ImageName, region: &Region) -> String {
        let (days, ImageName { recipe, version }) = (self.0, name);
        format!("logs/{days}d/{recipe}/{version}/{role}-{region}.log")
    }
}

const DAYS: [u16; 4] = [7, 30, 90, 365];

impl FromStr for LogRetention {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let kept = DAYS.into_iter().find(|days| text == format!("{days}d"));
        kept.map(Self).ok_or(Malformed)
    }
}

/// Whether a text is the path of a script in a recipe's folder, as a step names it.
pub fn is_path(text: &str) -> bool {
    let parts = || text.split('/');
    text.len() <= 200 && parts().count() > 1 && parts().all(is_file_name)
}

fn is_digest(digits: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.len() == 64 && digits.bytes().all(is_digit)
}

/// Whether a text may name a file: the shell takes it as it is.
fn is_file_name(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._+@-".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(usual) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_a_file_below_a_folder_and_nothing_else() {
        for right in ["scripts/10-packages.sh", "tests/a/b.sh", "scripts/x@1.2+3"] {
            assert!(is_path(right), "{right}");
        }
        let long = format!("scripts/{}", "x".repeat(101));
        for wrong in
            ["", "reboot", "/scripts/a", "scripts/../a", "scripts//a", "scripts/a b", "a/$x", "a/-x", &long]
        {
            assert!(!is_path(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_object_is_named_with_its_digest() {
        let digits = "0a".repeat(32);
        let text = format!("s3://artefacts/agents/agent-1.2.rpm#sha256={digits}");
        let object: Object = text.parse().unwrap();
        assert_eq!((object.bucket.as_str(), object.file()), ("artefacts", "agent-1.2.rpm"));
        assert_eq!(object.to_string(), text);
        for wrong in [
            "s3://artefacts/agent.rpm".to_owned(),
            format!("https://artefacts/agent.rpm#sha256={digits}"),
            format!("s3://artefacts/#sha256={digits}"),
            format!("s3://Artefacts/a#sha256={digits}"),
            format!("s3://artefacts/it's/a#sha256={digits}"),
            format!("s3://artefacts/a#sha256={}", &digits[1..]),
        ] {
            assert!(wrong.parse::<Object>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_log_is_kept_as_long_as_the_bucket_has_a_rule_for() {
        assert_eq!("90d".parse::<LogRetention>().map(LogRetention::days), Ok(90));
        for wrong in ["8d", "90", "090d", "-7d", "90h", ""] {
            assert!(wrong.parse::<LogRetention>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_log_of_every_bake_role_and_region_has_a_place_of_its_own() {
        let program = Program { keep_log: "30d".parse().ok(), ..Program::default() };
        let name = "web-20261123T020000Z".parse().unwrap();
        let key = program.log_key(Role::Tester, &name, &"eu-west-1".parse().unwrap());
        assert_eq!(key.as_deref(), Some("logs/30d/web/20261123T020000Z/tester-eu-west-1.log"));
        assert_eq!(Program::default().log_key(Role::Tester, &name, &"eu-west-1".parse().unwrap()), None);
    }
}
