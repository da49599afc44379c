//! Reads a recipe's folder: its document, and the files beside it.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::files::{
    BadFile, File, Files, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, MOST_PATH_BYTES, check_length, check_name,
};
use crate::mistake::Mistake;
use crate::secrets::{Secret, scan};

/// The name of the document in a recipe's folder.
pub const DOCUMENT: &str = "recipe.toml";
/// The folders in a recipe's folder whose files a builder gets.
pub const FOLDERS: [&str; 3] = ["files", "scripts", "tests"];

/// Names that no builder needs.
const NOBODY_MISSES: [&str; 4] = [".gitkeep", ".gitignore", ".gitattributes", ".DS_Store"];

/// A recipe's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The text of the document, with the line ends of Unix. It is not parsed.
    pub document: String,
    /// The files below [`FOLDERS`], by their path within the recipe's folder.
    pub files: Files,
    /// What was left out below [`FOLDERS`], by its path: somebody may miss it.
    pub left_out: Vec<String>,
}

impl Folder {
    /// Reads a recipe's folder. Dot files, and the backups of editors (`*~`, `*.swp`), are left out, as is a README at
    /// the top. Scripts (`*.sh`) get the line ends of Unix, for bash refuses those of Windows. On a system without
    /// modes a file that begins with `#!` is executable.
    ///
    /// # Errors
    /// Every mistake in the folder, sorted by path: what cannot be read, what is not a plain file, and what would
    /// not be unpacked alike on every builder.
    pub fn read(path: &Path) -> Result<Self, Vec<Mistake>> {
        let root = match fs::canonicalize(path) {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(vec![Mistake::of(".", "it is not a folder; name the folder of a recipe")]),
            Err(error) => return Err(vec![Mistake::of(".", unreadable(&error))]),
        };
        let mut reader = Reader { root, ..Reader::default() };
        reader.top();
        reader.totals();
        reader.mistakes.sort();
        match reader.document {
            Some(document) if reader.mistakes.is_empty() => {
                reader.left_out.sort();
                Ok(Self { document, files: reader.files, left_out: reader.left_out })
            }
            _ => Err(reader.mistakes),
        }
    }

    /// What looks like a secret in the document and in the files.
    pub fn secrets(&self) -> Vec<Secret> {
        let files = self.files.iter().flat_map(|(path, file)| scan(path, &file.bytes));
        scan(DOCUMENT, self.document.as_bytes()).into_iter().chain(files).collect()
    }
}

/// What was read of a folder so far.
#[derive(Default)]
struct Reader {
    root: PathBuf,
    document: Option<String>,
    files: Files,
    count: usize,
    bytes: u64,
    left_out: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// Whether the files of a folder can be packed, or its own path cannot, which was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Good,
    Bad,
}

impl Reader {
    fn top(&mut self) {
        let root = self.root.clone();
        let entries = self.entries(&root, ".");
        if !entries.contains_key(DOCUMENT) {
            self.mistake(DOCUMENT, "it is missing; give the recipe's document this name");
        }
        for (name, entry) in entries {
            if name == DOCUMENT {
                self.read_document(&entry.path());
            } else if FOLDERS.contains(&name.as_str()) {
                match self.kind(&entry, &name) {
                    Some(kind) if kind.is_dir() => self.walk(&entry.path(), &name, Within::Good),
                    Some(_) => {
                        self.mistake(&name, "it is not a folder; rename it, and make a folder of this name")
                    }
                    None => {}
                }
            } else if !name.starts_with("README") {
                self.mistake(&name, misplaced(&name));
            }
        }
    }

    fn walk(&mut self, folder: &Path, path: &str, within: Within) {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (name, entry) in self.entries(folder, path) {
            let path = format!("{path}/{name}");
            let mut good = within == Within::Good;
            if let Err(problem) = check_name(&name) {
                good = false;
                self.mistake(&path, problem);
            }
            if let Some(other) = seen.insert(path.to_ascii_lowercase(), path.clone()) {
                good = false;
                self.mistake(&path, BadFile::CaseOnly { path: path.clone(), other });
            }
            match self.kind(&entry, &path) {
                // Nothing below it can be short enough, and so the depth has a limit too.
                Some(kind) if kind.is_dir() && path.len() > MOST_PATH_BYTES => {
                    self.mistake(&path, BadFile::LongPath(path.len()));
                }
                Some(kind) if kind.is_dir() => {
                    self.walk(&entry.path(), &path, if good { Within::Good } else { Within::Bad });
                }
                Some(_) => {
                    if let Err(problem) = check_length(&path) {
                        // A bad name was told, and makes this one say the same again.
                        if good || matches!(problem, BadFile::LongPath(_)) {
                            self.mistake(&path, problem);
                        }
                        good = false;
                    }
                    self.file(&entry.path(), &path, if good { Within::Good } else { Within::Bad });
                }
                None => {}
            }
        }
    }

    /// The entries of a folder by their names, without those that are left out.
    fn entries(&mut self, folder: &Path, path: &str) -> BTreeMap<String, DirEntry> {
        let mut entries = BTreeMap::new();
        let read = fs::read_dir(folder).and_then(|read| read.collect::<io::Result<Vec<_>>>());
        match read {
            Err(error) => self.mistake(path, unreadable(&error)),
            Ok(read) => {
                for entry in read {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if !left_out(&name) {
                        entries.insert(name, entry);
                    } else if path != "." && !NOBODY_MISSES.contains(&name.as_str()) {
                        self.left_out.push(format!("{path}/{name}"));
                    }
                }
            }
        }
        entries
    }

    /// What an entry is, if it is a file or a folder. It is a mistake if not.
    fn kind(&mut self, entry: &DirEntry, path: &str) -> Option<fs::FileType> {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => self.mistake(path, self.link(&entry.path())),
            Ok(kind) if kind.is_file() || kind.is_dir() => return Some(kind),
            Ok(_) => self.mistake(path, "it is neither a file nor a folder; remove it"),
            Err(error) => self.mistake(path, unreadable(&error)),
        }
        None
    }

    fn link(&self, link: &Path) -> String {
        let target = fs::read_link(link).unwrap_or_default();
        let leads = match fs::canonicalize(link) {
            Ok(target) if target.starts_with(&self.root) => "",
            Ok(_) => " that leads out of the folder",
            Err(_) => " that leads nowhere",
        };
        format!("it is a link{leads}, to {}; put what it leads to in its place", target.display())
    }

    fn file(&mut self, file: &Path, path: &str, within: Within) {
        let (file, about) = match open(file) {
            Ok(opened) => opened,
            Err(error) => return self.mistake(path, unreadable(&error)),
        };
        self.count += 1;
        if about.len() > MOST_FILE_BYTES as u64 {
            return self.mistake(path, BadFile::TooLarge(about.len()));
        }
        self.bytes += about.len();
        // Once a limit is passed the rest is only counted, however much there is.
        if within == Within::Bad || self.count > MOST_FILES || self.bytes > MOST_BYTES as u64 {
            return;
        }
        let inserted = content(file).map(|mut bytes| {
            if path.ends_with(".sh") {
                bytes = unix_line_ends(bytes);
            }
            let executable = executable(&about, &bytes);
            self.files.insert(path, File { bytes, executable })
        });
        match inserted {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => self.mistake(path, problem),
            Err(error) => self.mistake(path, unreadable(&error)),
        }
    }

    fn read_document(&mut self, file: &Path) {
        let about = match fs::symlink_metadata(file) {
            Ok(about) => about,
            Err(error) => return self.mistake(DOCUMENT, unreadable(&error)),
        };
        if about.is_symlink() {
            return self.mistake(DOCUMENT, self.link(file));
        }
        if !about.is_file() {
            return self.mistake(DOCUMENT, "it is not a file; give the recipe's document this name");
        }
        match open(file).and_then(|(file, _)| content(file)) {
            Err(error) => self.mistake(DOCUMENT, unreadable(&error)),
            Ok(bytes) if bytes.len() > MOST_FILE_BYTES => {
                self.mistake(DOCUMENT, BadFile::TooLarge(about.len()));
            }
            Ok(bytes) => match String::from_utf8(unix_line_ends(bytes)) {
                Ok(document) => self.document = Some(document),
                Err(error) => {
                    let valid = error.utf8_error().valid_up_to();
                    let before = &error.as_bytes()[..valid];
                    self.mistakes.push(Mistake {
                        path: DOCUMENT.into(),
                        line: Some(before.iter().filter(|byte| **byte == b'\n').count() + 1),
                        problem: "it is not UTF-8; save it as UTF-8".into(),
                    });
                }
            },
        }
    }

    /// The mistakes of all files together.
    fn totals(&mut self) {
        if self.count > MOST_FILES {
            self.mistake(".", BadFile::TooMany);
        }
        if self.bytes > MOST_BYTES as u64 {
            self.mistake(".", BadFile::TooMuch);
        }
    }

    fn mistake(&mut self, path: &str, problem: impl std::fmt::Display) {
        self.mistakes.push(Mistake::of(path, problem));
    }
}

/// Whether an entry is of a tool and not of the recipe.
fn left_out(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp")
}

fn misplaced(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match FOLDERS.iter().chain(&[DOCUMENT]).find(|known| **known == lower) {
        Some(known) => format!("it has no meaning by this name; rename it to {known}"),
        None => {
            "it does not get to a builder here; move it below scripts, files or tests, or out of the folder"
                .into()
        }
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}

fn open(file: &Path) -> io::Result<(fs::File, Metadata)> {
    let file = fs::File::open(file)?;
    let about = file.metadata()?;
    Ok((file, about))
}

/// What a file holds, and of one that is too large, one byte more than is allowed.
fn content(file: fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unix_line_ends(bytes: Vec<u8>) -> Vec<u8> {
    let mut unix = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            unix.push(*byte);
        }
    }
    unix
}

#[cfg(unix)]
fn executable(about: &Metadata, _: &[u8]) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &Metadata, bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
}
