//! `kiln`: operates a deployed Kiln from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    kiln_cli::main()
}
