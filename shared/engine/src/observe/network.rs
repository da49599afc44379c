//! Reads the subnets, security groups and ways out of where a recipe has its instances launched.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;
use kiln_core::bake::network::{ByTags, Groups};
use kiln_core::bake::preflight::Zones;
use kiln_core::bake::way_to_s3::Place;
use kiln_core::inventory::{Chosen, Result, Subnet, WaysOut};
use kiln_core::model::{Region, Role, SecurityGroupId, SubnetId};
use kiln_core::recipe::{Base, FoundNetwork, Network, Recipe};

use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// What a recipe's builders and testers find where they are launched.
pub(super) struct Found {
    /// The Availability Zones at home; `None` if the tags of a place lead to no subnet, which is told already.
    pub zones: Option<Result<Zones>>,
    /// The number of subnets in each further Region where replicas are tested and the recipe names no tags.
    pub subnets_away: BTreeMap<Region, Result<usize>>,
    /// The security groups that the recipe names by their ids.
    pub groups: Vec<Groups>,
    /// What bears the tags that the recipe names.
    pub by_tags: Vec<ByTags>,
    /// Where something needs S3.
    pub places: Vec<Place>,
    /// The ways out of those places.
    pub ways: BTreeMap<Region, Result<WaysOut>>,
}

/// One place where a recipe has instances launched.
struct Launch<'a> {
    region: &'a Region,
    role: Role,
    /// The table of the recipe.
    field: String,
    network: &'a Network,
}

/// The subnets of each place, by their Region and what the recipe says of them.
type Subnets<'a> = BTreeMap<(&'a Region, &'a Chosen<SubnetId>), Result<Vec<Subnet>>>;
/// The security groups of each place, each with its VPC.
type SecurityGroups<'a> =
    BTreeMap<(&'a Region, &'a Chosen<SecurityGroupId>), Result<BTreeMap<SecurityGroupId, String>>>;

/// The subnets of one place, and the security groups that bear its tags if it names them so.
///
/// # Errors
/// What could not be read.
pub(crate) async fn find<C: Cloud>(cloud: &C, region: &Region, network: &Network) -> Result<FoundNetwork> {
    let groups = async {
        match &network.security_groups {
            by_tags @ Chosen::Tagged(_) => cloud.security_groups(region, by_tags).await,
            Chosen::Default | Chosen::Ids(_) => Ok(BTreeMap::new()),
        }
    };
    let (subnets, groups) = join(cloud.subnets(region, &network.subnets), groups).await;
    Ok(FoundNetwork { subnets: subnets?, groups: groups? })
}

/// Reads the subnets of every place once, and what else concerns them.
pub(super) async fn look<C: Cloud>(cloud: &C, home: &Region, recipe: &Recipe) -> Found {
    let launches = launches(home, recipe);
    let named: BTreeSet<_> = launches.iter().map(|launch| (launch.region, &launch.network.subnets)).collect();
    let reads = named.into_iter().map(async |at| (at, cloud.subnets(at.0, at.1).await));
    let named = launches.iter().filter(|launch| !launch.network.security_groups.is_default());
    let named: BTreeSet<_> = named.map(|launch| (launch.region, &launch.network.security_groups)).collect();
    let of_groups = named.into_iter().map(async |at| (at, cloud.security_groups(at.0, at.1).await));
    let (subnets, found): (Vec<_>, Vec<_>) = join(bounded(CALLS, reads), bounded(CALLS, of_groups)).await;
    let (subnets, found): (Subnets<'_>, SecurityGroups<'_>) =
        (subnets.into_iter().collect(), found.into_iter().collect());
    let places = places(recipe, &launches, &subnets);
    let ways = ways(cloud, &places).await;
    let away = launches.iter().filter(|launch| launch.region != home);
    let away = away.filter(|launch| launch.network.subnets.tags().is_none());
    let away = away
        .map(|launch| (launch.region.clone(), subnets_of(launch, &subnets).map(|found| found.len())))
        .collect();
    let by_tags = by_tags(&launches, &subnets, &found);
    let unfound = |one: &ByTags| {
        one.region == *home && one.found.as_ref().ok().is_none_or(|found| found.subnets.is_empty())
    };
    let zones = (!by_tags.iter().any(unfound)).then(|| zones(home, recipe, &subnets));
    let groups = groups(&launches, &subnets, &found);
    Found { zones, subnets_away: away, groups, by_tags, places, ways }
}

/// Where builders, testers and the testers of replicas are launched.
fn launches<'a>(home: &'a Region, recipe: &'a Recipe) -> Vec<Launch<'a>> {
    let at_home = [
        (Role::Builder, "bake.network", &recipe.bake.network),
        (Role::Tester, "verify.network", &recipe.verify.network),
    ];
    let at_home =
        at_home.map(|(role, field, network)| Launch { region: home, role, field: field.into(), network });
    let away = recipe.replica_regions(home).filter(|_| recipe.replicate.verify).map(|region| Launch {
        region,
        role: Role::Tester,
        field: format!("verify.regions.{region}"),
        network: recipe.tester_network(region, false),
    });
    at_home.into_iter().chain(away).collect()
}

fn subnets_of(launch: &Launch<'_>, subnets: &Subnets<'_>) -> Result<Vec<Subnet>> {
    subnets.get(&(launch.region, &launch.network.subnets)).cloned().unwrap_or_else(|| Ok(Vec::new()))
}

/// The places whose instances need S3. Subnets that cannot be read are told already.
fn places(recipe: &Recipe, launches: &[Launch<'_>], subnets: &Subnets<'_>) -> Vec<Place> {
    // A long-lived builder is where it is.
    let is_long_lived = matches!(recipe.bake.base, Base::Instance(_));
    let launched = launches.iter().filter(|launch| !(is_long_lived && launch.role == Role::Builder));
    let needing = launched.filter(|launch| recipe.program(launch.role).needs_network());
    let place = |launch: &Launch<'_>| Place {
        region: launch.region.clone(),
        role: launch.role,
        field: launch.field.clone(),
        public_ip: launch.network.public_ip,
        subnets: subnets_of(launch, subnets).unwrap_or_default(),
    };
    needing.map(place).filter(|place| !place.subnets.is_empty()).collect()
}

/// The ways out of the VPCs of these places: read once for each Region.
async fn ways<C: Cloud>(cloud: &C, places: &[Place]) -> BTreeMap<Region, Result<WaysOut>> {
    let mut vpcs: BTreeMap<&Region, BTreeSet<String>> = BTreeMap::new();
    for place in places {
        vpcs.entry(&place.region).or_default().extend(place.subnets.iter().map(|subnet| subnet.vpc.clone()));
    }
    let reads = vpcs.into_iter();
    let reads = reads.map(async |(region, vpcs)| (region.clone(), cloud.ways_out(region, &vpcs).await));
    bounded(CALLS, reads).await.into_iter().collect()
}

/// The security groups that the recipe names by their ids.
fn groups(launches: &[Launch<'_>], subnets: &Subnets<'_>, found: &SecurityGroups<'_>) -> Vec<Groups> {
    let named = launches.iter().filter(|launch| !launch.network.security_groups.ids().is_empty());
    let groups = named.map(|launch| Groups {
        region: launch.region.clone(),
        field: format!("{}.security_groups", launch.field),
        named: launch.network.security_groups.ids().to_vec(),
        found: groups_of(launch, found),
        subnets: subnets_of(launch, subnets),
    });
    groups.collect()
}

/// What bears the tags of the places that name some.
fn by_tags(launches: &[Launch<'_>], subnets: &Subnets<'_>, found: &SecurityGroups<'_>) -> Vec<ByTags> {
    let named = launches.iter().filter(|launch| launch.network.is_by_tags());
    let of_launch = |launch: &Launch<'_>| {
        let (subnets, groups) = (subnets_of(launch, subnets), groups_of(launch, found));
        ByTags {
            region: launch.region.clone(),
            field: launch.field.clone(),
            network: launch.network.clone(),
            found: subnets.and_then(|subnets| Ok(FoundNetwork { subnets, groups: groups? })),
        }
    };
    named.map(of_launch).collect()
}

fn groups_of(launch: &Launch<'_>, found: &SecurityGroups<'_>) -> Result<BTreeMap<SecurityGroupId, String>> {
    let of_launch = found.get(&(launch.region, &launch.network.security_groups));
    of_launch.cloned().unwrap_or_else(|| Ok(BTreeMap::new()))
}

/// The zones at home. Without named subnets, EC2 chooses the builder's, and those of the tester are the default ones.
fn zones(home: &Region, recipe: &Recipe, subnets: &Subnets<'_>) -> Result<Zones> {
    let of = |network: &Network| {
        let found = subnets.get(&(home, &network.subnets));
        found.cloned().unwrap_or_else(|| Ok(Vec::new()))
    };
    let (builder, tester) = (&recipe.bake.network, &recipe.verify.network);
    let (of_builder, of_tester) = (of(builder)?, of(tester)?);
    let defaults = match (builder.subnets.is_default(), tester.subnets.is_default()) {
        (true, _) => Some(of_builder.len()),
        (false, true) => Some(of_tester.len()),
        (false, false) => None,
    };
    let chosen = of_builder.into_iter().filter(|_| !builder.subnets.is_default());
    Ok(Zones {
        builder: chosen.map(|subnet| (subnet.id, subnet.zone)).collect(),
        tester: of_tester.into_iter().map(|subnet| subnet.zone).collect(),
        defaults,
    })
}
