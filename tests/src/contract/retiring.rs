//! What Kiln assumes of disabling and deregistering images, and of tagging many at once.

use kiln_core::inventory::image::Deletion;
use kiln_core::inventory::{Deregistration, ErrorKind, ImageQuery, ImageState, MarkRange, WithSnapshots};
use kiln_core::model::{Anchor, AnchoredEnd, ImageId, SnapshotId, Stage, Tags, tags};
use kiln_engine::ports::{Images, Instances};

use super::{Case, Checked, ContractAdapter, expect_eq, expect_error, expect_ok, home};

impl<G: ContractAdapter> Case<'_, G> {
    /// A disabled image is described by its id and in lists, and disabling it again is no error.
    pub(crate) async fn disabled_is_described(&self) -> Checked {
        let (_, image) = self.created_image().await?;
        self.wait_until_available(&home(), &image).await?;
        expect_ok("DisableImage", self.cloud().disable_image(&home(), &image).await)?;
        expect_eq("its state by its id", self.image(&home(), &image).await?.state, ImageState::Disabled)?;
        let all = expect_ok("DescribeImages", self.cloud().images(&home(), &ImageQuery::AllManaged).await)?;
        expect_eq("whether it is among all", all.iter().any(|answer| answer.id == image), true)?;
        expect_ok("DisableImage once more", self.cloud().disable_image(&home(), &image).await)
    }

    /// A description is written and read as it is, and tags leave it alone.
    pub(crate) async fn anchored(&self) -> Checked {
        let (builder, id) = self.created_image().await?;
        let own = self.image(&home(), &id).await?.description.map_or(String::new(), |found| found.own);
        let anchor = Anchor::default().ended(AnchoredEnd::Rejected);
        let written = self.cloud().anchor_image(&home(), &id, &own, &anchor).await;
        expect_ok("ModifyImageAttribute", written)?;
        let read = self.image(&home(), &id).await?;
        expect_eq("the anchor", read.anchor(), &anchor)?;
        expect_eq("the stage", read.record().map(|record| record.stage), Ok(Stage::Rejected))?;
        expect_eq("what its tag says", read.set_back(), Some(Stage::Captured))?;
        let held = self.cloud().tag_image(&home(), &id, &Tags::new().with(tags::HOLD, "mine")).await;
        expect_ok("CreateTags", held)?;
        let again = self.image(&home(), &id).await?;
        expect_eq("the anchor after a tag", again.anchor(), &anchor)?;
        expect_eq("what is not Kiln's", again.description.map(|found| found.own), Some(own))?;
        expect_ok("TerminateInstances", self.cloud().terminate(&home(), &builder).await)
    }

    /// Its snapshots are deleted with it and not before, and deregistering it again is no error.
    pub(crate) async fn deregistered_once(&self) -> Checked {
        let (builder, id) = self.created_image().await?;
        let image = self.wait_until_available(&home(), &id).await?;
        let kept = self.cloud().delete_snapshot(&home(), &image.snapshots[0]).await;
        expect_error("deleting a snapshot of an image", kept, &[ErrorKind::InUse])?;
        let users = ImageQuery::OfSnapshots(image.snapshots.clone());
        let answer = expect_ok("DescribeImages", self.cloud().images(&home(), &users).await)?;
        expect_eq("who uses its snapshots", answer.iter().map(|image| &image.id).collect(), vec![&id])?;
        let Deregistration::Now(deletions) = expect_ok(
            "DeregisterImage",
            self.cloud().deregister_image(&home(), &id, WithSnapshots::All).await,
        )?
        else {
            return Err("it was gone before".into());
        };
        expect_eq("how many snapshots it reports", deletions.len(), image.snapshots.len())?;
        for deletion in deletions {
            expect_eq("what became of a snapshot", deletion.outcome, Deletion::Deleted)?;
        }
        expect_ok(
            "DeleteSnapshot of what is gone",
            self.cloud().delete_snapshot(&home(), &image.snapshots[0]).await,
        )?;
        let again = expect_ok(
            "DeregisterImage",
            self.cloud().deregister_image(&home(), &id, WithSnapshots::All).await,
        )?;
        expect_eq("the second time", again, Deregistration::Before)?;
        expect_ok("TerminateInstances", self.cloud().terminate(&home(), &builder).await)
    }

    /// They are found by the description that EC2 gives them.
    pub(crate) async fn snapshots_of_it(&self) -> Checked {
        let (_, id) = self.created_image().await?;
        let mut own = self.wait_until_available(&home(), &id).await?.snapshots;
        own.sort();
        let answer = expect_ok("DescribeSnapshots", self.cloud().snapshots_of(&home(), &id).await)?;
        let mut answer: Vec<SnapshotId> = answer.into_iter().map(|snapshot| snapshot.id).collect();
        answer.sort();
        expect_eq("its snapshots", answer, own)
    }

    /// If one image does not exist, no image is tagged.
    pub(crate) async fn tagged_at_once(&self) -> Checked {
        let (_, image) = self.created_image().await?;
        self.wait_until_available(&home(), &image).await?;
        let images = vec![image];
        let counted = |of: &str| Tags::new().with(tags::FLEET_SIZE, of);
        let range = MarkRange { recipe: self.name().recipe, up_to: self.name().version };
        expect_ok("CreateTags", self.cloud().mark_images(&home(), &images, &range, &counted("2")).await)?;
        self.adapter.wait().await;
        let missing: ImageId = "ami-0123456789abcdef0".parse().unwrap();
        let with_missing = [images.clone(), vec![missing]].concat();
        let tagged = self.cloud().mark_images(&home(), &with_missing, &range, &counted("3")).await;
        expect_error("tagging what is not there", tagged, &[ErrorKind::NotFound])?;
        self.adapter.wait().await;
        for image in &images {
            let answer = self.image(&home(), image).await?;
            expect_eq("its tag", answer.tags.get(tags::FLEET_SIZE), Some("2"))?;
        }
        Ok(())
    }
}
