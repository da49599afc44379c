//! What differs between the files of two versions of a recipe.

use std::fmt;

use crate::files::{File, Files, grouped};

/// One difference. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file that was not there.
    Added {
        /// Its path.
        path: String,
        /// Its size.
        size: usize,
    },
    /// A file that is not there any more.
    Removed {
        /// Its path.
        path: String,
        /// The size that it had.
        size: usize,
    },
    /// A file that holds something else.
    Changed {
        /// Its path.
        path: String,
        /// The size that it had.
        before: usize,
        /// Its size.
        size: usize,
    },
    /// A file that can be run as a command, and could not.
    BecameExecutable {
        /// Its path.
        path: String,
    },
    /// A file that could be run as a command, and cannot.
    NoLongerExecutable {
        /// Its path.
        path: String,
    },
}

/// Every difference, sorted by path. A file whose content and mode both changed is in two of them.
pub fn changes(old: &Files, new: &Files) -> Vec<Change> {
    let mut changes = Vec::new();
    for (path, before) in old.iter() {
        match new.get(path) {
            None => changes.push(Change::Removed { path: path.to_owned(), size: before.bytes.len() }),
            Some(file) => changes.extend(between(path, before, file)),
        }
    }
    for (path, file) in new.iter().filter(|(path, _)| old.get(path).is_none()) {
        changes.push(Change::Added { path: path.to_owned(), size: file.bytes.len() });
    }
    // The sort is stable, so what changed in one file stays in order.
    changes.sort_by(|a, b| a.path().cmp(b.path()));
    changes
}

fn between(path: &str, old: &File, new: &File) -> Vec<Change> {
    let mut changes = Vec::new();
    let path = path.to_owned();
    if old.bytes != new.bytes {
        let (before, size) = (old.bytes.len(), new.bytes.len());
        changes.push(Change::Changed { path: path.clone(), before, size });
    }
    match (old.executable, new.executable) {
        (false, true) => changes.push(Change::BecameExecutable { path }),
        (true, false) => changes.push(Change::NoLongerExecutable { path }),
        _ => {}
    }
    changes
}

impl Change {
    /// The path of the file.
    pub fn path(&self) -> &str {
        match self {
            Self::Added { path, .. }
            | Self::Removed { path, .. }
            | Self::Changed { path, .. }
            | Self::BecameExecutable { path }
            | Self::NoLongerExecutable { path } => path,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { path, size } => write!(f, "{path} is new ({})", bytes(*size)),
            Self::Removed { path, size } => write!(f, "{path} was removed ({})", bytes(*size)),
            Self::Changed { path, before, size } if before == size => {
                write!(f, "{path} changed ({}, as before)", bytes(*size))
            }
            Self::Changed { path, before, size } => {
                write!(f, "{path} changed ({}, before {})", bytes(*size), grouped(*before as u64))
            }
            Self::BecameExecutable { path } => write!(f, "{path} is executable now"),
            Self::NoLongerExecutable { path } => write!(f, "{path} is not executable any more"),
        }
    }
}

fn bytes(size: usize) -> String {
    format!("{} byte{}", grouped(size as u64), if size == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str, bool)]) -> Files {
        let mut read = Files::new();
        for (path, text, executable) in files {
            read.insert(path, File { bytes: text.as_bytes().to_vec(), executable: *executable }).unwrap();
        }
        read
    }

    fn told(old: &Files, new: &Files) -> Vec<String> {
        changes(old, new).iter().map(Change::to_string).collect()
    }

    #[test]
    fn what_came_went_and_changed_is_told_in_the_order_of_paths() {
        let old = files(&[("a", "12345", false), ("b", "1", false), ("c", "same", false), ("e", "xy", true)]);
        let more = "x".repeat(1_200);
        let new = files(&[("a", &more, true), ("c", "same", false), ("d", "new", false), ("e", "yx", true)]);
        let expected = [
            "a changed (1,200 bytes, before 5)",
            "a is executable now",
            "b was removed (1 byte)",
            "d is new (3 bytes)",
            "e changed (2 bytes, as before)",
        ];
        assert_eq!(told(&old, &new), expected);
    }

    #[test]
    fn the_mode_alone_is_a_change_and_the_same_is_none() {
        let old = files(&[("a", "1", true)]);
        assert_eq!(told(&old, &files(&[("a", "1", false)])), ["a is not executable any more"]);
        assert!(told(&old, &old).is_empty());
    }
}
