//! What is wrong with a recipe.

use std::fmt;

use thiserror::Error;

/// One thing that is wrong in a document: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, such as `bake.timeout`.
    pub field: String,
    /// The line of the document on which it stands, where it stands there.
    pub line: Option<usize>,
    /// What is wrong with it, and what is expected.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}: {}", self.field, self.problem),
            None => write!(f, "{}: {}", self.field, self.problem),
        }
    }
}

/// A recipe that was refused whole, with everything that is wrong in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("recipe {name} has {count}; nothing was done:{list}",
    count = counted(violations.len()), list = listed(violations))]
pub struct BadRecipe {
    /// Where the document was found, or what it calls itself.
    pub name: String,
    /// Each violation, in the order of the document's tables.
    pub violations: Vec<Violation>,
}

fn counted(violations: usize) -> String {
    format!("{violations} mistake{}", if violations == 1 { "" } else { "s" })
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|violation| format!("\n  - {violation}")).collect()
}

/// The violations that were found while a document is read.
#[derive(Debug, Default)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// A value that is not what is expected.
    pub fn add(&mut self, field: impl Into<String>, found: impl fmt::Display, expected: impl fmt::Display) {
        self.problem(field, format!("found {found}; expected {expected}"));
    }

    /// A field that must be there and is not.
    pub fn missing(&mut self, field: impl Into<String>, expected: impl fmt::Display) {
        self.problem(field, format!("missing (required); expected {expected}"));
    }

    /// Anything else that is wrong.
    pub fn problem(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Violation { field: field.into(), line: None, problem: problem.into() });
    }
}
