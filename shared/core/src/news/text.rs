//! Texts that fit, and that say nothing to the program that shows them.

/// What stands where a text was cut.
const CUT: &str = "...";

/// The beginning of a text, of at most so many characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(CUT.len());
    text.chars().take(kept).chain(CUT.chars()).collect()
}

/// The last lines of a console, of at most so many characters together. Control characters, such as colours begin with,
/// are left out.
pub(super) fn last_lines(console: &str, lines: usize, most: usize) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), most);
    let plain =
        |line: &str| line.replace('\t', " ").chars().filter(|one| !one.is_control()).collect::<String>();
    for line in console.lines().rev().map(plain).filter(|line| !line.trim().is_empty()).take(lines) {
        let line = clipped(line.trim_end(), 200);
        let Some(rest) = left.checked_sub(line.chars().count() + 1) else { break };
        left = rest;
        found.push(line);
    }
    found.reverse();
    found
}

/// One line of ASCII: anything else becomes `?`, white space a space.
pub(super) fn ascii_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|one| match one {
            ' '..='~' => one,
            other if other.is_whitespace() => ' ',
            _ => '?',
        })
        .collect();
    line.trim().to_owned()
}

/// A text without what Slack takes for a mention, a link or the end of a code block. A console shows what a script prints,
/// and a script prints what it was sent.
/// (<https://docs.slack.dev/messaging/formatting-message-text/#escaping>)
pub(super) fn harmless(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}
