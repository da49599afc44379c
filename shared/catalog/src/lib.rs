//! The catalogue of Kiln's images: one document, and static pages made of it.
//!
//! [`model`] is the document, `catalog.json`: a versioned contract, described in `docs/reference/catalog.md`. [`pages`]
//! makes the pages that people read, one at a time. [`status`] is what is asked for most, as a document of its own. [`contents`] makes of a list of packages its digest, what changed
//! since another list, and bills of materials as CycloneDX and SPDX.
//!
//! Nothing here reads a clock, a file or AWS: the same document always gives the same bytes.

pub mod contents;
pub mod model;
pub mod pages;
pub mod status;

pub use contents::{Bill, Packages, difference};
pub use model::{Catalog, SCHEMA};
pub use pages::{Page, pages};
