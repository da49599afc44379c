//! Writes the page of the reference that lists the commands: `make docs`.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use kiln_cli::reference::{PAGE, page};

fn main() -> ExitCode {
    let Some(folder) = env::args().nth(1) else {
        eprintln!("usage: reference FOLDER");
        return ExitCode::from(2);
    };
    match fs::write(Path::new(&folder).join(PAGE), page()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder} cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}
