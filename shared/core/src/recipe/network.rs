//! Where builders and testers are launched: `bake.network`, `verify.network` and `verify.regions`.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::instance_types;
use super::table_reader::{TableReader, quoted, show};
use super::violation::Violations;
use crate::inventory::Chosen;
use crate::model::{Region, SecurityGroupId, SubnetId, Tags, tags};

/// Where a builder or tester is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The subnets. For builders, ids are in order of preference.
    pub subnets: Chosen<SubnetId>,
    /// The security groups.
    pub security_groups: Chosen<SecurityGroupId>,
    /// Whether it gets a public address; `None` for what its subnet says.
    pub public_ip: Option<bool>,
}

impl Network {
    /// Whether anything of it must be found by its tags before an instance is launched there.
    pub fn is_by_tags(&self) -> bool {
        self.subnets.tags().is_some() || self.security_groups.tags().is_some()
    }
}

/// `[verify.regions.<region>]`: the testers of the replicas in one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionTests {
    /// Where they are launched.
    pub network: Network,
    /// Their instance types, in order of preference; empty for those of `[verify]`.
    pub instance_types: Vec<String>,
}

/// What a recipe names no network for.
pub(super) static ANY: Network =
    Network { subnets: Chosen::Default, security_groups: Chosen::Default, public_ip: None };

/// Reads `network`, or `subnets` alone.
pub(super) fn network(table: &mut TableReader<'_>, violations: &mut Violations) -> Network {
    let subnets: Vec<SubnetId> = table.list("subnets", SubnetId::EXPECTED, violations);
    let mut inner = table.table("network", violations);
    for other in ["subnets", "subnet_tags"] {
        if !subnets.is_empty() && inner.has(other) {
            let problem = format!("network.{other} is named too; name one of them");
            violations.problem(table.path_of("subnets"), problem);
        }
    }
    let named = fields(&mut inner, violations);
    inner.end(violations);
    if subnets.is_empty() { named } else { Network { subnets: Chosen::Ids(subnets), ..named } }
}

fn fields(table: &mut TableReader<'_>, violations: &mut Violations) -> Network {
    let subnets = chosen(table, ("subnets", SubnetId::EXPECTED), "subnet_tags", violations);
    let ids = ("security_groups", SecurityGroupId::EXPECTED);
    let security_groups: Chosen<SecurityGroupId> = chosen(table, ids, "security_group_tags", violations);
    let count = security_groups.ids().len();
    if count > MOST_GROUPS {
        let allowed = format!("at most {MOST_GROUPS}");
        violations.add(table.path_of("security_groups"), format!("{count} groups"), allowed);
    }
    let public_ip = table.has("public_ip").then(|| table.flag("public_ip", violations));
    Network { subnets, security_groups, public_ip }
}

/// Reads what is named by its ids, or by its tags.
fn chosen<Id: FromStr + PartialEq>(
    table: &mut TableReader<'_>,
    (key, expected): (&'static str, &str),
    of_tags: &'static str,
    violations: &mut Violations,
) -> Chosen<Id> {
    let ids = Chosen::of(table.list(key, expected, violations));
    if !table.has(of_tags) {
        return ids;
    }
    if table.has(key) {
        let problem = format!("{key} is named too; name one of them");
        violations.problem(table.path_of(of_tags), problem);
    }
    Chosen::Tagged(wanted_tags(table, of_tags, violations))
}

/// Tags of other things than Kiln's own, which may be any that EC2 allows.
fn wanted_tags(outer: &mut TableReader<'_>, key: &'static str, violations: &mut Violations) -> Tags {
    const KEY: &str = "a key of 1 to 128 characters";
    const VALUE: &str = "a text of at most 256 characters, in which * and ? are wildcards";
    let path = outer.path_of(key);
    let before = violations.0.len();
    let table = outer.table(key, violations);
    let mut wanted = Tags::new();
    for (key, value) in table.entries() {
        match value.as_str().filter(|text| text.chars().count() <= tags::MOST_CHARACTERS) {
            _ if !(1..=128).contains(&key.chars().count()) => {
                violations.add(table.path_of(key), quoted(key), KEY);
            }
            Some(text) => wanted = wanted.with(key, text),
            None => violations.add(table.path_of(key), show(value), VALUE),
        }
    }
    let count = table.entries().count();
    if violations.0.len() == before && !(1..=tags::MOST).contains(&count) {
        let expected = format!("1 to {} tags, such as {{ {key} = {{ tier = \"private\" }} }}", tags::MOST);
        violations.add(path, format!("{count} tags"), expected);
    }
    wanted
}

/// What a network interface takes at most, whatever the account's quota is.
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>)
pub(super) const MOST_GROUPS: usize = 16;

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
        let counts = (bake.subnets.ids().len(), bake.security_groups.ids().len());
        assert_eq!((counts, bake.public_ip), ((2, 1), Some(false)));
        let (home, away) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
        assert_eq!(recipe.tester_network(&home, true).subnets.ids()[0].as_str(), "subnet-0d");
        let away = recipe.tester_network(&away, false);
        assert_eq!((away.subnets.ids()[0].as_str(), away.public_ip), ("subnet-0e", Some(true)));
        let other = "eu-west-3".parse().unwrap();
        assert!(recipe.tester_network(&other, false).subnets.is_default());
    }

    #[test]
    fn subnets_and_groups_may_be_named_by_their_tags() {
        let tags = "subnet_tags = { tier = \"private\" }, security_group_tags = { \"aws:x\" = \"web-*\" }";
        let recipe = parsed(
            &format!("network = {{ {tags} }}"),
            &format!("network = {{ {tags} }}\nregions = {{ eu-west-1 = {{ {tags} }} }}"),
        )
        .unwrap();
        let away = recipe.tester_network(&"eu-west-1".parse().unwrap(), false);
        for network in [&recipe.bake.network, &recipe.verify.network, away] {
            assert_eq!(network.subnets.tags().unwrap().get("tier"), Some("private"));
            assert_eq!(network.security_groups.tags().unwrap().get("aws:x"), Some("web-*"));
        }
        let ids = parsed("network = { subnets = [\"subnet-0a\"] }", "").unwrap();
        assert!(recipe.bake.network.is_by_tags() && !ids.bake.network.is_by_tags());
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
        let both = "subnets = [\"subnet-0a\"], subnet_tags = { a = \"b\" }";
        told(&format!("network = {{ {both} }}"), "", "bake.network.subnet_tags");
        told("subnets = [\"subnet-0a\"]\nnetwork = { subnet_tags = { a = \"b\" } }", "", "bake.subnets");
        let both = "security_groups = [\"sg-0a\"], security_group_tags = { a = \"b\" }";
        told("", &format!("network = {{ {both} }}"), "verify.network.security_group_tags");
        told("network = { subnet_tags = {} }", "", "bake.network.subnet_tags");
        told("network = { subnet_tags = \"tier\" }", "", "bake.network.subnet_tags");
        told("network = { subnet_tags = { tier = 1 } }", "", "bake.network.subnet_tags.tier");
        told("network = { subnet_tags = { \"\" = \"a\" } }", "", "bake.network.subnet_tags.\"\"");
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
