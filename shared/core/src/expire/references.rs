//! Which of the references that were read count as use.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::usage::{PinnedVersion, Referrer, Target, TemplateVersion};
use crate::inventory::{Image, Reference};
use crate::model::{ImageId, tags};
use crate::publish::sharing::{launchers, was_shared};
use crate::recipe::Recipe;

/// What a launch template says before the name of a parameter in place of an image.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html>)
const ALIAS: &str = "resolve:ssm:";

/// The parameters that references name in place of an image, and that EC2 did not resolve.
pub fn aliases(references: &[Reference]) -> BTreeSet<String> {
    references.iter().filter_map(|reference| alias(&reference.names)).map(ToOwned::to_owned).collect()
}

fn alias(target: &Target) -> Option<&str> {
    match target {
        Target::Unresolved(text) => text.strip_prefix(ALIAS),
        Target::Image(_) | Target::Dangling(_) => None,
    }
}

/// These references with what each parameter holds. One that could not be read stays unresolved: it is not in `values`.
pub fn resolved(references: Vec<Reference>, values: &BTreeMap<String, Option<String>>) -> Vec<Reference> {
    let names = |reference: &Reference| {
        let name = alias(&reference.names)?;
        let held = values.get(name)?.as_deref().and_then(|value| value.trim().parse().ok());
        Some(held.map_or_else(|| Target::Dangling(name.to_owned()), Target::Image))
    };
    let resolve = |reference: Reference| match names(&reference) {
        Some(names) => Reference { names, ..reference },
        None => reference,
    };
    references.into_iter().map(resolve).collect()
}

/// Whether a parameter that names no image might have named this one, or might again. A parameter of another account can
/// only name what that account may launch; one of the own account tells by its path.
pub fn might_name(parameter: &str, recipe: Option<&Recipe>, image: &Image) -> bool {
    let (owner, name) = match parameter.strip_prefix("arn:") {
        Some(arn) => {
            let owner = arn.split(':').nth(3);
            (owner, arn.split_once(":parameter").map_or(arn, |(_, name)| name))
        }
        None => (None, parameter),
    };
    if owner.is_some_and(|owner| owner != image.owner) {
        return was_shared(image) || recipe.is_none_or(|recipe| !launchers(recipe).is_empty());
    }
    let name = name.split(':').next().unwrap_or(name);
    let published = recipe.is_some_and(|recipe| recipe.parameters().any(|parameter| parameter == name));
    let named_like_it = |part: &str| image.tags.get(tags::RECIPE) == Some(part);
    published || name.split('/').any(named_like_it)
}

/// These references without those that Kiln itself left behind: old versions of a launch template that a recipe names.
///
/// Each release gets a version there, so their history would keep every release for ever. A version counts if it is the
/// latest or the default one, if something launches from it by its number, or if Kiln did not write it.
pub fn without_own_history(
    references: Vec<Reference>,
    own: &[TemplateVersion],
    pinned: &BTreeSet<PinnedVersion>,
    images: &[&Image],
) -> Vec<Reference> {
    let names: BTreeMap<&ImageId, &str> =
        images.iter().map(|image| (&image.id, image.name.as_str())).collect();
    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    for version in own {
        let latest = latest.entry(&version.template).or_default();
        *latest = (*latest).max(version.number);
    }
    let is_pinned = |version: &TemplateVersion| {
        let by = |template: &str| {
            pinned.contains(&PinnedVersion { template: template.to_owned(), number: version.number })
        };
        by(&version.template) || by(&version.name)
    };
    let is_history = |version: &&TemplateVersion| {
        let by_kiln = |image: &ImageId| names.get(image) == Some(&version.description.as_str());
        matches!(&version.names, Some(Target::Image(image)) if by_kiln(image))
            && !version.default
            && latest.get(version.template.as_str()) != Some(&version.number)
            && !is_pinned(version)
    };
    let (history, counting): (Vec<&TemplateVersion>, Vec<&TemplateVersion>) =
        own.iter().partition(is_history);
    // EC2's list of references names the template, but not the version.
    let of_template = |arn: &str, version: &TemplateVersion| {
        arn.rsplit_once(":launch-template/").is_some_and(|(_, id)| id == version.template)
    };
    let is_left_behind = |reference: &Reference| match &reference.by {
        Referrer::TemplateVersion(id, number) => {
            history.iter().any(|version| version.template == *id && version.number == *number)
        }
        Referrer::Other(_, arn) => {
            let names = |version: &&&TemplateVersion| {
                of_template(arn, version) && version.names.as_ref() == Some(&reference.names)
            };
            history.iter().any(|version| names(&version)) && !counting.iter().any(|version| names(&version))
        }
        _ => false,
    };
    references.into_iter().filter(|reference| !is_left_behind(reference)).collect()
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
