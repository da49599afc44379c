//! The words of Kiln, as types: parsed once at the edge, so that what is inside is right.

pub mod duration;
pub mod ids;
pub mod name;
pub mod record;
pub mod script_outcome;
pub mod tags;
pub mod token;
pub mod user_data;

pub mod version;

pub use ids::{ImageId, InstanceId, RecipeName, Region, SnapshotId, SubnetId};
pub use name::ImageName;
pub use record::{ImageRecord, Origin, Role, Stage};
pub use script_outcome::ScriptOutcome;
pub use tags::Tags;
pub use token::Token;
pub use version::Version;
