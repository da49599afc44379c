//! The role by which a function reaches other accounts, and the sessions that it has there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use kiln_core::inventory::Result;
use tokio::sync::Mutex;

/// The role by which a function reaches parameters of other accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRole {
    /// Its ARN, with `*` in place of the account.
    pub arn: String,
    /// The external id that the role asks for; `None` if it asks for none.
    pub external_id: Option<String>,
}

/// The sessions with other accounts, one for each.
pub(super) type Sessions = RefCell<BTreeMap<String, Arc<Mutex<Option<Session>>>>>;

/// A session with another account, or why there is none.
#[derive(Debug)]
pub(super) struct Session {
    /// Until when it counts.
    pub until: SystemTime,
    /// What it is signed with.
    pub credentials: Result<Credentials>,
}
