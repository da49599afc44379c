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

const VERDICT: &str = "kiln-verdict ";
/// The lines around what the script printed say `kiln-script <word> begins` and `kiln-script <word> ends`.
const SCRIPT: &str = "kiln-script ";
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4_000;
const TAIL_LINE_CHARS: usize = 400;

impl ScriptOutcome {
    /// Reads the last whole verdict line that carries one of `words`. An instance prints its verdict three times,
    /// because a message of the kernel can end up within a line; such a line is ignored, and so is one without its line
    /// end. Lines of another bake, which may still be in the logs of the image, carry another word.
    pub fn read(console: &str, words: &[String]) -> Self {
        match console.split_inclusive('\n').rev().find_map(|line| status(line, words)) {
            None => Self::Silent,
            Some(0) => Self::Passed,
            Some(status) => Self::Failed { status, tail: tail(console, words) },
        }
    }
}

fn status(line: &str, words: &[String]) -> Option<i32> {
    // A truncated line may have lost digits of the status: 1 could have been 127.
    let line = line.strip_suffix('\n')?.trim_end_matches('\r');
    let (_, verdict) = line.rsplit_once(VERDICT)?;
    let (found, status) = verdict.split_once(' ')?;
    if !words.iter().any(|word| word == found) {
        return None;
    }
    let number: u8 = status.parse().ok()?;
    // What the guest never writes is damaged: 00 may have been 100, of which the console lost a digit.
    (status == number.to_string()).then_some(i32::from(number))
}

/// The last lines of what a script printed, for people: at most 20 lines and 4,000 bytes, and of each line the last 400
/// characters. Without the lines that say where the script began and ended, which carry one of `words`, it is the end
/// of the whole console before the verdict. Control sequences and blank lines are dropped. Of a line that was written
/// over, as progress bars do, its last state is left.
pub fn tail(console: &str, words: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut bytes = 0;
    for line in printed(console, words).split('\n').rev() {
        let line = without_control_sequences(line);
        let last = line.rsplit('\r').find(|state| !state.trim().is_empty());
        let Some(last) = last else { continue };
        let mut clean: Vec<char> = last.chars().filter(|c| !c.is_control() || *c == '\t').collect();
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

/// The part of a console that the script printed, as far as that can be told.
fn printed<'a>(console: &'a str, words: &[String]) -> &'a str {
    let begin = words.iter().filter_map(|word| console.rfind(&format!("{SCRIPT}{word} begins"))).max();
    let printed = begin.and_then(|at| console[at..].split_once('\n')).map_or(console, |(_, rest)| rest);
    let first = |mark: &str| words.iter().filter_map(|word| printed.find(&format!("{mark}{word} "))).min();
    let end = first(SCRIPT).or_else(|| first(VERDICT)).unwrap_or(printed.len());
    &printed[..end]
}

/// The text without the sequences by which a program moves the cursor, sets colours or the title of a window.
/// (ECMA-48, 5.4 and 8.3; <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>)
fn without_control_sequences(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            left.push(c);
            continue;
        }
        match chars.next() {
            // Parameters, then one final character.
            Some('[') => {
                chars.find(|c| ('@'..='~').contains(c));
            }
            // A string until BEL, or until ESC and a backslash.
            Some(']' | 'P' | '_' | '^' | 'X') => {
                let mut escaped = false;
                chars.find(|c| {
                    let ends = *c == '\u{7}' || (escaped && *c == '\\');
                    escaped = *c == '\u{1b}';
                    ends
                });
            }
            // Intermediate characters, then one final character.
            Some(' '..='/') => {
                chars.find(|c| !(' '..='/').contains(c));
            }
            _ => {}
        }
    }
    left
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
    fn a_verdict_with_a_message_of_the_kernel_within_is_ignored_and_another_copy_counts() {
        let glued = "kiln-verdict abc 1[  449.643302] EXT4-fs: re-mounted\n27\n";
        assert_eq!(ScriptOutcome::read(glued, &abc()), ScriptOutcome::Silent);
        let console = format!("\nkiln-verdict abc 127\n\n{glued}\nkiln-verdict [ 9.1] ok\nabc 127\n");
        assert!(matches!(ScriptOutcome::read(&console, &abc()), ScriptOutcome::Failed { status: 127, .. }));
    }

    #[test]
    fn a_restart_that_is_seen_after_a_success_counts() {
        let console = "kiln-verdict abc 0\n[ 0.0] Linux version\nkiln-verdict abc 129\n";
        assert!(matches!(ScriptOutcome::read(console, &abc()), ScriptOutcome::Failed { status: 129, .. }));
    }

    #[test]
    fn a_status_that_no_guest_writes_is_no_verdict() {
        for status in ["", "+0", "-1", "256", "0 ", "0x0", "٠", "00", "007"] {
            let console = format!("kiln-verdict abc {status}\n");
            assert_eq!(ScriptOutcome::read(&console, &abc()), ScriptOutcome::Silent, "{status:?}");
        }
    }

    #[test]
    fn a_script_that_prints_the_verdict_of_another_bake_forges_nothing() {
        let console =
            "kiln-script abc begins\nkiln-verdict old 0\nkiln-script abc ends\nkiln-verdict abc 3\n";
        assert!(matches!(ScriptOutcome::read(console, &abc()), ScriptOutcome::Failed { status: 3, .. }));
        assert_eq!(
            ScriptOutcome::read("kiln-verdict abcd 0\nkiln-verdict ab 0\n", &abc()),
            ScriptOutcome::Silent
        );
    }

    #[test]
    fn a_tail_is_what_the_script_printed_without_the_boot_around_it() {
        let console = "[ OK ] Started ssh\nkiln-script old begins\nold\n\nkiln-script abc begins\r\nE: no nginx\r\n\n\
                       kiln-script abc ends\n[ OK ] Stopped ssh\n\nkiln-verdict abc 100\nreboot: Power down\n";
        assert_eq!(
            ScriptOutcome::read(console, &abc()),
            ScriptOutcome::Failed { status: 100, tail: "E: no nginx".into() }
        );
        let hung = "booted\nkiln-script abc begins\nwaiting for a lock\n";
        assert_eq!(tail(hung, &abc()), "waiting for a lock");
        let cut = "half a line\nmore\nkiln-script abc ends\nnoise\n";
        assert_eq!(tail(cut, &abc()), "half a line\nmore");
    }

    #[test]
    fn a_tail_has_no_remains_of_control_sequences() {
        let console = "[\u{1b}[0;32m  OK  \u{1b}[0m] Started\n\u{1b}]0;title\u{7}\u{1b}]8;;x\u{1b}\\link\u{1b}(B\u{1b}[K\n\
                       10%\r55%\r100%\r\n\u{1b}c\u{1b}[?7l\n";
        assert_eq!(tail(console, &[]), "[  OK  ] Started\nlink\n100%");
    }

    #[test]
    fn a_tail_is_bounded_and_has_no_control_characters() {
        let console: String = (0..100).map(|n| format!("\u{1b}[1mline {n}\u{7}\n")).collect();
        let last = tail(&console, &abc());
        assert_eq!(last.lines().count(), 20);
        assert!(last.ends_with("\nline 99"), "{last}");
        assert_eq!(tail(&"é".repeat(9_000), &abc()), "é".repeat(400));
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
