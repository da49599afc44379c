//! `make docs`: writes the pages of the reference that are made from the code into the folder that it is given.

mod events;
mod pages;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the folder that the pages go to, such as docs/reference");
        return ExitCode::from(2);
    };
    for (name, text) in pages::pages() {
        if let Err(error) = fs::write(folder.join(name), text) {
            eprintln!("{}: {error}", folder.join(name).display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
