//! What is counted of a recipe as well as of a version.

use serde::{Deserialize, Serialize};

/// How many findings a scan has, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Critical ones.
    pub critical: u32,
    /// High ones.
    pub high: u32,
    /// Medium ones.
    pub medium: u32,
    /// Low ones, and those without a severity.
    pub low: u32,
}

/// What images cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The size of their snapshots in GiB. Deleting them may free less, because snapshots share blocks.
    pub gb: f64,
    /// What they cost per month in US dollars, at most.
    pub monthly_usd: f64,
}
