//! `recipes check PATH…`: checks recipes with the parser of the functions, and lists every mistake of every one.
//! `recipes pack PATH… --to FOLDER`: checks them, and writes what is put: `recipes/<name>.toml`, `archives/<digest>.tar.gz`.
//!
//! A path is a TOML file, the folder of a recipe, or a folder of both. The exit code is 1 if any recipe is invalid, or none
//! was found; then nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use kiln_core::recipe::checked;
use kiln_recipes::{Ready, Source, documents, ready};

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
    let mut failed = false;
    let mut fail = |line: String| {
        failed = true;
        eprintln!("{line}");
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        match documents(Path::new(path)) {
            Ok(documents) => found.extend(documents),
            Err(error) => fail(format!("{path}: {error}")),
        }
    }
    if found.is_empty() {
        fail(
            "no recipe was found; name recipe files, or folders with *.toml files or recipes' folders".into(),
        );
    }
    let (mut of, mut recipes, mut all) = (Vec::new(), Vec::new(), Vec::new());
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for document in found {
        match Source::read(&document) {
            Err(mistakes) => mistakes.iter().for_each(|mistake| fail(mistake.to_string())),
            Ok(source) => {
                let document = document.display().to_string();
                for path in &source.left_out {
                    println!("{document}: left out: {path}, by its name");
                }
                for one in ready(&source) {
                    let name =
                        one.as_ref().map_or_else(|bad| bad.name.clone(), |one| one.recipe.name.to_string());
                    if let Some(other) = names.insert(name.clone(), document.clone()) {
                        fail(format!(
                            "{document}: recipe {name} is also that of {other}; give one another name"
                        ));
                    }
                    of.push(document.clone());
                    recipes.push(one.as_ref().map(|one| one.recipe.clone()).map_err(Clone::clone));
                    all.extend(one.ok());
                }
            }
        }
    }
    for (document, recipe) in of.iter().zip(checked(recipes)) {
        match recipe {
            Ok(recipe) => println!("{document}: recipe {} is valid", recipe.name),
            Err(mistakes) => fail(format!("{document}: {mistakes}")),
        }
    }
    if failed { Err(()) } else { Ok(all) }
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
