//! What Kiln assumes of images on their way out, and of the tags that say so.

use kiln_core::inventory::image::Deletion;
use kiln_core::inventory::{Deregistration, ErrorKind, ImageQuery, ImageState};
use kiln_core::model::{ImageId, SnapshotId, Tags, tags};
use kiln_engine::ports::{Images, Instances};

use super::{Case, Checked, ContractAdapter, home, is, refused, went};

impl<G: ContractAdapter> Case<'_, G> {
    /// It is told by its id and among all, and disabling it once more changes nothing.
    pub(crate) async fn disabled_is_told(&self) -> Checked {
        let (_, image) = self.imaged().await?;
        self.available(&home(), &image).await?;
        went("DisableImage", self.cloud().disable_image(&home(), &image).await)?;
        is("its state by its id", self.described(&home(), &image).await?.state, ImageState::Disabled)?;
        let all = went("DescribeImages", self.cloud().images(&home(), &ImageQuery::AllOfKilns).await)?;
        is("whether it is among all", all.iter().any(|answered| answered.id == image), true)?;
        went("DisableImage once more", self.cloud().disable_image(&home(), &image).await)
    }

    /// Its snapshots go with it and not before, and the second time is no error.
    pub(crate) async fn goes_once(&self) -> Checked {
        let (builder, id) = self.imaged().await?;
        let image = self.available(&home(), &id).await?;
        let kept = self.cloud().delete_snapshot(&home(), &image.snapshots[0]).await;
        refused("deleting a snapshot of an image", kept, &[ErrorKind::InUse])?;
        let users = ImageQuery::OfSnapshots(image.snapshots.clone());
        let answered = went("DescribeImages", self.cloud().images(&home(), &users).await)?;
        is("who uses its snapshots", answered.iter().map(|image| &image.id).collect(), vec![&id])?;
        let Deregistration::Now(deletions) =
            went("DeregisterImage", self.cloud().deregister_image(&home(), &id).await)?
        else {
            return Err("it was gone before".into());
        };
        is("how many snapshots are told of", deletions.len(), image.snapshots.len())?;
        for deletion in deletions {
            is("what became of a snapshot", deletion.outcome, Deletion::Deleted)?;
        }
        went(
            "DeleteSnapshot of what is gone",
            self.cloud().delete_snapshot(&home(), &image.snapshots[0]).await,
        )?;
        let again = went("DeregisterImage", self.cloud().deregister_image(&home(), &id).await)?;
        is("the second time", again, Deregistration::Before)?;
        went("TerminateInstances", self.cloud().terminate(&home(), &builder).await)
    }

    /// By what EC2 writes into their description.
    pub(crate) async fn snapshots_of_it(&self) -> Checked {
        let (_, id) = self.imaged().await?;
        let mut own = self.available(&home(), &id).await?.snapshots;
        own.sort();
        let answered = went("DescribeSnapshots", self.cloud().snapshots_of(&home(), &id).await)?;
        let mut answered: Vec<SnapshotId> = answered.into_iter().map(|snapshot| snapshot.id).collect();
        answered.sort();
        is("its snapshots", answered, own)
    }

    /// Where one is missing, none is tagged.
    pub(crate) async fn tagged_at_once(&self) -> Checked {
        let (_, image) = self.imaged().await?;
        self.available(&home(), &image).await?;
        let images = vec![image];
        let counted = |of: &str| Tags::new().with(tags::FLEET_SIZE, of);
        went("CreateTags", self.cloud().tag_images(&home(), &images, &counted("2")).await)?;
        self.adapter.wait().await;
        let missing: ImageId = "ami-0123456789abcdef0".parse().unwrap();
        let with_missing = [images.clone(), vec![missing]].concat();
        let tagged = self.cloud().tag_images(&home(), &with_missing, &counted("3")).await;
        refused("tagging what is not there", tagged, &[ErrorKind::NotFound])?;
        self.adapter.wait().await;
        for image in &images {
            let answered = self.described(&home(), image).await?;
            is("its tag", answered.tags.get(tags::FLEET_SIZE), Some("2"))?;
        }
        Ok(())
    }
}
