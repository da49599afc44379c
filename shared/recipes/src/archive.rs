//! The archive in which a recipe's files get to a builder: a `.tar.gz` that is the same whenever its files are.
//!
//! A builder unpacks it as root, and a person is shown what is in it by [`read`]. Both must see the same, so [`read`]
//! takes nothing but what [`pack`] writes: two readers of tar differ in what is rare.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, Entry, EntryType, Header};
use thiserror::Error;

use crate::files::{BadFile, File, Files, check_length, check_name};

/// The most bytes of an archive once it is decompressed.
const MOST_DECOMPRESSED: usize = 32 * 1024 * 1024;
/// "Unknown" in RFC 1952: the archive does not tell where it was packed.
const NO_SYSTEM: u8 = 255;
const COMMAND: u32 = 0o755;
const DATA: u32 = 0o644;

/// The files of a recipe in one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The `.tar.gz`.
    pub bytes: Vec<u8>,
    /// The SHA-256 of the bytes, in lower-case hexadecimal digits, as `sha256sum` shows it.
    pub digest: String,
}

/// Why bytes are not an archive of Kiln's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadArchive {
    /// It cannot be decompressed.
    #[error("the archive is not gzip, or it is damaged or cut short: {0}")]
    Gzip(String),
    /// It is more than the files of a recipe can be.
    #[error("the archive has more than {MOST_DECOMPRESSED} bytes once it is decompressed")]
    TooLarge,
    /// It cannot be read as tar.
    #[error("the archive is not tar, or it is damaged or cut short: {0}")]
    Tar(String),
    /// Something follows the end, which other readers might unpack.
    #[error("the archive goes on after its end")]
    Trailing,
    /// An entry that Kiln packs none of.
    #[error("{path:?} in the archive is {found}; Kiln packs only {expected}")]
    Entry {
        /// The path of the entry.
        path: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file that cannot be one of a recipe's.
    #[error("{path:?} in the archive: {problem}")]
    File {
        /// The path of the file.
        path: String,
        /// Why it cannot.
        problem: BadFile,
    },
}

/// Packs files. The same files give the same bytes, whenever and wherever they are packed.
///
/// # Errors
/// What the encoder answers. It writes to memory alone, so none is known.
pub fn pack(files: &Files) -> io::Result<Archive> {
    let gzip = GzBuilder::new().mtime(0).operating_system(NO_SYSTEM).write(Vec::new(), Compression::new(6));
    let mut tar = Builder::new(gzip);
    let folders = files.folders().map(|folder| (folder, None));
    // A folder sorts before what is in it, so it exists before anything is unpacked to it.
    let entries: BTreeMap<&str, Option<&File>> =
        folders.chain(files.iter().map(|(path, file)| (path, Some(file)))).collect();
    for (path, file) in entries {
        match file {
            None => tar.append(&header(path, EntryType::Directory, COMMAND, 0)?, io::empty())?,
            Some(file) => {
                let mode = if file.executable { COMMAND } else { DATA };
                let header = header(path, EntryType::Regular, mode, file.bytes.len() as u64)?;
                tar.append(&header, file.bytes.as_slice())?;
            }
        }
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    let bytes = gzip.finish()?;
    let digest = hexadecimal(&Sha256::digest(&bytes));
    Ok(Archive { bytes, digest })
}

fn header(path: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads an archive into memory. It may come from anyone: it takes at most 32 MiB once it is decompressed.
///
/// # Errors
/// The first thing in it that [`pack`] does not write: any entry but a file or a folder, an owner, a mode, an empty
/// folder, a path that [`Files`] refuses, or a byte after the end.
pub fn read(archive: &[u8]) -> Result<Files, BadArchive> {
    let tar = decompressed(archive)?;
    let mut reader = tar::Archive::new(tar.as_slice());
    let mut files = Files::new();
    let mut folders = BTreeSet::new();
    // Raw: the crate would follow GNU's and POSIX's extensions, which rename the entry that follows.
    for entry in reader.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.header().path_bytes()).into_owned();
        let mode = checked_mode(&entry, &path)?;
        if entry.header().entry_type() == EntryType::Directory {
            checked_folder(&entry, &path, mode)?;
            if !folders.insert(path.clone()) {
                return Err(BadArchive::File { path, problem: BadFile::Twice });
            }
        } else {
            let bytes = content(&mut entry)?;
            let file = File { bytes, executable: mode == COMMAND };
            files.insert(&path, file).map_err(|problem| BadArchive::File { path, problem })?;
        }
    }
    let end = reader.into_inner();
    // The first of the two blocks of zeros that end an archive has been read.
    if end.len() < 512 {
        return Err(BadArchive::Tar("it has no end".into()));
    }
    if end.iter().any(|byte| *byte != 0) {
        return Err(BadArchive::Trailing);
    }
    match folders.into_iter().find(|folder| !files.is_folder(folder)) {
        Some(path) => Err(unexpected(&path, "a folder without files", "folders with files")),
        None => Ok(files),
    }
}

fn decompressed(archive: &[u8]) -> Result<Vec<u8>, BadArchive> {
    let mut decoder = GzDecoder::new(archive);
    let mut tar = Vec::new();
    let limit = MOST_DECOMPRESSED as u64 + 1;
    (&mut decoder).take(limit).read_to_end(&mut tar).map_err(|error| BadArchive::Gzip(error.to_string()))?;
    if tar.len() > MOST_DECOMPRESSED {
        return Err(BadArchive::TooLarge);
    }
    // `tar -z` would unpack a second archive that follows the first.
    if decoder.into_inner().is_empty() { Ok(tar) } else { Err(BadArchive::Trailing) }
}

/// The mode of an entry that has the form of those that [`pack`] writes.
fn checked_mode(entry: &Entry<'_, &[u8]>, path: &str) -> Result<u32, BadArchive> {
    let header = entry.header();
    if header.as_ustar().is_none() {
        return Err(unexpected(path, "not in the format ustar", "ustar"));
    }
    let kind = header.entry_type();
    if !matches!(kind, EntryType::Regular | EntryType::Directory) {
        return Err(unexpected(path, &format!("of the type {kind:?}"), "files and folders"));
    }
    let (uid, gid) = (header.uid().map_err(damaged)?, header.gid().map_err(damaged)?);
    if (uid, gid) != (0, 0) {
        return Err(unexpected(path, &format!("owned by {uid}:{gid}"), "what is owned by 0:0"));
    }
    // Root's tar keeps all bits, so a setuid bit would take effect.
    match header.mode().map_err(damaged)? {
        mode @ (COMMAND | DATA) => Ok(mode),
        mode => Err(unexpected(path, &format!("of the mode {mode:o}"), "the modes 644 and 755")),
    }
}

fn checked_folder(entry: &Entry<'_, &[u8]>, path: &str, mode: u32) -> Result<(), BadArchive> {
    if mode != COMMAND {
        return Err(unexpected(path, "a folder of the mode 644", "folders of the mode 755"));
    }
    if entry.size() != 0 {
        return Err(unexpected(path, "a folder with bytes", "folders without"));
    }
    let fits = path.split('/').try_for_each(check_name).and_then(|()| check_length(path));
    fits.map_err(|problem| BadArchive::File { path: path.to_owned(), problem })
}

fn content(entry: &mut Entry<'_, &[u8]>) -> Result<Vec<u8>, BadArchive> {
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(damaged)?;
    // The reader ends without an error where the archive does.
    match bytes.len() as u64 == entry.size() {
        true => Ok(bytes),
        false => Err(BadArchive::Tar("it ends within a file".into())),
    }
}

fn damaged(error: io::Error) -> BadArchive {
    BadArchive::Tar(error.to_string())
}

fn unexpected(path: &str, found: &str, expected: &'static str) -> BadArchive {
    BadArchive::Entry { path: path.to_owned(), found: found.to_owned(), expected }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
