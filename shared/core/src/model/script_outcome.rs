//! How a script on a builder or tester ended, read from the verdict line on the serial console.

use serde::{Deserialize, Serialize};

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptOutcome {
    /// The console was not read.
    Unread,
    /// The console shows no verdict of this bake. It may appear later, because EC2 posts the console with a delay.
    Silent,
    /// The script ended with status 0.
    Passed,
    /// The script ended with another status.
    Failed {
        /// Its exit status.
        status: i32,
        /// The last lines of the console before the verdict.
        tail: String,
    },
}

const WORD: &str = "kiln-verdict ";
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4_000;
const TAIL_LINE_CHARS: usize = 400;

impl ScriptOutcome {
    /// Reads the last verdict line that carries one of `words`. A line without its line end is ignored. Lines of another
    /// bake, which may still be in the logs of the image, carry another word.
    pub fn read(console: &str, words: &[String]) -> Self {
        let mut before = console.len();
        for line in console.split_inclusive('\n').rev() {
            before -= line.len();
            if let Some(status) = status(line, words) {
                return match status {
                    0 => Self::Passed,
                    status => Self::Failed { status, tail: tail(&console[..before]) },
                };
            }
        }
        Self::Silent
    }
}

fn status(line: &str, words: &[String]) -> Option<i32> {
    // A truncated line may have lost digits of the status: 1 could have been 127.
    let line = line.strip_suffix('\n')?.trim_end_matches('\r');
    let (_, verdict) = line.rsplit_once(WORD)?;
    let (found, status) = verdict.split_once(' ')?;
    words.iter().any(|word| word == found).then(|| status.parse().ok()).flatten()
}

/// The last lines of a console, for people: at most 20 lines and 4,000 bytes, and of each line the last 400
/// characters. Control characters and blank lines are dropped.
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

    fn abc() -> [String; 1] {
        ["abc".into()]
    }

    #[test]
    fn status_0_with_the_right_nonce_is_success() {
        assert_eq!(
            ScriptOutcome::read("[  1.0] boot\nhello\n\nkiln-verdict abc 0\n[ 9.9] power down\n", &abc()),
            ScriptOutcome::Passed
        );
    }

    #[test]
    fn the_verdict_of_another_bake_is_ignored() {
        assert_eq!(ScriptOutcome::read("kiln-verdict old 0\n", &abc()), ScriptOutcome::Silent);
        assert_eq!(ScriptOutcome::read("", &abc()), ScriptOutcome::Silent);
    }

    #[test]
    fn a_failure_carries_the_last_lines_of_the_script() {
        let console = "boot\nE: no package nginx\r\n\nkiln-verdict abc 100\r\nreboot: Power down\n";
        assert_eq!(
            ScriptOutcome::read(console, &abc()),
            ScriptOutcome::Failed { status: 100, tail: "boot\nE: no package nginx".into() }
        );
    }

    #[test]
    fn a_truncated_verdict_line_is_ignored() {
        assert_eq!(ScriptOutcome::read("kiln-verdict abc 1", &abc()), ScriptOutcome::Silent);
        assert_eq!(ScriptOutcome::read("kiln-verdict ab", &abc()), ScriptOutcome::Silent);
    }

    #[test]
    fn a_prefix_before_the_verdict_is_ignored() {
        assert_eq!(
            ScriptOutcome::read("[   12.1] cloud-init[99]: kiln-verdict abc 0\n", &abc()),
            ScriptOutcome::Passed
        );
    }

    #[test]
    fn a_tail_is_bounded_and_has_no_control_characters() {
        let console: String = (0..100).map(|n| format!("\u{1b}[1mline {n}\u{7}\n")).collect();
        let tail = tail(&console);
        assert_eq!(tail.lines().count(), 20);
        assert!(tail.ends_with("[1mline 99") && !tail.contains('\u{1b}'));
        assert_eq!(crate::model::script_outcome::tail(&"é".repeat(9_000)), "é".repeat(400));
    }

    proptest! {
        #[test]
        fn no_console_makes_the_reader_panic(console in ".*", nonce in ".{0,16}") {
            let _ = ScriptOutcome::read(&console, &[nonce]);
        }

        #[test]
        fn the_verdict_counts_whatever_the_script_wrote_before_it(noise in "[^\u{0}]{0,200}", status in 0i32..256) {
            let console = format!("{noise}\nkiln-verdict abc {status}\n");
            let verdict = ScriptOutcome::read(&console, &abc());
            prop_assert_eq!(verdict == ScriptOutcome::Passed, status == 0);
            prop_assert_ne!(verdict, ScriptOutcome::Silent);
        }
    }
}
