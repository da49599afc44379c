//! The page of the reference that lists the commands, as the parser knows them.

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::arguments::Arguments;

/// The name of the page.
pub const PAGE: &str = "command-line.md";

const HEAD: &str = "\
<!-- Made by `make docs` from shared/cli/src/arguments.rs: change that. -->

# Command line

`kiln` operates a deployed Kiln. [The guide](../guides/command-line.md) shows it at work.

Exit codes: 0 done, 1 failed or not confirmed, 2 wrong arguments, 3 the plan removes something, 130 interrupted.
With `--output json` the standard output is one document, which holds to [its schema](command-line.schema.json).
";

/// The page.
pub fn page() -> String {
    let mut root = Arguments::command();
    root.build();
    let mut text = HEAD.to_owned();
    text.push_str("\n## Flags of every command\n\n");
    text.push_str(&table(root.get_arguments().filter(|arg| arg.is_global_set())));
    for command in root.get_subcommands() {
        text.push_str(&section("##", "", command));
    }
    text
}

/// A command, and below it those that it consists of.
fn section(level: &str, of: &str, command: &Command) -> String {
    let name = format!("{of}{}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let own: Vec<&Arg> =
        command.get_arguments().filter(|arg| !arg.is_global_set() && !is_help(arg)).collect();
    let parts: Vec<&Command> = command.get_subcommands().filter(|part| part.get_name() != "help").collect();
    let mut usage = format!("kiln {name}");
    for arg in &own {
        let shown = shown(arg);
        usage.push_str(&if arg.is_required_set() { format!(" {shown}") } else { format!(" [{shown}]") });
    }
    let mut text = format!("\n{level} {name}\n\n{about}.\n");
    if parts.is_empty() {
        text.push_str(&format!("\n```sh\n{usage}\n```\n"));
    }
    if !own.is_empty() {
        text.push('\n');
        text.push_str(&table(own.into_iter()));
    }
    for part in parts {
        text.push_str(&section(&format!("{level}#"), &format!("{name} "), part));
    }
    text
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = "| Argument | What it is | Default |\n|---|---|---|\n".to_owned();
    for arg in arguments {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() || is_switch(arg) {
            String::new()
        } else {
            format!("`{}`", default.join(" "))
        };
        let values: Vec<_> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let values = if values.is_empty() || is_switch(arg) {
            String::new()
        } else {
            format!(": {}", values.join(", "))
        };
        text.push_str(&format!("| `{}` | {help}{values} | {default} |\n", shown(arg)));
    }
    text
}

/// An argument, as it is typed.
fn shown(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    let more = if matches!(arg.get_action(), ArgAction::Append) || takes_several(arg) { "…" } else { "" };
    match arg.get_long() {
        Some(long) if is_switch(arg) => format!("--{long}"),
        Some(long) => format!("--{long} {value}{more}"),
        None => format!("{value}{more}"),
    }
}

fn takes_several(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1)
}

fn is_switch(arg: &Arg) -> bool {
    !arg.get_action().takes_values()
}

fn is_help(arg: &Arg) -> bool {
    // By what they do: a command has an argument of the name `version`.
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_reference_is_what_the_parser_knows() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/command-line.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == page(), "make docs writes the page anew");
    }

    #[test]
    fn each_command_has_a_section_with_its_usage() {
        let page = page();
        assert!(page.contains("kiln recall <RECIPE> <VERSION> --why <REASON> [--layers]"), "{page}");
        assert!(
            page.contains("| `--output <FORMAT>` |") && page.contains(": `table`, `json` | `table` |"),
            "{page}"
        );
        assert!(page.contains("kiln validate <PATHS>… [--format <FORMAT>]"), "{page}");
        assert!(
            page.contains("### recipes push\n") && page.contains("kiln recipes push <PATHS>… [--prune]"),
            "{page}"
        );
        assert!(page.contains("kiln deploy <RELEASE> [--regions <REGION>…]"), "{page}");
    }
}
