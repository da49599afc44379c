//! What is in the versions of a recipe: the files that are made of their lists, and what changed between them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kiln_catalog::contents::Os;
use kiln_catalog::model::{Difference, Manager, Package};
use kiln_catalog::{Bill, Packages, difference};
use kiln_core::expire::lineage::Lineage;
use kiln_core::model::program::Digest;
use kiln_core::model::{Contents, ImageName, Kept, RecipeName, Version, kept, tags};

use super::files::{File, KILN};

/// What the list of one version says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// The operating system, as the image names itself.
    pub os: Option<String>,
    /// What differs from the release before.
    pub difference: Option<Difference>,
    /// The digest of the recipe that it was baked by, if that was kept.
    pub recipe: Option<Digest>,
}

/// Where the list and the bills of a version lie, relative to the catalogue: the packages, CycloneDX, SPDX.
pub fn bill_paths(name: &ImageName) -> [String; 3] {
    ["packages.txt", "cdx.json", "spdx.json"].map(|kind| format!("{}/{}.{kind}", name.recipe, name.version))
}

/// Where the text of the recipe lies by which a version was baked, relative to the catalogue.
pub fn baked_by_path(name: &ImageName) -> String {
    format!("{}/{}.recipe.toml", name.recipe, name.version)
}

/// Where the text of a recipe lies as it is now, relative to the catalogue.
pub fn recipe_path(recipe: &RecipeName) -> String {
    format!("{recipe}/recipe.toml")
}

/// The text of a recipe as a file. A browser shows it instead of saving it.
pub fn recipe_file(path: String, text: &str) -> File {
    File::of(path, "text/plain; charset=utf-8", text)
}

/// The files that are made of one list. They are made once: `mark` is what they are remembered by.
///
/// # Errors
/// None that is known: the serializer's signature has one.
pub fn files(
    name: &ImageName,
    listed_at: DateTime<Utc>,
    contents: &Contents,
) -> Result<Vec<File>, serde_json::Error> {
    let packages = packages(contents);
    let field = |field| contents.os(field).unwrap_or_default().to_owned();
    let os = Os { id: field("ID"), version: field("VERSION_ID") };
    let (recipe, version) = (name.recipe.to_string(), name.version.to_string());
    let bill =
        Bill { recipe: &recipe, version: &version, os: &os, listed_at, kiln: KILN, packages: &packages };
    let [list, cyclonedx, spdx] = bill_paths(name);
    let mark = mark(contents);
    let file = |path, media_type, body| File { path, media_type, body, mark: mark.clone() };
    Ok(vec![
        file(list, "text/plain; charset=utf-8", contents.text().as_bytes().to_vec()),
        file(cyclonedx, "application/vnd.cyclonedx+json; version=1.6", bill.cyclonedx()?),
        file(spdx, "application/spdx+json", bill.spdx()?),
    ])
}

/// What the files that are made of a list are remembered by.
pub fn mark(contents: &Contents) -> String {
    format!("contents {}", contents.digest())
}

/// What the lists of a recipe's versions say, each beside that of the release before.
pub fn listed(lineage: &Lineage<'_>, lists: &BTreeMap<Version, Kept>) -> BTreeMap<Version, Listed> {
    let released: Vec<Version> = lineage
        .releases
        .iter()
        .filter(|release| release.images().any(|image| image.tags.time(tags::RELEASED_AT).is_some()))
        .map(|release| release.version)
        .collect();
    let of = |(version, Kept { contents, recipe }): (&Version, &Kept)| {
        // The newest stand first.
        let before = released.iter().find(|one| *one < version);
        let before = before.and_then(|before| Some((before, lists.get(before)?)));
        let difference = before.map(|(before, old)| {
            difference(&before.to_string(), &packages(&old.contents), &packages(contents))
        });
        let recipe = recipe.as_deref().map(kept::digest);
        (*version, Listed { os: contents.release().map(str::to_owned), difference, recipe })
    };
    lists.iter().map(of).collect()
}

fn packages(contents: &Contents) -> Packages {
    let package = |one: kiln_core::model::contents::Package<'_>| Package {
        name: one.name.to_owned(),
        version: one.version.to_owned(),
        manager: match one.manager {
            "rpm" => Manager::Rpm,
            "dpkg" => Manager::Dpkg,
            "apk" => Manager::Apk,
            _ => Manager::Unknown,
        },
    };
    contents.packages().map(package).collect()
}
