//! Who uses images, on EC2.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::types::{LaunchConfiguration, LaunchTemplateSpecification};
use aws_sdk_ec2::operation::describe_launch_template_versions::builders::DescribeLaunchTemplateVersionsFluentBuilder;
use aws_sdk_ec2::types::{
    BatchState, FleetData, FleetLaunchTemplateSpecification, FleetStateCode, FleetType,
    ImageReferenceOptionName, ImageReferenceResourceType, LaunchTemplateVersion, ResourceTypeOption,
    ResourceTypeRequest, SpotFleetRequestConfig, SpotInstanceRequest,
};
use futures::future::join5;
use kiln_core::inventory::filter::MOST_VALUES;
use kiln_core::inventory::usage::{Reference, Referrer, Target};
use kiln_core::inventory::{
    CloudError, ErrorKind, ImageQuery, ImageState, LaunchSources, Result, UsageReport,
};
use kiln_core::model::{ImageId, Region, Token};
use kiln_engine::bounded::{CHANGES, try_bounded};
use kiln_engine::ports::{Images, References};

use crate::aws::errors::{Call, is_of_image};
use crate::aws::{Aws, read};

/// The most versions that EC2 puts on one page.
const VERSIONS_PAGE: i32 = 200;
/// The most images that DescribeImageReferences takes.
const MOST_REFERENCED: usize = 10;
/// Every state except terminated.
const LIVING: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

impl References for Aws {
    /// Includes instances that AWS services manage, which EC2 hides otherwise.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>)
    async fn instances_of(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
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
            let given = pages.try_collect().await;
            let given = given
                .map_err(Call::new("DescribeInstances", region).on("the instances that use the images"))?;
            let found = given.iter().flat_map(|reservation| reservation.instances()).filter_map(|instance| {
                Some(Reference {
                    names: Target::Image(instance.image_id()?.parse().ok()?),
                    by: Referrer::Instance(instance.instance_id()?.parse().ok()?),
                })
            });
            uses.extend(found);
        }
        Ok(uses)
    }

    /// EC2 lists every version only for one template at a time. For all templates at once it lists only the latest and
    /// the default version.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>)
    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>> {
        let pages = self
            .ec2(region)
            .await
            .describe_launch_templates()
            .include_managed_resources(true)
            .max_results(VERSIONS_PAGE)
            .into_paginator()
            .items()
            .send();
        let given = pages.try_collect().await;
        let given = given.map_err(Call::new("DescribeLaunchTemplates", region).on("the launch templates"))?;
        let ids = given.into_iter().filter_map(|template| template.launch_template_id).collect();
        self.versions_of_all(region, ids).await
    }

    /// A template matters if its latest or default version names a parameter, or if something launches from one of its
    /// versions by number.
    async fn aliased_versions(&self, region: &Region, pinned: &BTreeSet<String>) -> Result<Vec<Reference>> {
        let call = self.ec2(region).await.describe_launch_template_versions();
        let call = call.versions("$Latest").versions("$Default");
        let given = all_versions(region, call, "the latest and default versions").await?;
        let aliased = given.iter().filter(|version| {
            let image = version.launch_template_data().and_then(|data| data.image_id());
            matches!(Target::read(image), Some(Target::Unresolved(_)))
        });
        let found = aliased.filter_map(|version| version.launch_template_id.clone());
        let templates: BTreeSet<String> = found.chain(pinned.iter().cloned()).collect();
        self.versions_of_all(region, templates).await
    }

    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let asked = images.chunks(MOST_REFERENCED).map(|some| self.references_to_existing(region, some));
        let found: Vec<Vec<Reference>> = try_bounded(CHANGES, asked).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn launchers(&self, region: &Region) -> Result<LaunchSources> {
        let (ec2, spot, groups, configurations, requests) = join5(
            self.ec2_fleets(region),
            self.spot_fleets(region),
            self.auto_scaling_groups(region),
            self.launch_configurations(region),
            self.spot_requests(region),
        )
        .await;
        let mut all = LaunchSources { uses: [configurations?, requests?].concat(), pinned: BTreeSet::new() };
        for launchers in [ec2?, spot?, groups?] {
            all.uses.extend(launchers.uses);
            all.pinned.extend(launchers.pinned);
        }
        Ok(all)
    }

    async fn usage_reports(&self, region: &Region, images: &[ImageId]) -> Result<Vec<UsageReport>> {
        self.reports_on(region, images).await
    }

    async fn ask_usage(&self, region: &Region, image: &ImageId, token: &Token) -> Result<()> {
        self.ask_for_report(region, image, token).await
    }
}

impl Aws {
    /// The versions of these templates, each given by id or name.
    async fn versions_of_all(&self, region: &Region, templates: BTreeSet<String>) -> Result<Vec<Reference>> {
        let asked = templates.into_iter().map(|template| self.versions_of(region, template));
        let versions: Vec<Vec<Reference>> = try_bounded(CHANGES, asked).await?;
        Ok(versions.into_iter().flatten().collect())
    }

    async fn versions_of(&self, region: &Region, template: String) -> Result<Vec<Reference>> {
        let call = self.ec2(region).await.describe_launch_template_versions();
        let of = match template.starts_with("lt-") {
            true => call.launch_template_id(&template),
            false => call.launch_template_name(&template),
        };
        let given = match all_versions(region, of.resolve_alias(true), &template).await {
            Ok(given) => given,
            // The template was deleted since it was listed, so nothing launches from it.
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let of = |version: &LaunchTemplateVersion| {
            let names = Target::read(version.launch_template_data()?.image_id())?;
            let number = version.version_number().unwrap_or_default();
            let id = version.launch_template_id().unwrap_or(&template).to_owned();
            Some(Reference { names, by: Referrer::TemplateVersion(id, number) })
        };
        Ok(given.iter().filter_map(of).collect())
    }

    /// The references to those of these images that still exist. If one was deregistered after it was read, the call
    /// fails for all of them. Then each is asked about alone, and one that is gone counts as unused. EC2 asks other
    /// services here, so the error may be about something else: an image counts as gone only if EC2 does not show it
    /// any more.
    async fn references_to_existing(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let is_gone = |error: &CloudError| is_of_image(&error.code);
        match self.references_to(region, images).await {
            Err(error) if is_gone(&error) => {}
            references => return references,
        }
        let mut uses = Vec::new();
        for image in images {
            match self.references_to(region, std::slice::from_ref(image)).await {
                Err(error) if is_gone(&error) => {
                    let there = self.images(region, &ImageQuery::Id(image.clone())).await?;
                    if there.iter().any(|image| image.state != ImageState::Deregistered) {
                        return Err(error);
                    }
                }
                references => uses.extend(references?),
            }
        }
        Ok(uses)
    }

    /// The recipes here are those of EC2 Image Builder. A version depth of 10,000 covers every version of a launch
    /// template, which has no more.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html>)
    async fn references_to(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        use ImageReferenceOptionName::{StateName, VersionDepth};
        use ImageReferenceResourceType::{
            Ec2Instance, Ec2LaunchTemplate, ImageBuilderContainerRecipe, ImageBuilderImageRecipe,
            SsmParameter,
        };
        let option = |name, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ResourceTypeOption::builder().option_name(name).set_option_values(Some(values)).build()
        };
        let of = |resource| ResourceTypeRequest::builder().resource_type(resource);
        let pages = self
            .ec2(region)
            .await
            .describe_image_references()
            .set_image_ids(Some(images.iter().map(ToString::to_string).collect()))
            .resource_types(of(Ec2Instance).resource_type_options(option(StateName, &LIVING)).build())
            .resource_types(
                of(Ec2LaunchTemplate).resource_type_options(option(VersionDepth, &["10000"])).build(),
            )
            .resource_types(of(SsmParameter).build())
            .resource_types(of(ImageBuilderImageRecipe).build())
            .resource_types(of(ImageBuilderContainerRecipe).build())
            .max_results(1_000)
            .into_paginator()
            .items()
            .send();
        let given = pages.try_collect().await;
        let failed = Call::new("DescribeImageReferences", region).on("the references to images");
        let what = |resource: Option<&ImageReferenceResourceType>| match resource {
            Some(Ec2Instance) => "instance",
            Some(Ec2LaunchTemplate) => "launch template",
            Some(SsmParameter) => "parameter",
            Some(ImageBuilderImageRecipe | ImageBuilderContainerRecipe) => "recipe of Image Builder",
            _ => "resource",
        };
        let uses = given.map_err(failed)?.into_iter().filter_map(|reference| {
            let by = Referrer::Other(what(reference.resource_type()), reference.arn.clone()?);
            Some(Reference { names: Target::read(reference.image_id())?, by })
        });
        Ok(uses.collect())
    }

    /// All of them, because an Auto Scaling group may switch to any of them at any time.
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLaunchConfigurations.html>)
    async fn launch_configurations(&self, region: &Region) -> Result<Vec<Reference>> {
        let client = self.auto_scaling(region).await;
        let pages = client.describe_launch_configurations().max_records(100).into_paginator().items().send();
        let given = pages.try_collect().await;
        let failed = Call::new("DescribeLaunchConfigurations", region);
        let given = given.map_err(failed.on("the launch configurations"))?;
        let of = |one: &LaunchConfiguration| {
            let arn = one.launch_configuration_arn().unwrap_or_default().to_owned();
            Some(Reference {
                names: Target::read(one.image_id())?,
                by: Referrer::Other("launch configuration", arn),
            })
        };
        Ok(given.iter().filter_map(of).collect())
    }

    /// What Auto Scaling groups launch from, besides launch configurations.
    /// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html>)
    async fn auto_scaling_groups(&self, region: &Region) -> Result<LaunchSources> {
        let client = self.auto_scaling(region).await;
        let pages = client.describe_auto_scaling_groups().max_records(100).into_paginator().items().send();
        let given = pages.try_collect().await;
        let failed = Call::new("DescribeAutoScalingGroups", region);
        let mut launchers = LaunchSources::default();
        for group in given.map_err(failed.on("the Auto Scaling groups"))? {
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
            launchers.pinned.extend(templates.iter().filter_map(|template| {
                pinned(template.launch_template_id(), template.launch_template_name(), template.version())
            }));
        }
        Ok(launchers)
    }

    /// Fleets that may still launch. An instant fleet launches only once, so its instances show what it uses.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFleets.html>)
    async fn ec2_fleets(&self, region: &Region) -> Result<LaunchSources> {
        let pages = self.ec2(region).await.describe_fleets().into_paginator().items().send();
        let given = pages.try_collect().await;
        let given = given.map_err(Call::new("DescribeFleets", region).on("the EC2 Fleets"))?;
        let may_launch = |fleet: &&FleetData| {
            let states = [FleetStateCode::Submitted, FleetStateCode::Active, FleetStateCode::Modifying];
            fleet.r#type() != Some(&FleetType::Instant)
                && fleet.fleet_state().is_some_and(|state| states.contains(state))
        };
        let mut launchers = LaunchSources::default();
        for fleet in given.iter().filter(may_launch) {
            let by = Referrer::Fleet(fleet.fleet_id().unwrap_or_default().to_owned());
            for config in fleet.launch_template_configs() {
                launchers.uses.extend(uses(config.overrides().iter().map(|one| one.image_id()), &by));
                launchers.pinned.extend(config.launch_template_specification().and_then(pinned_by_fleet));
            }
        }
        Ok(launchers)
    }

    /// Spot Fleets that may still launch. Some have launch specifications of their own; others launch from templates.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotFleetRequests.html>)
    async fn spot_fleets(&self, region: &Region) -> Result<LaunchSources> {
        let pages = self.ec2(region).await.describe_spot_fleet_requests().into_paginator().items().send();
        let given = pages.try_collect().await;
        let given = given.map_err(Call::new("DescribeSpotFleetRequests", region).on("the Spot Fleets"))?;
        let may_launch = |fleet: &&SpotFleetRequestConfig| {
            matches!(
                fleet.spot_fleet_request_state(),
                Some(BatchState::Submitted | BatchState::Active | BatchState::Modifying)
            )
        };
        let mut launchers = LaunchSources::default();
        for fleet in given.iter().filter(may_launch) {
            let by = Referrer::SpotFleet(fleet.spot_fleet_request_id().unwrap_or_default().to_owned());
            let Some(config) = fleet.spot_fleet_request_config() else { continue };
            let images = config.launch_specifications().iter().map(|one| one.image_id());
            launchers.uses.extend(uses(images, &by));
            let templates = config.launch_template_configs().iter();
            let templates = templates.filter_map(|one| one.launch_template_specification());
            launchers.pinned.extend(templates.filter_map(pinned_by_fleet));
        }
        Ok(launchers)
    }

    /// Spot requests that may still launch. A persistent request launches again whenever its instance is interrupted.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotInstanceRequests.html>)
    async fn spot_requests(&self, region: &Region) -> Result<Vec<Reference>> {
        let call = self.ec2(region).await.describe_spot_instance_requests();
        let open = ["open", "active"].map(str::to_owned);
        let pages = call.filters(read::filter("state", open)).max_results(1_000).into_paginator();
        let given = pages.items().send().try_collect().await;
        let failed = Call::new("DescribeSpotInstanceRequests", region);
        let given = given.map_err(failed.on("the Spot requests"))?;
        let of = |request: &SpotInstanceRequest| {
            let by = Referrer::SpotRequest(request.spot_instance_request_id()?.to_owned());
            Some(Reference { names: Target::read(request.launch_specification()?.image_id())?, by })
        };
        Ok(given.iter().filter_map(of).collect())
    }
}

/// All versions with which EC2 answers a call about launch templates.
async fn all_versions(
    region: &Region,
    call: DescribeLaunchTemplateVersionsFluentBuilder,
    on: &str,
) -> Result<Vec<LaunchTemplateVersion>> {
    let call = call.include_managed_resources(true).max_results(VERSIONS_PAGE);
    let pages = call.into_paginator().items().send();
    pages.try_collect().await.map_err(Call::new("DescribeLaunchTemplateVersions", region).on(on))
}

/// The references to these images; a field that names no image is none.
fn uses<'a>(images: impl IntoIterator<Item = Option<&'a str>>, by: &Referrer) -> Vec<Reference> {
    let named = images.into_iter().filter_map(Target::read);
    named.map(|names| Reference { names, by: by.clone() }).collect()
}

fn pinned_by_fleet(template: &FleetLaunchTemplateSpecification) -> Option<String> {
    pinned(template.launch_template_id(), template.launch_template_name(), template.version())
}

/// The template, by id or else by name, if the version is given by its number.
fn pinned(id: Option<&str>, name: Option<&str>, version: Option<&str>) -> Option<String> {
    let by_number = version?.bytes().all(|byte| byte.is_ascii_digit());
    id.or(name).filter(|_| by_number).map(str::to_owned)
}
