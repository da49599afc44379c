//! What can be said of a deployment, and of recipes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kiln_core::model::Region;

use super::values::pair;

/// What a deployment is told.
#[derive(Debug, Clone, Args)]
pub struct Deploy {
    /// The folder of a release: its templates, zips and SHA256SUMS
    pub release: PathBuf,
    /// The further Regions; without it those where Kiln is
    #[arg(long, num_args = 0.., value_name = "REGION")]
    pub regions: Option<Vec<Region>>,
    /// The architecture of the functions; without it that of before, or arm64
    #[arg(long, value_enum, value_name = "NAME")]
    pub architecture: Option<Architecture>,
    /// Parameters of the templates; those that are not named keep their values
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE", value_parser = pair)]
    pub parameters: Vec<(String, String)>,
    /// Tags of the stacks and of all that they make; without any, those of before stay
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Deletes the stacks of Regions that are no longer named; images stay there
    #[arg(long, requires = "regions")]
    pub remove_regions: bool,
}

/// What the functions run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// Its word, as Lambda has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// What is done with recipes.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Recipes {
    /// Shows what would change; nothing is put
    Diff {
        /// Recipes, their folders, or folders of both
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Puts them, once all are right, and shows what changes
    Push {
        /// Recipes, their folders, or folders of both
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Removes the recipes that are not among them; their images stay
        #[arg(long)]
        prune: bool,
    },
}
