//! The verdict of a builder or tester, read from its serial console.

use serde::{Deserialize, Serialize};

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptOutcome {
    /// Nobody looked.
    Unread,
    /// The console bears no verdict of this bake, or not yet: EC2 posts the console a little after the stop.
    Silent,
    /// The script ended with status 0.
    Passed,
    /// The script ended with another status.
    Failed {
        /// Its exit status.
        status: i32,
        /// The last lines that it wrote.
        tail: String,
    },
}

const WORD: &str = "kiln-verdict ";
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4_000;
const TAIL_LINE_CHARS: usize = 400;

impl ScriptOutcome {
    /// Reads the verdict that bears `nonce`. The last one counts; a line cut short counts for nothing.
    pub fn read(console: &str, nonce: &str) -> Self {
        let mut before = console.len();
        for line in console.split_inclusive('\n').rev() {
            before -= line.len();
            if let Some(status) = status(line, nonce) {
                return match status {
                    0 => Self::Passed,
                    status => Self::Failed { status, tail: tail(&console[..before]) },
                };
            }
        }
        Self::Silent
    }
}

fn status(line: &str, nonce: &str) -> Option<i32> {
    // A line without its end may have lost digits of its status: 1 could have been 127.
    let line = line.strip_suffix('\n')?.trim_end_matches('\r');
    let (_, said) = line.rsplit_once(WORD)?;
    let (word, status) = said.split_once(' ')?;
    (word == nonce).then(|| status.parse().ok()).flatten()
}

/// The last lines of a console for a person to read: without control characters, blank lines and what is
/// beyond 20 lines, 4,000 bytes or the last 400 characters of a line.
pub fn tail(console: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut bytes = 0;
    for line in console.lines().rev() {
        let mut clean: Vec<char> = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        if clean.iter().all(|c| c.is_whitespace()) {
            continue;
        }
        let clean: String =
            clean.split_off(clean.len().saturating_sub(TAIL_LINE_CHARS)).into_iter().collect();
        bytes += clean.len() + 1;
        if lines.len() == TAIL_LINES || bytes > TAIL_BYTES {
            break;
        }
        lines.push(clean);
    }
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn status_0_with_our_word_is_success() {
        assert_eq!(
            ScriptOutcome::read("[  1.0] boot\nhello\n\nkiln-verdict abc 0\n[ 9.9] power down\n", "abc"),
            ScriptOutcome::Passed
        );
    }

    #[test]
    fn another_bakes_word_is_silence() {
        assert_eq!(ScriptOutcome::read("kiln-verdict old 0\n", "abc"), ScriptOutcome::Silent);
        assert_eq!(ScriptOutcome::read("", "abc"), ScriptOutcome::Silent);
    }

    #[test]
    fn failure_tells_the_scripts_last_lines() {
        let console = "boot\nE: no package nginx\r\n\nkiln-verdict abc 100\r\nreboot: Power down\n";
        assert_eq!(
            ScriptOutcome::read(console, "abc"),
            ScriptOutcome::Failed { status: 100, tail: "boot\nE: no package nginx".into() }
        );
    }

    #[test]
    fn a_line_cut_short_is_silence() {
        assert_eq!(ScriptOutcome::read("kiln-verdict abc 1", "abc"), ScriptOutcome::Silent);
        assert_eq!(ScriptOutcome::read("kiln-verdict ab", "abc"), ScriptOutcome::Silent);
    }

    #[test]
    fn the_kernels_timestamp_may_stand_before_it() {
        assert_eq!(
            ScriptOutcome::read("[   12.1] cloud-init[99]: kiln-verdict abc 0\n", "abc"),
            ScriptOutcome::Passed
        );
    }

    #[test]
    fn a_tail_is_bounded_and_holds_no_control_characters() {
        let console: String = (0..100).map(|n| format!("\u{1b}[1mline {n}\u{7}\n")).collect();
        let tail = tail(&console);
        assert_eq!(tail.lines().count(), 20);
        assert!(tail.ends_with("[1mline 99") && !tail.contains('\u{1b}'));
        assert_eq!(crate::model::script_outcome::tail(&"é".repeat(9_000)), "é".repeat(400));
    }

    proptest! {
        #[test]
        fn any_console_is_read_without_a_panic(console in ".*", nonce in ".{0,16}") {
            let _ = ScriptOutcome::read(&console, &nonce);
        }

        #[test]
        fn whatever_a_script_wrote_before_our_line_counts(noise in "[^\u{0}]{0,200}", status in 0i32..256) {
            let console = format!("{noise}\nkiln-verdict abc {status}\n");
            let verdict = ScriptOutcome::read(&console, "abc");
            prop_assert_eq!(verdict == ScriptOutcome::Passed, status == 0);
            prop_assert_ne!(verdict, ScriptOutcome::Silent);
        }
    }
}
