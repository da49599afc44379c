//! Planted bugs in what names releases: parameters and launch templates.

use std::collections::BTreeMap;

use kiln_core::inventory::{NewTemplateVersion, ParameterKind, Result, Template, Waiting};
use kiln_core::model::{ImageId, ImageName, Region};
use kiln_engine::ports::{AccountParameters, Parameters, Templates, WaitingBakes};

use super::bugs::{Bug, BuggyCloud};
use super::lambda::Function;

/// What a planted bug adds to the name of a parameter, before the recipe's own name.
const APART: &str = "--";

/// A recipe whose parameter has a name of its own, so that no other recipe seems to name it.
pub(super) fn told_apart(document: &str) -> String {
    let name = document.lines().next().and_then(|line| line.split('"').nth(1)).unwrap_or_default();
    let lines = document.lines().map(|line| match line.strip_prefix("parameter = ") {
        Some(named) => format!("parameter = \"{}{APART}{name}\"\n", named.trim_matches('"')),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The name of a parameter as SSM knows it.
fn shared_name(name: &str) -> &str {
    name.split(APART).next().unwrap_or(name)
}

fn shared_names(names: &[String]) -> Vec<String> {
    names.iter().map(|name| shared_name(name).to_owned()).collect()
}

/// What was found, by the names that were asked for.
fn as_asked<T: Clone>(names: &[String], found: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    names.iter().filter_map(|name| Some((name.clone(), found.get(shared_name(name))?.clone()))).collect()
}

impl Parameters for BuggyCloud {
    async fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>> {
        let value = self.cloud.parameter(region, name).await?;
        Ok(value.map(|document| self.recipe(document)))
    }

    async fn put_image(&self, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        let name = shared_name(name);
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

    async fn parameters(&self, region: &Region, names: &[String]) -> Result<BTreeMap<String, String>> {
        let found = self.cloud.parameters(region, &shared_names(names)).await?;
        Ok(as_asked(names, &found))
    }

    async fn parameter_kinds(
        &self,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, ParameterKind>> {
        let found = self.cloud.parameter_kinds(region, &shared_names(names)).await?;
        Ok(as_asked(names, &found))
    }

    async fn try_parameter(&self, region: &Region, name: &str) -> Result<()> {
        self.cloud.try_parameter(region, shared_name(name)).await
    }
}

impl AccountParameters for BuggyCloud {
    async fn parameters_in(
        &self,
        account: &str,
        region: &Region,
        names: &[String],
    ) -> Result<BTreeMap<String, String>> {
        let found = self.cloud.parameters_in(account, region, &shared_names(names)).await?;
        Ok(as_asked(names, &found))
    }

    async fn put_image_in(&self, account: &str, region: &Region, name: &str, image: &ImageId) -> Result<()> {
        let name = shared_name(name);
        if self.bug == Bug::AccountsStayBehind && self.cloud.names_newer_in(account, region, name, image) {
            return Ok(());
        }
        self.cloud.put_image_in(account, region, name, image).await
    }
}

impl WaitingBakes for BuggyCloud {
    async fn waiting(&self, home: &Region) -> Result<Vec<Waiting>> {
        self.cloud.waiting(home).await
    }

    async fn note_waiting(&self, home: &Region, bake: &Waiting) -> Result<()> {
        if self.bug == Bug::WaitUnnoted && bake.why.is_some() {
            return Ok(());
        }
        self.cloud.note_waiting(home, bake).await
    }

    async fn forget_waiting(&self, home: &Region, bake: &ImageName) -> Result<()> {
        self.cloud.forget_waiting(home, bake).await
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
