//! Observes through ports, asks the rules, applies what they decide.

pub mod apply;
pub mod context;
pub mod handlers;
pub mod observe;
pub mod ports;
