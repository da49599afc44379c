//! AWS, as this program calls it: who is signed in, where, and why something was refused.

mod errors;
mod lambda;
mod session;

pub(crate) use errors::{code, innermost, is_network, refused};
pub(crate) use lambda::Lambda;
pub(crate) use session::{Session, sign_in};
