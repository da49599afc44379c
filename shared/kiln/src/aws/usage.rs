//! Who uses images, on EC2.

use std::collections::BTreeSet;

use aws_sdk_ec2::operation::describe_launch_template_versions::builders::DescribeLaunchTemplateVersionsFluentBuilder;
use aws_sdk_ec2::types::{
    ImageReference, ImageReferenceOptionName, ImageReferenceResourceType, Instance, LaunchTemplateVersion,
    ResourceTypeOption, ResourceTypeRequest,
};
use kiln_core::inventory::filter::MOST_VALUES;
use kiln_core::inventory::usage::{Reference, Referrer, Target, TemplateVersion};
use kiln_core::inventory::{
    CloudError, ErrorKind, ImageQuery, ImageState, LaunchSources, Result, UsageReport,
};
use kiln_core::model::{ImageId, Region, Token};
use kiln_engine::bounded::{CHANGES, try_bounded};
use kiln_engine::ports::{Images, References};

use crate::aws::errors::{Call, is_of_image, is_of_template};
use crate::aws::{Aws, pages, read};

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
            let request = self.ec2(region).await.describe_instances().include_managed_resources(true);
            let request = request
                .filters(read::filter("image-id", some.iter().map(ToString::to_string)))
                .filters(read::filter("instance-state-name", LIVING.map(str::to_owned)))
                .max_results(1_000);
            let call = Call::new("DescribeInstances", region);
            let fetch = async |token| request.clone().set_next_token(token).send().await;
            let given = pages::all(call, "the instances that use the images", fetch).await?;
            let reference = |instance: &Instance| {
                let id = instance.instance_id().and_then(|id| id.parse().ok());
                let id = id.ok_or_else(|| call.lacks("InstanceId", "the instances that use the images"))?;
                Ok(Reference { names: Target::must(instance.image_id()), by: Referrer::Instance(id) })
            };
            let found = given.iter().flat_map(|reservation| reservation.instances()).map(reference);
            uses.extend(found.collect::<Result<Vec<_>>>()?);
        }
        Ok(uses)
    }

    /// EC2 lists every version only for one template at a time. For all templates at once it lists only the latest and
    /// the default version.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>)
    async fn template_versions(&self, region: &Region) -> Result<Vec<Reference>> {
        let request = self.ec2(region).await.describe_launch_templates().include_managed_resources(true);
        let request = request.max_results(VERSIONS_PAGE);
        let call = Call::new("DescribeLaunchTemplates", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the launch templates", fetch).await?;
        let ids = given.into_iter().map(|template| template.launch_template_id);
        let ids = ids.map(|id| id.ok_or_else(|| call.lacks("LaunchTemplateId", "the launch templates")));
        self.versions_of_all(region, ids.collect::<Result<_>>()?).await
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

    async fn versions_of(&self, region: &Region, names: &BTreeSet<String>) -> Result<Vec<TemplateVersion>> {
        let mut found = Vec::new();
        for name in names {
            let request =
                self.ec2(region).await.describe_launch_template_versions().launch_template_name(name);
            match all_versions(region, request, name).await {
                Ok(given) => found.extend(given.iter().map(|version| template_version(version, name))),
                Err(error) if is_of_template(&error.code) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn references(&self, region: &Region, images: &[ImageId]) -> Result<Vec<Reference>> {
        let asked = images.chunks(MOST_REFERENCED).map(|some| self.references_to_existing(region, some));
        let found: Vec<Vec<Reference>> = try_bounded(CHANGES, asked).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn launchers(&self, region: &Region) -> Result<LaunchSources> {
        self.launch_sources(region).await
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
        let asked = templates.into_iter().map(|template| self.references_of(region, template));
        let versions: Vec<Vec<Reference>> = try_bounded(CHANGES, asked).await?;
        Ok(versions.into_iter().flatten().collect())
    }

    async fn references_of(&self, region: &Region, template: String) -> Result<Vec<Reference>> {
        let call = self.ec2(region).await.describe_launch_template_versions();
        let of = match template.starts_with("lt-") {
            true => call.launch_template_id(&template),
            false => call.launch_template_name(&template),
        };
        let resolved = match all_versions(region, of.clone().resolve_alias(true), &template).await {
            // One version that names a parameter which EC2 cannot read fails the call for all of them. Each such
            // parameter is then read by itself.
            Err(error) if !is_of_template(&error.code) && concerns_versions(&error) => {
                all_versions(region, of, &template).await
            }
            answered => answered,
        };
        let given = match resolved {
            Ok(given) => given,
            // The template was deleted since it was listed, so nothing launches from it.
            Err(error) if is_of_template(&error.code) => return Ok(Vec::new()),
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
        let request = self
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
            .max_results(1_000);
        let call = Call::new("DescribeImageReferences", region);
        let fetch = async |token| request.clone().set_next_token(token).send().await;
        let given = pages::all(call, "the references to images", fetch).await?;
        let what = |resource: Option<&ImageReferenceResourceType>| match resource {
            Some(Ec2Instance) => "instance",
            Some(Ec2LaunchTemplate) => "launch template",
            Some(SsmParameter) => "parameter",
            Some(ImageBuilderImageRecipe | ImageBuilderContainerRecipe) => "recipe of Image Builder",
            _ => "resource",
        };
        let of = |reference: &ImageReference| {
            let arn = reference.arn().unwrap_or_default().to_owned();
            let by = Referrer::Other(what(reference.resource_type()), arn);
            Reference { names: Target::must(reference.image_id()), by }
        };
        Ok(given.iter().map(of).collect())
    }
}

/// All versions with which EC2 answers a call about launch templates.
async fn all_versions(
    region: &Region,
    call: DescribeLaunchTemplateVersionsFluentBuilder,
    on: &str,
) -> Result<Vec<LaunchTemplateVersion>> {
    let request = call.include_managed_resources(true).max_results(VERSIONS_PAGE);
    let fetch = async |token| request.clone().set_next_token(token).send().await;
    pages::all(Call::new("DescribeLaunchTemplateVersions", region), on, fetch).await
}

/// Whether an error may be about what one of the versions names, and not about the call.
fn concerns_versions(error: &CloudError) -> bool {
    matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Denied)
}

fn template_version(given: &LaunchTemplateVersion, name: &str) -> TemplateVersion {
    TemplateVersion {
        template: given.launch_template_id().unwrap_or_default().to_owned(),
        name: name.to_owned(),
        number: given.version_number().unwrap_or_default(),
        names: Target::read(given.launch_template_data().and_then(|data| data.image_id())),
        description: given.version_description().unwrap_or_default().to_owned(),
        default: given.default_version() != Some(false),
    }
}
