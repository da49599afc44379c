//! Who uses images, on EC2.

use futures::stream::{self, StreamExt, TryStreamExt};

use super::errors::Call;
use super::{Aws, read};
use crate::cloud::filter::MOST_VALUES;
use crate::cloud::usage::Names;
use crate::cloud::{Cloudly, Kind, TemplateVersion, Usages, Use};
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
                    image: instance.image_id()?.parse().ok()?,
                    instance: instance.instance_id()?.parse().ok()?,
                })
            });
            uses.extend(found);
        }
        Ok(uses)
    }

    /// Only by its template does EC2 tell every version; for all templates at once it tells the latest and the
    /// default alone.
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>)
    async fn template_versions(&self, region: &Region) -> Cloudly<Vec<TemplateVersion>> {
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
        let versions: Vec<Vec<TemplateVersion>> = stream::iter(ids)
            .map(|template| self.versions_of(region, template))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(versions.into_iter().flatten().collect())
    }
}

impl Aws {
    async fn versions_of(&self, region: &Region, template: String) -> Cloudly<Vec<TemplateVersion>> {
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
        let named = |image: Option<&str>| match image {
            None | Some("") => Names::None,
            Some(id) => id.parse().map_or_else(|_| Names::Unresolved(id.to_owned()), Names::Image),
        };
        Ok(given
            .iter()
            .map(|version| TemplateVersion {
                template: template.clone(),
                number: version.version_number().unwrap_or_default(),
                names: named(version.launch_template_data().and_then(|data| data.image_id())),
            })
            .collect())
    }
}
