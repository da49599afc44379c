//! Finds what looks like a secret in the files of a recipe.
//!
//! An image keeps what was baked into it, and whoever may launch the image can read it: a secret belongs in a store
//! that the instance asks. The scan is a net with known holes. It knows the forms in which well-known services give
//! their secrets, and literals that are assigned to a word such as `password`; it does not know yours.

mod assigned;
mod known;

use std::fmt;

use crate::mistake::Mistake;

/// A line with these words is let pass, and so is the line after it.
pub const NO_SECRET: &str = "kiln:no-secret";

/// A file with NUL in its first bytes is binary, and is not scanned.
const BINARY_WITHIN: usize = 8 * 1024;

/// What looks like a secret. The secret itself is not in here, so a finding can be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The path of the file.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What it looks like.
    pub rule: Rule,
}

/// What a secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The id of an access key of AWS: `AKIA…`, `ASIA…`.
    AwsAccessKeyId,
    /// The secret of an access key of AWS, after a word such as `aws_secret_access_key`.
    AwsSecretAccessKey,
    /// A private key in PEM or of PGP.
    PrivateKey,
    /// A token of GitHub: `ghp_…`, `github_pat_…`.
    GithubToken,
    /// A token of GitLab: `glpat-…`.
    GitlabToken,
    /// A token of Slack: `xoxb-…`.
    SlackToken,
    /// A live key of Stripe: `sk_live_…`.
    StripeKey,
    /// A key of a Google API: `AIza…`.
    GoogleApiKey,
    /// A token of npm: `npm_…`.
    NpmToken,
    /// A token of PyPI: `pypi-…`.
    PypiToken,
    /// A signed JSON Web Token: `eyJ….eyJ….…`.
    JsonWebToken,
    /// A literal that is assigned to a word such as `password`.
    Assigned,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsAccessKeyId => "the id of an AWS access key",
            Self::AwsSecretAccessKey => "the secret of an AWS access key",
            Self::PrivateKey => "a private key",
            Self::GithubToken => "a GitHub token",
            Self::GitlabToken => "a GitLab token",
            Self::SlackToken => "a Slack token",
            Self::StripeKey => "a live Stripe key",
            Self::GoogleApiKey => "a Google API key",
            Self::NpmToken => "an npm token",
            Self::PypiToken => "a PyPI token",
            Self::JsonWebToken => "a JSON Web Token",
            Self::Assigned => "a password, token or key",
        })
    }
}

impl From<Secret> for Mistake {
    fn from(secret: Secret) -> Self {
        let problem = format!(
            "it looks like {}; let the instance read it from Secrets Manager or Parameter Store, or write \
             {NO_SECRET} on the line if it is none",
            secret.rule
        );
        Self { path: secret.path, line: Some(secret.line), problem }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Mistake::from(self.clone()).fmt(f)
    }
}

/// What looks like a secret in a text file, by line; nothing in a binary file. Its time grows with the bytes alone,
/// whatever they are.
pub fn scan(path: &str, bytes: &[u8]) -> Vec<Secret> {
    if bytes.iter().take(BINARY_WITHIN).any(|byte| *byte == 0) {
        return Vec::new();
    }
    let mut secrets = Vec::new();
    let mut before: &[u8] = b"";
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let rules = rules(line);
        // Asked only where something was found, for it reads the lines once more.
        if !rules.is_empty() && !is_let_pass(line) && !is_let_pass(before) {
            secrets.extend(rules.into_iter().map(|rule| Secret {
                path: path.to_owned(),
                line: at + 1,
                rule,
            }));
        }
        before = line;
    }
    secrets
}

/// What a line looks like, each rule once.
fn rules(line: &[u8]) -> Vec<Rule> {
    let mut rules = known::rules(line);
    // A token of a known form, assigned to `token`, is one secret and not two.
    if rules.is_empty() && assigned::is_in(line) {
        rules.push(Rule::Assigned);
    }
    rules
}

fn is_let_pass(line: &[u8]) -> bool {
    contains(line, NO_SECRET.as_bytes())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    // By the first byte, in which most of them differ already.
    bytes.iter().enumerate().any(|(at, byte)| Some(byte) == part.first() && bytes[at..].starts_with(part))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
