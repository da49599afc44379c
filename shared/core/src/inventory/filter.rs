//! Values in EC2's filters.

/// How many values one filter takes.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>)
pub const MOST_VALUES: usize = 200;

/// A value that matches itself alone: in a filter `*` and `?` match anything, unless a backslash stands before.
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

    /// EC2's matching, as documented.
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
        fn matches_itself_and_nothing_else(value in "[a*?\\\\]{0,6}", other in "[a*?\\\\b]{0,6}") {
            let pattern: Vec<char> = exactly(&value).chars().collect();
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert!(matches(&pattern, &chars(&value)));
            prop_assert_eq!(matches(&pattern, &chars(&other)), value == other);
        }
    }
}
