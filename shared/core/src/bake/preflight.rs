//! Finds what would make a bake, or a step after it, fail, as far as it can be known before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{self, ByTags, Groups};
use super::way_to_s3::{self, Place};
use super::{disks, guest, inherited};
use crate::inventory::{
    CloudError, DefaultEncryption, ErrorKind, Features, Image, InstanceType, Key, KeyManager, ParameterKind,
    Platform, PublicImages, Result, Vcpus, WaysOut,
};
use crate::model::{ImageId, ImageName, Region, SubnetId};
use crate::plan::reason::{PreflightReason, Problem};
use crate::plan::text::join;
use crate::plan::{Action, Decision, Subject};
use crate::recipe::Recipe;

/// The KMS keys that encrypt the snapshots of an image, each with what is known of it.
pub type KeysOfBase = Vec<(String, Option<Key>)>;

/// What was observed for one recipe. A check that the recipe does not need leaves its field empty.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The image that the recipe would be baked from.
    pub base: Option<Image>,
    /// The images in the home Region that already have the name of the bake.
    pub named: Vec<ImageId>,
    /// The Regions that are enabled for the account.
    pub enabled: Option<Result<BTreeSet<Region>>>,
    /// Whether each parameter of the recipe can be written, by Region and name.
    pub parameters: BTreeMap<(Region, String), Result<()>>,
    /// The KMS keys that the recipe names, by Region; `None` if there is no such key.
    pub keys: BTreeMap<Region, Result<Option<Key>>>,
    /// The account's default encryption in Regions for which the recipe names no key, with the KMS key if there is
    /// one.
    pub defaults: BTreeMap<Region, Result<(DefaultEncryption, Option<Key>)>>,
    /// Whether the account allows public images, by Region.
    pub public: BTreeMap<Region, Result<PublicImages>>,
    /// Whether EC2 knows watermarks, by Region; read only if the recipe names one.
    pub watermarks: BTreeMap<Region, Result<bool>>,
    /// The Availability Zones of the builder's and the tester's subnets.
    pub zones: Option<Result<Zones>>,
    /// The type of each parameter of the recipe that exists, by Region and name.
    pub parameter_kinds: BTreeMap<(Region, String), ParameterKind>,
    /// What each of the builder's instance types boots.
    pub builders: BTreeMap<String, Result<InstanceType>>,
    /// What each of the testers' instance types boots, by Region: at home, and where replicas are tested.
    pub testers: BTreeMap<Region, BTreeMap<String, Result<InstanceType>>>,
    /// The number of default subnets, in further Regions where replicas are tested.
    pub subnets: BTreeMap<Region, Result<usize>>,
    /// The KMS keys that encrypt the base; read only for images that are shared.
    pub base_keys: Option<Result<KeysOfBase>>,
    /// The KMS key that encrypts the builder's volumes, if the recipe names one; `None` within if there is no such key.
    pub encrypt: Option<Result<Option<Key>>>,
    /// The security groups that the recipe names by their ids.
    pub groups: Vec<Groups>,
    /// What bears the tags that the recipe names subnets or security groups by.
    pub by_tags: Vec<ByTags>,
    /// Where instances are launched that need S3 in the home Region.
    pub places: Vec<Place>,
    /// The ways out of the VPCs of those places, by Region.
    pub ways: BTreeMap<Region, Result<WaysOut>>,
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
    /// The number of default subnets; `None` if the recipe names subnets for both.
    pub defaults: Option<usize>,
}

/// Every problem that would make the bake, or what follows it, fail, all at once.
fn problems(recipe: &Recipe, home: &Region, name: &ImageName, observed: &Observed) -> Vec<Problem> {
    let mut found = Vec::new();
    regions(recipe, home, observed, &mut found);
    parameters(observed, &mut found);
    keys(recipe, home, observed, &mut found);
    public(observed, &mut found);
    if let Some(image) = observed.named.first() {
        found.push(Problem::NameTaken { name: name.to_string(), image: image.clone() });
    }
    if let Some(base) = &observed.base {
        found.extend(inherited::problems(recipe, base));
        found.extend(guest::problems(recipe, base, name));
        of_base(recipe, home, base, observed, &mut found);
    }
    parameter_kinds(observed, &mut found);
    found.extend(observed.by_tags.iter().flat_map(network::bad_tags));
    found.extend(observed.groups.iter().flat_map(network::problems));
    ways(home, observed, &mut found);
    zones(recipe, home, observed, &mut found);
    tests_away(recipe, home, observed, &mut found);
    if let Some(Ok(Some(Vcpus { needed, allowed }))) = observed.vcpus
        && needed > allowed
    {
        found.push(Problem::Quota { instance_type: recipe.bake.instance_type.clone(), needed, allowed });
    }
    found
}

/// The problems as decisions. One that stands in the way is rejected, and nothing is launched. One that concerns only a
/// best-effort Region is told, and the bake goes on: no release waits for that Region. So is that Windows is experimental,
/// that the account does not show its routes, and that a Region does not know watermarks.
pub fn decisions(recipe: &Recipe, home: &Region, name: &ImageName, observed: &Observed) -> Vec<Decision> {
    let decision = |problem: Problem| {
        let best_effort = problem.region().filter(|region| is_best_effort(recipe, home, region)).cloned();
        let subject = Subject::name(name, home);
        match best_effort {
            None => subject.decide(Action::Reject, PreflightReason::Found(Box::new(problem))),
            Some(region) => {
                let reason = PreflightReason::BestEffort { region, problem: Box::new(problem) };
                subject.decide(Action::Keep, reason)
            }
        }
    };
    let windows = observed.base.iter().filter(|base| base.features.platform == Platform::Windows);
    let windows = windows.map(|base| {
        Subject::name(name, home).decide(Action::Keep, PreflightReason::Experimental(base.id.clone()))
    });
    let found = problems(recipe, home, name, observed).into_iter().map(decision);
    let unseen = observed.ways.values().filter_map(|ways| ways.as_ref().err());
    let unseen = unseen.filter(|error| error.kind == ErrorKind::Denied).map(|error| {
        let reason = PreflightReason::WaysUnseen(Box::new(error.clone()));
        Subject::name(name, home).decide(Action::Keep, reason)
    });
    let unmarked = observed.watermarks.iter().filter(|(_, known)| **known == Ok(false));
    let unmarked = unmarked.map(|(region, _)| {
        Subject::name(name, home).decide(Action::Keep, PreflightReason::NoWatermarks(region.clone()))
    });
    windows.chain(unseen).chain(unmarked).chain(found).collect()
}

/// Whether any of these decisions stands in the way of the bake.
pub fn is_refused(decisions: &[Decision]) -> bool {
    decisions.iter().any(stands_in_the_way)
}

/// Whether no bake begins because of this decision.
pub(super) fn stands_in_the_way(decision: &Decision) -> bool {
    matches!(decision.action, Action::Reject | Action::Retry)
}

/// Whether a release does not wait for this Region. It always waits for the home Region.
fn is_best_effort(recipe: &Recipe, home: &Region, region: &Region) -> bool {
    region != home && recipe.replicate.best_effort.contains(region)
}

/// Whether the recipe allows anyone outside the account to launch its images.
pub fn shares(recipe: &Recipe) -> bool {
    !crate::publish::sharing::launchers(recipe).is_empty()
}

fn regions(recipe: &Recipe, home: &Region, observed: &Observed, found: &mut Vec<Problem>) {
    match &observed.enabled {
        Some(Ok(enabled)) => {
            let not_enabled = recipe.replicate.regions.iter().filter(|region| !enabled.contains(region));
            found.extend(not_enabled.cloned().map(Problem::RegionOff));
        }
        // One call answers for all Regions, so its failure concerns each of them.
        Some(Err(error)) => {
            let unknown = |region: &Region| CloudError { region: region.clone(), ..error.clone() };
            let required = recipe.replica_regions(home).find(|region| recipe.replicate.requires(region));
            let of = required.or_else(|| recipe.replica_regions(home).next());
            found.extend(of.map(unknown).map(Problem::Unknown));
        }
        None => {}
    }
}

fn parameters(observed: &Observed, found: &mut Vec<Problem>) {
    let failed = observed.parameters.iter().filter_map(|(of, result)| Some((of, result.as_ref().err()?)));
    found.extend(failed.map(|((region, parameter), error)| Problem::Parameter {
        parameter: parameter.clone(),
        region: region.clone(),
        error: error.clone(),
    }));
}

fn keys(recipe: &Recipe, home: &Region, observed: &Observed, found: &mut Vec<Problem>) {
    let encrypt = recipe.bake.disks.encrypt.as_ref();
    if let (Some(key), Some(known)) = (encrypt, &observed.encrypt) {
        found.extend(key_problem(recipe, key, home, "bake.encrypt", known));
    }
    for (region, known) in &observed.keys {
        let key = recipe.replicate.kms_keys.get(region).cloned().unwrap_or_default();
        found.extend(key_problem(recipe, &key, region, "replicate.kms_keys", known));
    }
    let defaults = observed.defaults.iter().filter(|(region, _)| encrypt.is_none() || *region != home);
    for (region, result) in defaults.filter(|_| shares(recipe)) {
        let of_aws =
            |key: &str, field| Problem::AwsKey { key: key.to_owned(), region: region.clone(), field };
        match result {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok((DefaultEncryption::Key(key), Some(Key { manager: KeyManager::Aws, .. }) | None)) => {
                found.push(of_aws(key, "the account's EBS encryption settings"));
            }
            // The copy of an encrypted image is encrypted in any case.
            // (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html)
            Ok((DefaultEncryption::Off, _)) if encrypt.is_some() => {
                found.push(of_aws("alias/aws/ebs", "replicate.kms_keys"));
            }
            Ok(_) => {}
        }
    }
}

/// Why a key that the recipe names cannot be used.
fn key_problem(
    recipe: &Recipe,
    key: &str,
    region: &Region,
    field: &'static str,
    known: &Result<Option<Key>>,
) -> Option<Problem> {
    let (key, region) = (key.to_owned(), region.clone());
    match known {
        Err(error) => Some(Problem::Unknown(error.clone())),
        Ok(None) => Some(Problem::NoKey { key, region, field }),
        Ok(Some(Key { enabled: false, .. })) => Some(Problem::KeyOff { key, region, field }),
        Ok(Some(Key { manager: KeyManager::Aws, .. })) if shares(recipe) => {
            Some(Problem::AwsKey { key, region, field })
        }
        Ok(Some(_)) => None,
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

/// What the base makes impossible: a launch of the builder or the tester, or sharing.
fn of_base(recipe: &Recipe, home: &Region, base: &Image, observed: &Observed, found: &mut Vec<Problem>) {
    found.extend(disks::problems(base, &recipe.bake.disks));
    let unfit = |instance_type: &str, field, why| Problem::Unfit {
        image: base.id.clone(),
        instance_type: instance_type.to_owned(),
        field,
        why,
    };
    for (instance_type, builder) in &observed.builders {
        let why = builder.as_ref().ok().and_then(|builder| boots_not(base, builder));
        let field = recipe.builder_type_field(instance_type);
        found.extend(why.map(|why| unfit(instance_type, field, why)));
    }
    // A type is the same in every Region, so what is told of builders, or at home, is told once.
    let own =
        observed.testers.iter().filter(|(region, _)| recipe.has_own_tester_types(region, *region == home));
    for (region, types) in own {
        for (instance_type, tester) in types {
            let Ok(tester) = tester else { continue };
            let other = (!tester.architectures.contains(&base.architecture)).then(|| {
                format!("because they are {}, and it runs {}", base.architecture, join(&tester.architectures))
            });
            let why = other.or_else(|| boots_not(base, tester));
            let field = recipe.tester_type_field(instance_type, region, region == home);
            found.extend(why.map(|why| unfit(instance_type, field, why)));
        }
    }
    // What is encrypted anew does not keep the key of its base.
    match observed.base_keys.as_ref().filter(|_| recipe.bake.disks.encrypt.is_none()) {
        Some(Ok(keys)) => {
            let of_aws = keys.iter().find(|(_, key)| key.is_some_and(|key| key.manager == KeyManager::Aws));
            found.extend(
                of_aws.map(|(key, _)| Problem::BaseAwsKey { image: base.id.clone(), key: key.clone() }),
            );
        }
        // A base that somebody else shared has snapshots that this account may not see.
        Some(Err(error)) if error.kind == ErrorKind::NotFound => {}
        Some(Err(error)) => found.push(Problem::Unknown(error.clone())),
        None => {}
    }
}

/// Why an instance type does not boot an image, other than for its architecture.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/enable-nitrotpm-prerequisites.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/enhanced-networking-ena.html>)
fn boots_not(image: &Image, of: &InstanceType) -> Option<String> {
    let Features { boot_mode, nitro_tpm, ena, .. } = &image.features;
    let fixed = ["uefi", "legacy-bios"].contains(&boot_mode.as_str());
    if fixed && !of.boot_modes.is_empty() && !of.boot_modes.contains(boot_mode) {
        let modes = join(&of.boot_modes);
        return Some(format!("because their boot mode is {boot_mode}, and it boots in {modes}"));
    }
    if *nitro_tpm && !of.nitro_tpm {
        return Some("because they need NitroTPM, which it lacks".into());
    }
    (of.requires_ena && !ena).then(|| "because it needs the driver of ENA, which they lack".into())
}

fn parameter_kinds(observed: &Observed, found: &mut Vec<Problem>) {
    let others = observed.parameter_kinds.iter().filter(|(_, kind)| !kind.names_images());
    found.extend(others.map(|((region, parameter), ParameterKind { kind, data_type })| {
        Problem::ParameterKind {
            parameter: parameter.clone(),
            region: region.clone(),
            kind: kind.clone(),
            data_type: data_type.clone(),
        }
    }));
}

/// Whether testers can be launched where they are to be: each type exists, and so do default subnets.
fn tests_away(recipe: &Recipe, home: &Region, observed: &Observed, found: &mut Vec<Problem>) {
    let types = observed.testers.iter();
    let types =
        types.flat_map(|(region, types)| types.iter().map(move |(name, known)| (region, name, known)));
    for (region, instance_type, known) in types {
        match known {
            Err(error) if error.code == "InvalidInstanceType" => found.push(Problem::NoType {
                instance_type: instance_type.clone(),
                region: region.clone(),
                field: recipe.tester_type_field(instance_type, region, region == home),
            }),
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok(_) => {}
        }
    }
    for (region, result) in &observed.subnets {
        match result {
            Err(error) => found.push(Problem::Unknown(error.clone())),
            Ok(0) => found.push(Problem::NoSubnets {
                region: region.clone(),
                what: "the tester of a replica",
                remedy: "set replicate.verify = false",
            }),
            Ok(_) => {}
        }
    }
}

/// The subnets without a way to S3. A bake that may not look at routes is no worse than one before there was this check.
fn ways(home: &Region, observed: &Observed, found: &mut Vec<Problem>) {
    for (region, ways) in &observed.ways {
        match ways {
            Ok(ways) => {
                let places = observed.places.iter().filter(|place| place.region == *region);
                found.extend(places.flat_map(|place| way_to_s3::problems(place, home, ways)));
            }
            Err(error) if error.kind == ErrorKind::Denied => {}
            Err(error) => found.push(Problem::Unknown(error.clone())),
        }
    }
}

fn zones(recipe: &Recipe, home: &Region, observed: &Observed, found: &mut Vec<Problem>) {
    match &observed.zones {
        Some(Ok(Zones { defaults: Some(0), .. })) => {
            let (what, remedy) = match (
                recipe.bake.network.subnets.is_default(),
                recipe.verify.network.subnets.is_default(),
            ) {
                (true, true) => ("builders and testers", "name subnets in bake.subnets and verify.subnets"),
                (true, false) => ("builders", "name subnets in bake.subnets"),
                (false, _) => ("testers", "name subnets in verify.subnets"),
            };
            found.push(Problem::NoSubnets { region: home.clone(), what, remedy });
        }
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
