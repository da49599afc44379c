//! The port that reads the use of images, over the in-memory account. Each read is recorded as complete or failed,
//! because an image may be removed only if every read of its Region succeeded.

use std::collections::BTreeSet;

use kiln_core::inventory::usage::TemplateVersion;
use kiln_core::inventory::{ErrorKind, LaunchSources, Reference, Result, UsageReport};
use kiln_core::model::{ImageId, Region, Token};
use kiln_engine::ports::References;

use super::account::Account;
use super::cloud::{CallKind, InMemoryCloud, failed};
use super::lambda::UsageReads;
use super::other_accounts::RequestedReport;

impl InMemoryCloud {
    /// Records how a read of usage ended. A call that the role may not make is not a failure: Kiln has another way.
    fn record_read<T>(&self, region: &Region, answer: &Result<T>, mark: impl FnOnce(&mut UsageReads)) {
        let mut all = self.invocation().usage_reads.borrow_mut();
        let reads = all.entry(region.clone()).or_default();
        match answer {
            Ok(_) => mark(reads),
            Err(error) if error.kind == ErrorKind::Denied => {}
            Err(_) => reads.failed = true,
        }
    }
}

impl References for InMemoryCloud {
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).instances_of(images, at);
        let looked = self.world.now();
        let answer = self.read("DescribeInstances", region, "uses", look).await;
        self.record_read(region, &answer, |reads| reads.instances = Some(looked));
        answer
    }

    /// In one run of four the role may not call it.
    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).references(region, images, at);
        let looked = self.world.now();
        let mut answer = self.read("DescribeImageReferences", region, "uses", look).await;
        if self.world.without_references {
            answer = Err(failed("DescribeImageReferences", "uses", region, "UnauthorizedOperation"));
        }
        self.record_read(region, &answer, |reads| reads.templates = Some(looked));
        answer
    }

    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>> {
        let look = |account: &mut Account, at| account.region(region).template_versions(at);
        let looked = self.world.now();
        let answer = self.read("DescribeLaunchTemplateVersions", region, "templates", look).await;
        self.record_read(region, &answer, |reads| reads.templates = Some(looked));
        answer
    }

    /// No launch template of the simulation names a parameter.
    async fn aliased_versions(&self, region: &Region, _: &BTreeSet<String>) -> Result<Vec<Reference>> {
        let answer = self.read("DescribeLaunchTemplateVersions", region, "aliases", |_, _| Vec::new()).await;
        self.record_read(region, &answer, |_| ());
        answer
    }

    async fn versions_of(&self, region: &Region, names: &BTreeSet<String>) -> Result<Vec<TemplateVersion>> {
        let look = |account: &mut Account, at| account.region(region).versions_of(names, at);
        let answer = self.read("DescribeLaunchTemplateVersions", region, "versions", look).await;
        self.record_read(region, &answer, |_| ());
        answer
    }

    /// The simulation has no fleets and Spot requests; its Auto Scaling groups launch from launch templates.
    async fn launchers(&self, region: &Region) -> Result<LaunchSources> {
        let look = |account: &mut Account, at| account.region(region).launchers(at);
        let looked = self.world.now();
        let answer = self.read("DescribeAutoScalingGroups", region, "launchers", look).await;
        self.record_read(region, &answer, |reads| reads.launchers = Some(looked));
        answer
    }

    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        let look = |account: &mut Account, at| account.region(region).other_accounts.reports(images, at);
        // A failure here concerns these images only, not the whole Region, so it is not recorded.
        self.read("DescribeImageUsageReports", region, "reports", look).await
    }

    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let others = &mut account.region(region).other_accounts;
            let report = RequestedReport { image: image.clone(), token: token.to_string(), at: now };
            if others.request(report) {
                self.world.invariants.borrow_mut().changes += 1;
            }
            Ok(())
        };
        self.call(CallKind::Change, "CreateImageUsageReport", region, image.as_str(), effect).await
    }
}
