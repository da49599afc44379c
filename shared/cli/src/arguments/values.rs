//! What an argument may be, and how it is told what is wrong with one.

use std::time::Duration;

/// Kiln's functions, in the order of the chain.
pub const FUNCTIONS: [&str; 9] =
    ["bake", "capture", "verify", "publish", "replicate", "expire", "reconcile", "catalog", "notify"];

/// The name of a stack. The longest name of a rule adds 26 characters, and EventBridge takes 64.
pub(super) fn stack(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 38
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_name {
        Ok(text.into())
    } else {
        Err("a letter, and at most 37 more letters, digits and hyphens".into())
    }
}

/// Why something is done, for those who read it later.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_line = !text.is_empty() && text.chars().count() <= 256 && !text.contains('\n');
    if is_line { Ok(text.into()) } else { Err("one line of 1 to 256 characters".into()) }
}

/// How long something is followed.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    time(text, 86_400).ok_or_else(|| "a time such as 90s, 45m or 3h, of at most 24h".to_owned())
}

/// How far back something is looked at.
pub(super) fn since(text: &str) -> Result<Duration, String> {
    time(text, 366 * 86_400).ok_or_else(|| "a time such as 15m, 1h or 2d, of at most 366d".to_owned())
}

fn time(text: &str, most_seconds: u64) -> Option<Duration> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=most_seconds).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// A name and its value.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_a_unit() {
        assert_eq!(span("90m").unwrap().as_secs(), 5400);
        for wrong in ["0s", "m", "25h", "9", "99999999999999999999h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(since("2d").unwrap().as_secs(), 172_800);
    }

    #[test]
    fn a_pair_may_have_an_empty_value_and_no_empty_name() {
        assert_eq!(pair("KmsKey=").unwrap(), ("KmsKey".into(), String::new()));
        assert_eq!(pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }

    #[test]
    fn the_functions_are_those_that_are_built() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions")).unwrap();
        let mut built: Vec<String> =
            folder.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        let mut known = FUNCTIONS.map(str::to_owned);
        built.sort();
        known.sort();
        assert_eq!(built, known);
    }
}
