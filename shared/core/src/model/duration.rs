//! Time spans as recipes write them: `45m`, `7d`.

use chrono::TimeDelta;

/// The accepted form, for error messages.
pub const EXPECTED: &str = "a whole number and a unit: s, m, h, d or w, such as \"45m\" or \"30d\"";

/// Parses a span such as `45m`. `None` if the text has another form, or the span exceeds 1,000 years.
pub fn parse(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().last()?;
    let number = &text[..text.len() - unit.len_utf8()];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let total = number.parse::<i64>().ok()?.checked_mul(seconds)?;
    (total <= 1_000 * 365 * 86_400).then(|| TimeDelta::try_seconds(total)).flatten()
}

/// Formats a span exactly, in the largest unit that divides it: 36 hours are `36h`.
pub fn show(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds != 0 && seconds % size == 0 {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// Formats a span roughly, rounded down to its largest unit: 36 hours are `1d`.
pub fn about(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds.abs() >= size {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_unit_parses() {
        for (text, seconds) in
            [("0d", 0), ("30s", 30), ("45m", 2_700), ("2h", 7_200), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(parse(text), TimeDelta::try_seconds(seconds), "{text}");
        }
    }

    #[test]
    fn ambiguous_or_malformed_spans_do_not_parse() {
        for text in ["", "7", "d", "-7d", "7 d", "1.5h", "7D", "7d3h", "99999999999999999999d", "9é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_formatted_span_parses_to_the_same_span(seconds in 0i64..30_000_000_000) {
            let span = TimeDelta::try_seconds(seconds).unwrap();
            prop_assert_eq!(parse(&show(span)), Some(span));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = parse(&text);
        }
    }
}
