//! Puts the files of the catalogue: what changed, a bounded number of them at once.

use kiln_core::inventory::Result;

use crate::bounded::{CHANGES, try_bounded};
use crate::catalog::files::{DIGESTS, Digests, FOLDER, File, MADE};
use crate::ports::Store;

/// How many pages are in memory at once.
const AT_ONCE: usize = 64;

/// What was put, and what lies there.
pub(super) struct Putting<'a, C> {
    cloud: &'a C,
    digests: Digests,
    /// Whether pages are put though they did not change.
    all: bool,
    /// How many files were put.
    pub(super) put: usize,
}

impl<'a, C: Store> Putting<'a, C> {
    pub(super) fn new(cloud: &'a C, digests: Digests, all: bool) -> Self {
        Self { cloud, digests, all, put: 0 }
    }

    /// Whether a file lies there as it is.
    pub(super) fn lies(&self, path: &str, mark: &str) -> bool {
        self.digests.has(path, mark)
    }

    /// Puts the files that changed; all of them if that was asked for.
    pub(super) async fn put_changed(&mut self, files: impl IntoIterator<Item = File>) -> Result<()> {
        let mut batch = Vec::new();
        for file in files {
            if self.all || !self.lies(&file.path, &file.mark) {
                batch.push(file);
            }
            if batch.len() == AT_ONCE {
                self.put_all(std::mem::take(&mut batch)).await?;
            }
        }
        self.put_all(batch).await
    }

    /// Puts the files that do not lie there.
    pub(super) async fn put_once(&mut self, files: Vec<File>) -> Result<()> {
        let new = files.into_iter().filter(|file| !self.lies(&file.path, &file.mark)).collect();
        self.put_all(new).await
    }

    async fn put_all(&mut self, files: Vec<File>) -> Result<()> {
        let cloud = self.cloud;
        let puts = files.iter().map(async |file| {
            cloud.put_page(&format!("{FOLDER}{}", file.path), file.media_type, &file.body).await
        });
        self.put += try_bounded(CHANGES, puts).await?.len();
        for file in files {
            self.digests.remember(file.path, file.mark);
        }
        Ok(())
    }

    /// Remembers what lies there, and from which reading it was made.
    pub(super) async fn done(&self, made: Vec<u8>) -> Result<()> {
        let put = async |path, body: &[u8]| {
            self.cloud.put_page(&format!("{FOLDER}{path}"), "application/json", body).await
        };
        put(DIGESTS, &self.digests.body()).await?;
        put(MADE, &made).await
    }
}
