//! Planted bugs in what names releases: parameters and launch templates.

use std::collections::BTreeMap;

use kiln_core::inventory::{NewTemplateVersion, ParameterKind, Result, Template};
use kiln_core::model::{ImageId, Region};
use kiln_engine::ports::{Parameters, Templates};

use super::bugs::{Bug, BuggyCloud, forward};
use super::lambda::Function;

impl Parameters for BuggyCloud {
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        let value = self.cloud.parameter(region, name).await?;
        Ok(value.map(|document| self.recipe(document)))
    }

    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        let goes_on = self.cloud.function() == Function::Publish;
        if self.bug == Bug::NothingSetBack && !goes_on && self.cloud.names_newer(region, name, image) {
            return Ok(());
        }
        self.cloud.put_image(region, name, image).await
    }

    async fn parameters_below(&self, region: &Region, path: &str) -> Result<Vec<(String, String)>> {
        let found = self.cloud.parameters_below(region, path).await?;
        Ok(found.into_iter().map(|(name, document)| (name, self.recipe(document))).collect())
    }

    forward! {
        parameters(region: &Region, names: &[String]) -> BTreeMap<String, String>;
        parameter_kinds(region: &Region, names: &[String]) -> BTreeMap<String, ParameterKind>;
        try_parameter(region: &Region, name: &str) -> ();
    }
}

impl BuggyCloud {
    /// Whether a launch template stays as it is where Kiln as it is would set it back to an image.
    fn stays(&self, region: &Region, template: &str, image: Option<&ImageId>) -> bool {
        let goes_back =
            || image.is_some_and(|image| self.cloud.template_names_newer(region, template, image));
        self.bug == Bug::TemplateStaysBehind && goes_back()
    }
}

impl Templates for BuggyCloud {
    async fn template(&self, region: &Region, name: &str) -> Result<Option<Template>> {
        let mut template = self.cloud.template(region, name).await?;
        if let Some(template) = &mut template
            && self.bug == Bug::VersionAtEachLook
        {
            (template.latest.image, template.default.image) = (None, None);
        }
        Ok(template)
    }

    async fn new_template_version(&self, new: &NewTemplateVersion) -> Result<i64> {
        match self.stays(&new.region, &new.template, Some(&new.image)) {
            true => Ok(self.cloud.default_of(&new.region, &new.template)),
            false => self.cloud.new_template_version(new).await,
        }
    }

    async fn set_default_version(&self, region: &Region, template: &str, number: i64) -> Result<()> {
        let image = self.cloud.image_of_version(region, template, number);
        match self.stays(region, template, image.as_ref()) {
            true => Ok(()),
            false => self.cloud.set_default_version(region, template, number).await,
        }
    }
}
