//! The files of a recipe, and how they get to a builder.
//!
//! [`archive::pack`] packs them into one archive, always into the same bytes, which a builder checks by their SHA-256
//! and unpacks as root. [`archive::read`] reads one back, and [`changes`] tells what differs between two.
//!
//! Nothing here knows AWS, and nothing is written to disk.

pub mod archive;
mod changes;
mod files;

pub use archive::{Archive, BadArchive};
pub use changes::{Change, changes};
pub use files::{
    BadFile, File, Files, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, MOST_NAME_BYTES, MOST_PATH_BYTES,
};
