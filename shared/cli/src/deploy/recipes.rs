//! The recipes of a stack, as they are in Parameter Store.

use std::collections::BTreeMap;

use crate::aws::{Session, more, refused};
use crate::failure::Failure;

/// The documents of a stack's recipes in Parameter Store, by name.
///
/// # Errors
/// They cannot be read.
pub(crate) async fn all(session: &Session, stack: &str) -> Result<BTreeMap<String, String>, Failure> {
    let path = path(stack);
    let found = below(session, &path).await?;
    Ok(found.into_iter().map(|(name, text)| (name.replacen(&format!("{path}/"), "", 1), text)).collect())
}

/// Below what a stack has its recipes in Parameter Store.
pub(crate) fn path(stack: &str) -> String {
    format!("/{stack}/recipes")
}

/// The parameters right below a path, with their values.
///
/// # Errors
/// They cannot be read.
pub(crate) async fn below(session: &Session, path: &str) -> Result<BTreeMap<String, String>, Failure> {
    let ssm = aws_sdk_ssm::Client::new(session.config());
    let (mut found, mut next) = (BTreeMap::new(), None);
    loop {
        let sent = ssm.get_parameters_by_path().path(path).set_next_token(next).send().await;
        let call = format!("GetParametersByPath of {path}");
        let page = sent.map_err(|error| refused(session, &call, &session.home, &error))?;
        let pair = |one: &aws_sdk_ssm::types::Parameter| Some((one.name.clone()?, one.value.clone()?));
        found.extend(page.parameters().iter().filter_map(pair));
        next = more(page.next_token);
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The Regions to which each recipe copies its images, and the parameter that names its releases. One that is no TOML names
/// nothing.
pub(crate) fn named_by(document: &str) -> (Vec<String>, Option<String>) {
    let table: toml::Table = document.parse().unwrap_or_default();
    let regions = table.get("replicate").and_then(|one| one.get("regions")).and_then(toml::Value::as_array);
    let regions = regions.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect();
    let parameter = table.get("publish").and_then(|one| one.get("parameter")).and_then(toml::Value::as_str);
    (regions, parameter.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_that_cannot_be_read_names_no_region() {
        let text = "[publish]\nparameter = \"/golden/web\"\n[replicate]\nregions = [\"eu-west-1\"]\n";
        assert_eq!(named_by(text), (vec!["eu-west-1".into()], Some("/golden/web".into())));
        for text in ["name =", "[replicate]\nregions = \"eu-west-1\"", "replicate = 1\npublish = 2"] {
            assert_eq!(named_by(text), (Vec::new(), None), "{text}");
        }
    }
}
