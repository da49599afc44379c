//! Reads the subnets, security groups and ways out of where a recipe has its instances launched.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;
use kiln_core::bake::network::Groups;
use kiln_core::bake::preflight::Zones;
use kiln_core::bake::way_to_s3::Place;
use kiln_core::inventory::{Result, Subnet, WaysOut};
use kiln_core::model::{Region, Role, SubnetId};
use kiln_core::recipe::{Base, Network, Recipe};

use crate::bounded::{CALLS, bounded};
use crate::ports::Cloud;

/// What a recipe's builders and testers find where they are launched.
pub(super) struct Found {
    /// The Availability Zones at home.
    pub zones: Result<Zones>,
    /// The number of subnets in each further Region where replicas are tested.
    pub subnets_away: BTreeMap<Region, Result<usize>>,
    /// The security groups that the recipe names.
    pub groups: Vec<Groups>,
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

/// The subnets of each place, by their Region and the names that the recipe has for them.
type Subnets<'a> = BTreeMap<(&'a Region, &'a [SubnetId]), Result<Vec<Subnet>>>;

/// Reads the subnets of every place once, and what else concerns them.
pub(super) async fn look<C: Cloud>(cloud: &C, home: &Region, recipe: &Recipe) -> Found {
    let launches = launches(home, recipe);
    let named: BTreeSet<_> =
        launches.iter().map(|launch| (launch.region, launch.network.subnets.as_slice())).collect();
    let reads = named.into_iter().map(async |at| (at, cloud.subnets(at.0, at.1).await));
    let subnets: Subnets<'_> = bounded(CALLS, reads).await.into_iter().collect();
    let places = places(recipe, &launches, &subnets);
    let (groups, ways) = join(groups(cloud, &launches, &subnets), ways(cloud, &places)).await;
    let of = |launch: &Launch<'_>| subnets_of(launch, &subnets);
    let away = launches.iter().filter(|launch| launch.region != home);
    let away = away.map(|launch| (launch.region.clone(), of(launch).map(|found| found.len())));
    Found { zones: zones(home, recipe, &subnets), subnets_away: away.collect(), groups, places, ways }
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
    subnets
        .get(&(launch.region, launch.network.subnets.as_slice()))
        .cloned()
        .unwrap_or_else(|| Ok(Vec::new()))
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

/// The security groups that the recipe names.
async fn groups<C: Cloud>(cloud: &C, launches: &[Launch<'_>], subnets: &Subnets<'_>) -> Vec<Groups> {
    let named = launches.iter().filter(|launch| !launch.network.security_groups.is_empty());
    let reads = named.map(async |launch| {
        let named = launch.network.security_groups.clone();
        Groups {
            region: launch.region.clone(),
            field: format!("{}.security_groups", launch.field),
            found: cloud.security_groups(launch.region, &named).await,
            named,
            subnets: subnets_of(launch, subnets),
        }
    });
    bounded(CALLS, reads).await
}

/// The zones at home. Without named subnets, EC2 chooses the builder's, and those of the tester are the default ones.
fn zones(home: &Region, recipe: &Recipe, subnets: &Subnets<'_>) -> Result<Zones> {
    let of = |network: &Network| {
        let found = subnets.get(&(home, network.subnets.as_slice()));
        found.cloned().unwrap_or_else(|| Ok(Vec::new()))
    };
    let (builder, tester) = (&recipe.bake.network, &recipe.verify.network);
    let (of_builder, of_tester) = (of(builder)?, of(tester)?);
    let defaults = match (builder.subnets.is_empty(), tester.subnets.is_empty()) {
        (true, _) => Some(of_builder.len()),
        (false, true) => Some(of_tester.len()),
        (false, false) => None,
    };
    let chosen = of_builder.into_iter().filter(|_| !builder.subnets.is_empty());
    Ok(Zones {
        builder: chosen.map(|subnet| (subnet.id, subnet.zone)).collect(),
        tester: of_tester.into_iter().map(|subnet| subnet.zone).collect(),
        defaults,
    })
}
