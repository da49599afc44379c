//! Reads every page of an answer, for all calls that answer in pages.
//!
//! The SDK's own paginators end without an error where a token comes twice, so an answer that was cut looks like a whole
//! one. What is not in it would look unused.

use std::collections::BTreeSet;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use kiln_core::inventory::{CloudError, Result};

use crate::aws::errors::Call;

/// One page of an answer.
pub trait Page {
    /// What the answer lists.
    type Item;

    /// What the next page is asked for with; `None` or empty on the last page.
    fn token(&self) -> Option<&str>;

    /// What this page lists.
    fn items(self) -> Vec<Self::Item>;
}

/// All that a call lists. `fetch` asks for the page of a token, first for that of none.
///
/// # Errors
/// The call failed on any page, or the answer has no end: a token came a second time.
pub async fn all<P, E, R>(
    call: Call<'_>,
    on: impl ToString,
    fetch: impl AsyncFn(Option<String>) -> Result<P, SdkError<E, R>>,
) -> Result<Vec<P::Item>>
where
    P: Page,
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let mut items = Vec::new();
    each(call, on, fetch, |page| items.extend(page)).await?;
    Ok(items)
}

/// The same, with each page handed over as it comes: the SDK's form of a resource is several times as large as what Kiln
/// keeps of it.
///
/// # Errors
/// The same.
pub async fn each<P, E, R>(
    call: Call<'_>,
    on: impl ToString,
    fetch: impl AsyncFn(Option<String>) -> Result<P, SdkError<E, R>>,
    mut take: impl FnMut(Vec<P::Item>),
) -> Result<()>
where
    P: Page,
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let on = on.to_string();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut token = None;
    loop {
        let page = fetch(token).await.map_err(call.on(&on))?;
        let next = page.token().filter(|token| !token.is_empty()).map(ToOwned::to_owned);
        take(page.items());
        let Some(next) = next else { return Ok(()) };
        if !seen.insert(next.clone()) {
            return Err(repeated(call, on));
        }
        token = Some(next);
    }
}

fn repeated(call: Call<'_>, on: String) -> CloudError {
    let message = "the answer repeats a page token, so it is not known to be whole";
    CloudError::new(call.operation, on, call.region, "RepeatedPageToken", message)
}

/// Pages of an SDK's answers: the type, what it lists, and the field that it lists it in.
macro_rules! pages {
    ($($output:ty: $item:ty = $items:ident;)*) => {$(
        impl Page for $output {
            type Item = $item;

            fn token(&self) -> Option<&str> {
                self.next_token()
            }

            fn items(self) -> Vec<Self::Item> {
                self.$items.unwrap_or_default()
            }
        }
    )*};
}

mod ec2 {
    pub use aws_sdk_ec2::operation::{
        describe_fleets::DescribeFleetsOutput, describe_image_references::DescribeImageReferencesOutput,
        describe_image_usage_report_entries::DescribeImageUsageReportEntriesOutput,
        describe_image_usage_reports::DescribeImageUsageReportsOutput, describe_images::DescribeImagesOutput,
        describe_instances::DescribeInstancesOutput,
        describe_launch_template_versions::DescribeLaunchTemplateVersionsOutput,
        describe_launch_templates::DescribeLaunchTemplatesOutput,
        describe_locked_snapshots::DescribeLockedSnapshotsOutput,
        describe_route_tables::DescribeRouteTablesOutput,
        describe_security_groups::DescribeSecurityGroupsOutput, describe_snapshots::DescribeSnapshotsOutput,
        describe_spot_fleet_requests::DescribeSpotFleetRequestsOutput,
        describe_spot_instance_requests::DescribeSpotInstanceRequestsOutput,
        describe_subnets::DescribeSubnetsOutput, describe_volumes::DescribeVolumesOutput,
        describe_vpc_endpoints::DescribeVpcEndpointsOutput, get_image_findings::GetImageFindingsOutput,
        list_images_in_recycle_bin::ListImagesInRecycleBinOutput,
    };
    pub use aws_sdk_ec2::types::*;
}
mod auto_scaling {
    pub use aws_sdk_autoscaling::operation::{
        describe_auto_scaling_groups::DescribeAutoScalingGroupsOutput,
        describe_launch_configurations::DescribeLaunchConfigurationsOutput,
    };
    pub use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchConfiguration};
}

pages! {
    ec2::DescribeFleetsOutput: ec2::FleetData = fleets;
    ec2::DescribeImageReferencesOutput: ec2::ImageReference = image_references;
    ec2::DescribeImageUsageReportEntriesOutput: ec2::ImageUsageReportEntry = image_usage_report_entries;
    ec2::DescribeImageUsageReportsOutput: ec2::ImageUsageReport = image_usage_reports;
    ec2::DescribeImagesOutput: ec2::Image = images;
    ec2::DescribeInstancesOutput: ec2::Reservation = reservations;
    ec2::DescribeLaunchTemplateVersionsOutput: ec2::LaunchTemplateVersion = launch_template_versions;
    ec2::DescribeLaunchTemplatesOutput: ec2::LaunchTemplate = launch_templates;
    ec2::DescribeLockedSnapshotsOutput: ec2::LockedSnapshotsInfo = snapshots;
    ec2::DescribeSnapshotsOutput: ec2::Snapshot = snapshots;
    ec2::DescribeSpotFleetRequestsOutput: ec2::SpotFleetRequestConfig = spot_fleet_request_configs;
    ec2::DescribeSpotInstanceRequestsOutput: ec2::SpotInstanceRequest = spot_instance_requests;
    ec2::DescribeRouteTablesOutput: ec2::RouteTable = route_tables;
    ec2::DescribeSecurityGroupsOutput: ec2::SecurityGroup = security_groups;
    ec2::DescribeSubnetsOutput: ec2::Subnet = subnets;
    ec2::DescribeVolumesOutput: ec2::Volume = volumes;
    ec2::DescribeVpcEndpointsOutput: ec2::VpcEndpoint = vpc_endpoints;
    ec2::GetImageFindingsOutput: ec2::ImageFinding = image_findings;
    ec2::ListImagesInRecycleBinOutput: ec2::ImageRecycleBinInfo = images;
    auto_scaling::DescribeAutoScalingGroupsOutput: auto_scaling::AutoScalingGroup = auto_scaling_groups;
    auto_scaling::DescribeLaunchConfigurationsOutput: auto_scaling::LaunchConfiguration = launch_configurations;
    aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathOutput: aws_sdk_ssm::types::Parameter = parameters;
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
