//! Who uses images, on EC2.

use aws_sdk_autoscaling::types::LaunchConfiguration;
use aws_sdk_ec2::types::{
    BatchState, FleetData, FleetStateCode, FleetType, LaunchTemplateVersion, SpotFleetRequestConfig,
};
use futures::future::join;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::errors::Call;
use super::{Aws, read};
use crate::cloud::filter::MOST_VALUES;
use crate::cloud::usage::{Names, Use, User};
use crate::cloud::{Cloudly, Kind, Usages};
use crate::domain::{ImageId, Region};

/// The most versions that EC2 puts on one page.
const VERSIONS_PAGE: i32 = 200;
/// How many templates are asked about at the same time.
const AT_ONCE: usize = 8;
/// Any state but terminated.
const LIVING: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

impl Usages for Aws {
    /// Instances that AWS services manage are asked for too: they are hidden otherwise.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>)
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Cloudly<Vec<Use>> {
        let mut uses = Vec::new();
        for some in images.chunks(MOST_VALUES) {
            let pages = self
                .ec2(region)
                .await
                .describe_instances()
                .include_managed_resources(true)
                .filters(read::filter("image-id", some.iter().map(ToString::to_string)))
                .filters(read::filter("instance-state-name", LIVING.map(str::to_owned)))
                .max_results(1_000)
                .into_paginator()
                .items()
                .send();
            let given = pages.collect::<Result<Vec<_>, _>>().await;
            let given =
                given.map_err(Call::new("DescribeInstances", region).on("the instances of images"))?;
            let found = given.iter().flat_map(|reservation| reservation.instances()).filter_map(|instance| {
                Some(Use {
                    names: Names::Image(instance.image_id()?.parse().ok()?),
                    by: User::Instance(instance.instance_id()?.parse().ok()?),
                })
            });
            uses.extend(found);
        }
        Ok(uses)
    }

    /// Only by its template does EC2 tell every version; for all templates at once it tells the latest and the
    /// default alone.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>)
    async fn template_versions(&self, region: &Region) -> Cloudly<Vec<Use>> {
        let pages = self
            .ec2(region)
            .await
            .describe_launch_templates()
            .max_results(VERSIONS_PAGE)
            .into_paginator()
            .items()
            .send();
        let given = pages.collect::<Result<Vec<_>, _>>().await;
        let given = given.map_err(Call::new("DescribeLaunchTemplates", region).on("the launch templates"))?;
        let ids = given.into_iter().filter_map(|template| template.launch_template_id);
        let versions: Vec<Vec<Use>> = stream::iter(ids)
            .map(|template| self.versions_of(region, template))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(versions.into_iter().flatten().collect())
    }

    async fn fleets(&self, region: &Region) -> Cloudly<Vec<Use>> {
        let (ec2, spot) = join(self.ec2_fleets(region), self.spot_fleets(region)).await;
        Ok([ec2?, spot?].concat())
    }

    /// All of them: an Auto Scaling group may take any at any time. Groups with a launch template are told by its versions.
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLaunchConfigurations.html>)
    async fn launch_configurations(&self, region: &Region) -> Cloudly<Vec<Use>> {
        let client = self.auto_scaling(region).await;
        let pages = client.describe_launch_configurations().max_records(100).into_paginator().items().send();
        let given = pages.collect::<Result<Vec<_>, _>>().await;
        let failed = Call::new("DescribeLaunchConfigurations", region);
        let given = given.map_err(failed.on("the launch configurations"))?;
        let of = |one: &LaunchConfiguration| {
            let by = User::LaunchConfiguration(one.launch_configuration_arn().unwrap_or_default().to_owned());
            Some(Use { names: Names::read(one.image_id())?, by })
        };
        Ok(given.iter().filter_map(of).collect())
    }
}

impl Aws {
    async fn versions_of(&self, region: &Region, template: String) -> Cloudly<Vec<Use>> {
        let pages = self
            .ec2(region)
            .await
            .describe_launch_template_versions()
            .launch_template_id(&template)
            .resolve_alias(true)
            .max_results(VERSIONS_PAGE)
            .into_paginator()
            .items()
            .send();
        let given = pages.collect::<Result<Vec<_>, _>>().await;
        let given = match given.map_err(Call::new("DescribeLaunchTemplateVersions", region).on(&template)) {
            Ok(given) => given,
            // Deleted since it was listed: it launches nothing any more.
            Err(error) if error.kind == Kind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let of = |version: &LaunchTemplateVersion| {
            let names = Names::read(version.launch_template_data()?.image_id())?;
            let number = version.version_number().unwrap_or_default();
            Some(Use { names, by: User::TemplateVersion(template.clone(), number) })
        };
        Ok(given.iter().filter_map(of).collect())
    }

    /// Fleets that may still launch. What launches at once and never again is told by its instances.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFleets.html>)
    async fn ec2_fleets(&self, region: &Region) -> Cloudly<Vec<Use>> {
        let pages = self.ec2(region).await.describe_fleets().into_paginator().items().send();
        let given = pages.collect::<Result<Vec<_>, _>>().await;
        let given = given.map_err(Call::new("DescribeFleets", region).on("the EC2 Fleets"))?;
        let may_launch = |fleet: &&FleetData| {
            let states = [FleetStateCode::Submitted, FleetStateCode::Active, FleetStateCode::Modifying];
            fleet.r#type() != Some(&FleetType::Instant)
                && fleet.fleet_state().is_some_and(|state| states.contains(state))
        };
        let uses = given.iter().filter(may_launch).flat_map(|fleet| {
            let by = User::Fleet(fleet.fleet_id().unwrap_or_default().to_owned());
            let overrides = fleet.launch_template_configs().iter().flat_map(|config| config.overrides());
            let named = overrides.filter_map(|one| Names::read(one.image_id()));
            named.map(move |names| Use { names, by: by.clone() })
        });
        Ok(uses.collect())
    }

    /// Spot Fleets that may still launch, by launch specifications of their own; those with a template are told by it.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotFleetRequests.html>)
    async fn spot_fleets(&self, region: &Region) -> Cloudly<Vec<Use>> {
        let pages = self.ec2(region).await.describe_spot_fleet_requests().into_paginator().items().send();
        let given = pages.collect::<Result<Vec<_>, _>>().await;
        let given = given.map_err(Call::new("DescribeSpotFleetRequests", region).on("the Spot Fleets"))?;
        let may_launch = |fleet: &&SpotFleetRequestConfig| {
            matches!(
                fleet.spot_fleet_request_state(),
                Some(BatchState::Submitted | BatchState::Active | BatchState::Modifying)
            )
        };
        let uses = given.iter().filter(may_launch).flat_map(|fleet| {
            let by = User::SpotFleet(fleet.spot_fleet_request_id().unwrap_or_default().to_owned());
            let config = fleet.spot_fleet_request_config();
            let specifications = config.map(|config| config.launch_specifications()).unwrap_or_default();
            let named = specifications.iter().filter_map(|one| Names::read(one.image_id()));
            named.map(move |names| Use { names, by: by.clone() })
        });
        Ok(uses.collect())
    }
}
