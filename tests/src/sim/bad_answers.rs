//! Planted bugs in what Kiln reads of the use of images.

use std::collections::{BTreeMap, BTreeSet};

use kiln_core::inventory::usage::{Referrer, Target, TemplateVersion};
use kiln_core::inventory::{
    ImageQuery, ImageState, LaunchSources, Reference, ReportState, Result, UsageReport,
};
use kiln_core::model::{ImageId, Region, Token};
use kiln_engine::ports::{Images, References};

use super::bugs::{Bug, BuggyCloud, forward};

impl BuggyCloud {
    /// What Kiln with this bug makes of an answer.
    fn distort(
        &self,
        call: &'static str,
        images: &[ImageId],
        answered: Result<Vec<Reference>>,
    ) -> Result<Vec<Reference>> {
        match self.bug {
            Bug::FailedLookUpIsUnused => Ok(answered.unwrap_or_default()),
            Bug::DefaultVersionAlone => answered.map(default_versions),
            Bug::ExpiryWithoutRecheck => {
                let answered = answered?;
                let mut first = self.cloud.first_uses().borrow_mut();
                let of = |image: &ImageId| -> Vec<Reference> {
                    answered.iter().filter(|one| one.names == Target::Image(image.clone())).cloned().collect()
                };
                let first_of =
                    |image: &ImageId| first.entry((call, image.clone())).or_insert_with(|| of(image)).clone();
                Ok(images.iter().flat_map(first_of).collect())
            }
            _ => answered,
        }
    }
}

/// The references by default versions alone; in the simulation the last version of a template is its default.
fn default_versions(answered: Vec<Reference>) -> Vec<Reference> {
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for one in &answered {
        if let Referrer::TemplateVersion(template, number) = &one.by {
            let last = last.entry(template.clone()).or_default();
            *last = (*last).max(*number);
        }
    }
    let is_default = |one: &Reference| match &one.by {
        Referrer::TemplateVersion(template, number) => last.get(template) == Some(number),
        _ => true,
    };
    answered.into_iter().filter(|one| is_default(one)).collect()
}

impl BuggyCloud {
    /// The images that are asked about: a home image is in no other Region, so that nothing is asked there in its name.
    fn asked<'a>(&self, region: &Region, images: &'a [ImageId]) -> &'a [ImageId] {
        match self.bug == Bug::WrongMemberAsked && !self.cloud.is_home(region) {
            true => &[],
            false => images,
        }
    }
}

impl References for BuggyCloud {
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let images = self.asked(region, images);
        self.distort("DescribeInstances", images, self.cloud.instances_of(region, images).await)
    }

    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let images = self.asked(region, images);
        if self.bug == Bug::DefaultVersionAlone {
            return self.template_versions(region).await;
        }
        self.distort("DescribeImageReferences", images, self.cloud.references(region, images).await)
    }

    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>> {
        let answered = self.cloud.template_versions(region).await;
        match self.bug {
            Bug::ExpiryWithoutRecheck => answered,
            _ => self.distort("DescribeLaunchTemplateVersions", &[], answered),
        }
    }

    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        let mut reports = self.cloud.usage_reports(region, images).await?;
        if self.bug == Bug::OthersUnseen {
            for report in &mut reports {
                report.says = ReportState::Ready(BTreeMap::new());
            }
        }
        if self.bug == Bug::OthersUnseenInQuarantine {
            for report in &mut reports {
                let images = self.cloud.images(region, &ImageQuery::Id(report.image.clone())).await?;
                if images.iter().any(|image| image.state == ImageState::Disabled) {
                    report.says = ReportState::Ready(BTreeMap::new());
                }
            }
        }
        Ok(reports)
    }

    async fn versions_of(&self, region: &Region, names: &BTreeSet<String>) -> Result<Vec<TemplateVersion>> {
        let mut versions = self.cloud.versions_of(region, names).await?;
        if self.bug == Bug::OwnVersionsKeep {
            versions.clear();
        }
        Ok(versions)
    }

    async fn launchers(&self, region: &Region) -> Result<LaunchSources> {
        let mut launchers = self.cloud.launchers(region).await?;
        if self.bug == Bug::GroupsUnseen {
            launchers.pinned.clear();
        }
        Ok(launchers)
    }

    forward! {
        aliased_versions(region: &Region, pinned: &BTreeSet<String>) -> Vec<Reference>;
        ask_usage(region: &Region, image: &ImageId, token: &Token) -> ();
    }
}
