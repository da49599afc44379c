//! Checks recipes with the parser of the functions, and finds every mistake of every one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use kiln_core::recipe::{BadRecipe, checked};

use crate::mistake::Mistake;
use crate::ready::{Ready, ready};
use crate::source::{Source, documents};

/// What was found below some paths.
#[derive(Debug, Default)]
pub struct Checked {
    /// The recipes that can be put. Unless nothing is bad, none should be.
    pub ready: Vec<Ready>,
    /// The valid recipes: the path of the document, and the recipe's name.
    pub valid: Vec<(String, String)>,
    /// What was left out of a folder: the path of its document, and the file's.
    pub left_out: Vec<(String, String)>,
    /// What is wrong.
    pub bad: Vec<Bad>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bad {
    /// A path that cannot be read, or that holds no recipe.
    Path(String),
    /// A mistake in a folder.
    Folder(Mistake),
    /// The mistakes in a document, with its path.
    Document(String, BadRecipe),
}

impl Bad {
    /// Each mistake with its place.
    pub fn mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Path(problem) => vec![Mistake::of(".", problem)],
            Self::Folder(mistake) => vec![mistake.clone()],
            Self::Document(path, bad) => {
                let of = |violation: &kiln_core::recipe::Violation| Mistake {
                    path: path.clone(),
                    line: violation.line,
                    problem: format!("{}: {}", violation.field, violation.problem),
                };
                bad.violations.iter().map(of).collect()
            }
        }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(problem) => f.write_str(problem),
            Self::Folder(mistake) => mistake.fmt(f),
            Self::Document(path, bad) => write!(f, "{path}: {bad}"),
        }
    }
}

/// Checks every recipe below these paths: TOML files, recipes' folders, and folders of both.
pub fn check<P: AsRef<Path>>(paths: &[P]) -> Checked {
    let mut all = Checked::default();
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        match documents(path) {
            Ok(documents) => found.extend(documents),
            Err(error) => all.bad.push(Bad::Path(format!("{}: {error}", path.display()))),
        }
    }
    if found.is_empty() {
        let problem =
            "no recipe was found; name recipe files, or folders with *.toml files or recipes' folders";
        all.bad.push(Bad::Path(problem.into()));
    }
    let (mut of, mut recipes) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for document in found {
        let source = match Source::read(&document) {
            Ok(source) => source,
            Err(mistakes) => {
                all.bad.extend(mistakes.into_iter().map(Bad::Folder));
                continue;
            }
        };
        let document = document.display().to_string();
        all.left_out.extend(source.left_out.iter().map(|path| (document.clone(), path.clone())));
        for one in ready(&source) {
            let name = one.as_ref().map_or_else(|bad| bad.name.clone(), |one| one.recipe.name.to_string());
            if let Some(other) = names.insert(name.clone(), document.clone()) {
                let problem = format!("recipe {name} is also that of {other}; give one another name");
                all.bad.push(Bad::Folder(Mistake { path: document.clone(), line: None, problem }));
            }
            of.push(document.clone());
            recipes.push(one.as_ref().map(|one| one.recipe.clone()).map_err(Clone::clone));
            all.ready.extend(one.ok());
        }
    }
    for (document, recipe) in of.into_iter().zip(checked(recipes)) {
        match recipe {
            Ok(recipe) => all.valid.push((document, recipe.name.to_string())),
            Err(bad) => all.bad.push(Bad::Document(document, bad)),
        }
    }
    all
}
