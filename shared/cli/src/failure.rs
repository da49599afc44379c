//! A failure, as a person reads it: what failed, where, and what to do.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::exit;

/// What kind of failure it is, for a program that reads the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The profile is not there.
    Profile,
    /// There are no credentials, or they are no longer valid.
    Credentials,
    /// No Region is known.
    Region,
    /// A right is missing.
    Denied,
    /// AWS cannot be reached.
    Network,
    /// The function is not there.
    NotDeployed,
    /// AWS asked for patience.
    Throttled,
    /// The function failed, and tells why.
    Function,
    /// The function answered something else than was expected.
    Answer,
    /// Nobody said yes.
    NotConfirmed,
    /// What was asked for did not happen.
    NotDone,
    /// The folder of a release is not as it must be.
    Release,
    /// A parameter of the deployment is wrong.
    Parameter,
    /// Recipes are wrong, or are not there.
    Recipes,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Anything else.
    Other,
}

impl Kind {
    /// Its word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Credentials => "credentials",
            Self::Region => "region",
            Self::Denied => "denied",
            Self::Network => "network",
            Self::NotDeployed => "not-deployed",
            Self::Throttled => "throttled",
            Self::Function => "function",
            Self::Answer => "answer",
            Self::NotConfirmed => "not-confirmed",
            Self::NotDone => "not-done",
            Self::Release => "release",
            Self::Parameter => "parameter",
            Self::Recipes => "recipes",
            Self::Interrupted => "interrupted",
            Self::Other => "other",
        }
    }
}

/// A failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind it is.
    pub kind: Kind,
    /// What failed, and where.
    pub what: String,
    /// What to do; `None` if the function says so itself.
    pub advice: Option<String>,
    /// What was shown before it failed, for the document.
    shown: Map<String, Value>,
}

impl Failure {
    /// A failure that needs no advice.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), advice: None, shown: Map::new() }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same, with what was shown before.
    #[must_use]
    pub fn after(mut self, key: &str, shown: Value) -> Self {
        self.shown.insert(key.into(), shown);
        self
    }

    /// Its exit code.
    pub fn code(&self) -> u8 {
        if self.kind == Kind::Interrupted { exit::INTERRUPTED } else { exit::FAILED }
    }

    /// The document of `--output json`.
    pub fn document(&self) -> Value {
        let mut document = self.shown.clone();
        let mut error = json!({ "kind": self.kind.word(), "what": self.what });
        if let Some(advice) = &self.advice {
            error["advice"] = json!(advice);
        }
        document.insert("error".into(), error);
        Value::Object(document)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.advice {
            Some(advice) => write!(f, "{}\n{advice}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_what_failed_and_below_it_what_to_do() {
        let failure = Failure::new(Kind::Region, "No Region is set.").advise("Say --region us-east-1.");
        assert_eq!(failure.to_string(), "No Region is set.\nSay --region us-east-1.");
    }

    #[test]
    fn its_document_has_what_was_shown_before_it_failed() {
        let failure = Failure::new(Kind::Function, "it failed").after("preview", json!({ "decisions": [] }));
        let expected =
            json!({ "preview": { "decisions": [] }, "error": { "kind": "function", "what": "it failed" } });
        assert_eq!(failure.document(), expected);
    }
}
