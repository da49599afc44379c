//! `make check-recipes`: checks recipe files as the functions will, and lists every mistake of every file.
//!
//! Takes files and folders of `*.toml`; a file's name must be its recipe's. Exits with 1 if any is wrong.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use kiln::recipe::Recipe;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let mut wrong = 0;
    let mut checked = 0;
    for path in &arguments {
        match files(path) {
            Ok(files) => {
                for file in files {
                    checked += 1;
                    wrong += usize::from(!check(&file));
                }
            }
            Err(error) => {
                wrong += 1;
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    if checked == 0 {
        eprintln!("no recipe was found: name files, or folders of *.toml");
    }
    if wrong == 0 && checked > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut found: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    found.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    Ok(found)
}

fn check(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let document = match fs::read_to_string(file) {
        Ok(document) => document,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return false;
        }
    };
    match Recipe::parse(&name, &document) {
        Ok(recipe) => {
            println!("{}: recipe {} is right", file.display(), recipe.name);
            true
        }
        Err(mistakes) => {
            eprintln!("{}: {mistakes}", file.display());
            false
        }
    }
}
