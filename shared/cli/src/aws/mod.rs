//! AWS, as this program calls it: who is signed in, where, and why something was refused.

mod errors;
mod lambda;
mod session;

pub(crate) use errors::{code, is_network, refused};
pub(crate) use lambda::Lambda;
pub(crate) use session::{Session, sign_in};

/// The token of the next page; `None` behind the last one, for which some services send an empty one.
pub(crate) fn more(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}
