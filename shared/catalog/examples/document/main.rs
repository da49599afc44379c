//! `make docs`: writes the reference of the catalogue's document into the given folder.

mod items;
mod pages;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("no folder was given; name the one for the pages, such as docs/reference");
        return ExitCode::from(2);
    };
    for (name, text) in [("catalog.md", pages::reference()), ("catalog.schema.json", pages::schema(false))] {
        if let Err(error) = fs::write(folder.join(name), text) {
            eprintln!("{}: {error}", folder.join(name).display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
