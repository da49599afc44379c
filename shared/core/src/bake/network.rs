//! What would keep a builder or tester from being launched where the recipe says.

use std::collections::BTreeMap;

use crate::inventory::{Result, Subnet};
use crate::model::{Region, SecurityGroupId};
use crate::plan::reason::Problem;
use crate::recipe::{FoundNetwork, Network};

/// What the tags lead to that a recipe names in one place.
#[derive(Debug, Clone)]
pub struct ByTags {
    /// The Region.
    pub region: Region,
    /// The table of the recipe.
    pub field: String,
    /// What it names.
    pub network: Network,
    /// What was found of it.
    pub found: Result<FoundNetwork>,
}

/// Tags that nothing bears, or too much.
pub(super) fn bad_tags(seen: &ByTags) -> Vec<Problem> {
    match &seen.found {
        Err(error) => vec![Problem::Unknown(error.clone())],
        Ok(found) => {
            let bad = found.bad_tags(&seen.network, &seen.region).into_iter();
            bad.map(|why| Problem::Tags { field: format!("{}.{}", seen.field, why.field()), why }).collect()
        }
    }
}

/// The security groups that a recipe names in one place by their ids, and the subnets that they are to be used in.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The Region.
    pub region: Region,
    /// The field of the recipe.
    pub field: String,
    /// The groups that it names.
    pub named: Vec<SecurityGroupId>,
    /// Those of them that exist, each with its VPC.
    pub found: Result<BTreeMap<SecurityGroupId, String>>,
    /// The subnets of the same launches.
    pub subnets: Result<Vec<Subnet>>,
}

/// A group that does not exist, or is in another VPC than a subnet.
pub(super) fn problems(seen: &Groups) -> Vec<Problem> {
    let (found, subnets) = match (&seen.found, &seen.subnets) {
        (Err(error), _) | (_, Err(error)) => return vec![Problem::Unknown(error.clone())],
        (Ok(found), Ok(subnets)) => (found, subnets),
    };
    let problem = |group: &SecurityGroupId, why| Problem::SecurityGroup {
        group: group.clone(),
        region: seen.region.clone(),
        field: seen.field.clone(),
        why,
    };
    let of_group = |group: &SecurityGroupId| match found.get(group) {
        None => Some(problem(group, "does not exist".to_owned())),
        Some(vpc) => {
            let other = subnets.iter().find(|subnet| subnet.vpc != *vpc)?;
            Some(problem(group, format!("is in {vpc}, and {} is in {}", other.id, other.vpc)))
        }
    };
    seen.named.iter().filter_map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::inventory::{Chosen, CloudError};
    use crate::model::Tags;

    #[test]
    fn tags_are_told_with_their_field_and_a_failed_look_stops_the_bake() {
        let network =
            Network { subnets: Chosen::Tagged(Tags::new().with("tier", "private")), ..Network::default() };
        let seen = |found| ByTags {
            region: region("eu-west-1"),
            field: "verify.regions.eu-west-1".into(),
            network: network.clone(),
            found,
        };
        let told = bad_tags(&seen(Ok(FoundNetwork::default())))[0].to_string();
        assert!(told.starts_with("no subnet in eu-west-1 bears tier=private; correct the tags"), "{told}");
        assert!(told.ends_with("or verify.regions.eu-west-1.subnet_tags"), "{told}");
        let failed = CloudError::new("DescribeSubnets", "it", &region("eu-west-1"), "InternalError", "no");
        assert!(matches!(bad_tags(&seen(Err(failed)))[..], [Problem::Unknown(_)]));
    }

    #[test]
    fn a_group_that_is_not_there_or_in_another_vpc_is_found_before_the_launch() {
        let group = |id: &str| -> SecurityGroupId { id.parse().unwrap() };
        let subnet = |vpc: &str| Subnet {
            id: "subnet-0a".parse().unwrap(),
            zone: "us-east-1a".into(),
            vpc: vpc.into(),
            gives_public_ip: true,
        };
        let seen = |vpc: &str| Groups {
            region: region("us-east-1"),
            field: "bake.network.security_groups".into(),
            named: vec![group("sg-0a"), group("sg-0b")],
            found: Ok([(group("sg-0a"), "vpc-1".to_owned())].into()),
            subnets: Ok(vec![subnet(vpc)]),
        };
        let told = |vpc: &str| problems(&seen(vpc)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told("vpc-1").len(), 1);
        assert!(told("vpc-1")[0].contains("sg-0b in us-east-1 does not exist"), "{:?}", told("vpc-1"));
        assert!(told("vpc-2")[0].contains("sg-0a in us-east-1 is in vpc-1, and subnet-0a is in vpc-2"));
    }
}
