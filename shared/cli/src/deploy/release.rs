//! The folder of a release, as it is published or as `make release-files` lays it: templates and zips, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// The file that makes a folder a release, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";
/// How the template of the home Region names the zip of a function.
const CODE: &str = "CodeUri: ";

/// A release for one architecture, whose files are what its sums say.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    folder: PathBuf,
    architecture: String,
}

/// A template whose functions are in a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Packaged {
    /// Its text.
    pub text: String,
    /// The objects that it names.
    pub keys: BTreeSet<String>,
}

impl Release {
    /// The release in this folder. Without an architecture it is the only one that is there, or arm64.
    ///
    /// # Errors
    /// It is no release; a file is missing, or is another; or it is not for this architecture.
    pub fn open(folder: &Path, architecture: Option<&str>) -> Result<Self, Failure> {
        let sums = sums(folder)?;
        for (name, digest) in &sums {
            let path = folder.join(name);
            let is_beside = Path::new(name).file_name().is_some_and(|only| only == name.as_str());
            let bytes = is_beside.then(|| fs::read(&path).ok()).flatten();
            let Some(bytes) = bytes else {
                return Err(spoiled(format!("{} is missing.", path.display())));
            };
            if digest_of(&bytes) != *digest {
                return Err(spoiled(format!("{} is not what {SUMS} says.", path.display())));
            }
        }
        let there = |architecture: &&str| sums.contains_key(&format!("template-{architecture}.yaml"));
        let known = ["arm64", "x86_64"];
        let architecture =
            architecture.or_else(|| known.into_iter().find(there)).unwrap_or(known[0]).to_owned();
        let release = Self { folder: folder.to_owned(), architecture };
        let home = format!("template-{}.yaml", release.architecture);
        let mut needed = vec![home.clone(), "region.yaml".into(), "artifacts.yaml".into()];
        if sums.contains_key(&home) {
            needed.extend(zips(&release.text(&home)?).map(str::to_owned));
        }
        needed.retain(|name| !sums.contains_key(name));
        if needed.is_empty() {
            return Ok(release);
        }
        let what = format!("The release in {} lacks {}.", folder.display(), needed.join(", "));
        Err(Failure::new(Kind::Release, what)
            .advise("Download it anew, or name one of its architectures with --architecture."))
    }

    /// The architecture of its functions.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The template of a further Region.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn region_template(&self) -> Result<String, Failure> {
        self.text("region.yaml")
    }

    /// The template of the bucket that Kiln is deployed from.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn artifacts_template(&self) -> Result<String, Failure> {
        self.text("artifacts.yaml")
    }

    /// Puts each function's zip into the bucket under its digest, and names it there in the template of the home Region.
    ///
    /// # Errors
    /// A zip can neither be read nor put.
    pub async fn package(&self, bucket: &Bucket, screen: &mut Screen<'_>) -> Result<Packaged, Failure> {
        let template = self.text(&format!("template-{}.yaml", self.architecture))?;
        let mut packaged = Packaged { text: String::new(), keys: BTreeSet::new() };
        for line in template.lines() {
            let Some((start, zip)) = line.split_once(CODE).filter(|(start, _)| start.trim().is_empty())
            else {
                packaged.text.push_str(line);
                packaged.text.push('\n');
                continue;
            };
            let function = zip.strip_suffix(&format!("-{}.zip", self.architecture)).unwrap_or(zip);
            let data = self.bytes(zip)?;
            let (size, key) = (data.len(), format!("{function}/{}.zip", digest_of(&data)));
            let fate = if bucket.put_once(&key, data).await? { "uploaded" } else { "unchanged" };
            #[allow(clippy::cast_precision_loss, reason = "megabytes with one digit")]
            screen.say([format!("  {function}: {:.1} MB zipped, {fate}", size as f64 / 1e6)]);
            packaged.text.push_str(&format!("{start}{CODE}s3://{}/{key}\n", bucket.name));
            packaged.keys.insert(key);
        }
        Ok(packaged)
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        String::from_utf8(self.bytes(name)?)
            .map_err(|_| spoiled(format!("{} is no text.", self.folder.join(name).display())))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|error| spoiled(format!("{} cannot be read: {error}.", path.display())))
    }
}

/// The zips that a template names.
fn zips(template: &str) -> impl Iterator<Item = &str> {
    template.lines().filter_map(|line| line.trim().strip_prefix(CODE))
}

/// The digest of each file, by its name.
fn sums(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let path = folder.join(SUMS);
    let text = fs::read_to_string(&path).map_err(|error| {
        let what = format!("{} holds no release: {SUMS} cannot be read: {error}.", folder.display());
        Failure::new(Kind::Release, what)
            .advise("Name the folder into which you downloaded the files of a release; from the sources, make deploy builds one.")
    })?;
    let pair = |line: &str| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}

fn spoiled(what: String) -> Failure {
    Failure::new(Kind::Release, what).advise("Download the release anew.")
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    /// A release in a folder of its own, with one function.
    fn release(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("kiln-release-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let home = "Resources:\n  Bake:\n    Properties:\n      CodeUri: bake-arm64.zip\n";
        let files = [
            ("template-arm64.yaml", home),
            ("region.yaml", "Resources: {}\n"),
            ("artifacts.yaml", "Resources: {}\n"),
            ("bake-arm64.zip", "zip"),
        ];
        let mut sums = String::new();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
            sums.push_str(&format!("{}  {name}\n", digest_of(text.as_bytes())));
        }
        fs::write(folder.join(SUMS), sums).unwrap();
        folder
    }

    fn refused(folder: &Path, architecture: Option<&str>) -> String {
        let failure = Release::open(folder, architecture).unwrap_err();
        fs::remove_dir_all(folder).unwrap();
        failure.what
    }

    #[test]
    fn a_release_is_for_the_architecture_that_it_has() {
        let folder = release("whole");
        assert_eq!(Release::open(&folder, None).unwrap().architecture(), "arm64");
        assert!(refused(&folder, Some("x86_64")).contains("lacks template-x86_64.yaml"));
    }

    #[test]
    fn a_spoiled_release_is_refused() {
        let folder = release("missing");
        fs::remove_file(folder.join("bake-arm64.zip")).unwrap();
        assert!(refused(&folder, None).ends_with("bake-arm64.zip is missing."));
        let folder = release("other");
        fs::write(folder.join("region.yaml"), "Resources: []\n").unwrap();
        assert!(refused(&folder, None).ends_with("region.yaml is not what SHA256SUMS says."));
        let folder = release("elsewhere");
        let elsewhere = format!("{}  ../evil\n", digest_of(b"evil"));
        fs::write(folder.join("..").join("evil"), "evil").unwrap();
        fs::write(folder.join(SUMS), elsewhere).unwrap();
        assert!(refused(&folder, None).ends_with("evil is missing."));
        let folder = release("short");
        fs::write(folder.join(SUMS), "").unwrap();
        assert!(refused(&folder, None).contains("lacks template-arm64.yaml, region.yaml, artifacts.yaml"));
    }

    #[test]
    fn what_is_no_release_is_told() {
        let folder = env::temp_dir().join("kiln-no-release");
        fs::create_dir_all(&folder).unwrap();
        assert!(refused(&folder, None).contains("holds no release"));
    }
}
