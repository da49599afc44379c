//! Where recipes stand: a TOML file, or a folder with a document and files.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::files::Files;
use crate::folder::{DOCUMENT, FOLDERS, Folder};
use crate::mistake::Mistake;
use crate::secrets::{Secret, scan};

/// One document, where it stands, and the files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path of the document.
    pub path: PathBuf,
    /// The name that its recipe must have: that of the file, or of the folder.
    pub name: String,
    /// The text of the document.
    pub document: String,
    /// The files of the folder; `None` for a file alone.
    pub files: Option<Files>,
    /// What was left out of the folder, by its path.
    pub left_out: Vec<String>,
}

/// The documents below a path: the file itself, the folder of a recipe, or each file and recipe's folder in it.
///
/// # Errors
/// The path cannot be read.
pub fn documents(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    if path.join(DOCUMENT).exists() {
        return Ok(vec![path.join(DOCUMENT)]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.is_dir() {
            found.extend(is_recipe(&entry)?.then(|| entry.join(DOCUMENT)));
        } else if entry.extension().is_some_and(|extension| extension == "toml") {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder is meant to be a recipe's. One whose document is missing, or has another name, is too: it is told, and
/// not passed over.
fn is_recipe(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().to_ascii_lowercase();
        if name.starts_with("recipe.") || FOLDERS.contains(&name.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Source {
    /// Reads a document, and the folder that it stands in if it is that of a recipe.
    ///
    /// # Errors
    /// Every mistake in the folder, by its path; what looks like a secret is one.
    pub fn read(document: &Path) -> Result<Self, Vec<Mistake>> {
        let named = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let in_folder = document.file_name().is_some_and(|name| name == DOCUMENT);
        if in_folder && let Some(folder) = document.parent() {
            let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
            let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let below = |mistake: Mistake| Mistake { path: joined(folder, &mistake.path), ..mistake };
            let read = Folder::read(folder).map_err(|all| all.into_iter().map(below).collect::<Vec<_>>())?;
            refuse(read.secrets().into_iter().map(Mistake::from).map(below))?;
            let files = Some(read.files);
            let left_out = read.left_out;
            return Ok(Self { path: document.to_owned(), name, document: read.document, files, left_out });
        }
        let shown = document.display().to_string();
        let text = fs::read_to_string(document).map_err(|error| vec![Mistake::of(&shown, error)])?;
        let secrets: Vec<Secret> = scan(&shown, text.as_bytes());
        refuse(secrets.into_iter().map(Mistake::from))?;
        Ok(Self {
            path: document.to_owned(),
            name: named(document),
            document: text,
            files: None,
            left_out: Vec::new(),
        })
    }
}

fn refuse(found: impl Iterator<Item = Mistake>) -> Result<(), Vec<Mistake>> {
    let found: Vec<Mistake> = found.collect();
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn joined(folder: &Path, path: &str) -> String {
    if path == "." { folder.display().to_string() } else { folder.join(path).display().to_string() }
}
