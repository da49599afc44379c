//! The files of a recipe, and what they must be so that every builder unpacks them alike.

use std::collections::BTreeMap;

use tar::Header;
use thiserror::Error;

/// The most files of a recipe.
pub const MOST_FILES: usize = 1_000;
/// The most bytes of all files of a recipe.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes of one file.
pub const MOST_FILE_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of a path.
pub const MOST_PATH_BYTES: usize = 200;
/// The most bytes of a name, which is one part of a path.
pub const MOST_NAME_BYTES: usize = 100;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether it can be run as a command.
    pub executable: bool,
}

/// Why a file cannot be one of a recipe's, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadFile {
    /// A name that a shell or another file system may read differently.
    #[error(
        "the name {0:?} is not allowed; rename it to 1 to {MOST_NAME_BYTES} of A-Z a-z 0-9 . _ @ + - that \
         begin with neither . nor -"
    )]
    Name(String),
    /// A path of too many bytes.
    #[error("its path has {0} bytes; shorten it to at most {MOST_PATH_BYTES}")]
    LongPath(usize),
    /// A path that a ustar header cannot hold, though it is short enough.
    #[error("its path fits no tar header; shorten the longest names in it")]
    Unsplittable,
    /// Two files with one path.
    #[error("there are two of it; keep one")]
    Twice,
    /// Two paths that are one on some file systems.
    #[error("{path} differs only in case from {other}; rename one of them")]
    CaseOnly {
        /// The path, or a folder in it.
        path: String,
        /// The path that was there before.
        other: String,
    },
    /// A path that is a file, and a folder of others.
    #[error("{0} is both a file and a folder; rename one of them")]
    FileAndFolder(String),
    /// A file of too many bytes.
    #[error(
        "it has {} bytes, and a file has at most {}; let a script download it",
        grouped(*.0), grouped(MOST_FILE_BYTES as u64)
    )]
    TooLarge(u64),
    /// Too many files.
    #[error("there are more than {} files; pack them into one that a script unpacks", grouped(MOST_FILES as u64))]
    TooMany,
    /// Too many bytes in all.
    #[error(
        "all files together have more than {} bytes; let a script download the large ones",
        grouped(MOST_BYTES as u64)
    )]
    TooMuch,
}

/// The files of a recipe by their path. Whatever is in here can be packed, and is unpacked alike on every file system:
/// [`Files::insert`] lets nothing else in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    files: BTreeMap<String, File>,
    /// Every path and every folder in one, by its form in lower case.
    taken: BTreeMap<String, Taken>,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    path: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    ///
    /// # Errors
    /// The first reason why it cannot stand beside the others. Nothing was added then.
    pub fn insert(&mut self, path: &str, file: File) -> Result<(), BadFile> {
        path.split('/').try_for_each(check_name)?;
        check_length(path)?;
        if file.bytes.len() > MOST_FILE_BYTES {
            return Err(BadFile::TooLarge(file.bytes.len() as u64));
        }
        for folder in folders_of(path) {
            self.check_free(folder, Kind::Folder)?;
        }
        self.check_free(path, Kind::File)?;
        if self.files.len() == MOST_FILES {
            return Err(BadFile::TooMany);
        }
        if self.bytes + file.bytes.len() > MOST_BYTES {
            return Err(BadFile::TooMuch);
        }
        for folder in folders_of(path) {
            self.take(folder, Kind::Folder);
        }
        self.take(path, Kind::File);
        self.bytes += file.bytes.len();
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    /// The file with this path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Every file with its path, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Every folder that holds a file, at any depth.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.taken.values().filter(|taken| taken.kind == Kind::Folder).map(|taken| taken.path.as_str())
    }

    /// Whether a folder holds a file, at any depth.
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        let taken = self.taken.get(&path.to_ascii_lowercase());
        taken.is_some_and(|taken| taken.kind == Kind::Folder && taken.path == path)
    }

    fn check_free(&self, path: &str, kind: Kind) -> Result<(), BadFile> {
        match self.taken.get(&path.to_ascii_lowercase()) {
            None => Ok(()),
            Some(taken) if taken.path != path => {
                Err(BadFile::CaseOnly { path: path.to_owned(), other: taken.path.clone() })
            }
            Some(taken) if taken.kind != kind => Err(BadFile::FileAndFolder(path.to_owned())),
            Some(_) if kind == Kind::File => Err(BadFile::Twice),
            Some(_) => Ok(()),
        }
    }

    fn take(&mut self, path: &str, kind: Kind) {
        self.taken.insert(path.to_ascii_lowercase(), Taken { path: path.to_owned(), kind });
    }
}

/// Whether a name may be part of a path.
pub(crate) fn check_name(name: &str) -> Result<(), BadFile> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    // A leading dot would hide it, and make `.` and `..` names; a leading dash would make it an option of a command.
    let fits = (1..=MOST_NAME_BYTES).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with(['.', '-']);
    if fits { Ok(()) } else { Err(BadFile::Name(name.to_owned())) }
}

/// Whether a path of allowed names is short enough.
pub(crate) fn check_length(path: &str) -> Result<(), BadFile> {
    if path.len() > MOST_PATH_BYTES {
        return Err(BadFile::LongPath(path.len()));
    }
    // A ustar header holds at most 155 bytes, a slash, and 100 bytes.
    Header::new_ustar().set_path(path).map_err(|_| BadFile::Unsplittable)
}

/// The folders in a path, the outermost first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(slash, _)| &path[..slash])
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
