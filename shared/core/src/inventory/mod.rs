//! What was read from AWS, what AWS is asked for, and the errors of those calls, as types.

pub mod account;
pub mod advice;
mod anchored;
mod chosen;
pub mod description;
mod device;
pub mod error;
pub mod filter;
pub mod image;
pub mod instance;
pub mod log_verdict;
mod platform;
pub mod request;
pub mod sealed;
mod sealed_instances;
pub mod sharing;
pub mod usage;
mod waiting;
pub mod watermark;
mod ways_out;

pub use crate::model::seal::Seal;
pub use account::{
    DefaultEncryption, InstanceType, Key, KeyManager, ParameterKind, PublicImages, Subnet, Template,
    TemplatePoint, Vcpus,
};
pub use chosen::Chosen;
pub use description::Description;
pub use device::{Device, Disk};
pub use error::{CloudError, ErrorKind, Result};
pub use image::{
    Architecture, Deprecation, Deregistration, Features, Image, ImageState, MadeFor, MadeFrom, Protection,
    Snapshot, SnapshotDeletion, WithSnapshots,
};
pub use instance::{Instance, InstanceRole, InstanceState, StopReason};
pub use platform::Platform;
pub use request::{
    Candidates, Encryption, ImageQuery, NewImage, NewInstance, NewReplica, NewTemplateVersion,
};
pub use sealed::MarkRange;
pub use sharing::{Finding, Grantee, PermissionChange, Permissions, Severity};
pub use usage::{LaunchSources, Reference, RegionUsage, ReportState, SharedWith, UsageReport};
pub use waiting::Waiting;
pub use ways_out::{Endpoint, Route, RouteTable, Users, WaysOut};
