//! What was found where a recipe has instances launched, and which subnets and security groups a launch takes of it.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::network::{MOST_GROUPS, Network};
use crate::inventory::{Chosen, Subnet};
use crate::model::{Region, SecurityGroupId, SubnetId, Tags};

/// The subnets and security groups of one [`Network`], as EC2 shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundNetwork {
    /// The subnets.
    pub subnets: Vec<Subnet>,
    /// The security groups that bear the tags of the network, each with its VPC; empty if it names no tags for them.
    pub groups: BTreeMap<SecurityGroupId, String>,
}

/// Where one launch goes: its subnet, and its security groups.
pub type LaunchPlace = (Option<SubnetId>, Vec<SecurityGroupId>);

/// What the tags of a network lead to that no instance can be launched with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadTags {
    /// No subnet bears them.
    #[error("no subnet in {region} bears {tags}")]
    NoSubnet {
        /// The Region.
        region: Region,
        /// The tags, as text.
        tags: String,
    },
    /// No security group of the VPC bears them.
    #[error("no security group of {vpc} in {region} bears {tags}")]
    NoGroup {
        /// The VPC of a subnet.
        vpc: String,
        /// The Region.
        region: Region,
        /// The tags, as text.
        tags: String,
    },
    /// More groups bear them than an instance takes.
    #[error("{count} security groups of {vpc} in {region} bear {tags}, and an instance takes {MOST_GROUPS}")]
    TooManyGroups {
        /// How many.
        count: usize,
        /// The VPC of a subnet.
        vpc: String,
        /// The Region.
        region: Region,
        /// The tags, as text.
        tags: String,
    },
}

impl BadTags {
    /// The field of a network that names the tags.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoSubnet { .. } => "subnet_tags",
            Self::NoGroup { .. } | Self::TooManyGroups { .. } => "security_group_tags",
        }
    }

    /// The Region.
    pub fn region(&self) -> &Region {
        match self {
            Self::NoSubnet { region, .. }
            | Self::NoGroup { region, .. }
            | Self::TooManyGroups { region, .. } => region,
        }
    }
}

impl From<Vec<Subnet>> for FoundNetwork {
    fn from(subnets: Vec<Subnet>) -> Self {
        Self { subnets, groups: BTreeMap::new() }
    }
}

impl FoundNetwork {
    /// Every mistake in the tags of a network. A group counts only in its own VPC, so each VPC of the subnets needs one.
    pub fn bad_tags(&self, network: &Network, region: &Region) -> Vec<BadTags> {
        if let Some(tags) = network.subnets.tags().filter(|_| self.subnets.is_empty()) {
            return vec![BadTags::NoSubnet { region: region.clone(), tags: shown(tags) }];
        }
        let Some(tags) = network.security_groups.tags() else { return Vec::new() };
        let vpcs: BTreeSet<&String> = self.subnets.iter().map(|subnet| &subnet.vpc).collect();
        let of_vpc = |vpc: &String| {
            let (vpc, region, tags) = (vpc.clone(), region.clone(), shown(tags));
            match self.groups_in(network, &vpc).len() {
                0 => Some(BadTags::NoGroup { vpc, region, tags }),
                count if count > MOST_GROUPS => Some(BadTags::TooManyGroups { count, vpc, region, tags }),
                _ => None,
            }
        };
        vpcs.into_iter().filter_map(of_vpc).collect()
    }

    /// The security groups that a launch in a VPC takes.
    pub fn groups_in(&self, network: &Network, vpc: &str) -> Vec<SecurityGroupId> {
        match &network.security_groups {
            Chosen::Default => Vec::new(),
            Chosen::Ids(ids) => ids.clone(),
            Chosen::Tagged(_) => {
                let of_vpc = self.groups.iter().filter(|(_, own)| *own == vpc);
                of_vpc.map(|(group, _)| group.clone()).collect()
            }
        }
    }

    /// Where a builder may be launched, in order: as the recipe names the subnets, or by zone. EC2 chooses among those of the
    /// default VPC.
    pub fn places(&self, network: &Network) -> Vec<LaunchPlace> {
        let vpc_of = |id: &SubnetId| self.subnets.iter().find(|one| one.id == *id).map(|one| &one.vpc);
        let groups = |vpc: Option<&String>| self.groups_in(network, vpc.map_or("", String::as_str));
        match &network.subnets {
            Chosen::Default => vec![(None, groups(self.subnets.first().map(|one| &one.vpc)))],
            Chosen::Ids(ids) => ids.iter().map(|id| (Some(id.clone()), groups(vpc_of(id)))).collect(),
            Chosen::Tagged(_) => {
                let mut found: Vec<&Subnet> = self.subnets.iter().collect();
                found.sort_by_key(|subnet| (&subnet.zone, &subnet.id));
                found.into_iter().map(|one| (Some(one.id.clone()), groups(Some(&one.vpc)))).collect()
            }
        }
    }
}

/// Tags as a person reads them.
fn shown(tags: &Tags) -> String {
    let all: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(id: &str, zone: &str, vpc: &str) -> Subnet {
        Subnet { id: id.parse().unwrap(), zone: zone.into(), vpc: vpc.into(), gives_public_ip: false }
    }

    fn group(id: &str) -> SecurityGroupId {
        id.parse().unwrap()
    }

    fn tags() -> Tags {
        Tags::new().with("tier", "private").with("team", "web")
    }

    fn by_tags() -> Network {
        Network {
            subnets: Chosen::Tagged(tags()),
            security_groups: Chosen::Tagged(Tags::new().with("role", "builder")),
            public_ip: None,
        }
    }

    fn told(found: &FoundNetwork, network: &Network) -> Vec<String> {
        let bad = found.bad_tags(network, &"eu-west-1".parse().unwrap());
        bad.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn subnets_that_bear_the_tags_are_taken_by_zone_each_with_the_groups_of_its_vpc() {
        let found = FoundNetwork {
            subnets: vec![
                subnet("subnet-0c", "b", "vpc-1"),
                subnet("subnet-0b", "a", "vpc-2"),
                subnet("subnet-0a", "b", "vpc-1"),
            ],
            groups: [(group("sg-01"), "vpc-1".into()), (group("sg-02"), "vpc-2".into())].into(),
        };
        let places = found.places(&by_tags());
        let places: Vec<(&str, &[SecurityGroupId])> =
            places.iter().map(|(id, groups)| (id.as_ref().unwrap().as_str(), groups.as_slice())).collect();
        let (first, second) = ([group("sg-01")], [group("sg-02")]);
        assert_eq!(
            places,
            [("subnet-0b", &second[..]), ("subnet-0a", &first[..]), ("subnet-0c", &first[..])]
        );
        assert!(told(&found, &by_tags()).is_empty());
    }

    #[test]
    fn ids_keep_the_order_of_the_recipe_and_the_default_vpc_is_left_to_ec2() {
        let ids = ["subnet-0c", "subnet-0a"].map(|id| id.parse().unwrap());
        let network = Network { subnets: Chosen::of(ids.to_vec()), ..by_tags() };
        let found = FoundNetwork {
            subnets: vec![subnet("subnet-0a", "a", "vpc-1"), subnet("subnet-0c", "b", "vpc-1")],
            groups: [(group("sg-01"), "vpc-1".into())].into(),
        };
        let [first, second] = ids;
        let groups = || vec![group("sg-01")];
        assert_eq!(found.places(&network), [(Some(first), groups()), (Some(second), groups())]);
        let network = Network { subnets: Chosen::Default, ..by_tags() };
        assert_eq!(found.places(&network), [(None, groups())]);
        // A recipe without tags needs nothing to be found.
        assert_eq!(FoundNetwork::default().places(&Network::default()), [(None, vec![])]);
    }

    #[test]
    fn tags_that_nothing_bears_are_told_with_the_region_and_with_the_vpc_of_a_group() {
        let none = FoundNetwork::default();
        assert_eq!(told(&none, &by_tags()), ["no subnet in eu-west-1 bears team=web, tier=private"]);
        let found = FoundNetwork {
            subnets: vec![subnet("subnet-0a", "a", "vpc-1"), subnet("subnet-0b", "a", "vpc-2")],
            groups: [(group("sg-01"), "vpc-1".into())].into(),
        };
        assert_eq!(told(&found, &by_tags()), ["no security group of vpc-2 in eu-west-1 bears role=builder"]);
        let many = (0..17).map(|n| (group(&format!("sg-{n:02x}")), "vpc-1".to_owned()));
        let found = FoundNetwork { subnets: vec![subnet("subnet-0a", "a", "vpc-1")], groups: many.collect() };
        assert_eq!(
            told(&found, &by_tags()),
            ["17 security groups of vpc-1 in eu-west-1 bear role=builder, and an instance takes 16"]
        );
    }
}
