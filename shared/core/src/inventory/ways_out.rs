//! The ways that lead out of a VPC: route tables and VPC endpoints.

use std::collections::BTreeSet;

use crate::model::{Region, SubnetId};

/// The ways that lead out of the VPCs that were asked for, as far as they are shown to the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaysOut {
    /// The route tables.
    pub tables: Vec<RouteTable>,
    /// The VPC endpoints that are available.
    pub endpoints: Vec<Endpoint>,
}

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Whether it is that of every subnet of the VPC that is associated with no other.
    pub is_main: bool,
    /// The subnets that are associated with it.
    pub subnets: BTreeSet<SubnetId>,
    /// Its active routes.
    pub routes: Vec<Route>,
}

/// A route that is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// A CIDR block, or the id of a prefix list.
    pub destination: String,
    /// The id of what it leads to, or `local`.
    pub target: String,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The name of the service that it leads to.
    pub service: String,
    /// Who can use it.
    pub users: Users,
}

impl Endpoint {
    /// Whether it leads to S3 in a Region.
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html>)
    pub fn is_of_s3(&self, region: &Region) -> bool {
        self.service.ends_with(&format!(".amazonaws.{region}.s3"))
    }
}

/// Who can use a VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// Of a gateway endpoint: the subnets of these route tables.
    Tables(BTreeSet<String>),
    /// Of an interface endpoint: the whole VPC.
    Vpc,
}
