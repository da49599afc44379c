//! What can be typed: the flags of every command, and the commands.

mod stacks;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use kiln_core::model::{ImageId, RecipeName, Region, Version};

pub use stacks::{Architecture, Deploy, Recipes};
pub use values::FUNCTIONS;
use values::{reason, since, span, stack};

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 the plan removes something, 130 interrupted.

Credentials, Region and endpoint come from where the AWS CLI has them: the files of aws configure,
AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL.";

/// Operates Kiln: shows how the images are, and asks Kiln's functions for changes.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, max_term_width = 100, after_help = AFTER, disable_help_subcommand = true)]
pub struct Arguments {
    /// The flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The profile of your AWS configuration; without it AWS_PROFILE, or the credentials that are there
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Kiln's home Region; without it AWS_REGION, or the Region of the profile
    #[arg(long, global = true)]
    pub region: Option<Region>,
    /// The name of Kiln's stack
    #[arg(long, global = true, default_value = "kiln", value_name = "NAME", value_parser = stack)]
    pub stack: String,
    /// How the answer is written: text and tables for people, or one JSON document
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Makes changes without a question
    #[arg(long, short, global = true)]
    pub yes: bool,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// Text and tables for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
}

/// How the mistakes in recipes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// As editors read them: path, line, mistake.
    #[default]
    Text,
    /// As annotations of GitHub Actions.
    Github,
}

/// The commands, in the order in which a person needs them.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Shows how each recipe is: its newest release, what is under way, what is named, what failed
    Status {
        /// This recipe alone
        recipe: Option<RecipeName>,
    },
    /// Checks recipes and their folders, and lists every mistake; needs no account
    Validate {
        /// Recipes, their folders, or folders of both
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How mistakes are written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Lists everything that a bake would fail for; nothing is launched
    Preflight {
        /// The recipe
        recipe: RecipeName,
    },
    /// Bakes a recipe now
    Bake {
        /// The recipe
        recipe: RecipeName,
        /// Follows the bake through all functions until it ends
        #[arg(long)]
        watch: bool,
        /// How long it is followed, such as 90m or 3h
        #[arg(long = "for", value_name = "TIME", default_value = "3h", requires = "watch", value_parser = span)]
        patience: std::time::Duration,
    },
    /// Shows which images would go, which stay, why, and what they cost; nothing is changed
    Plan {
        /// This recipe alone
        recipe: Option<RecipeName>,
    },
    /// Shows the plan, asks, and carries it out
    Apply {
        /// This recipe alone
        recipe: Option<RecipeName>,
        /// How many images may go, beyond the limits of the recipe
        #[arg(long, value_name = "N", requires = "recipe")]
        allow: Option<usize>,
    },
    /// Tells all about one image: its origin, its users, and its next step
    Explain {
        /// The image, in any Region
        image: ImageId,
    },
    /// Lets every Region name a former release again
    Rollback {
        /// The recipe
        recipe: RecipeName,
        /// One channel alone; the parameter of the recipe and its other channels stay
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        /// The version; without it the newest former release
        #[arg(long, value_name = "VERSION")]
        to: Option<Version>,
    },
    /// Lets a release come to a channel of its recipe; shows first what comes
    Approve {
        /// The recipe
        recipe: RecipeName,
        /// The channel
        channel: String,
        /// The version; without it the newest that waits
        #[arg(long, value_name = "VERSION")]
        version: Option<Version>,
    },
    /// Takes a bad release back everywhere; shows first who uses it
    Recall {
        /// The recipe
        recipe: RecipeName,
        /// The version
        version: Version,
        /// Why: users read it
        #[arg(long, value_name = "REASON", value_parser = reason)]
        why: String,
        /// Recalls what was baked from it as well
        #[arg(long)]
        layers: bool,
    },
    /// Takes a recall back
    Reinstate {
        /// The recipe
        recipe: RecipeName,
        /// The version
        version: Version,
    },
    /// Keeps an image, whatever its recipe says
    Hold {
        /// The image, in any Region
        image: ImageId,
        /// Why: whoever wants to end it reads that
        #[arg(long, value_name = "REASON", value_parser = reason)]
        why: String,
    },
    /// Brings a release back that was deprecated or disabled
    Restore {
        /// An image of it
        image: ImageId,
    },
    /// Tests a rejected image again
    Retest {
        /// The image
        image: ImageId,
        /// The Region of a replica; without it the home Region
        #[arg(long = "in", value_name = "REGION")]
        in_region: Option<Region>,
    },
    /// Hands an image that something else made over to a recipe
    Adopt {
        /// The image, in the home Region
        image: ImageId,
        /// The recipe
        recipe: RecipeName,
    },
    /// Copies an image anew to every Region that lacks it
    Copy {
        /// The image, in the home Region
        image: ImageId,
    },
    /// Lets the images of a deleted recipe go
    Retire {
        /// The recipe
        recipe: RecipeName,
        /// Only shows what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Looks after what failed and waits in the stack's queues
    #[command(subcommand)]
    Failures(Failures),
    /// Shows or puts recipes
    #[command(subcommand)]
    Recipes(Recipes),
    /// Prints what a function logged
    Logs {
        /// The function
        #[arg(value_parser = FUNCTIONS)]
        function: String,
        /// How far back, such as 15m or 2d
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = since)]
        since: std::time::Duration,
        /// Only lines with this text, such as a version or the id of an image
        #[arg(long, value_name = "TEXT")]
        with: Option<String>,
    },
    /// Fetches the catalogue of all images as a folder of pages
    Catalog {
        /// Opens it in the browser
        #[arg(long)]
        open: bool,
        /// The folder; what lay in it of a former catalogue goes
        #[arg(long, value_name = "FOLDER", default_value = "kiln-catalogue")]
        to: PathBuf,
    },
    /// Brings Kiln's stacks to a release; shows first what would change
    Deploy(Deploy),
    /// Brings a deployed Kiln to another release, in the Regions where it is
    Upgrade {
        /// The folder of the release
        release: PathBuf,
        /// The further Regions, where not every Region lets itself be asked; without it those where Kiln is
        #[arg(long, num_args = 0.., value_name = "REGION")]
        regions: Option<Vec<Region>>,
    },
    /// Removes Kiln, once you saw what goes and what stays; images stay
    Uninstall {
        /// Deletes the buckets as well: what was deployed, the folders of recipes, and logs
        #[arg(long)]
        remove_bucket: bool,
    },
    /// Wakes a function with a payload of your own
    Invoke {
        /// The function
        #[arg(value_parser = FUNCTIONS)]
        function: String,
        /// A JSON file with the payload
        event: PathBuf,
    },
    /// Writes what completes these commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What is done with failures.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Failures {
    /// Shows each with its event, its error and what to do; nothing is changed
    List,
    /// Sends the events to their functions again, once their cause is gone
    Redrive {
        /// Only those whose ids begin so; without any, all
        ids: Vec<String>,
    },
    /// Removes them, once you have dealt with them
    Purge {
        /// Only those whose ids begin so; without any, all
        ids: Vec<String>,
    },
}

impl Command {
    /// Its name, as it is typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Validate { .. } => "validate",
            Self::Preflight { .. } => "preflight",
            Self::Bake { .. } => "bake",
            Self::Plan { .. } => "plan",
            Self::Apply { .. } => "apply",
            Self::Explain { .. } => "explain",
            Self::Rollback { .. } => "rollback",
            Self::Approve { .. } => "approve",
            Self::Recall { .. } => "recall",
            Self::Reinstate { .. } => "reinstate",
            Self::Hold { .. } => "hold",
            Self::Restore { .. } => "restore",
            Self::Retest { .. } => "retest",
            Self::Adopt { .. } => "adopt",
            Self::Copy { .. } => "copy",
            Self::Retire { .. } => "retire",
            Self::Failures(_) => "failures",
            Self::Recipes(_) => "recipes",
            Self::Logs { .. } => "logs",
            Self::Catalog { .. } => "catalog",
            Self::Deploy(_) => "deploy",
            Self::Upgrade { .. } => "upgrade",
            Self::Uninstall { .. } => "uninstall",
            Self::Invoke { .. } => "invoke",
            Self::Completions { .. } => "completions",
        }
    }

    /// Whether it hears Ctrl-C itself, for it has something to take back.
    pub fn ends_by_itself(&self) -> bool {
        matches!(self, Self::Deploy(_) | Self::Upgrade { .. })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_flags_of_every_command_stand_before_or_behind_it() {
        for line in ["kiln --stack images plan web", "kiln plan web --stack images"] {
            assert_eq!(parsed(line).unwrap().global.stack, "images");
        }
        let global = parsed("kiln status").unwrap().global;
        assert_eq!((global.stack.as_str(), global.output, global.yes), ("kiln", Output::Table, false));
    }

    #[test]
    fn what_is_wrong_with_an_argument_is_told_before_anything_is_called() {
        for (line, told) in [
            ("kiln explain web", "'web' is not an image id"),
            ("kiln rollback We", "'We' is not a recipe name"),
            ("kiln rollback web --to 2", "'2' is not a version such as 20261123T020000Z"),
            ("kiln recall web 20261123T020000Z", "--why <REASON>"),
            ("kiln apply --allow 3", "<RECIPE>"),
            ("kiln status --stack 1", "a letter, and at most 37 more"),
            ("kiln bake web --watch --for 2d", "a time such as 90s"),
            ("kiln bake web --for 2h", "--watch"),
            ("kiln retest ami-0123456789abcdef0 --in home", "Region"),
            ("kiln deploy dist --regions nowhere", "Region"),
            ("kiln deploy dist --parameters LogLevel", "KEY=VALUE"),
            ("kiln deploy dist --remove-regions", "--regions"),
            ("kiln logs baker", "bake, capture, verify"),
            ("kiln logs bake --since 1w", "a time such as 15m"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.to_string().contains(told), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
