//! Values for EC2's filters, escaped so that they match literally.

/// The most values in one filter.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>)
pub const MOST_VALUES: usize = 200;

/// A filter value that matches only this text: `*`, `?` and the backslash are escaped, because filters treat them
/// specially.
pub fn exactly(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// EC2's matching, as its user guide describes it.
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            (['\\', escaped, rest @ ..], [first, text @ ..]) => escaped == first && matches(rest, text),
            (['*', rest @ ..], _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
            (['?', rest @ ..], [_, text @ ..]) => matches(rest, text),
            ([one, rest @ ..], [first, text @ ..]) => one == first && matches(rest, text),
            (pattern, text) => pattern.is_empty() && text.is_empty(),
        }
    }

    proptest! {
        #[test]
        fn an_escaped_value_matches_only_itself(value in "[a*?\\\\]{0,6}", other in "[a*?\\\\b]{0,6}") {
            let pattern: Vec<char> = exactly(&value).chars().collect();
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert!(matches(&pattern, &chars(&value)));
            prop_assert_eq!(matches(&pattern, &chars(&other)), value == other);
        }
    }
}
