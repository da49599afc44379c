//! What is in an image: the packages, the kernel and the release that its tester lists on the console.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use crate::model::name::ImageName;
use crate::model::program::{Digest, Malformed};

/// What begins the two lines around the list, each with a word that is known to Kiln and to the tester alone.
const MARK: &str = "kiln-contents ";

/// The most bytes of a list, unpacked: far more than 32 KB of the console can hold of text of this kind.
const MOST_BYTES: u64 = 1024 * 1024;

/// How many packages an image has, and the digest of its whole list. It stands in the tag `kiln:contents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentsSummary {
    /// How many packages there are.
    pub packages: u32,
    /// The digest of the list, with the kernel, its command line and the release.
    pub digest: Digest,
}

impl fmt::Display for ContentsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.packages, self.digest)
    }
}

impl FromStr for ContentsSummary {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (packages, digest) = text.split_once(' ').ok_or(Malformed)?;
        Ok(Self { packages: packages.parse().map_err(|_| Malformed)?, digest: digest.parse()? })
    }
}

/// What a tester listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The number and the digest.
    pub summary: ContentsSummary,
    /// The list; `None` if it was too long for the console, or damaged there.
    pub contents: Option<Contents>,
}

impl Listing {
    /// Reads the list from a console. `words` are those of which its lines must carry one. `None` if there is none: no verdict
    /// depends on it.
    pub fn read(console: &str, words: &[String]) -> Option<Self> {
        let mut lines = console.lines().map(|line| line.trim_end_matches('\r'));
        let mut found = None;
        while let Some(line) = lines.next() {
            let Some((word, summary)) = marked(line, words) else { continue };
            let Ok(summary) = told(summary) else { continue };
            let end = format!("{MARK}{word} ends");
            let rest = lines.clone().take_while(|line| !line.ends_with(&end));
            // A message of the kernel may stand between.
            let packed: String = rest.filter(|line| is_base64(line)).collect();
            let contents = unpacked(&packed).filter(|contents| contents.digest() == summary.digest);
            found = Some(Self { summary, contents });
        }
        found
    }
}

fn marked<'a>(line: &'a str, words: &'a [String]) -> Option<(&'a str, &'a str)> {
    let (_, rest) = line.rsplit_once(MARK)?;
    let (word, summary) = rest.split_once(' ')?;
    words.iter().any(|one| one == word).then_some((word, summary))
}

fn told(summary: &str) -> Result<ContentsSummary, Malformed> {
    let (packages, digest) = summary.split_once(' ').ok_or(Malformed)?;
    format!("{packages} sha256:{digest}").parse()
}

fn is_base64(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

fn unpacked(packed: &str) -> Option<Contents> {
    let bytes = STANDARD.decode(packed).ok()?;
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(Contents(text))
}

/// A list of what is in an image, as its tester wrote it: a line each for the kernel, its command line, the fields of
/// `/etc/os-release`, and the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(String);

/// One package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package<'a> {
    /// What manages it: `dpkg`, `rpm` or `apk`.
    pub manager: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its architecture.
    pub arch: &'a str,
    /// Its version, with epoch and release as its manager writes them.
    pub version: &'a str,
}

impl Contents {
    /// A list that was kept.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the list.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(&Sha256::digest(&self.0))
    }

    /// The packages, in the order of the list: by manager and name.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        self.0.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let manager = words.next().filter(|manager| ["dpkg", "rpm", "apk"].contains(manager))?;
            let (name, version) = (words.next()?, words.next()?);
            Some(Package { manager, name, arch: words.next().unwrap_or_default(), version })
        })
    }

    /// The release of the kernel that ran.
    pub fn kernel(&self) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix("kernel "))
    }

    /// The name of the operating system's release, for people.
    pub fn release(&self) -> Option<&str> {
        self.os("PRETTY_NAME")
    }

    /// A field of `/etc/os-release`, without its quotes.
    /// (<https://www.freedesktop.org/software/systemd/man/latest/os-release.html>)
    pub fn os(&self, field: &str) -> Option<&str> {
        let mut fields = self.0.lines().filter_map(|line| line.strip_prefix("os ")?.split_once('='));
        let (_, value) = fields.find(|(name, _)| *name == field)?;
        Some(value.trim_matches(['"', '\'']))
    }
}

/// The key of the list of an image below the stack's bucket.
pub fn contents_key(name: &ImageName) -> String {
    format!("contents/{}/{}.txt", name.recipe, name.version)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(crate) const LIST: &str = "kernel 6.12.57+deb13-amd64\ncmdline root=PARTUUID=1 ro\n\
        os PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nos ID=debian\n\
        dpkg adduser 3.152 all\ndpkg nginx 1.28.0-1 amd64\nrpm bash 5.2.15-1.amzn2023 x86_64\n";

    /// A console on which a tester listed `text`.
    pub(crate) fn listed(text: &str, word: &str) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = STANDARD.encode(encoder.finish().unwrap());
        let lines: Vec<&str> =
            packed.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let digest = Contents::new(text).digest();
        let count = Contents::new(text).packages().count();
        format!(
            "boot\n\nkiln-contents {word} {count} {}\n{}\nkiln-contents {word} ends\n\nkiln-verdict {word} 0\n",
            digest.hex(),
            lines.join("\r\n")
        )
    }

    fn words() -> [String; 2] {
        ["abc".into(), "former".into()]
    }

    #[test]
    fn a_list_is_read_whole_whatever_stands_between_its_lines() {
        let console = listed(LIST, "abc").replacen("\r\n", "\n[   12.345678] random: crng init done\n", 1);
        let listing = Listing::read(&console, &words()).unwrap();
        assert_eq!(listing.contents.as_ref().map(Contents::text), Some(LIST));
        assert_eq!(listing.summary.packages, 3);
        assert_eq!(listing.summary.to_string().parse(), Ok(listing.summary));
    }

    #[test]
    fn of_a_list_that_is_damaged_or_too_long_number_and_digest_are_left() {
        let whole = Listing::read(&listed(LIST, "abc"), &words()).unwrap();
        let short: Vec<String> =
            listed(LIST, "abc").lines().filter(|line| !is_base64(line)).map(str::to_owned).collect();
        for console in [short.join("\n"), listed(LIST, "abc").replacen('H', "I", 1)] {
            let listing = Listing::read(&console, &words()).unwrap();
            assert_eq!((&listing.summary, &listing.contents), (&whole.summary, &None));
        }
    }

    #[test]
    fn the_list_of_another_bake_or_of_the_script_is_none() {
        assert_eq!(Listing::read(&listed(LIST, "other"), &words()), None);
        assert_eq!(Listing::read("kiln-contents abc ends\nkiln-contents abc 1 x\n", &words()), None);
    }

    #[test]
    fn a_list_tells_its_packages_kernel_and_release() {
        let contents = Contents::new(LIST);
        let names: Vec<_> = contents.packages().map(|one| (one.manager, one.name, one.version)).collect();
        assert_eq!(
            names,
            [
                ("dpkg", "adduser", "3.152"),
                ("dpkg", "nginx", "1.28.0-1"),
                ("rpm", "bash", "5.2.15-1.amzn2023")
            ]
        );
        assert_eq!(contents.kernel(), Some("6.12.57+deb13-amd64"));
        assert_eq!(
            (contents.release(), contents.os("ID")),
            (Some("Debian GNU/Linux 13 (trixie)"), Some("debian"))
        );
    }

    proptest! {
        #[test]
        fn no_console_makes_the_reader_panic(noise in ".{0,200}", packed in "[A-Za-z0-9+/=]{0,80}", count in ".{0,5}") {
            let digest = "0a".repeat(32);
            let console = format!("{noise}\nkiln-contents abc {count} {digest}\n{packed}\n{noise}kiln-contents abc ends");
            let _ = Listing::read(&console, &words());
        }

        #[test]
        fn any_list_is_read_back(lines in proptest::collection::vec("(dpkg|rpm|os) [ -~]{0,30}", 0..50)) {
            let text = lines.join("\n");
            let listing = Listing::read(&listed(&text, "former"), &words()).unwrap();
            prop_assert_eq!(listing.contents, Some(Contents::new(text)));
        }
    }
}
