//! A recipe's folder, and how it gets to a builder.
//!
//! A recipe is a TOML document, or a folder: the document as `recipe.toml`, and files beside it below `scripts/`,
//! `files/` and `tests/`. [`Folder::read`] reads such a folder, or tells every mistake in it at once. [`archive::pack`]
//! packs its files into one archive, always into the same bytes, which a builder checks by their SHA-256 and unpacks as
//! root. [`archive::read`] reads one back, [`changes`] tells what differs between two, and [`secrets::scan`] finds what
//! should not be in any.
//!
//! [`ready`] makes of a document what is put: whole documents with the digests of their archives, one of each variant.
//! [`check`] does that for all recipes below some paths, and finds every mistake of every one.
//!
//! Nothing here knows AWS, and nothing is written to disk.

pub mod archive;
mod changes;
mod check;
mod files;
mod folder;
mod mistake;
mod ready;
pub mod secrets;
mod source;
mod variants;

pub use archive::{Archive, BadArchive};
pub use changes::{Change, changes};
pub use check::{Bad, Checked, check};
pub use files::{
    BadFile, File, Files, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, MOST_NAME_BYTES, MOST_PATH_BYTES,
};
pub use folder::{DOCUMENT, FOLDERS, Folder};
pub use mistake::Mistake;
pub use ready::{Ready, ready};
pub use secrets::{Rule, Secret};
pub use source::{Source, documents};
pub use variants::{Variant, variants};
