//! What failed and waits: a paragraph for each, which tells the event, the error and what to do.

use super::time::moment;
use super::wrapped;
use crate::answer::Waiting;

/// How much of an id is shown: enough to tell some hundred apart.
const SHOWN: usize = 8;

/// Each with its event, error and advice, oldest first.
pub fn listed(waiting: &[Waiting]) -> Vec<String> {
    if waiting.is_empty() {
        return vec!["Nothing waits: no failure is new, or all were dealt with.".into()];
    }
    let mut lines = Vec::new();
    for one in waiting {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let of = one.function.as_ref().map(|function| format!(" ({function})")).unwrap_or_default();
        lines.push(format!("{}  {}  {}{of}", short(&one.id), moment(&one.at), one.queue));
        for text in [&one.event, &one.error, &one.advice] {
            lines.extend(wrapped(text, 4));
        }
    }
    lines
}

/// The beginning of an id, by which it is chosen.
pub fn short(id: &str) -> &str {
    id.get(..SHOWN).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_tells_when_it_was_what_it_was_about_why_and_what_to_do() {
        let one = Waiting {
            queue: "failures".into(),
            id: "0a1b2c3d-1111-2222-3333-444455556666".into(),
            at: "2026-11-26T02:00:00Z".into(),
            function: Some("capture".into()),
            event: "EC2 Instance State-change Notification: i-0123456789abcdef0".into(),
            error: "1 of 3 decisions failed:\n  - capture web: CreateImage was denied".into(),
            advice: "Remove the cause.".into(),
            outcome: json!("kept"),
        };
        let expected = "\
0a1b2c3d  2026-11-26 02:00  failures (capture)
    EC2 Instance State-change Notification: i-0123456789abcdef0
    1 of 3 decisions failed:
    - capture web: CreateImage was denied
    Remove the cause.";
        assert_eq!(listed(&[one]).join("\n"), expected);
    }
}
