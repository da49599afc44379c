//! Where each page lies.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A longer name is cut, and told apart by its hash: folders take no more than 255 bytes.
const MOST_BYTES: usize = 120;

/// The page of a recipe, relative to the catalogue.
pub fn recipe(name: &str) -> String {
    format!("{}/index.html", segment(name))
}

/// The page of a version, relative to the catalogue.
pub fn version(recipe: &str, version: &str) -> String {
    format!("{}/{}", segment(recipe), file(version))
}

/// The page of a version, relative to the page of its recipe.
pub fn file(version: &str) -> String {
    format!("{}.html", segment(version))
}

/// A name as one part of a path: letters, digits and `-` stay, and all else becomes `~` and its hex. So no name leads out
/// of its folder, no two become the same, and none needs to be encoded in an address. `index` is no version's.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "~{byte:02x}");
        }
    }
    if out.len() > MOST_BYTES {
        out.truncate(MOST_BYTES - 18);
        let hash = Sha256::digest(name);
        out.push_str("~~");
        hash.iter().take(8).for_each(|byte| {
            let _ = write!(out, "{byte:02x}");
        });
    }
    if out.is_empty() || out == "index" { format!("~{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilns_own_names_stay_as_they_are() {
        assert_eq!(version("web", "20261126T020000Z"), "web/20261126T020000Z.html");
        assert_eq!(recipe("al2023-base"), "al2023-base/index.html");
    }

    #[test]
    fn no_name_leads_out_of_its_folder_or_onto_another_page() {
        assert_eq!(recipe("../../etc"), "~2e~2e~2f~2e~2e~2fetc/index.html");
        assert_eq!(recipe(".."), "~2e~2e/index.html");
        assert_eq!(recipe("style.css"), "style~2ecss/index.html");
        assert_eq!(recipe(""), "~/index.html");
        assert_eq!(version("web", "index"), "web/~index.html");
        assert_eq!(file("\u{202e}a b?#%"), "~e2~80~aea~20b~3f~23~25.html");
        let (one, other) = ("x".repeat(400), format!("{}y", "x".repeat(399)));
        assert!(recipe(&one).len() < 140 && recipe(&one) != recipe(&other));
    }
}
