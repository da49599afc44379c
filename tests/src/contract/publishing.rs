//! What Kiln assumes of permissions and of parameters that name images.

use kiln_core::inventory::{Grantee, PermissionChange};
use kiln_core::model::{ImageId, SnapshotId};
use kiln_engine::ports::{Images, Parameters, Sharing};

use super::{Case, Checked, ContractAdapter, PATIENCE, home, is, went};

fn accounts(ids: &[&str]) -> std::collections::BTreeSet<Grantee> {
    ids.iter().map(|id| Grantee::Account((*id).to_owned())).collect()
}

impl<G: ContractAdapter> Case<'_, G> {
    async fn may_launch(&self, image: &ImageId) -> Result<std::collections::BTreeSet<Grantee>, String> {
        went("DescribeImageAttribute", self.cloud().launch_permissions(&home(), image).await)
    }

    /// Those added may, those removed may not, and a disabled image has none.
    pub(crate) async fn permissions(&self) -> Checked {
        let (image, snapshots) = self.captured().await?;
        is("who may launch a new image", self.may_launch(&image).await?, accounts(&[]))?;
        let both = PermissionChange {
            add: accounts(&["111111111111", "222222222222"]),
            ..PermissionChange::default()
        };
        went("ModifyImageAttribute", self.cloud().change_launch(&home(), &image, &both).await)?;
        let other =
            PermissionChange { add: accounts(&["333333333333"]), remove: accounts(&["111111111111"]) };
        went("ModifyImageAttribute", self.cloud().change_launch(&home(), &image, &other).await)?;
        let shall = accounts(&["222222222222", "333333333333"]);
        is("who may launch it", self.may_launch(&image).await?, shall)?;
        self.volumes(snapshots.first().ok_or("it has no snapshot")?).await?;
        went("DisableImage", self.cloud().disable_image(&home(), &image).await)?;
        self.adapter.wait().await;
        is("who may launch a disabled image", self.may_launch(&image).await?, accounts(&[]))
    }

    async fn volumes(&self, snapshot: &SnapshotId) -> Checked {
        for (change, shall) in [
            (
                PermissionChange { add: accounts(&["111111111111"]), ..PermissionChange::default() },
                accounts(&["111111111111"]),
            ),
            (
                PermissionChange { remove: accounts(&["111111111111"]), ..PermissionChange::default() },
                accounts(&[]),
            ),
        ] {
            went("ModifySnapshotAttribute", self.cloud().change_volumes(&home(), snapshot, &change).await)?;
            let may = self.cloud().volume_permissions(&home(), snapshot).await;
            is("who may make volumes of it", went("DescribeSnapshotAttribute", may)?, shall)?;
        }
        Ok(())
    }

    async fn shown(&self, name: &str) -> Result<Option<String>, String> {
        let names = [name.to_owned()];
        Ok(went("GetParameters", self.cloud().parameters(&home(), &names).await)?.remove(name))
    }

    /// A value is seen once the image was looked at; to try writes nothing, whether the parameter is there or not.
    pub(crate) async fn parameter(&self) -> Checked {
        let (name, image) = (format!("/golden/{}", self.name().recipe), self.adapter.base().await);
        went("PutParameter, tried", self.cloud().try_parameter(&home(), &name).await)?;
        is("a parameter that was tried", self.shown(&name).await?, None)?;
        went("PutParameter", self.cloud().put_image(&home(), &name, &image).await)?;
        for _ in 0..PATIENCE {
            if self.shown(&name).await?.is_some() {
                break;
            }
            self.adapter.wait().await;
        }
        is("the parameter", self.shown(&name).await?, Some(image.to_string()))?;
        went("PutParameter, tried", self.cloud().try_parameter(&home(), &name).await)?;
        self.adapter.wait().await;
        is("the parameter that was tried", self.shown(&name).await?, Some(image.to_string()))
    }
}
