//! What is written onto images: tags and descriptions.

use chrono::{DateTime, Utc};
use kiln_core::inventory::Result;
use kiln_core::model::{Anchor, ImageId, Region, Tags};

use super::account::{Account, seals};
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::history::History;

impl InMemoryCloud {
    pub(super) fn tag(
        &self,
        account: &mut Account,
        region: &Region,
        image: &ImageId,
        tags: &Tags,
        now: DateTime<Utc>,
    ) {
        let ec2 = account.region(region);
        if !ec2.images.contains_key(image) {
            return;
        }
        let before = ec2.tags.get(image.as_str()).cloned().unwrap_or_default();
        if before.clone().and(tags) != before {
            ec2.tag_image(image, tags, now);
            let mut invariants = self.world.invariants.borrow_mut();
            invariants.changes += 1;
            // Without the seals: as Kiln reads them again.
            let shown = account.region(region).images.get(image).and_then(History::now);
            let written: Tags = match shown {
                Some(image) => image.tags.iter().filter(|(key, _)| tags.has(key)).collect(),
                None => Tags::new(),
            };
            invariants.image_tagged(account, region, image, &written, now);
        }
    }

    /// Tags all images, or none if one does not exist.
    pub(super) async fn tag_images(&self, region: &Region, images: &[ImageId], tags: &Tags) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            let unknown = |image: &&ImageId| !self.known(ec2.images.get(*image));
            if let Some(image) = images.iter().find(unknown) {
                return Err(failed("CreateTags", image.as_str(), region, "InvalidAMIID.NotFound"));
            }
            for image in images {
                self.tag(account, region, image, tags, now);
            }
            Ok(())
        };
        let on = images.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        self.call(CallKind::Change, "CreateTags", region, &on, effect).await
    }

    /// ModifyImageAttribute of an image's description.
    pub(super) async fn anchor(
        &self,
        region: &Region,
        image: &ImageId,
        own: &str,
        anchor: &Anchor,
    ) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            let Some(shown) = ec2.images.get(image).and_then(History::now).cloned() else {
                return Err(failed("ModifyImageAttribute", image.as_str(), region, "InvalidAMIID.NotFound"));
            };
            let text = seals().description(region, image, own, anchor);
            if ec2.descriptions.get(image) != Some(&text) {
                let mut invariants = self.world.invariants.borrow_mut();
                invariants.changes += 1;
                invariants.image_anchored(&shown, anchor, now);
                ec2.describe_image(image, text, now);
            }
            Ok(())
        };
        self.call(CallKind::Change, "ModifyImageAttribute", region, image.as_str(), effect).await
    }
}
