//! Which files of the catalogue must be put: those that do not lie there as they are.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kiln_catalog::Page;
use kiln_core::model::program::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The version of Kiln that makes a catalogue.
pub const KILN: &str = env!("CARGO_PKG_VERSION");
/// Where the catalogue lies in the bucket.
pub const FOLDER: &str = "catalog/";
/// What is remembered of the files that were put, relative to the catalogue.
pub const DIGESTS: &str = "digests.json";
/// From which reading the catalogue was made, relative to the catalogue.
pub const MADE: &str = "made.json";

/// A file of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it lies, relative to the catalogue.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub body: Vec<u8>,
    /// What it is remembered by: two files of one path and one mark are the same.
    pub mark: String,
}

impl File {
    /// A file that is remembered by the digest of its bytes.
    pub fn of(path: impl Into<String>, media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mark = Digest::of(&Sha256::digest(&body)).to_string();
        Self { path: path.into(), media_type, body, mark }
    }
}

impl From<Page> for File {
    fn from(page: Page) -> Self {
        Self::of(page.path, page.media_type, page.body)
    }
}

/// The marks of the files that were put, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<String, String>);

impl Digests {
    /// Reads what was remembered. What cannot be read is put anew.
    pub fn read(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// As they are remembered.
    pub fn body(&self) -> Vec<u8> {
        json!(self.0).to_string().into_bytes()
    }

    /// Whether a file lies there with this mark.
    pub fn has(&self, path: &str, mark: &str) -> bool {
        self.0.get(path).is_some_and(|before| before == mark)
    }

    /// Remembers a file that was put.
    pub fn remember(&mut self, path: String, mark: String) {
        self.0.insert(path, mark);
    }
}

/// EventBridge tells the time of an event in whole seconds.
const FRACTION: TimeDelta = TimeDelta::seconds(1);

/// From which reading a catalogue was made; `None` if that cannot be read.
pub fn made_from(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let made: Value = serde_json::from_slice(bytes).ok()?;
    DateTime::parse_from_rfc3339(made.get("from")?.as_str()?).ok().map(|from| from.to_utc())
}

/// The same, to be kept.
pub fn made(from: DateTime<Utc>) -> Vec<u8> {
    json!({ "from": from.to_rfc3339_opts(SecondsFormat::Millis, true) }).to_string().into_bytes()
}

/// Whether a catalogue that was made from a reading at `from` shows what happened at `time`.
pub fn shows(from: Option<DateTime<Utc>>, time: DateTime<Utc>) -> bool {
    from.is_some_and(|from| from >= time + FRACTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_catalogue_shows_an_event_only_if_its_reading_began_after_it() {
        let from = made_from(&made(time("2026-11-26T02:41:08.250Z")));
        assert_eq!(from, Some(time("2026-11-26T02:41:08.250Z")));
        assert!(shows(from, time("2026-11-26T02:41:07Z")));
        assert!(
            !shows(from, time("2026-11-26T02:41:08Z")),
            "the event may be of a later fraction of the second"
        );
        assert!(!shows(None, time("2026-11-26T02:41:07Z")) && made_from(b"no").is_none());
    }

    #[test]
    fn a_file_is_put_again_only_if_its_bytes_are_others() {
        let file = File::of("index.html", "text/html", "one");
        let mut digests = Digests::read(b"damaged");
        assert!(!digests.has(&file.path, &file.mark));
        digests.remember(file.path.clone(), file.mark.clone());
        let digests = Digests::read(&digests.body());
        assert!(digests.has(&file.path, &file.mark));
        assert!(!digests.has("index.html", &File::of("index.html", "text/html", "other").mark));
    }
}
