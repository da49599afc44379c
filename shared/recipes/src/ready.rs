//! What is put: whole documents, as the functions read them, and the archives that they name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use kiln_core::model::program::Step;
use kiln_core::recipe::names::{needed_when_put, with_values};
use kiln_core::recipe::{BadRecipe, Lines, Recipe, Violation};
use toml::Table;

use crate::archive::{self, Archive};
use crate::files::{File, Files};
use crate::source::Source;
use crate::variants::{Variant, variants};

/// A recipe that can be put.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The recipe.
    pub recipe: Recipe,
    /// Its document, as the functions read it.
    pub document: String,
    /// The archive of its folder; `None` if it has no files.
    pub archive: Option<Archive>,
}

/// Makes a document ready: one recipe, or one of each variant. The answer holds each, or all its mistakes with the lines of
/// the document as it was written.
pub fn ready(source: &Source) -> Vec<Result<Ready, BadRecipe>> {
    let written = Written { source, lines: Lines::of(&source.document) };
    let table: Table = match source.document.parse() {
        Ok(table) => table,
        // The parser tells where it is no TOML.
        Err(_) => return vec![written.unchanged()],
    };
    if table.contains_key("archive") {
        return vec![Err(written.bad(&source.name, "archive", "kiln recipes push writes it; take it out"))];
    }
    let found = match variants(&table) {
        Ok(found) => found,
        Err(fields) => {
            let problem = "a variant is a table, with a name of a-z and 0-9";
            let violations = fields.iter().map(|field| written.violation(field, problem)).collect();
            return vec![Err(BadRecipe { name: source.name.clone(), violations })];
        }
    };
    let archive = match source.files.as_ref().filter(|files| !files.is_empty()).map(archive::pack).transpose()
    {
        Ok(archive) => archive,
        Err(error) => return vec![Err(written.bad(&source.name, "archive", &error.to_string()))],
    };
    found.into_iter().map(|variant| written.variant(variant, archive.as_ref())).collect()
}

/// A document as it was written, for the lines of its mistakes.
struct Written<'a> {
    source: &'a Source,
    lines: Lines,
}

impl Written<'_> {
    fn unchanged(&self) -> Result<Ready, BadRecipe> {
        let document = self.source.document.clone();
        let recipe = Recipe::parse(&self.source.name, &document)?;
        Ok(Ready { recipe, document, archive: None })
    }

    fn variant(&self, variant: Variant, archive: Option<&Archive>) -> Result<Ready, BadRecipe> {
        let name = match &variant.variant {
            Some(one) => format!("{}-{one}", self.source.name),
            None => self.source.name.clone(),
        };
        let needed = needed_when_put(&variant.document);
        let values = values(&needed, &variant, &self.source.path);
        if let Some((unknown, why)) =
            values.iter().find_map(|(name, value)| Some((name, value.as_ref().err()?)))
        {
            let problem = format!("${{{unknown}}} has no value here: {why}");
            return Err(self.bad(&name, "the document", &problem));
        }
        let values = values.into_iter().filter_map(|(name, value)| Some((name, value.ok()?))).collect();
        let document = self.text(&variant, &values, archive);
        let recipe = Recipe::parse(&name, &document).map_err(|bad| self.relocated(bad, &variant))?;
        let violations = of_steps(&recipe, self.source.files.as_ref());
        if violations.is_empty() {
            return Ok(Ready { recipe, document, archive: archive.cloned() });
        }
        Err(self.relocated(BadRecipe { name, violations }, &variant))
    }

    /// The document as it is put. One that needs no change keeps its comments.
    fn text(
        &self,
        variant: &Variant,
        values: &BTreeMap<String, String>,
        archive: Option<&Archive>,
    ) -> String {
        let archive = archive.map(|archive| format!("sha256:{}", archive.digest));
        if variant.variant.is_none() && values.is_empty() {
            let line = archive.map_or(String::new(), |digest| format!("archive = \"{digest}\"\n"));
            return line + &self.source.document;
        }
        let mut document = with_values(&variant.document, values);
        if let Some(digest) = archive {
            document.insert("archive".to_owned(), digest.into());
        }
        document.to_string()
    }

    /// The mistakes with the lines of the document as it was written.
    fn relocated(&self, bad: BadRecipe, variant: &Variant) -> BadRecipe {
        let of = |violation: Violation| {
            let line = variant.places(&violation.field).iter().find_map(|place| self.lines.exactly(place));
            Violation { line: line.or_else(|| self.lines.line(&violation.field)), ..violation }
        };
        BadRecipe { violations: bad.violations.into_iter().map(of).collect(), ..bad }
    }

    fn violation(&self, field: &str, problem: &str) -> Violation {
        Violation { field: field.to_owned(), line: self.lines.line(field), problem: problem.to_owned() }
    }

    fn bad(&self, name: &str, field: &str, problem: &str) -> BadRecipe {
        BadRecipe { name: name.to_owned(), violations: vec![self.violation(field, problem)] }
    }
}

/// The steps whose files are not in the folder, or would do nothing there.
fn of_steps(recipe: &Recipe, files: Option<&Files>) -> Vec<Violation> {
    let lists = [("bake.steps", &recipe.bake.steps), ("verify.steps", &recipe.verify.steps)];
    let mut found = Vec::new();
    for (field, steps) in lists {
        for (at, step) in steps.iter().enumerate() {
            let Step::File(path) = step else { continue };
            if let Some(problem) = of_script(path, files.and_then(|files| files.get(path))) {
                found.push(Violation { field: format!("{field}[{at}]"), line: None, problem });
            }
        }
    }
    found
}

fn of_script(path: &str, file: Option<&File>) -> Option<String> {
    let Some(File { bytes, .. }) = file else {
        return Some(format!("there is no {path} in the recipe's folder"));
    };
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some(format!("{path} is empty"));
    }
    (first.starts_with(b"#!") && first.ends_with(b"\r")).then(|| {
        format!("{path} begins with a line that ends as on Windows, so that it names no interpreter; save it with the line ends of Unix")
    })
}

/// The values of these names, or why one has none.
fn values(needed: &[&str], variant: &Variant, document: &Path) -> BTreeMap<String, Result<String, String>> {
    let value = |name: &str| match name {
        "recipe.variant" => variant.variant.clone().ok_or_else(|| "the document has no variants".to_owned()),
        "git.commit" => commit(document),
        _ => branch(document),
    };
    needed.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

/// The commit that the recipe stands at; with `-dirty` behind it if something in its folder differs from that.
fn commit(document: &Path) -> Result<String, String> {
    let commit = git(document, &["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(document, &["status", "--porcelain", "--", "."])?;
    Ok(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn branch(document: &Path) -> Result<String, String> {
    match git(document, &["rev-parse", "--abbrev-ref", "HEAD"])?.as_str() {
        "HEAD" => Err("no branch is checked out, as often where pipelines run".to_owned()),
        branch => Ok(branch.to_owned()),
    }
}

fn git(document: &Path, arguments: &[&str]) -> Result<String, String> {
    let folder = document.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let said = Command::new("git").arg("-C").arg(folder).args(arguments).output();
    let said = said.map_err(|error| format!("git cannot be run: {error}"))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned());
    }
    let why = String::from_utf8_lossy(&said.stderr);
    Err(format!("git says: {}", why.lines().next().unwrap_or_default()))
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
