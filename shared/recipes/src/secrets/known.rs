//! Secrets of well-known services, which are told by their form.

use super::{Rule, contains};

/// How a token begins, and what must follow.
struct Form {
    rule: Rule,
    prefix: &'static [u8],
    /// Whether a character can be in what follows.
    allowed: fn(u8) -> bool,
    /// How many of them there are at least.
    least: usize,
}

const fn form(rule: Rule, prefix: &'static str, allowed: fn(u8) -> bool, least: usize) -> Form {
    Form { rule, prefix: prefix.as_bytes(), allowed, least }
}

const FORMS: [Form; 19] = [
    form(Rule::AwsAccessKeyId, "AKIA", base32, 16),
    form(Rule::AwsAccessKeyId, "ASIA", base32, 16),
    form(Rule::GithubToken, "ghp_", alphanumeric, 36),
    form(Rule::GithubToken, "gho_", alphanumeric, 36),
    form(Rule::GithubToken, "ghs_", alphanumeric, 36),
    form(Rule::GithubToken, "ghu_", alphanumeric, 36),
    form(Rule::GithubToken, "ghr_", alphanumeric, 36),
    form(Rule::GithubToken, "github_pat_", alphanumeric, 22),
    form(Rule::GitlabToken, "glpat-", word, 20),
    form(Rule::SlackToken, "xoxa-", word, 10),
    form(Rule::SlackToken, "xoxb-", word, 10),
    form(Rule::SlackToken, "xoxp-", word, 10),
    form(Rule::SlackToken, "xoxr-", word, 10),
    form(Rule::SlackToken, "xoxs-", word, 10),
    form(Rule::StripeKey, "sk_live_", alphanumeric, 16),
    form(Rule::StripeKey, "rk_live_", alphanumeric, 16),
    form(Rule::GoogleApiKey, "AIza", word, 35),
    form(Rule::NpmToken, "npm_", alphanumeric, 36),
    // A name such as pypi-publish-to-the-index begins alike; of a token, the next characters are always these.
    form(Rule::PypiToken, "pypi-AgE", word, 16),
];

/// Whether a byte begins any form, so that most words are passed over at their first.
const BEGINS: [bool; 256] = {
    let mut begins = [false; 256];
    let mut at = 0;
    while at < FORMS.len() {
        begins[FORMS[at].prefix[0] as usize] = true;
        at += 1;
    }
    begins
};

const PEM: &[u8] = b"-----BEGIN ";
/// How far behind the beginning of PEM its kind can end, and how far before a key of AWS its name can begin.
const NEAR: usize = 64;
const AWS_SECRET_LENGTH: usize = 40;
const LEAST_OF_JWT: usize = 10;

/// The rules that a line meets, each once.
pub fn rules(line: &[u8]) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut before = b' ';
    for (at, byte) in line.iter().enumerate() {
        // Each kind of token is tried only where it can begin, so no byte is read more than a few times.
        let from = &line[at..];
        if BEGINS[usize::from(*byte)] && !alphanumeric(before) {
            rules.extend(FORMS.iter().filter(|form| form.begins(from)).map(|form| form.rule));
        }
        if *byte == b'e' && from.starts_with(b"eyJ") && !(word(before) || before == b'.') && is_jwt(from) {
            rules.push(Rule::JsonWebToken);
        }
        if *byte == b'-' && is_private_key(from) {
            rules.push(Rule::PrivateKey);
        }
        if base64(*byte) && !base64(before) && is_aws_secret(&line[..at], from) {
            rules.push(Rule::AwsSecretAccessKey);
        }
        before = *byte;
    }
    rules.sort();
    rules.dedup();
    rules
}

impl Form {
    fn begins(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix) else { return false };
        let Some(token) = rest.get(..self.least) else { return false };
        // The id of an AWS key has one length; all others may go on.
        let ends = self.rule != Rule::AwsAccessKeyId
            || !rest.get(self.least).is_some_and(|next| alphanumeric(*next));
        ends && token.iter().all(|byte| (self.allowed)(*byte))
    }
}

fn is_jwt(text: &[u8]) -> bool {
    let mut rest = text;
    for _ in ["header", "payload"] {
        let length = word_length(rest);
        if !rest.starts_with(b"eyJ") || length < LEAST_OF_JWT || rest.get(length) != Some(&b'.') {
            return false;
        }
        rest = &rest[length + 1..];
    }
    word_length(rest) >= LEAST_OF_JWT
}

fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| word(**byte)).count()
}

fn is_private_key(text: &[u8]) -> bool {
    let Some(kind) = text.strip_prefix(PEM) else { return false };
    let kind = &kind[..kind.len().min(NEAR)];
    contains(kind, b"PRIVATE KEY-----") || contains(kind, b"PRIVATE KEY BLOCK-----")
}

fn is_aws_secret(before: &[u8], text: &[u8]) -> bool {
    let length = text.iter().take_while(|byte| base64(**byte)).count();
    length == AWS_SECRET_LENGTH && text.get(length) != Some(&b'=') && names_aws_secret(before)
}

/// Whether what stands just before a value calls it the secret of an AWS key, in the spelling of any language.
fn names_aws_secret(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(NEAR)..];
    let letters: Vec<u8> =
        near.iter().filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    contains(&letters, b"secretaccesskey") || contains(&letters, b"awssecret")
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn base32(byte: u8) -> bool {
    byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'+'
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}
