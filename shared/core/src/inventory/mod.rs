//! What was observed of the cloud, as types.

pub mod account;
pub mod error;
pub mod filter;
pub mod image;
pub mod instance;
pub mod request;
pub mod sharing;
pub mod usage;

pub use account::{DefaultEncryption, Key, KeyManager, PublicImages, Subnet, Template, TemplatePoint, Vcpus};
pub use error::{CloudError, Cloudly, Kind};
pub use image::{Architecture, Deregistration, Image, ImageState, Protection, Snapshot, SnapshotDeletion};
pub use instance::{Instance, InstanceState, Purpose, StopCause};
pub use request::{Candidates, Encryption, NewImage, NewInstance, NewReplica, NewTemplateVersion, Wanted};
pub use sharing::{Change, Finding, Granted, Grantee, Severity};
pub use usage::{Launchers, ReportState, Shared, Usage, UsageReport, Use};
