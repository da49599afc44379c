//! Spans of time as people write them: `45m`, `7d`.

use chrono::TimeDelta;

/// What is allowed, in words.
pub const EXPECTED: &str = "a whole number and a unit: s, m, h, d or w, such as \"45m\" or \"30d\"";

/// Reads a span such as `45m`. `None` for anything else, and for what is longer than 1,000 years.
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

/// Writes a span in the largest unit that tells it exactly.
pub fn show(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds != 0 && seconds % size == 0 {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// Writes a span for a reader, in its largest unit alone: an age of 36 hours is "1d".
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
    fn reads_each_unit() {
        for (text, seconds) in
            [("0d", 0), ("30s", 30), ("45m", 2_700), ("2h", 7_200), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(parse(text), TimeDelta::try_seconds(seconds), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        for text in ["", "7", "d", "-7d", "7 d", "1.5h", "7D", "7d3h", "99999999999999999999d", "9é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(seconds in 0i64..30_000_000_000) {
            let span = TimeDelta::try_seconds(seconds).unwrap();
            prop_assert_eq!(parse(&show(span)), Some(span));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = parse(&text);
        }
    }
}
