//! What completes the commands in a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use serde_json::json;

use crate::Done;
use crate::arguments::Arguments;
use crate::screen::Screen;

/// Writes the completions of a shell.
pub(super) fn completions(shell: Shell, screen: &mut Screen<'_>) -> Done {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "kiln", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    screen.say([script.trim_end()]);
    Done::well(json!({ "shell": shell.to_string(), "script": script }))
}
