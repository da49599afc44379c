//! The payloads that invoke `reconcile`: a sweep, and what is done with the stack's queues.

use serde::Deserialize;
use serde_json::Value;

use super::payload::{BadEvent, fields};

/// An invocation of `reconcile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReconcileCall {
    /// A sweep, which covers everything.
    Sweep,
    /// Somebody looks after what waits in the stack's queues.
    Failures(FailuresCall),
}

/// What is done with the messages in the stack's queues: those whose ids begin so, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailuresCall {
    /// They are shown.
    List,
    /// Their events are sent to the functions again.
    Redrive(Vec<String>),
    /// They are removed.
    Purge(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailuresByHand {
    failures: OfFailures,
    #[serde(default)]
    ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OfFailures {
    List,
    Redrive,
    Purge,
}

const RECONCILE: &str = r#"expected {}, for a sweep covers all recipes, or {"failures": "list"}, with "redrive" or "purge" instead and "ids" for some of them"#;

impl ReconcileCall {
    /// Parses the payload of `reconcile`.
    ///
    /// # Errors
    /// What is wrong with the payload, and which payloads are accepted.
    pub fn read(payload: &Value) -> Result<Self, BadEvent> {
        if payload.get("failures").is_some() {
            let FailuresByHand { failures, ids } = fields(payload, RECONCILE)?;
            return Ok(Self::Failures(match failures {
                OfFailures::List => FailuresCall::List,
                OfFailures::Redrive => FailuresCall::Redrive(ids),
                OfFailures::Purge => FailuresCall::Purge(ids),
            }));
        }
        match payload.as_object() {
            Some(fields) if fields.is_empty() => Ok(Self::Sweep),
            _ => Err(BadEvent { problem: "it is not an empty JSON object".into(), expected: RECONCILE }),
        }
    }
}
