//! Reads the account through the ports, in as few calls as the API allows.

pub mod base_images;
pub mod event_resource;
pub mod find_image;
pub mod images;
pub mod inventory;
pub(crate) mod network;
pub mod orphans;
pub mod preflight;
pub mod recipes;
pub mod usage;
