//! Usage reports on EC2: how other accounts use images.
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>)

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    ImageUsageReport, ImageUsageReportEntry, ImageUsageResourceTypeOptionRequest,
    ImageUsageResourceTypeRequest, ResourceType,
};
use kiln_core::inventory::{ReportState, Result, UsageReport};
use kiln_core::model::{ImageId, Region, Tags, Token, tags};

use crate::aws::errors::Call;
use crate::aws::{Aws, read};

/// How many images one call asks about: EC2 takes this many ids elsewhere.
const MOST_IMAGES: usize = 200;
/// A version depth that covers every version of a launch template, which has no more.
const ALL_VERSIONS: &str = "10000";

impl Aws {
    pub(crate) async fn reports_on(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        let mut reports = Vec::new();
        for some in images.chunks(MOST_IMAGES) {
            let ids: Vec<String> = some.iter().map(ToString::to_string).collect();
            let call = self.ec2(region).await.describe_image_usage_reports().set_image_ids(Some(ids.clone()));
            let given = call.into_paginator().items().send().try_collect().await;
            let failed = Call::new("DescribeImageUsageReports", region);
            let given = given.map_err(failed.on("the usage reports of images"))?;
            let ready = given.iter().any(|report| report.state() == Some("available"));
            let mut entries = if ready { self.entries_of(region, ids).await? } else { BTreeMap::new() };
            reports.extend(given.iter().filter_map(|report| read_report(report, &mut entries)));
        }
        Ok(reports)
    }

    /// The entries of the reports on these images: how many uses each account has, by the id of the report.
    async fn entries_of(
        &self,
        region: &Region,
        images: Vec<String>,
    ) -> Result<BTreeMap<String, BTreeMap<String, u64>>> {
        let call = self.ec2(region).await.describe_image_usage_report_entries().set_image_ids(Some(images));
        let given = call.into_paginator().items().send().try_collect().await;
        let failed = Call::new("DescribeImageUsageReportEntries", region);
        let mut entries: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for entry in given.map_err(failed.on("the usage reports of images"))? {
            if let Some((report, account, count)) = read_entry(&entry) {
                *entries.entry(report).or_default().entry(account).or_default() += count;
            }
        }
        Ok(entries)
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImageUsageReport.html>)
    pub(crate) async fn ask_for_report(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()> {
        let depth = ImageUsageResourceTypeOptionRequest::builder()
            .option_name("version-depth")
            .option_values(ALL_VERSIONS)
            .build();
        let of = |kind: &str| ImageUsageResourceTypeRequest::builder().resource_type(kind);
        let own = Tags::new().with(tags::IMAGE, image);
        let call = self.ec2(region).await.create_image_usage_report().image_id(image.as_str());
        let done = call
            .resource_types(of("ec2:Instance").build())
            .resource_types(of("ec2:LaunchTemplate").resource_type_options(depth).build())
            .client_token(token.as_str())
            .set_tag_specifications(Some(read::tag_specifications(&[ResourceType::ImageUsageReport], &own)))
            .send()
            .await;
        done.map_err(Call::new("CreateImageUsageReport", region).on(image)).map(|_| ())
    }
}

fn read_report(
    given: &ImageUsageReport,
    entries: &mut BTreeMap<String, BTreeMap<String, u64>>,
) -> Option<UsageReport> {
    let says = match given.state()? {
        "available" => ReportState::Ready(entries.remove(given.report_id()?).unwrap_or_default()),
        "pending" => ReportState::Pending,
        other => ReportState::Failed(format!("{other} {}", given.state_reason().unwrap_or_default())),
    };
    // EC2 does not say how many versions a report covers. The reports that Kiln requested have its tag, and cover all.
    let own = read::tags(given.tags()).get(tags::IMAGE) == given.image_id();
    Some(UsageReport {
        image: given.image_id()?.parse().ok()?,
        asked: read::instant(given.creation_time())?,
        whole: own && given.account_ids().is_empty(),
        says,
    })
}

/// The id of the report, the account, and how many of the account's resources use the image.
fn read_entry(given: &ImageUsageReportEntry) -> Option<(String, String, u64)> {
    let count = u64::try_from(given.usage_count().unwrap_or_default()).unwrap_or_default();
    Some((given.report_id()?.to_owned(), given.account_id()?.to_owned(), count))
}
