//! What launches instances without a person, on EC2 and Auto Scaling: groups, fleets and Spot requests.

use aws_sdk_autoscaling::types::{LaunchConfiguration, LaunchTemplateSpecification};
use aws_sdk_ec2::types::{
    BatchState, FleetData, FleetLaunchTemplateSpecification, FleetStateCode, FleetType,
    SpotFleetRequestConfig, SpotInstanceRequest,
};
use futures::future::join5;
use kiln_core::inventory::usage::{PinnedVersion, Reference, Referrer, Target};
use kiln_core::inventory::{LaunchSources, Result};
use kiln_core::model::Region;

use crate::aws::errors::Call;
use crate::aws::{Aws, pages, read};

impl Aws {
    pub(crate) async fn launch_sources(&self, region: &Region) -> Result<LaunchSources> {
        let (ec2, spot, groups, configurations, requests) = join5(
            self.ec2_fleets(region),
            self.spot_fleets(region),
            self.auto_scaling_groups(region),
            self.launch_configurations(region),
            self.spot_requests(region),
        )
        .await;
        let uses = [configurations?, requests?].concat();
        let mut all = LaunchSources { uses, ..LaunchSources::default() };
        for launchers in [ec2?, spot?, groups?] {
            all.uses.extend(launchers.uses);
            all.pinned.extend(launchers.pinned);
            all.by_template.extend(launchers.by_template);
        }
        Ok(all)
    }

    /// All of them, because an Auto Scaling group may switch to any of them at any time.
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLaunchConfigurations.html>)
    async fn launch_configurations(&self, region: &Region) -> Result<Vec<Reference>> {
        let request = self.auto_scaling(region).await.describe_launch_configurations().max_records(100);
        let call = Call::new("DescribeLaunchConfigurations", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the launch configurations", fetch).await?;
        let of = |one: &LaunchConfiguration| {
            let arn = one.launch_configuration_arn().unwrap_or_default().to_owned();
            let by = Referrer::Other("launch configuration", arn);
            Reference { names: Target::must(one.image_id()), by }
        };
        Ok(given.iter().map(of).collect())
    }

    /// What Auto Scaling groups launch from, besides launch configurations.
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html>)
    async fn auto_scaling_groups(&self, region: &Region) -> Result<LaunchSources> {
        let request = self.auto_scaling(region).await.describe_auto_scaling_groups().max_records(100);
        let call = Call::new("DescribeAutoScalingGroups", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let mut launchers = LaunchSources::default();
        for group in pages::all(call, "the Auto Scaling groups", fetch).await? {
            let by = Referrer::Other("Auto Scaling group", group.auto_scaling_group_arn.unwrap_or_default());
            let mixed = group.mixed_instances_policy.and_then(|policy| policy.launch_template);
            let mut templates: Vec<LaunchTemplateSpecification> = group.launch_template.into_iter().collect();
            if let Some(mixed) = mixed {
                templates.extend(mixed.launch_template_specification);
                for one in mixed.overrides.unwrap_or_default() {
                    launchers.uses.extend(uses([one.image_id()], &by));
                    templates.extend(one.launch_template_specification);
                }
            }
            launchers.by_template.extend(templates.iter().filter_map(|template| {
                let template = template.launch_template_id().or(template.launch_template_name())?;
                Some((template.to_owned(), by.clone()))
            }));
            launchers.pinned.extend(templates.iter().filter_map(|template| {
                pinned(template.launch_template_id(), template.launch_template_name(), template.version())
            }));
        }
        Ok(launchers)
    }

    /// Fleets that may still launch. An instant fleet launches only once, so its instances show what it uses.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFleets.html>)
    async fn ec2_fleets(&self, region: &Region) -> Result<LaunchSources> {
        let request = self.ec2(region).await.describe_fleets();
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(Call::new("DescribeFleets", region), "the EC2 Fleets", fetch).await?;
        let may_launch = |fleet: &&FleetData| {
            use FleetStateCode::{Deleted, DeletedRunning, DeletedTerminatingInstances, Failed};
            let ended = [Deleted, DeletedRunning, DeletedTerminatingInstances, Failed];
            // A state that Kiln does not know, or that EC2 does not tell, may be one in which it launches.
            fleet.r#type() != Some(&FleetType::Instant)
                && fleet.fleet_state().is_none_or(|state| !ended.contains(state))
        };
        let mut launchers = LaunchSources::default();
        for fleet in given.iter().filter(may_launch) {
            let by = Referrer::Fleet(fleet.fleet_id().unwrap_or_default().to_owned());
            for config in fleet.launch_template_configs() {
                launchers.uses.extend(uses(config.overrides().iter().map(|one| one.image_id()), &by));
                let template = config.launch_template_specification();
                launchers.by_template.extend(template.and_then(|one| named_by_fleet(one, &by)));
                launchers.pinned.extend(template.and_then(pinned_by_fleet));
            }
        }
        Ok(launchers)
    }

    /// Spot Fleets that may still launch. Some have launch specifications of their own; others launch from templates.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotFleetRequests.html>)
    async fn spot_fleets(&self, region: &Region) -> Result<LaunchSources> {
        let request = self.ec2(region).await.describe_spot_fleet_requests();
        let call = Call::new("DescribeSpotFleetRequests", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the Spot Fleets", fetch).await?;
        let may_launch = |fleet: &&SpotFleetRequestConfig| {
            use BatchState::{Cancelled, CancelledRunning, CancelledTerminatingInstances, Failed};
            let ended = [Cancelled, CancelledRunning, CancelledTerminatingInstances, Failed];
            fleet.spot_fleet_request_state().is_none_or(|state| !ended.contains(state))
        };
        let mut launchers = LaunchSources::default();
        for fleet in given.iter().filter(may_launch) {
            let by = Referrer::SpotFleet(fleet.spot_fleet_request_id().unwrap_or_default().to_owned());
            let Some(config) = fleet.spot_fleet_request_config() else {
                launchers.uses.push(Reference { names: Target::must(None), by });
                continue;
            };
            let images = config.launch_specifications().iter().map(|one| one.image_id());
            launchers.uses.extend(uses(images, &by));
            let templates = config.launch_template_configs().iter();
            let templates = templates.filter_map(|one| one.launch_template_specification());
            launchers.by_template.extend(templates.clone().filter_map(|one| named_by_fleet(one, &by)));
            launchers.pinned.extend(templates.filter_map(pinned_by_fleet));
        }
        Ok(launchers)
    }

    /// Spot requests that may still launch. A persistent request launches again whenever its instance is interrupted.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotInstanceRequests.html>)
    async fn spot_requests(&self, region: &Region) -> Result<Vec<Reference>> {
        let request = self.ec2(region).await.describe_spot_instance_requests();
        let open = ["open", "active"].map(str::to_owned);
        let request = request.filters(read::filter("state", open)).max_results(1_000);
        let call = Call::new("DescribeSpotInstanceRequests", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the Spot requests", fetch).await?;
        let of = |request: &SpotInstanceRequest| {
            let id = request.spot_instance_request_id().unwrap_or_default().to_owned();
            let image = request.launch_specification().and_then(|launch| launch.image_id());
            Reference { names: Target::must(image), by: Referrer::SpotRequest(id) }
        };
        Ok(given.iter().map(of).collect())
    }
}

/// The references to these images; a field that names no image is none.
fn uses<'a>(images: impl IntoIterator<Item = Option<&'a str>>, by: &Referrer) -> Vec<Reference> {
    let named = images.into_iter().filter_map(Target::read);
    named.map(|names| Reference { names, by: by.clone() }).collect()
}

/// The template that a fleet launches from, by id or else by name.
fn named_by_fleet(template: &FleetLaunchTemplateSpecification, by: &Referrer) -> Option<(String, Referrer)> {
    let named = template.launch_template_id().or(template.launch_template_name())?;
    Some((named.to_owned(), by.clone()))
}

fn pinned_by_fleet(template: &FleetLaunchTemplateSpecification) -> Option<PinnedVersion> {
    pinned(template.launch_template_id(), template.launch_template_name(), template.version())
}

/// The version of the template, by id or else by name, if it is given by its number.
fn pinned(id: Option<&str>, name: Option<&str>, version: Option<&str>) -> Option<PinnedVersion> {
    let number = version?.parse().ok()?;
    Some(PinnedVersion { template: id.or(name)?.to_owned(), number })
}
