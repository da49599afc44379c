//! What Kiln assumes of permissions and of parameters that name images.

use kiln_core::inventory::{Grantee, PermissionChange};
use kiln_core::model::{ImageId, SnapshotId};
use kiln_engine::ports::{Images, Parameters, Sharing};

use super::{Case, Checked, ContractAdapter, MOST_POLLS, expect_eq, expect_ok, home};

fn accounts(ids: &[&str]) -> std::collections::BTreeSet<Grantee> {
    ids.iter().map(|id| Grantee::Account((*id).to_owned())).collect()
}

impl<G: ContractAdapter> Case<'_, G> {
    async fn may_launch(&self, image: &ImageId) -> Result<std::collections::BTreeSet<Grantee>, String> {
        expect_ok("DescribeImageAttribute", self.cloud().launch_permissions(&home(), image).await)
    }

    /// Added accounts may launch the image, removed ones may not, and a disabled image has no permissions.
    pub(crate) async fn permissions(&self) -> Checked {
        let (image, snapshots) = self.available_image().await?;
        expect_eq("who may launch a new image", self.may_launch(&image).await?, accounts(&[]))?;
        let both = PermissionChange {
            add: accounts(&["111111111111", "222222222222"]),
            ..PermissionChange::default()
        };
        expect_ok("ModifyImageAttribute", self.cloud().change_launch(&home(), &image, &both).await)?;
        let other =
            PermissionChange { add: accounts(&["333333333333"]), remove: accounts(&["111111111111"]) };
        expect_ok("ModifyImageAttribute", self.cloud().change_launch(&home(), &image, &other).await)?;
        let shall = accounts(&["222222222222", "333333333333"]);
        expect_eq("who may launch it", self.may_launch(&image).await?, shall)?;
        self.volumes(snapshots.first().ok_or("it has no snapshot")?).await?;
        expect_ok("DisableImage", self.cloud().disable_image(&home(), &image).await)?;
        self.adapter.wait().await;
        expect_eq("who may launch a disabled image", self.may_launch(&image).await?, accounts(&[]))
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
            expect_ok(
                "ModifySnapshotAttribute",
                self.cloud().change_volumes(&home(), snapshot, &change).await,
            )?;
            let may = self.cloud().volume_permissions(&home(), snapshot).await;
            expect_eq("who may make volumes of it", expect_ok("DescribeSnapshotAttribute", may)?, shall)?;
        }
        Ok(())
    }

    async fn shown(&self, name: &str) -> Result<Option<String>, String> {
        let names = [name.to_owned()];
        Ok(expect_ok("GetParameters", self.cloud().parameters(&home(), &names).await)?.remove(name))
    }

    /// A value is visible once EC2 has found the image. `try_parameter` writes nothing, whether the parameter exists or
    /// not.
    pub(crate) async fn parameter(&self) -> Checked {
        let (name, image) = (format!("/golden/{}", self.name().recipe), self.adapter.base().await);
        expect_ok("PutParameter, tried", self.cloud().try_parameter(&home(), &name).await)?;
        expect_eq("a parameter that was tried", self.shown(&name).await?, None)?;
        expect_ok("PutParameter", self.cloud().put_image(&home(), &name, &image).await)?;
        for _ in 0..MOST_POLLS {
            if self.shown(&name).await?.is_some() {
                break;
            }
            self.adapter.wait().await;
        }
        expect_eq("the parameter", self.shown(&name).await?, Some(image.to_string()))?;
        expect_ok("PutParameter, tried", self.cloud().try_parameter(&home(), &name).await)?;
        self.adapter.wait().await;
        expect_eq("the parameter that was tried", self.shown(&name).await?, Some(image.to_string()))
    }
}
