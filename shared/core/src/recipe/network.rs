//! Where builders and testers are launched: `bake.network`, `verify.network` and `verify.regions`.

use std::collections::BTreeMap;

use super::instance_types;
use super::table_reader::{TableReader, quoted};
use super::types::RegionTests;
use super::violation::Violations;
use crate::model::{Region, SecurityGroupId, SubnetId};

/// Where a builder or tester is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The subnets; the default VPC's if empty. For builders in order of preference.
    pub subnets: Vec<SubnetId>,
    /// The security groups; the VPC's default group if empty.
    pub security_groups: Vec<SecurityGroupId>,
    /// Whether it gets a public address; `None` for what its subnet says.
    pub public_ip: Option<bool>,
}

/// What a recipe names no network for.
pub(super) static ANY: Network =
    Network { subnets: Vec::new(), security_groups: Vec::new(), public_ip: None };

/// Reads `network`, or `subnets` alone.
pub(super) fn network(table: &mut TableReader<'_>, violations: &mut Violations) -> Network {
    let subnets: Vec<SubnetId> = table.list("subnets", SubnetId::EXPECTED, violations);
    let mut inner = table.table("network", violations);
    if !subnets.is_empty() && inner.has("subnets") {
        violations.problem(table.path_of("subnets"), "network.subnets is named too; name one of them");
    }
    let named = fields(&mut inner, violations);
    inner.end(violations);
    Network { subnets: if subnets.is_empty() { named.subnets } else { subnets }, ..named }
}

fn fields(table: &mut TableReader<'_>, violations: &mut Violations) -> Network {
    let subnets = table.list("subnets", SubnetId::EXPECTED, violations);
    let security_groups: Vec<SecurityGroupId> =
        table.list("security_groups", SecurityGroupId::EXPECTED, violations);
    if security_groups.len() > MOST_GROUPS {
        violations.add(
            table.path_of("security_groups"),
            format!("{} groups", security_groups.len()),
            format!("at most {MOST_GROUPS}"),
        );
    }
    let public_ip = table.has("public_ip").then(|| table.flag("public_ip", violations));
    Network { subnets, security_groups, public_ip }
}

/// What a network interface takes at most, whatever the account's quota is.
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>)
const MOST_GROUPS: usize = 16;

/// Reads `verify.regions`: where the testers of replicas are launched, and as which types.
pub(super) fn by_region(
    table: &mut TableReader<'_>,
    violations: &mut Violations,
) -> BTreeMap<Region, RegionTests> {
    let regions = table.table("regions", violations);
    let mut found = BTreeMap::new();
    for (key, _) in regions.entries() {
        let mut inner = regions.inner(key, violations);
        let network = fields(&mut inner, violations);
        let instance_types = instance_types::list(&mut inner, violations);
        inner.end(violations);
        match key.parse::<Region>() {
            Ok(region) => {
                found.insert(region, RegionTests { network, instance_types });
            }
            Err(_) => violations.add(regions.path_of(key), quoted(key), Region::EXPECTED),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::recipe::{BadRecipe, Recipe};

    fn parsed(bake: &str, verify: &str) -> Result<Recipe, BadRecipe> {
        let document = format!(
            "name = \"web\"\n[bake]\nbase = \"ami-0123456789abcdef0\"\ninstance_type = \"t4g.small\"\n{bake}\n\
             [verify]\n{verify}\n[replicate]\nregions = [\"eu-west-1\"]\n"
        );
        Recipe::parse("web", &document)
    }

    #[test]
    fn a_recipe_names_subnets_groups_and_whether_there_is_a_public_address() {
        let recipe = parsed(
            "network = { subnets = [\"subnet-0a\", \"subnet-0b\"], security_groups = [\"sg-0c\"], public_ip = false }",
            "subnets = [\"subnet-0d\"]\n[verify.regions.eu-west-1]\nsubnets = [\"subnet-0e\"]\npublic_ip = true",
        )
        .unwrap();
        let bake = &recipe.bake.network;
        assert_eq!((bake.subnets.len(), bake.security_groups.len(), bake.public_ip), (2, 1, Some(false)));
        let (home, away) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
        assert_eq!(recipe.tester_network(&home, true).subnets[0].as_str(), "subnet-0d");
        let away = recipe.tester_network(&away, false);
        assert_eq!((away.subnets[0].as_str(), away.public_ip), ("subnet-0e", Some(true)));
        let other = "eu-west-3".parse().unwrap();
        assert!(recipe.tester_network(&other, false).subnets.is_empty());
    }

    #[test]
    fn every_mistake_about_a_network_is_told_with_its_field() {
        let told = |bake: &str, verify: &str, field: &str| {
            let all = parsed(bake, verify).unwrap_err().violations;
            assert!(all.iter().any(|one| one.field == field), "{bake} {verify}: {all:?}");
        };
        told("network = { subnets = [\"sg-0a\"] }", "", "bake.network.subnets[0]");
        told("network = { security_groups = [\"web\"] }", "", "bake.network.security_groups[0]");
        told("network = { public_ip = \"no\" }", "", "bake.network.public_ip");
        told("network = { subnet = [] }", "", "bake.network.subnet");
        told("subnets = [\"subnet-0a\"]\nnetwork = { subnets = [\"subnet-0b\"] }", "", "bake.subnets");
        told("", "[verify.regions.mars]\nsubnets = []", "verify.regions.mars");
        told("", "[verify.regions.eu-west-3]\nsubnets = []", "verify.regions.eu-west-3");
        told("", "[verify.regions]\neu-west-1 = 3", "verify.regions.eu-west-1");
        let many: Vec<String> = (0..17).map(|n| format!("\"sg-{n:02x}\"")).collect();
        told(
            &format!("network = {{ security_groups = [{}] }}", many.join(", ")),
            "",
            "bake.network.security_groups",
        );
    }
}
