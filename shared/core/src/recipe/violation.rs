//! The mistakes in a recipe, and the sentences in which they are listed.

use std::fmt;

use thiserror::Error;

/// One mistake in a document: where it is, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, such as `bake.timeout`.
    pub field: String,
    /// The line of the document; `None` if the mistake is in no single line.
    pub line: Option<usize>,
    /// What is wrong, and what is expected.
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

/// An invalid recipe, with all its mistakes. Nothing is done with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("recipe {name} has {count}; nothing was done:{list}",
    count = counted(violations.len()), list = listed(violations))]
pub struct BadRecipe {
    /// The last part of the name of its parameter, or the name of its file.
    pub name: String,
    /// The mistakes, in the order of the tables.
    pub violations: Vec<Violation>,
}

fn counted(violations: usize) -> String {
    format!("{violations} mistake{}", if violations == 1 { "" } else { "s" })
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|violation| format!("\n  - {violation}")).collect()
}

/// The mistakes that were found so far in a document.
#[derive(Debug, Default)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// Adds a value that is not what is expected.
    pub fn add(&mut self, field: impl Into<String>, found: impl fmt::Display, expected: impl fmt::Display) {
        self.problem(field, format!("found {found}; expected {expected}"));
    }

    /// Adds a required field that is missing.
    pub fn missing(&mut self, field: impl Into<String>, expected: impl fmt::Display) {
        self.problem(field, format!("missing (required); expected {expected}"));
    }

    /// Adds any other mistake.
    pub fn problem(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Violation { field: field.into(), line: None, problem: problem.into() });
    }
}
