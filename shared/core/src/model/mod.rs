//! Kiln's basic values as types. Text is parsed once, where it enters, so a value of these types is always valid.

pub mod anchor;
pub mod channels;
pub mod contents;
pub mod difference;
pub mod duration;
pub mod ids;
pub mod kept;
pub mod name;
pub mod program;
pub mod record;
pub mod script_outcome;
pub mod seal;
pub mod tags;
pub mod token;
pub mod user_data;
pub mod version;
pub mod windows;

pub use anchor::{Anchor, AnchoredEnd, Pin};
pub use contents::{Contents, ContentsSummary};
pub use ids::{ImageId, InstanceId, RecipeName, Region, SecurityGroupId, SnapshotId, SubnetId};
pub use kept::Kept;
pub use name::ImageName;
pub use program::Program;
pub use record::{ImageRecord, Origin, Role, Stage};
pub use script_outcome::ScriptOutcome;
pub use seal::SealKeys;
pub use tags::Tags;
pub use token::Token;
pub use version::Version;
