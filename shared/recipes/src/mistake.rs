//! A mistake in a recipe's folder.

use std::fmt;

/// One mistake: where it is, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The path within the recipe's folder, such as `scripts/10-nginx.sh`; `.` for the folder itself.
    pub path: String,
    /// The line, counted from 1; `None` if the mistake is in no single line.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Mistake {
    /// A mistake that is in no single line.
    pub(crate) fn of(path: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { path: path.into(), line: None, problem: problem.to_string() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.problem),
            None => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_as_editors_read_it() {
        let mut mistake = Mistake::of("scripts/a.sh", "it is a link");
        assert_eq!(mistake.to_string(), "scripts/a.sh: it is a link");
        mistake.line = Some(7);
        assert_eq!(mistake.to_string(), "scripts/a.sh:7: it is a link");
    }
}
