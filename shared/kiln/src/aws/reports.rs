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
use crate::aws::{Aws, pages, read};

/// How many images one call asks about: EC2 takes this many ids elsewhere.
const MOST_IMAGES: usize = 200;
/// A version depth that covers every version of a launch template, which has no more.
const ALL_VERSIONS: &str = "10000";
/// What the calls are about.
const OF: &str = "the usage reports of images";

impl Aws {
    pub(crate) async fn reports_on(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        let mut reports = Vec::new();
        for some in images.chunks(MOST_IMAGES) {
            let ids: Vec<String> = some.iter().map(ToString::to_string).collect();
            let request = self.ec2(region).await.describe_image_usage_reports();
            let request = request.set_image_ids(Some(ids.clone()));
            let call = Call::new("DescribeImageUsageReports", region);
            let fetch = async |token| request.clone().set_next_token(token).send().await;
            let given = pages::all(call, OF, fetch).await?;
            let ready = given.iter().any(|report| report.state() == Some("available"));
            let mut entries = if ready { self.entries_of(region, ids).await? } else { BTreeMap::new() };
            for report in &given {
                reports.push(read_report(report, &mut entries).ok_or_else(|| call.lacks("field", OF))?);
            }
        }
        Ok(reports)
    }

    /// The entries of the reports on these images: how many uses each account has, by the id of the report.
    async fn entries_of(
        &self,
        region: &Region,
        images: Vec<String>,
    ) -> Result<BTreeMap<String, BTreeMap<String, u64>>> {
        let request = self.ec2(region).await.describe_image_usage_report_entries();
        let request = request.set_image_ids(Some(images));
        let call = Call::new("DescribeImageUsageReportEntries", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let mut entries: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for entry in pages::all(call, OF, fetch).await? {
            // An entry that cannot be read may be the one that shows use.
            let (report, account, count) = read_entry(&entry).ok_or_else(|| call.lacks("field", OF))?;
            *entries.entry(report).or_default().entry(account).or_default() += count;
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
    let count = u64::try_from(given.usage_count()?).ok()?;
    Some((given.report_id()?.to_owned(), given.account_id()?.to_owned(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> aws_sdk_ec2::types::builders::ImageUsageReportEntryBuilder {
        ImageUsageReportEntry::builder().report_id("report-1").account_id("111122223333").usage_count(3)
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_taken_for_no_use() {
        let read =
            |given: aws_sdk_ec2::types::builders::ImageUsageReportEntryBuilder| read_entry(&given.build());
        assert_eq!(read(entry()), Some(("report-1".to_owned(), "111122223333".to_owned(), 3)));
        assert_eq!(read(entry().set_usage_count(None)), None);
        assert_eq!(read(entry().set_account_id(None)), None);
        assert_eq!(read(entry().usage_count(-1)), None);
    }

    #[test]
    fn a_report_without_its_time_or_state_is_not_taken_for_one() {
        let given =
            || ImageUsageReport::builder().report_id("report-1").image_id("ami-0a").state("available");
        let time = aws_sdk_ec2::primitives::DateTime::from_secs(1_770_000_000);
        let read = |given: &ImageUsageReport| read_report(given, &mut BTreeMap::new());
        assert!(read(&given().creation_time(time).build()).is_some());
        assert!(read(&given().build()).is_none());
        assert!(read(&given().creation_time(time).set_state(None).build()).is_none());
    }
}
