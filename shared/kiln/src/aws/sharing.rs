//! Permissions, deprecation, protection and findings of images, on EC2.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    AttributeValue, CreateVolumePermission, CreateVolumePermissionModifications, ImageAttributeName,
    ImageFinding, LaunchPermission, LaunchPermissionModifications, PermissionGroup, SnapshotAttributeName,
};
use chrono::Utc;
use kiln_core::inventory::{Deprecation, ErrorKind, Finding, Grantee, PermissionChange, Result, Severity};
use kiln_core::model::{ImageId, Region, SnapshotId};
use kiln_core::publish::sharing;
use kiln_engine::ports::Sharing;

use crate::aws::errors::Call;
use crate::aws::{Aws, pages};

/// The most changes that one call takes for a snapshot.
const MOST_VOLUME_CHANGES: usize = 500;

impl Sharing for Aws {
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageAttribute.html>)
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<Grantee>> {
        let call = self.ec2(region).await.describe_image_attribute().image_id(image.as_str());
        let given = call.attribute(ImageAttributeName::LaunchPermission).send().await;
        let call = Call::new("DescribeImageAttribute", region);
        let given = given.map_err(call.on(image))?;
        // One that cannot be read may be anybody's.
        let known =
            |permission| grantee(permission).ok_or_else(|| call.lacks("known kind of grantee", image));
        given.launch_permissions().iter().map(known).collect()
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html>)
    async fn change_launch(&self, region: &Region, image: &ImageId, change: &PermissionChange) -> Result<()> {
        let permissions = |of: &BTreeSet<Grantee>| {
            let all: Vec<LaunchPermission> = of.iter().map(launch_permission).collect();
            (!all.is_empty()).then_some(all)
        };
        let change = LaunchPermissionModifications::builder()
            .set_add(permissions(&change.add))
            .set_remove(permissions(&change.remove))
            .build();
        let call = self.ec2(region).await.modify_image_attribute().image_id(image.as_str());
        let done = call.launch_permission(change).send().await;
        done.map_err(Call::new("ModifyImageAttribute", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshotAttribute.html>)
    async fn volume_permissions(&self, region: &Region, snapshot: &SnapshotId) -> Result<BTreeSet<Grantee>> {
        let call = self.ec2(region).await.describe_snapshot_attribute().snapshot_id(snapshot.as_str());
        let given = call.attribute(SnapshotAttributeName::CreateVolumePermission).send().await;
        let call = Call::new("DescribeSnapshotAttribute", region);
        let given = given.map_err(call.on(snapshot))?;
        let grantee = |permission: &CreateVolumePermission| match permission.group() {
            Some(PermissionGroup::All) => Some(Grantee::Everyone),
            _ => permission.user_id().map(|id| Grantee::Account(id.to_owned())),
        };
        let known =
            |permission| grantee(permission).ok_or_else(|| call.lacks("known kind of grantee", snapshot));
        given.create_volume_permissions().iter().map(known).collect()
    }

    /// One call either adds or removes, and takes 500 changes.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html>)
    async fn change_volumes(
        &self,
        region: &Region,
        snapshot: &SnapshotId,
        change: &PermissionChange,
    ) -> Result<()> {
        let permission = |one: &Grantee| match one {
            Grantee::Account(id) => Some(CreateVolumePermission::builder().user_id(id).build()),
            Grantee::Everyone => Some(CreateVolumePermission::builder().group(PermissionGroup::All).build()),
            Grantee::Organization(_) | Grantee::Unit(_) => None,
        };
        let some = |of: &BTreeSet<Grantee>| {
            let all: Vec<CreateVolumePermission> = of.iter().filter_map(permission).collect();
            all.chunks(MOST_VOLUME_CHANGES).map(<[_]>::to_vec).collect::<Vec<_>>()
        };
        let builder = CreateVolumePermissionModifications::builder;
        let adds = some(&change.add).into_iter().map(|add| builder().set_add(Some(add)).build());
        let removes =
            some(&change.remove).into_iter().map(|remove| builder().set_remove(Some(remove)).build());
        for change in adds.chain(removes) {
            let call = self.ec2(region).await.modify_snapshot_attribute().snapshot_id(snapshot.as_str());
            let call = call.attribute(SnapshotAttributeName::CreateVolumePermission);
            let done = call.create_volume_permission(change).send().await;
            done.map_err(Call::new("ModifySnapshotAttribute", region).on(snapshot))?;
        }
        Ok(())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html>)
    async fn deprecate(&self, region: &Region, image: &ImageId, to: Deprecation) -> Result<()> {
        let ec2 = self.ec2(region).await;
        match to {
            Deprecation::At(at) => {
                // EC2 rejects a time in the past, and a time that was ahead when it was decided may have passed by now.
                let at = at.max(sharing::soon(Utc::now()));
                let at = aws_sdk_ec2::primitives::DateTime::from_secs(at.timestamp());
                let call = ec2.enable_image_deprecation().image_id(image.as_str()).deprecate_at(at);
                call.send().await.map_err(Call::new("EnableImageDeprecation", region).on(image)).map(|_| ())
            }
            Deprecation::Never => {
                let call = ec2.disable_image_deprecation().image_id(image.as_str());
                call.send().await.map_err(Call::new("DisableImageDeprecation", region).on(image)).map(|_| ())
            }
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html>)
    async fn require_imds_v2(&self, region: &Region, image: &ImageId) -> Result<()> {
        let v2 = AttributeValue::builder().value("v2.0").build();
        let call = self.ec2(region).await.modify_image_attribute().image_id(image.as_str()).imds_support(v2);
        call.send().await.map_err(Call::new("ModifyImageAttribute", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachImageWatermark.html>)
    async fn attach_watermark(&self, region: &Region, image: &ImageId, name: &str) -> Result<()> {
        let call = self.ec2(region).await.attach_image_watermark().image_id(image.as_str());
        let done = call.watermark_name(name).send().await;
        done.map_err(Call::new("AttachImageWatermark", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachImageWatermark.html>)
    async fn detach_watermark(&self, region: &Region, image: &ImageId, key: &str) -> Result<()> {
        let call = self.ec2(region).await.detach_image_watermark().image_id(image.as_str());
        let done = call.watermark_key(key).send().await;
        done.map_err(Call::new("DetachImageWatermark", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeregistrationProtection.html>)
    async fn protect(&self, region: &Region, image: &ImageId) -> Result<()> {
        let ec2 = self.ec2(region).await;
        let call = ec2.enable_image_deregistration_protection().image_id(image.as_str());
        let done = call.with_cooldown(false).send().await;
        done.map_err(Call::new("EnableImageDeregistrationProtection", region).on(image)).map(|_| ())
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImageDeregistrationProtection.html>)
    async fn unprotect(&self, region: &Region, image: &ImageId) -> Result<()> {
        let ec2 = self.ec2(region).await;
        let done = ec2.disable_image_deregistration_protection().image_id(image.as_str()).send().await;
        match done.map_err(Call::new("DisableImageDeregistrationProtection", region).on(image)) {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageFindings.html>)
    async fn findings(&self, region: &Region, image: &ImageId) -> Result<Vec<Finding>> {
        let request = self.ec2(region).await.get_image_findings().image_id(image.as_str());
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(Call::new("GetImageFindings", region), image, fetch).await?;
        let finding = |found: &ImageFinding| Finding {
            severity: Severity::from(found.severity_label().map(|label| label.as_str()).unwrap_or("")),
            title: found.title().unwrap_or("a finding without a title").to_owned(),
            fixable: found.fix_available() == Some(true),
        };
        Ok(given.iter().map(finding).collect())
    }
}

fn grantee(permission: &LaunchPermission) -> Option<Grantee> {
    if permission.group() == Some(&PermissionGroup::All) {
        return Some(Grantee::Everyone);
    }
    let account = || permission.user_id().map(|id| Grantee::Account(id.to_owned()));
    let organization = || permission.organization_arn().map(|arn| Grantee::Organization(arn.to_owned()));
    let unit = || permission.organizational_unit_arn().map(|arn| Grantee::Unit(arn.to_owned()));
    account().or_else(organization).or_else(unit)
}

fn launch_permission(one: &Grantee) -> LaunchPermission {
    let permission = LaunchPermission::builder();
    match one {
        Grantee::Account(id) => permission.user_id(id),
        Grantee::Organization(arn) => permission.organization_arn(arn),
        Grantee::Unit(arn) => permission.organizational_unit_arn(arn),
        Grantee::Everyone => permission.group(PermissionGroup::All),
    }
    .build()
}
