//! What would keep a builder or tester from what it fetches from S3. A log that cannot be sent fails no bake, so for a log alone
//! nothing is asked.

use std::net::Ipv4Addr;

use crate::inventory::{Route, RouteTable, Subnet, Users, WaysOut};
use crate::model::{Region, Role};
use crate::plan::reason::{NoWay, Problem};
use crate::plan::text::join;

/// Where instances are launched that need S3 in the home Region.
#[derive(Debug, Clone)]
pub struct Place {
    /// The Region.
    pub region: Region,
    /// Who is launched there.
    pub role: Role,
    /// The table of the recipe that says so.
    pub field: String,
    /// Whether they get a public address; `None` for what their subnet says.
    pub public_ip: Option<bool>,
    /// The subnets.
    pub subnets: Vec<Subnet>,
}

/// The subnets of a place from which no way leads to S3 in the home Region. A subnet whose route table is not shown,
/// such as that of a VPC of another account, may well have one.
pub(super) fn problems(place: &Place, home: &Region, ways: &WaysOut) -> Vec<Problem> {
    let problem = |why: NoWay| {
        let stuck = place.subnets.iter().filter(|subnet| lacks(place, subnet, home, ways) == Some(why));
        let stuck: Vec<_> = stuck.map(|subnet| subnet.id.to_string()).collect();
        (!stuck.is_empty()).then(|| Problem::NoWayToS3 {
            subnets: join(&stuck),
            region: place.region.clone(),
            home: home.clone(),
            role: place.role,
            why,
            remedy: remedy(why, place.region == *home),
            field: place.field.clone(),
        })
    };
    [NoWay::NoRoute, NoWay::NoAddress].into_iter().filter_map(problem).collect()
}

/// What a subnet lacks to reach S3 in the home Region.
fn lacks(place: &Place, subnet: &Subnet, home: &Region, ways: &WaysOut) -> Option<NoWay> {
    let table = table_of(subnet, ways)?;
    let is_ours = |users: &Users| match users {
        Users::Tables(tables) => tables.contains(&table.id),
        Users::Vpc => true,
    };
    let mut endpoints = ways.endpoints.iter().filter(|one| one.vpc == subnet.vpc && one.is_of_s3(home));
    if endpoints.any(|one| is_ours(&one.users)) {
        return None;
    }
    let is_at_home = place.region == *home;
    let out: Vec<&Route> =
        table.routes.iter().filter(|route| leads_out(route, home, is_at_home, ways)).collect();
    let has_address = place.public_ip.unwrap_or(subnet.gives_public_ip);
    // An internet gateway takes nothing that has no public address.
    // (https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html)
    match out.iter().any(|route| has_address || !route.target.starts_with("igw-")) {
        true => None,
        false if out.is_empty() => Some(NoWay::NoRoute),
        false => Some(NoWay::NoAddress),
    }
}

/// The route table of a subnet: the one that it is associated with, or else the main one of its VPC.
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html>)
fn table_of<'a>(subnet: &Subnet, ways: &'a WaysOut) -> Option<&'a RouteTable> {
    let own = ways.tables.iter().find(|table| table.subnets.contains(&subnet.id));
    own.or_else(|| ways.tables.iter().find(|table| table.is_main && table.vpc == subnet.vpc))
}

/// Whether a route may lead to S3. A prefix list may hold anything, unless its route leads to an endpoint of
/// something else.
fn leads_out(route: &Route, home: &Region, is_at_home: bool, ways: &WaysOut) -> bool {
    if route.target == "local" {
        return false;
    }
    let is_list = route.destination.starts_with("pl-");
    if is_list && route.target.starts_with("vpce-") {
        let known = ways.endpoints.iter().find(|one| one.id == route.target);
        // The owner of a shared VPC has endpoints that are not shown.
        return known.map_or(is_at_home, |one| one.is_of_s3(home));
    }
    is_list || is_of_others(&route.destination)
}

/// Whether a CIDR block has public addresses of IPv4, as S3 has: also as IPv6 names them to a NAT gateway.
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html>)
fn is_of_others(cidr: &str) -> bool {
    if cidr == "64:ff9b::/96" {
        return true;
    }
    let first = cidr.split('/').next().and_then(|first| first.parse::<Ipv4Addr>().ok());
    first.is_some_and(|first| {
        let [a, b, ..] = first.octets();
        let of_carriers = a == 100 && (64..128).contains(&b);
        !(first.is_private() || first.is_link_local() || of_carriers)
    })
}

fn remedy(why: NoWay, is_at_home: bool) -> &'static str {
    match (why, is_at_home) {
        (NoWay::NoRoute, true) => "add a gateway endpoint for S3, which is free, or a route to a NAT gateway",
        (NoWay::NoRoute, false) => "add a route to a NAT gateway",
        (NoWay::NoAddress, true) => {
            "set public_ip = true, or add a gateway endpoint for S3, which is free, or a route to a NAT gateway"
        }
        (NoWay::NoAddress, false) => "set public_ip = true, or add a route to a NAT gateway",
    }
}

#[cfg(test)]
#[path = "way_to_s3_tests.rs"]
mod tests;
