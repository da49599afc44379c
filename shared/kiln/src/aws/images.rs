//! Images and snapshots, on EC2.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    AttributeValue, BlockDeviceMapping, Filter, ImageRecycleBinInfo, LockState, ResourceType, Volume,
};
use chrono::{DateTime, Utc};
use futures::future::join;
use kiln_core::inventory::filter::{MOST_VALUES, exactly};
use kiln_core::inventory::image::Deletion;
use kiln_core::inventory::{
    Deregistration, Encryption, ErrorKind, Image, ImageQuery, MarkRange, NewImage, NewReplica, Result,
    Snapshot, SnapshotDeletion, WithSnapshots,
};
use kiln_core::model::{Anchor, ImageId, ImageRecord, Region, SnapshotId, Tags, tags};
use kiln_engine::bounded::{CHANGES, bounded};
use kiln_engine::ports::Images;

use crate::aws::errors::{Call, is_of_image};
use crate::aws::{Aws, pages, read};

/// The most images that EC2 puts on one page.
const PAGE: i32 = 1_000;
/// The most resources that one CreateTags call takes.
const MOST_TAGGED: usize = 1_000;
const TAGGED_TYPES: [ResourceType; 2] = [ResourceType::Image, ResourceType::Snapshot];

/// These devices, for which the image is to have none.
fn left_out(devices: &[String]) -> Vec<BlockDeviceMapping> {
    let none = |device: &String| BlockDeviceMapping::builder().device_name(device).no_device("").build();
    devices.iter().map(none).collect()
}

impl Images for Aws {
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>)
    async fn images(&self, region: &Region, wanted: &ImageQuery) -> Result<Vec<Image>> {
        match wanted {
            ImageQuery::Id(image) => self.image(region, image).await,
            ImageQuery::AllManaged => {
                self.own_images(region, vec![read::filter("tag-key", [tags::RECIPE.into()])]).await
            }
            ImageQuery::Tagged(tags) => {
                let filters =
                    tags.iter().map(|(key, value)| read::filter(&format!("tag:{key}"), [exactly(value)]));
                self.own_images(region, filters.collect()).await
            }
            ImageQuery::Named(name) => {
                self.own_images(region, vec![read::filter("name", [exactly(name)])]).await
            }
            ImageQuery::AnyNamed(names) => {
                self.with_any(region, "name", names.iter().map(|name| exactly(name)).collect()).await
            }
            ImageQuery::OfSnapshots(snapshots) => {
                let ids = snapshots.iter().map(ToString::to_string).collect();
                self.with_any(region, "block-device-mapping.snapshot-id", ids).await
            }
            ImageQuery::BakedFrom(images) => {
                let ids = images.iter().map(ToString::to_string).collect();
                self.with_any(region, &format!("tag:{}", tags::BASE), ids).await
            }
            ImageQuery::Newest { owner, name } => {
                let filters = vec![
                    read::filter("name", [name.clone()]),
                    read::filter("state", ["available".to_owned()]),
                ];
                self.images_of(region, owner, filters).await
            }
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>)
    async fn create_image(&self, new: &NewImage) -> Result<ImageId> {
        let call = Call::new("CreateImage", &new.region);
        let resource = format!("{} ({})", new.instance, new.name);
        let tags = self.seals().await?.tags_of_image(new);
        let made = self
            .ec2(&new.region)
            .await
            .create_image()
            .instance_id(new.instance.as_str())
            .name(&new.name)
            .description(&new.description)
            .set_block_device_mappings((!new.left_out.is_empty()).then(|| left_out(&new.left_out)))
            .set_tag_specifications(Some(read::tag_specifications(&TAGGED_TYPES, &tags)))
            .send()
            .await
            .map_err(call.on(&resource))?;
        made.image_id().and_then(|id| id.parse().ok()).ok_or_else(|| call.lacks("ImageId", resource))
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html>)
    async fn copy_image(&self, new: &NewReplica) -> Result<ImageId> {
        let call = Call::new("CopyImage", &new.region);
        let resource = format!("{} ({})", new.image, new.name);
        let tags = self.seals().await?.tags_of_replica(new);
        let copy = self
            .ec2(&new.region)
            .await
            .copy_image()
            .source_region(new.from.as_str())
            .source_image_id(new.image.as_str())
            .name(&new.name)
            .description(&new.description)
            .client_token(new.token.as_str())
            .set_tag_specifications(Some(read::tag_specifications(&TAGGED_TYPES, &tags)));
        let copy = match &new.encryption {
            Encryption::AsSource => copy,
            Encryption::Key(key) => copy.encrypted(true).kms_key_id(key),
        };
        let made = copy.send().await.map_err(call.on(&resource))?;
        made.image_id().and_then(|id| id.parse().ok()).ok_or_else(|| call.lacks("ImageId", resource))
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImage.html>)
    async fn disable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        let call = self.ec2(region).await.disable_image().image_id(image.as_str());
        call.send().await.map_err(Call::new("DisableImage", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImage.html>)
    async fn enable_image(&self, region: &Region, image: &ImageId) -> Result<()> {
        let call = self.ec2(region).await.enable_image().image_id(image.as_str());
        call.send().await.map_err(Call::new("EnableImage", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ListImagesInRecycleBin.html>)
    async fn recycled_until(&self, region: &Region, image: &ImageId) -> Result<Option<DateTime<Utc>>> {
        let call = self.ec2(region).await.list_images_in_recycle_bin().image_ids(image.as_str());
        match call.send().await.map_err(Call::new("ListImagesInRecycleBin", region).on(image)) {
            Ok(given) => Ok(given.images().iter().find_map(|one| read::instant(one.recycle_bin_exit_time()))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn recycled(&self, region: &Region) -> Result<BTreeMap<ImageId, DateTime<Utc>>> {
        let request = self.ec2(region).await.list_images_in_recycle_bin().max_results(PAGE);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(Call::new("ListImagesInRecycleBin", region), "the Recycle Bin", fetch).await?;
        let one = |one: &ImageRecycleBinInfo| {
            Some((one.image_id()?.parse().ok()?, read::instant(one.recycle_bin_exit_time())?))
        };
        Ok(given.iter().filter_map(one).collect())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html>)
    async fn deregister_image(
        &self,
        region: &Region,
        image: &ImageId,
        snapshots: WithSnapshots,
    ) -> Result<Deregistration> {
        let made = match snapshots {
            WithSnapshots::All => Vec::new(),
            WithSnapshots::MadeForIt => self.snapshots_of(region, image).await?,
        };
        let call = self.ec2(region).await.deregister_image().image_id(image.as_str());
        let done = call.delete_associated_snapshots(snapshots == WithSnapshots::All).send().await;
        match done.map_err(Call::new("DeregisterImage", region).on(image)) {
            Ok(_) if snapshots == WithSnapshots::MadeForIt => {
                let made =
                    made.iter().filter(|one| one.made_for.as_ref().is_some_and(|made| made.image == *image));
                let deletions = made.map(async |one| self.deletion(region, &one.id).await);
                Ok(Deregistration::Now(bounded(CHANGES, deletions).await))
            }
            Ok(done) => {
                let results = done.delete_snapshot_results().iter().filter_map(read::deletion);
                Ok(Deregistration::Now(results.collect()))
            }
            // It was deregistered before, by Kiln or by somebody else. EC2 answers with either code.
            Err(error) if is_of_image(&error.code) => Ok(Deregistration::Before),
            Err(error) => Err(error),
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html>)
    async fn snapshots(&self, region: &Region) -> Result<Vec<Snapshot>> {
        self.kilns_snapshots(region, None).await
    }

    /// CreateImage and CopyImage name the image in the description of each snapshot that they create for it.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html>)
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Result<Vec<Snapshot>> {
        self.kilns_snapshots(region, Some(read::filter("description", [format!("*{image}*")]))).await
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLockedSnapshots.html>)
    async fn snapshot_needs(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<BTreeMap<SnapshotId, String>> {
        if snapshots.is_empty() {
            return Ok(BTreeMap::new());
        }
        let wanted: BTreeSet<&SnapshotId> = snapshots.iter().collect();
        let (volumes, locks) = join(self.volumes_being_created(region), self.locked(region)).await;
        Ok(volumes?.into_iter().chain(locks?).filter(|(snapshot, _)| wanted.contains(snapshot)).collect())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html>)
    async fn delete_snapshot(&self, region: &Region, snapshot: &SnapshotId) -> Result<()> {
        let call = self.ec2(region).await.delete_snapshot().snapshot_id(snapshot.as_str());
        match call.send().await.map_err(Call::new("DeleteSnapshot", region).on(snapshot)) {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn tag_image(&self, region: &Region, image: &ImageId, tags: &Tags) -> Result<()> {
        let sealed = self.seals().await?.sealed_values(region, image.as_str(), tags);
        self.create_tags(region, image.as_str(), &sealed).await
    }

    async fn set_stage(
        &self,
        region: &Region,
        image: &ImageId,
        record: &ImageRecord,
        more: &Tags,
    ) -> Result<()> {
        let sealed = self.seals().await?.tags_of_record(region, image, record, more);
        self.create_tags(region, image.as_str(), &sealed).await
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html>)
    async fn anchor_image(&self, region: &Region, image: &ImageId, own: &str, anchor: &Anchor) -> Result<()> {
        let text = self.seals().await?.description(region, image, own, anchor);
        let text = AttributeValue::builder().value(text).build();
        let call = self.ec2(region).await.modify_image_attribute().image_id(image.as_str()).description(text);
        call.send().await.map_err(Call::new("ModifyImageAttribute", region).on(image)).map(|_| ())
    }

    async fn mark_images(
        &self,
        region: &Region,
        images: &[ImageId],
        range: &MarkRange,
        marks: &Tags,
    ) -> Result<()> {
        let sealed = self.seals().await?.sealed_marks(region, range, marks);
        for some in images.chunks(MOST_TAGGED) {
            let ids = some.iter().map(ToString::to_string).collect();
            let call = self.ec2(region).await.create_tags().set_resources(Some(ids));
            let done = call.set_tags(Some(read::to_tags(&sealed))).send().await;
            done.map_err(Call::new("CreateTags", region).on(format!("{} images", some.len())))?;
        }
        Ok(())
    }

    async fn tag_snapshot(&self, region: &Region, snapshot: &SnapshotId, tags: &Tags) -> Result<()> {
        let sealed = self.seals().await?.tags_of_snapshot(region, snapshot, tags);
        self.create_tags(region, snapshot.as_str(), &sealed).await
    }
}

impl Aws {
    /// One image by its id. A call with an id must not ask for a page size.
    async fn image(&self, region: &Region, image: &ImageId) -> Result<Vec<Image>> {
        let call = self.ec2(region).await.describe_images().image_ids(image.as_str()).include_disabled(true);
        match call.send().await.map_err(Call::new("DescribeImages", region).on(image)) {
            Ok(given) => {
                let images = given.images().iter().filter_map(|image| read::image(region, image));
                self.opened(images.collect()).await
            }
            Err(error) if error.kind == ErrorKind::NotFound || error.code == "InvalidAMIID.Unavailable" => {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// The outcome of deleting a snapshot whose image was deregistered just now.
    async fn deletion(&self, region: &Region, snapshot: &SnapshotId) -> SnapshotDeletion {
        let outcome = match self.delete_snapshot(region, snapshot).await {
            Ok(()) => Deletion::Deleted,
            Err(error) if error.kind == ErrorKind::InUse => Deletion::UsedElsewhere,
            Err(error) => Deletion::Failed(error.code),
        };
        SnapshotDeletion { snapshot: snapshot.clone(), outcome }
    }

    /// The volumes that are being created from any snapshot: there are few at a time.
    async fn volumes_being_created(&self, region: &Region) -> Result<Vec<(SnapshotId, String)>> {
        let request = self.ec2(region).await.describe_volumes();
        let request = request.filters(read::filter("status", ["creating".to_owned()])).max_results(500);
        let call = Call::new("DescribeVolumes", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the volumes that are being created", fetch).await?;
        let one = |volume: &Volume| {
            let needs = format!("volume {} is being created from it", volume.volume_id().unwrap_or_default());
            Some((volume.snapshot_id()?.parse().ok()?, needs))
        };
        Ok(given.iter().filter_map(one).collect())
    }

    /// All locked snapshots. If they were asked for by id, one that no longer exists would fail the whole call.
    async fn locked(&self, region: &Region) -> Result<Vec<(SnapshotId, String)>> {
        let request = self.ec2(region).await.describe_locked_snapshots().max_results(PAGE);
        let call = Call::new("DescribeLockedSnapshots", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "snapshots", fetch).await?;
        let mut locked = Vec::new();
        for lock in &given {
            let state = lock.lock_state().map_or("unknown", LockState::as_str);
            if state != "expired" {
                let id = lock.snapshot_id().and_then(|id| id.parse().ok());
                let id = id.ok_or_else(|| call.lacks("SnapshotId", "snapshots"))?;
                locked.push((id, format!("it is locked ({state})")));
            }
        }
        Ok(locked)
    }

    async fn kilns_snapshots(&self, region: &Region, filter: Option<Filter>) -> Result<Vec<Snapshot>> {
        let filters = filter.into_iter().chain([read::filter("tag-key", [tags::RECIPE.into()])]).collect();
        let request =
            self.ec2(region).await.describe_snapshots().owner_ids("self").set_filters(Some(filters));
        let request = request.max_results(PAGE);
        let call = Call::new("DescribeSnapshots", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let mut snapshots = Vec::new();
        pages::each(call, "the snapshots that bear kiln:recipe", fetch, |page| {
            snapshots.extend(page.iter().filter_map(|snapshot| read::snapshot(region, snapshot)));
        })
        .await?;
        let seals = self.seals().await?;
        snapshots.iter_mut().for_each(|snapshot| seals.open_snapshot(snapshot));
        Ok(snapshots)
    }

    /// The account's images with any of these values, in as few calls as the filter allows.
    async fn with_any(&self, region: &Region, filter: &str, values: Vec<String>) -> Result<Vec<Image>> {
        let mut found = Vec::new();
        for some in values.chunks(MOST_VALUES) {
            found.extend(self.own_images(region, vec![read::filter(filter, some.to_vec())]).await?);
        }
        Ok(found)
    }

    async fn own_images(&self, region: &Region, filters: Vec<Filter>) -> Result<Vec<Image>> {
        self.images_of(region, "self", filters).await
    }

    async fn images_of(&self, region: &Region, owner: &str, filters: Vec<Filter>) -> Result<Vec<Image>> {
        let request = self
            .ec2(region)
            .await
            .describe_images()
            .owners(owner)
            .include_disabled(owner == "self")
            .set_filters(Some(filters))
            .max_results(PAGE);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let (call, of) = (Call::new("DescribeImages", region), format!("the images of {owner}"));
        let mut images = Vec::new();
        pages::each(call, of, fetch, |page| {
            images.extend(page.iter().filter_map(|image| read::image(region, image)));
        })
        .await?;
        self.opened(images).await
    }

    /// Images as they were read, with only those of their tags that count.
    async fn opened(&self, mut images: Vec<Image>) -> Result<Vec<Image>> {
        if images.iter().any(|image| image.tags.has(tags::RECIPE)) {
            let seals = self.seals().await?;
            images.iter_mut().for_each(|image| seals.open_image(image));
        }
        Ok(images)
    }

    /// Adds tags to any resource of EC2.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>)
    pub(crate) async fn create_tags(&self, region: &Region, resource: &str, tags: &Tags) -> Result<()> {
        let call =
            self.ec2(region).await.create_tags().resources(resource).set_tags(Some(read::to_tags(tags)));
        call.send().await.map_err(Call::new("CreateTags", region).on(resource)).map(|_| ())
    }
}
