//! Launch templates that name releases, on EC2.

use aws_sdk_ec2::types::{LaunchTemplateVersion, RequestLaunchTemplateData};
use kiln_core::inventory::{NewTemplateVersion, Result, Template, TemplatePoint};
use kiln_core::model::Region;
use kiln_engine::ports::Templates;

use crate::aws::Aws;
use crate::aws::errors::{Call, is_of_template};

impl Templates for Aws {
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>)
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Template>> {
        let ec2 = self.ec2(region).await;
        let call = ec2.describe_launch_template_versions().launch_template_name(name);
        let given = call.versions("$Latest").versions("$Default").send().await;
        let given = match given.map_err(Call::new("DescribeLaunchTemplateVersions", region).on(name)) {
            Ok(given) => given,
            Err(error) if is_of_template(&error.code) => return Ok(None),
            Err(error) => return Err(error),
        };
        let versions = || given.launch_template_versions().iter();
        // If the latest version is the default version, EC2 returns it once.
        let latest = versions().max_by_key(|version| version.version_number());
        let default = versions().find(|version| version.default_version() == Some(true));
        let Some((latest, default)) = latest.zip(default) else { return Ok(None) };
        let id = latest.launch_template_id().unwrap_or_default().to_owned();
        Ok(Some(Template { id, latest: point(latest), default: point(default) }))
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html>)
    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64> {
        let failed = Call::new("CreateLaunchTemplateVersion", &new.region);
        let call = self
            .ec2(&new.region)
            .await
            .create_launch_template_version()
            .launch_template_id(&new.template)
            .source_version("$Latest")
            .version_description(&new.description)
            .launch_template_data(RequestLaunchTemplateData::builder().image_id(new.image.as_str()).build())
            .client_token(new.token.as_str());
        let made = call.send().await.map_err(failed.on(&new.template))?;
        let number = made.launch_template_version().and_then(LaunchTemplateVersion::version_number);
        number.ok_or_else(|| failed.lacks("version number", &new.template))
    }

    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyLaunchTemplate.html>)
    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()> {
        let call = self.ec2(region).await.modify_launch_template().launch_template_id(template);
        let done = call.default_version(number.to_string()).send().await;
        done.map_err(Call::new("ModifyLaunchTemplate", region).on(template)).map(|_| ())
    }
}

fn point(version: &LaunchTemplateVersion) -> TemplatePoint {
    TemplatePoint {
        number: version.version_number().unwrap_or_default(),
        image: version.launch_template_data().and_then(|data| data.image_id()?.parse().ok()),
    }
}
