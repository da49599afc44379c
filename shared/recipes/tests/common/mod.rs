//! A folder of its own for a test, which is gone after it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]
#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use kiln_recipes::{File, Files, Folder};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder on disk.
pub struct OnDisk(PathBuf);

impl OnDisk {
    /// An empty folder.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("kiln-recipes-{}-{number}", process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// A recipe's folder with a document, and nothing beside it.
    pub fn recipe() -> Self {
        Self::new().with(kiln_recipes::DOCUMENT, "name = \"web\"\n")
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn with(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        self
    }

    pub fn read(&self) -> Folder {
        Folder::read(&self.0).unwrap()
    }

    /// What is wrong with the folder, as a person reads it.
    pub fn mistakes(&self) -> Vec<String> {
        Folder::read(&self.0).unwrap_err().iter().map(ToString::to_string).collect()
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Those of the files that can stand beside the ones before them.
pub fn files(given: &[(String, File)]) -> Files {
    let mut files = Files::new();
    for (path, file) in given {
        let _ = files.insert(path, file.clone());
    }
    files
}
