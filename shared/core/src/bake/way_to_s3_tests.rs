use super::*;
use crate::fixtures::*;
use crate::inventory::Endpoint;

fn subnet(gives_public_ip: bool) -> Subnet {
    let (id, zone) = ("subnet-0a".parse().unwrap(), "us-east-1a".into());
    Subnet { id, zone, vpc: "vpc-1".into(), gives_public_ip }
}

fn at(code: &str, public_ip: Option<bool>, gives_public_ip: bool) -> Place {
    Place {
        region: region(code),
        role: Role::Builder,
        field: "bake.network".into(),
        public_ip,
        subnets: vec![subnet(gives_public_ip)],
    }
}

fn table(id: &str, is_main: bool, subnets: &[&str], routes: &[(&str, &str)]) -> RouteTable {
    let route = |(destination, target): &(&str, &str)| Route {
        destination: (*destination).into(),
        target: (*target).into(),
    };
    RouteTable {
        id: id.into(),
        vpc: "vpc-1".into(),
        is_main,
        subnets: subnets.iter().map(|id| id.parse().unwrap()).collect(),
        routes: routes.iter().map(route).collect(),
    }
}

fn endpoint(service: &str, users: Users) -> Endpoint {
    Endpoint { id: "vpce-0a".into(), vpc: "vpc-1".into(), service: service.into(), users }
}

fn of_tables(tables: &[&str]) -> Users {
    Users::Tables(tables.iter().map(|id| (*id).to_owned()).collect())
}

const LOCAL: (&str, &str) = ("10.9.0.0/16", "local");
const S3: &str = "com.amazonaws.us-east-1.s3";

/// What is told of a place, where the main table has these routes, and the VPC these endpoints.
fn told_with(place: &Place, routes: &[(&str, &str)], endpoints: Vec<Endpoint>) -> Vec<String> {
    let ways = WaysOut { tables: vec![table("rtb-main", true, &[], routes)], endpoints };
    problems(place, &region("us-east-1"), &ways).iter().map(ToString::to_string).collect()
}

fn told(place: &Place, routes: &[(&str, &str)]) -> Vec<String> {
    told_with(place, routes, Vec::new())
}

#[test]
fn a_subnet_without_a_route_out_is_told_with_what_to_do() {
    assert_eq!(
        told(&at("us-east-1", None, false), &[LOCAL]),
        [
            "no way leads from subnet-0a in us-east-1 to S3 in us-east-1, which the builder needs for its files and \
          its log: the route table has no route out; add a gateway endpoint for S3, which is free, or a route to \
          a NAT gateway, or name other subnets in bake.network.subnets"
        ]
    );
}

#[test]
fn away_from_home_no_gateway_endpoint_is_advised() {
    let told = told(&at("eu-west-1", None, false), &[LOCAL]);
    assert!(told[0].contains("from subnet-0a in eu-west-1 to S3 in us-east-1"), "{told:?}");
    assert!(told[0].contains("; add a route to a NAT gateway, or name other subnets"), "{told:?}");
}

#[test]
fn any_active_route_to_public_addresses_is_a_way_and_one_to_private_addresses_is_none() {
    let place = at("eu-west-1", None, false);
    for target in ["nat-0a", "tgw-0a", "eni-0a", "pcx-0a", "vgw-0a", "vpce-0firewall"] {
        assert!(told(&place, &[LOCAL, ("0.0.0.0/0", target)]).is_empty(), "{target}");
    }
    for destination in ["128.0.0.0/1", "52.216.0.0/15", "64:ff9b::/96", "pl-0a"] {
        assert!(told(&place, &[LOCAL, (destination, "nat-0a")]).is_empty(), "{destination}");
    }
    for destination in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::/0"] {
        assert_eq!(told(&place, &[LOCAL, (destination, "tgw-0a")]).len(), 1, "{destination}");
    }
}

#[test]
fn an_internet_gateway_is_a_way_for_what_has_a_public_address_alone() {
    let routes = [LOCAL, ("0.0.0.0/0", "igw-0a")];
    for (public_ip, gives, is_way) in
        [(Some(true), false, true), (None, true, true), (Some(false), true, false), (None, false, false)]
    {
        let told = told(&at("us-east-1", public_ip, gives), &routes);
        assert_eq!(told.is_empty(), is_way, "{public_ip:?} {gives} {told:?}");
        for problem in told {
            assert!(problem.contains("through an internet gateway, and there is no public address"));
            assert!(problem.contains("; set public_ip = true, or add a gateway endpoint"), "{problem}");
        }
    }
    let both = [("0.0.0.0/0", "igw-0a"), ("52.216.0.0/15", "nat-0a")];
    assert!(told(&at("us-east-1", Some(false), false), &both).is_empty());
}

#[test]
fn a_gateway_endpoint_is_a_way_for_its_route_tables_and_to_its_own_region() {
    let gateway = |service, tables| vec![endpoint(service, of_tables(tables))];
    let home = at("us-east-1", None, false);
    assert!(told_with(&home, &[LOCAL], gateway(S3, &["rtb-main"])).is_empty());
    assert_eq!(told_with(&home, &[LOCAL], gateway(S3, &["rtb-other"])).len(), 1);
    assert_eq!(
        told_with(&home, &[LOCAL], gateway("com.amazonaws.us-east-1.dynamodb", &["rtb-main"])).len(),
        1
    );
    let away = at("eu-west-1", None, false);
    assert_eq!(told_with(&away, &[LOCAL], gateway("com.amazonaws.eu-west-1.s3", &["rtb-main"])).len(), 1);
}

#[test]
fn an_interface_endpoint_is_a_way_for_its_vpc() {
    let home = at("us-east-1", None, false);
    assert!(told_with(&home, &[LOCAL], vec![endpoint(S3, Users::Vpc)]).is_empty());
    let other = Endpoint { vpc: "vpc-2".into(), ..endpoint(S3, Users::Vpc) };
    assert_eq!(told_with(&home, &[LOCAL], vec![other]).len(), 1);
}

#[test]
fn an_endpoint_that_only_its_route_shows_may_be_of_s3_unless_it_is_known_as_another() {
    let routes = [LOCAL, ("pl-0a", "vpce-0a")];
    assert!(told(&at("us-east-1", None, false), &routes).is_empty());
    assert_eq!(told(&at("eu-west-1", None, false), &routes).len(), 1);
    let other = vec![endpoint("com.amazonaws.us-east-1.dynamodb", of_tables(&["rtb-main"]))];
    assert_eq!(told_with(&at("us-east-1", None, false), &routes, other).len(), 1);
}

#[test]
fn the_table_of_a_subnet_goes_before_the_main_one_of_its_vpc() {
    let out = [("0.0.0.0/0", "nat-0a")];
    let told = |own: &[(&str, &str)], main: &[(&str, &str)]| {
        let tables = vec![table("rtb-main", true, &[], main), table("rtb-own", false, &["subnet-0a"], own)];
        let ways = WaysOut { tables, endpoints: Vec::new() };
        problems(&at("us-east-1", None, false), &region("us-east-1"), &ways).len()
    };
    assert_eq!((told(&out, &[]), told(&[], &out)), (0, 1));
}

#[test]
fn a_subnet_whose_route_table_is_not_shown_may_have_a_way() {
    let shown = WaysOut { tables: vec![table("rtb-1", false, &["subnet-0b"], &[])], endpoints: Vec::new() };
    assert!(problems(&at("us-east-1", None, false), &region("us-east-1"), &shown).is_empty());
}
