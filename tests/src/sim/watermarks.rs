//! Watermarks of images in the in-memory account.

use kiln_core::inventory::{Image, Result};
use kiln_core::model::{ImageId, Region};

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;

impl InMemoryCloud {
    /// A call that changes the watermarks of an image. It succeeds if they are so already.
    pub(super) async fn watermarked(
        &self,
        operation: &'static str,
        region: &Region,
        image: &ImageId,
        change: impl FnOnce(&Image) -> Vec<String>,
    ) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            if !self.known(ec2.images.get(image)) {
                return Err(failed(operation, image.as_str(), region, "InvalidAMIID.NotFound"));
            }
            let Some(history) = ec2.images.get_mut(image) else { return Ok(()) };
            let Some(shown) = history.now() else { return Ok(()) };
            let (before, after) = (shown.watermarks.clone(), change(shown));
            if after != before {
                self.world.invariants.borrow_mut().changes += 1;
                history.change(now, |image| image.watermarks = after);
            }
            Ok(())
        };
        self.call(CallKind::Change, operation, region, image.as_str(), effect).await
    }
}

/// The watermarks that an image of the account has now.
pub(super) fn of(account: &mut Account, region: &Region, image: &ImageId) -> Vec<String> {
    let shown = account.region(region).images.get(image).and_then(History::now);
    shown.map(|image| image.watermarks.clone()).unwrap_or_default()
}
