//! What would make a bake, or what follows on it, fail, as far as it can be known before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{DefaultEncryption, Image, Key, KeyManager, PublicImages, Result, Vcpus};
use crate::model::{ImageId, ImageName, Region, SubnetId};
use crate::plan::reason::{PreflightReason, Problem};
use crate::plan::{Action, Decision, Subject};
use crate::recipe::Recipe;

/// What was observed for one recipe. What was not asked for is not there.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The image that it would be baked from.
    pub base: Option<Image>,
    /// The images of the home Region that have the name already.
    pub named: Vec<ImageId>,
    /// The Regions that are enabled for the account.
    pub enabled: Option<Result<BTreeSet<Region>>>,
    /// For each Region, whether the recipe's parameter may be written.
    pub parameters: BTreeMap<Region, Result<()>>,
    /// The KMS keys that the recipe names.
    pub keys: BTreeMap<Region, Result<Option<Key>>>,
    /// What images are encrypted with where the recipe names no key, with the key itself where there is one.
    pub defaults: BTreeMap<Region, Result<(DefaultEncryption, Option<Key>)>>,
    /// For each Region, whether images may be public.
    pub public: BTreeMap<Region, Result<PublicImages>>,
    /// The subnets of the builder and of the tester, by zone.
    pub zones: Option<Result<Zones>>,
    /// What the instance type needs of its quota.
    pub vcpus: Option<Result<Option<Vcpus>>>,
}

/// The zones in which a builder and a tester can be launched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zones {
    /// The builder's; empty where the recipe names no subnets, for then EC2 chooses.
    pub builder: BTreeMap<SubnetId, String>,
    /// The tester's.
    pub tester: BTreeSet<String>,
}

/// Everything that speaks against a bake, all at once.
pub fn problems(recipe: &Recipe, name: &ImageName, seen: &Observed) -> Vec<Problem> {
    let mut found = Vec::new();
    regions(recipe, seen, &mut found);
    parameters(recipe, seen, &mut found);
    keys(recipe, seen, &mut found);
    public(seen, &mut found);
    if let Some(image) = seen.named.first() {
        found.push(Problem::NameTaken { name: name.to_string(), image: image.clone() });
    }
    found.extend(seen.base.as_ref().and_then(|base| product_codes(recipe, base)));
    zones(seen, &mut found);
    if let Some(Ok(Some(Vcpus { needed, allowed }))) = seen.vcpus
        && needed > allowed
    {
        found.push(Problem::Quota { instance_type: recipe.bake.instance_type.clone(), needed, allowed });
    }
    found
}

/// The findings as decisions: each is refused, and nothing is launched.
pub fn decisions(recipe: &Recipe, home: &Region, name: &ImageName, seen: &Observed) -> Vec<Decision> {
    let refuse =
        |problem| Subject::name(name, home).decide(Action::Reject, PreflightReason::Found(Box::new(problem)));
    problems(recipe, name, seen).into_iter().map(refuse).collect()
}

/// Whether anybody but the account itself may use the images.
pub fn shares(recipe: &Recipe) -> bool {
    !crate::publish::sharing::launchers(recipe).is_empty()
}

fn regions(recipe: &Recipe, seen: &Observed, found: &mut Vec<Problem>) {
    match &seen.enabled {
        Some(Ok(enabled)) => {
            let off = recipe.replicate.regions.iter().filter(|region| !enabled.contains(region));
            found.extend(off.cloned().map(Problem::RegionOff));
        }
        Some(Err(error)) => found.push(Problem::Unknown(error.clone())),
        None => {}
    }
}

fn parameters(recipe: &Recipe, seen: &Observed, found: &mut Vec<Problem>) {
    let Some(parameter) = &recipe.publish.parameter else { return };
    let failed = seen.parameters.iter().filter_map(|(region, tried)| Some((region, tried.as_ref().err()?)));
    found.extend(failed.map(|(region, error)| Problem::Parameter {
        parameter: parameter.clone(),
        region: region.clone(),
        error: error.clone(),
    }));
}

fn keys(recipe: &Recipe, seen: &Observed, found: &mut Vec<Problem>) {
    for (region, looked) in &seen.keys {
        let (key, region) =
            (recipe.replicate.kms_keys.get(region).cloned().unwrap_or_default(), region.clone());
        match looked {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok(None) => found.push(Problem::NoKey { key, region }),
            Ok(Some(Key { enabled: false, .. })) => found.push(Problem::KeyOff { key, region }),
            Ok(Some(Key { manager: KeyManager::Aws, .. })) if shares(recipe) => {
                found.push(Problem::AwsKey { key, region, field: "replicate.kms_keys" });
            }
            Ok(Some(_)) => {}
        }
    }
    for (region, looked) in seen.defaults.iter().filter(|_| shares(recipe)) {
        match looked {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok((DefaultEncryption::Key(key), Some(Key { manager: KeyManager::Aws, .. }) | None)) => {
                let (key, region) = (key.clone(), region.clone());
                found.push(Problem::AwsKey { key, region, field: "the account's EBS encryption by default" });
            }
            Ok(_) => {}
        }
    }
}

fn public(seen: &Observed, found: &mut Vec<Problem>) {
    for (region, state) in &seen.public {
        match state {
            Ok(PublicImages::Allowed) => {}
            Ok(PublicImages::Blocked) => found.push(Problem::PublicBlocked(region.clone())),
            Err(error) => found.push(Problem::Unknown(error.clone())),
        }
    }
}

/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html>)
fn product_codes(recipe: &Recipe, base: &Image) -> Option<Problem> {
    if base.product_codes.is_empty() {
        return None;
    }
    let allowed = recipe.bake.allow_product_codes;
    let leaves = !recipe.replicate.regions.is_empty() || shares(recipe);
    let (what, more) = match (recipe.publish.share.public, leaves && !allowed) {
        (true, _) => ("can never be public", ""),
        (false, true) => (
            "may not be copied or shared with everyone who lacks its subscription",
            ", or set bake.allow_product_codes = true if its seller allows that",
        ),
        (false, false) => return None,
    };
    let codes = base.product_codes.join(", ");
    Some(Problem::ProductCodes { image: base.id.clone(), codes, what, more })
}

fn zones(seen: &Observed, found: &mut Vec<Problem>) {
    match &seen.zones {
        Some(Ok(zones)) => {
            // Where EC2 chooses the builder's zone, any two will do.
            let lone = |zone: &String| zones.tester.iter().all(|tester| tester == zone);
            let stuck = match zones.builder.is_empty() {
                true => (zones.tester.len() < 2).then(|| "any".to_owned()),
                false => zones.builder.values().find(|zone| lone(zone)).cloned(),
            };
            found.extend(stuck.map(Problem::OneZone));
        }
        Some(Err(error)) => found.push(Problem::Unknown(error.clone())),
        None => {}
    }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
