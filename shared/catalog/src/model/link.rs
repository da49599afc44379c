//! Where something lies that a page leads to.

use serde::{Deserialize, Serialize};

/// The address of a file: a path relative to the catalogue, such as `contents/web/20261126T020000Z.spdx.json`, an
/// `https://` address, or the name of an object, such as `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(pub String);

impl Link {
    /// What a browser may follow, from a page that lies `depth` folders below the catalogue. `None` for every other
    /// scheme: an `s3://` name is shown to be copied, and `javascript:` never runs.
    pub fn href(&self, depth: usize) -> Option<String> {
        let text = self.0.as_str();
        if text.starts_with("https://") {
            return Some(text.to_owned());
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-+@=".contains(&byte);
        let is_path = !text.is_empty()
            && !text.starts_with('/')
            && text.bytes().all(is_plain)
            && text.split('/').all(|part| !part.is_empty() && part != "..");
        is_path.then(|| format!("{}{text}", "../".repeat(depth)))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn href(text: &str) -> Option<String> {
        Link(text.into()).href(1)
    }

    #[test]
    fn a_path_leads_from_a_page_below_the_catalogue_to_the_file_in_it() {
        assert_eq!(href("contents/web/a.spdx.json").as_deref(), Some("../contents/web/a.spdx.json"));
        assert_eq!(href("https://example.com/?a=\"b\"").as_deref(), Some("https://example.com/?a=\"b\""));
    }

    #[test]
    fn what_is_neither_a_path_nor_https_is_no_link() {
        for text in [
            "s3://bucket/key",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            " javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "/etc/passwd",
            "../../secret",
            "a/../../b",
            "",
        ] {
            assert_eq!(href(text), None, "{text}");
        }
    }
}
