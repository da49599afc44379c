//! Reads the account through ports, asks the rules of `kiln-core`, and applies what they decide. Knows no AWS SDK.

pub mod apply;
pub mod bounded;
pub mod catalog;
pub mod context;
pub mod handlers;
pub mod observe;
pub mod ports;
