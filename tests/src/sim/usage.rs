//! What the in-memory cloud tells of the use of images, and how each look-up went.

use std::collections::BTreeSet;

use kiln_core::inventory::{ErrorKind, LaunchSources, Reference, Result, UsageReport};
use kiln_core::model::{ImageId, Region, Token};
use kiln_engine::ports::References;

use super::account::Account;
use super::cloud::{Does, Wire, failed};
use super::lambda::Looked;
use super::other_accounts::Asked;

impl Wire {
    fn looked<T>(&self, region: &Region, answered: &Result<T>, at: impl FnOnce(&mut Looked)) {
        let mut all = self.invocation().looked.borrow_mut();
        let looked = all.entry(region.clone()).or_default();
        match answered {
            Ok(_) => at(looked),
            // What the role may not do is done in another way.
            Err(error) if error.kind == ErrorKind::Denied => {}
            Err(_) => looked.failed = true,
        }
    }
}

impl References for Wire {
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).instances_of(images, at);
        let answered = self.read("DescribeInstances", region, "uses", look).await;
        self.looked(region, &answered, |looked| looked.instances = true);
        answered
    }

    /// In some accounts nobody may call it.
    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).references(images, at);
        let mut answered = self.read("DescribeImageReferences", region, "uses", look).await;
        if self.world.without_references {
            answered = Err(failed("DescribeImageReferences", "uses", region, "UnauthorizedOperation"));
        }
        self.looked(region, &answered, |looked| looked.templates = true);
        answered
    }

    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).template_versions(at);
        let answered = self.read("DescribeLaunchTemplateVersions", region, "templates", look).await;
        self.looked(region, &answered, |looked| looked.templates = true);
        answered
    }

    /// Nobody in the simulation names a parameter in a template.
    async fn aliased_versions(&self, region: &Region, _: &BTreeSet<String>) -> Result<Vec<Reference>> {
        let answered =
            self.read("DescribeLaunchTemplateVersions", region, "aliases", |_, _| Vec::new()).await;
        self.looked(region, &answered, |_| ());
        answered
    }

    /// Nobody in the simulation has any: what names an image stands in a template.
    async fn launchers(&self, region: &Region) -> Result<LaunchSources> {
        let answered =
            self.read("DescribeFleets", region, "launchers", |_, _| LaunchSources::default()).await;
        self.looked(region, &answered, |_| ());
        answered
    }

    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        let look = |account: &mut Account, at| account.region(region).others.reports(images, at);
        // That it fails concerns these images alone, not all of the Region.
        self.read("DescribeImageUsageReports", region, "reports", look).await
    }

    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let others = &mut account.region(region).others;
            let asked = Asked { image: image.clone(), token: token.to_string(), at: now };
            if others.ask(asked) {
                self.world.invariants.borrow_mut().changes += 1;
            }
            Ok(())
        };
        self.call(Does::Change, "CreateImageUsageReport", region, image.as_str(), effect).await
    }
}
