//! `make check-recipes`: checks recipe files with the parser of the functions, and lists every mistake of every file.
//!
//! Arguments are files, or folders of `*.toml` files. A file must have the name of its recipe. The exit code is 1 if
//! any recipe is invalid, or none was found.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use kiln_core::recipe::{BadRecipe, Recipe, checked};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let mut failures = 0;
    let mut found = Vec::new();
    for path in &arguments {
        match files(path) {
            Ok(files) => found.extend(files),
            Err(error) => {
                failures += 1;
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    let mut read = Vec::new();
    for file in &found {
        match parse(file) {
            Ok(recipe) => read.push((file, recipe)),
            Err(error) => {
                failures += 1;
                eprintln!("{}: {error}", file.display());
            }
        }
    }
    let (files, recipes): (Vec<&PathBuf>, Vec<_>) = read.into_iter().unzip();
    let count = found.len();
    for (file, recipe) in files.into_iter().zip(checked(recipes)) {
        failures += usize::from(!report(file, recipe));
    }
    if count == 0 {
        eprintln!("no recipe was found; name recipe files, or folders with *.toml files");
    }
    if failures == 0 && count > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

fn parse(file: &Path) -> io::Result<Result<Recipe, BadRecipe>> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Recipe::parse(&name, &fs::read_to_string(file)?))
}

fn report(file: &Path, recipe: Result<Recipe, BadRecipe>) -> bool {
    match recipe {
        Ok(recipe) => {
            println!("{}: recipe {} is valid", file.display(), recipe.name);
            true
        }
        Err(mistakes) => {
            eprintln!("{}: {mistakes}", file.display());
            false
        }
    }
}
