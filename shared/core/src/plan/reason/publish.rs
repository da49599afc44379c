//! Why an image is published or shared, or waits.

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::inventory::{PermissionChange, Severity};
use crate::model::Stage;

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image is published or shared, or waits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishReason {
    #[error("it passed its test")]
    Verified,
    #[error("its stage is {0}; only a verified image is published")]
    NotToPublish(Stage),
    #[error("the recipe requires it: {0}")]
    RecipeRequires(String),
    #[error("the recipe's [publish] has changed since it was published")]
    RecipeChanged,
    #[error(transparent)]
    Scan(#[from] ScanReason),
    #[error("its permissions differ from the recipe: {0}")]
    SharedOtherwise(PermissionChange),
}

#[allow(missing_docs, reason = "the sentence of each variant is its documentation")]
/// Why an image waits for Amazon Inspector, or fails its scan, if its recipe sets `publish.block_on_findings`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanReason {
    #[error("Amazon Inspector has not scanned it yet; publishing waits until {}", .0.to_rfc3339())]
    NotScanned(DateTime<Utc>),
    #[error("Amazon Inspector had not scanned it by {}; check that it scans AMIs, or remove publish.block_on_findings", .0.to_rfc3339())]
    NeverScanned(DateTime<Utc>),
    #[error("it has {count} fixable findings of severity {at_least} or higher, such as {first}")]
    Findings { count: usize, at_least: Severity, first: String },
}
