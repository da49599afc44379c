//! What was observed, as the document of the catalogue. Pure: the same observation always gives the same document.

pub mod contents;
pub mod document;
pub mod files;
#[cfg(test)]
pub(crate) mod fixtures;
mod history;
mod recipe;
pub mod seen;
pub mod status;
mod under_way;
mod version;
