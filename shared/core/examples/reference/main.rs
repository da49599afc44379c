//! `make docs`: writes the reference pages that are generated from the code into the given folder.

mod event_schema;
mod events;
mod messages;
mod pages;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("no folder was given; name the one for the pages, such as docs/reference");
        return ExitCode::from(2);
    };
    for (name, text) in pages::pages() {
        if let Err(error) = fs::write(folder.join(name), text) {
            eprintln!("{}: {error}", folder.join(name).display());
            return ExitCode::FAILURE;
        }
    }
    // The guide is written by hand, but for what it shows.
    let guide = folder.join("../guides/news.md");
    let written = fs::read_to_string(&guide).map(|text| messages::in_guide(&text));
    if let Err(error) = written.and_then(|text| fs::write(&guide, text)) {
        eprintln!("{}: {error}", guide.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
