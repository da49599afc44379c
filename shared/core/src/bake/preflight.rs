//! Finds what would make a bake, or a step after it, fail, as far as it can be known before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{DefaultEncryption, Image, Key, KeyManager, PublicImages, Result, Vcpus};
use crate::model::{ImageId, ImageName, Region, SubnetId};
use crate::plan::reason::{PreflightReason, Problem};
use crate::plan::{Action, Decision, Subject};
use crate::recipe::Recipe;

/// What was observed for one recipe. A check that the recipe does not need leaves its field empty.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The image that the recipe would be baked from.
    pub base: Option<Image>,
    /// The images in the home Region that already have the name of the bake.
    pub named: Vec<ImageId>,
    /// The Regions that are enabled for the account.
    pub enabled: Option<Result<BTreeSet<Region>>>,
    /// Whether the recipe's parameter can be written, by Region.
    pub parameters: BTreeMap<Region, Result<()>>,
    /// The KMS keys that the recipe names, by Region; `None` if there is no such key.
    pub keys: BTreeMap<Region, Result<Option<Key>>>,
    /// The account's default encryption in Regions for which the recipe names no key, with the KMS key if there is
    /// one.
    pub defaults: BTreeMap<Region, Result<(DefaultEncryption, Option<Key>)>>,
    /// Whether the account allows public images, by Region.
    pub public: BTreeMap<Region, Result<PublicImages>>,
    /// The Availability Zones of the builder's and the tester's subnets.
    pub zones: Option<Result<Zones>>,
    /// The vCPUs that the instance type needs, and the account's quota for them.
    pub vcpus: Option<Result<Option<Vcpus>>>,
}

/// The Availability Zones in which a builder and a tester can be launched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zones {
    /// The zone of each subnet for the builder; empty if the recipe names no subnets, because EC2 then chooses one.
    pub builder: BTreeMap<SubnetId, String>,
    /// The zones of the subnets for the tester.
    pub tester: BTreeSet<String>,
}

/// Every problem that would make the bake fail, all at once.
pub fn problems(recipe: &Recipe, name: &ImageName, observed: &Observed) -> Vec<Problem> {
    let mut found = Vec::new();
    regions(recipe, observed, &mut found);
    parameters(recipe, observed, &mut found);
    keys(recipe, observed, &mut found);
    public(observed, &mut found);
    if let Some(image) = observed.named.first() {
        found.push(Problem::NameTaken { name: name.to_string(), image: image.clone() });
    }
    found.extend(observed.base.as_ref().and_then(|base| product_codes(recipe, base)));
    zones(observed, &mut found);
    if let Some(Ok(Some(Vcpus { needed, allowed }))) = observed.vcpus
        && needed > allowed
    {
        found.push(Problem::Quota { instance_type: recipe.bake.instance_type.clone(), needed, allowed });
    }
    found
}

/// The problems as decisions: each one is rejected, and nothing is launched.
pub fn decisions(recipe: &Recipe, home: &Region, name: &ImageName, observed: &Observed) -> Vec<Decision> {
    let reject =
        |problem| Subject::name(name, home).decide(Action::Reject, PreflightReason::Found(Box::new(problem)));
    problems(recipe, name, observed).into_iter().map(reject).collect()
}

/// Whether the recipe allows anyone outside the account to launch its images.
pub fn shares(recipe: &Recipe) -> bool {
    !crate::publish::sharing::launchers(recipe).is_empty()
}

fn regions(recipe: &Recipe, observed: &Observed, found: &mut Vec<Problem>) {
    match &observed.enabled {
        Some(Ok(enabled)) => {
            let not_enabled = recipe.replicate.regions.iter().filter(|region| !enabled.contains(region));
            found.extend(not_enabled.cloned().map(Problem::RegionOff));
        }
        Some(Err(error)) => found.push(Problem::Unknown(error.clone())),
        None => {}
    }
}

fn parameters(recipe: &Recipe, observed: &Observed, found: &mut Vec<Problem>) {
    let Some(parameter) = &recipe.publish.parameter else { return };
    let failed =
        observed.parameters.iter().filter_map(|(region, result)| Some((region, result.as_ref().err()?)));
    found.extend(failed.map(|(region, error)| Problem::Parameter {
        parameter: parameter.clone(),
        region: region.clone(),
        error: error.clone(),
    }));
}

fn keys(recipe: &Recipe, observed: &Observed, found: &mut Vec<Problem>) {
    for (region, result) in &observed.keys {
        let (key, region) =
            (recipe.replicate.kms_keys.get(region).cloned().unwrap_or_default(), region.clone());
        match result {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok(None) => found.push(Problem::NoKey { key, region }),
            Ok(Some(Key { enabled: false, .. })) => found.push(Problem::KeyOff { key, region }),
            Ok(Some(Key { manager: KeyManager::Aws, .. })) if shares(recipe) => {
                found.push(Problem::AwsKey { key, region, field: "replicate.kms_keys" });
            }
            Ok(Some(_)) => {}
        }
    }
    for (region, result) in observed.defaults.iter().filter(|_| shares(recipe)) {
        match result {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok((DefaultEncryption::Key(key), Some(Key { manager: KeyManager::Aws, .. }) | None)) => {
                let (key, region) = (key.clone(), region.clone());
                found.push(Problem::AwsKey { key, region, field: "the account's EBS encryption settings" });
            }
            Ok(_) => {}
        }
    }
}

fn public(observed: &Observed, found: &mut Vec<Problem>) {
    for (region, state) in &observed.public {
        match state {
            Ok(PublicImages::Allowed) => {}
            Ok(PublicImages::Blocked) => found.push(Problem::PublicBlocked(region.clone())),
            Err(error) => found.push(Problem::Unknown(error.clone())),
        }
    }
}

/// An image with product codes can never be public. Whether it may be copied or shared is up to its seller.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html>)
fn product_codes(recipe: &Recipe, base: &Image) -> Option<Problem> {
    if base.product_codes.is_empty() {
        return None;
    }
    let allowed = recipe.bake.allow_product_codes;
    let copied_or_shared = !recipe.replicate.regions.is_empty() || shares(recipe);
    let (what, more) = match (recipe.publish.share.public, copied_or_shared && !allowed) {
        (true, _) => ("can never be public", ""),
        (false, true) => (
            "may not be copied, or shared with accounts that lack its subscription",
            ", or set bake.allow_product_codes = true if its seller allows that",
        ),
        (false, false) => return None,
    };
    let codes = base.product_codes.join(", ");
    Some(Problem::ProductCodes { image: base.id.clone(), codes, what, more })
}

fn zones(observed: &Observed, found: &mut Vec<Problem>) {
    match &observed.zones {
        Some(Ok(zones)) => {
            // EC2 chooses the builder's zone, so a tester needs two zones to be sure of another one.
            let without_other_zone = |zone: &String| zones.tester.iter().all(|tester| tester == zone);
            let zone = match zones.builder.is_empty() {
                true => (zones.tester.len() < 2).then(|| "any".to_owned()),
                false => zones.builder.values().find(|zone| without_other_zone(zone)).cloned(),
            };
            found.extend(zone.map(Problem::OneZone));
        }
        Some(Err(error)) => found.push(Problem::Unknown(error.clone())),
        None => {}
    }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
