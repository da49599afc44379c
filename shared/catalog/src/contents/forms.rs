//! A bill of materials as JSON, in either of the two forms that scanners read.

use serde_json::Error;

use super::bill::Bill;
use super::{cyclonedx, spdx};

impl Bill<'_> {
    /// The bill as CycloneDX 1.6 (<https://cyclonedx.org/docs/1.6/json/>).
    ///
    /// # Errors
    /// None that is known: serde's signature has one.
    pub fn cyclonedx(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(&cyclonedx::document(self))
    }

    /// The bill as SPDX 2.3 (<https://spdx.github.io/spdx-spec/v2.3/>).
    ///
    /// # Errors
    /// None that is known: serde's signature has one.
    pub fn spdx(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(&spdx::document(self))
    }
}
