//! Reads route tables and VPC endpoints, as EC2 describes them.

use aws_sdk_ec2::types::{RouteState, RouteTable as GivenTable, VpcEndpoint, VpcEndpointType};
use kiln_core::inventory::{Endpoint, Route, RouteTable, Users};

/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RouteTable.html>)
pub fn table(given: &GivenTable) -> Option<RouteTable> {
    let subnets = given.associations().iter().filter_map(|one| one.subnet_id()?.parse().ok());
    Some(RouteTable {
        id: given.route_table_id()?.to_owned(),
        vpc: given.vpc_id()?.to_owned(),
        is_main: given.associations().iter().any(|one| one.main() == Some(true)),
        subnets: subnets.collect(),
        routes: given.routes().iter().filter_map(route).collect(),
    })
}

/// A route that is active. Of what it leads to, EC2 names one. A target of another kind is one too.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html>)
fn route(given: &aws_sdk_ec2::types::Route) -> Option<Route> {
    let destination = given
        .destination_cidr_block()
        .or(given.destination_ipv6_cidr_block())
        .or(given.destination_prefix_list_id())?;
    let target = given
        .gateway_id()
        .or(given.nat_gateway_id())
        .or(given.transit_gateway_id())
        .or(given.vpc_peering_connection_id())
        .or(given.network_interface_id())
        .or(given.instance_id())
        .or(given.local_gateway_id())
        .or(given.carrier_gateway_id())
        .or(given.egress_only_internet_gateway_id())
        .unwrap_or("another target");
    let is_dead = given.state() == Some(&RouteState::Blackhole);
    (!is_dead).then(|| Route { destination: destination.to_owned(), target: target.to_owned() })
}

/// A VPC endpoint that is available. EC2 writes its state in lower case, other than its documentation.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html>)
pub fn endpoint(given: &VpcEndpoint) -> Option<Endpoint> {
    if !given.state()?.as_str().eq_ignore_ascii_case("available") {
        return None;
    }
    Some(Endpoint {
        id: given.vpc_endpoint_id()?.to_owned(),
        vpc: given.vpc_id()?.to_owned(),
        service: given.service_name()?.to_owned(),
        users: match given.vpc_endpoint_type() {
            Some(VpcEndpointType::Gateway) => {
                Users::Tables(given.route_table_ids().iter().cloned().collect())
            }
            _ => Users::Vpc,
        },
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route as GivenRoute, RouteTableAssociation, State};

    use super::*;

    #[test]
    fn a_route_table_has_its_active_routes_and_its_subnets() {
        let route = |destination: &str, state: RouteState| {
            GivenRoute::builder().destination_cidr_block(destination).state(state)
        };
        let given = GivenTable::builder()
            .route_table_id("rtb-1")
            .vpc_id("vpc-1")
            .associations(RouteTableAssociation::builder().main(true).build())
            .associations(RouteTableAssociation::builder().main(false).subnet_id("subnet-0a").build())
            .routes(route("10.0.0.0/16", RouteState::Active).gateway_id("local").build())
            .routes(route("0.0.0.0/0", RouteState::Blackhole).nat_gateway_id("nat-1").build())
            .routes(route("0.0.0.0/1", RouteState::Active).core_network_arn("arn").build())
            .build();
        let read = table(&given).unwrap();
        let routes: Vec<_> =
            read.routes.iter().map(|one| (one.destination.as_str(), one.target.as_str())).collect();
        assert_eq!(routes, [("10.0.0.0/16", "local"), ("0.0.0.0/1", "another target")]);
        assert!(read.is_main && read.subnets.contains(&"subnet-0a".parse().unwrap()));
    }

    #[test]
    fn an_endpoint_counts_once_it_is_available() {
        let of = |state: &str| {
            let given = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").vpc_id("vpc-1").service_name("s3");
            let given = given.vpc_endpoint_type(VpcEndpointType::Gateway).route_table_ids("rtb-1");
            endpoint(&given.state(State::from(state)).build())
        };
        assert_eq!(of("available").unwrap().users, Users::Tables(["rtb-1".to_owned()].into()));
        assert_eq!((of("pending"), of("Available").is_some()), (None, true));
    }
}
