//! Watermarks of images in the in-memory account.

use kiln_core::inventory::{Image, ImageState, Result};
use kiln_core::model::{ImageId, Region};

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;
use super::invariants::Invariants;
use super::releases::{changed_by_hand, is_published};

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

impl Invariants {
    /// In the end, what is published of a recipe that names a watermark bears it, and what is recalled does not.
    pub(super) fn broken_watermarks(&self, account: &Account) -> Vec<String> {
        let mut broken = Vec::new();
        for image in account.images().filter(|image| image.state == ImageState::Available) {
            let Ok(record) = image.record() else { continue };
            let Some(promised) = self.recipes.get(&record.name.recipe).filter(|promised| promised.is_marked)
            else {
                continue;
            };
            if changed_by_hand(self, image, &record) || promised.changes.left.contains_key(&image.region) {
                continue;
            }
            let of = || format!("{} ({}) in {}", image.id, record.name, image.region);
            let bears = image.bears("verified");
            if self.recalled.contains_key(&record.name) {
                broken.extend(
                    (bears && !promised.is_blind).then(|| format!("{} is recalled, and marked", of())),
                );
            } else if is_published(image) && !bears {
                broken.push(format!("{} is published, and not marked", of()));
            }
        }
        broken
    }
}
