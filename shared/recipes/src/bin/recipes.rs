//! `recipes check PATH…`: checks recipes with the parser of the functions, and lists every mistake of every one.
//! `recipes pack PATH… --to FOLDER`: checks them, and writes what is put: `recipes/<name>.toml`, `archives/<digest>.tar.gz`.
//!
//! A path is a TOML file, the folder of a recipe, or a folder of both. The exit code is 1 if any recipe is invalid, or none
//! was found; then nothing is written.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use kiln_recipes::{Ready, check};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match given.as_slice() {
        ["check", paths @ ..] => ended(read(paths).map(|_| ())),
        ["pack", paths @ .., "--to", folder] => ended(read(paths).and_then(|all| {
            written(&all, Path::new(folder)).map_err(|error| eprintln!("{folder} cannot be written: {error}"))
        })),
        _ => {
            eprintln!("usage: recipes check PATH… | recipes pack PATH… --to FOLDER");
            ExitCode::from(2)
        }
    }
}

fn ended(outcome: Result<(), ()>) -> ExitCode {
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every recipe below these paths, if all are valid; each that is not was told.
fn read(paths: &[&str]) -> Result<Vec<Ready>, ()> {
    let found = check(paths);
    for (document, path) in &found.left_out {
        println!("{document}: left out: {path}, by its name");
    }
    for bad in &found.bad {
        eprintln!("{bad}");
    }
    for (document, name) in &found.valid {
        println!("{document}: recipe {name} is valid");
    }
    if found.bad.is_empty() { Ok(found.ready) } else { Err(()) }
}

fn written(all: &[Ready], folder: &Path) -> io::Result<()> {
    // What was written before is no longer what is put.
    for name in ["recipes", "archives"] {
        let folder = folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
    }
    for one in all {
        fs::write(folder.join("recipes").join(format!("{}.toml", one.recipe.name)), &one.document)?;
        if let Some(archive) = &one.archive {
            fs::write(folder.join("archives").join(format!("{}.tar.gz", archive.digest)), &archive.bytes)?;
        }
    }
    Ok(())
}
