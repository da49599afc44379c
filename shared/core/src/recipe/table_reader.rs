//! Reading the fields of a TOML document, collecting every mistake on the way.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::TimeDelta;
use toml::{Table, Value};

use super::violation::Violations;
use crate::model::duration;

/// One table of the document. Each field is taken once; a field that nobody took is unknown.
pub struct TableReader<'a> {
    path: String,
    table: Option<&'a Table>,
    known: BTreeSet<&'static str>,
}

impl<'a> TableReader<'a> {
    /// The document itself.
    pub fn root(table: &'a Table) -> Self {
        Self { path: String::new(), table: Some(table), known: BTreeSet::new() }
    }

    /// The table under `key`; where there is none, one without fields.
    pub fn table(&mut self, key: &'static str, violations: &mut Violations) -> TableReader<'a> {
        let path = self.path_of(key);
        let table = match self.take(key) {
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                violations.add(&path, show(other), format!("a table [{path}]"));
                None
            }
            None => None,
        };
        TableReader { path, table, known: BTreeSet::new() }
    }

    /// The path of a field below this table.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The raw value of a field.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table?.get(key)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, allowed: &str, violations: &mut Violations) -> Option<&'a str> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                violations.add(self.path_of(key), show(other), allowed);
                None
            }
        }
    }

    /// A text that parses, or a violation; absent is `None`.
    pub fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        allowed: &str,
        violations: &mut Violations,
    ) -> Option<T> {
        let text = self.text(key, allowed, violations)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            violations.add(self.path_of(key), quoted(text), allowed);
        }
        parsed
    }

    /// A list of texts that parse, each once.
    pub fn list<T: FromStr + PartialEq>(
        &mut self,
        key: &'static str,
        allowed: &str,
        violations: &mut Violations,
    ) -> Vec<T> {
        let path = self.path_of(key);
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                violations.add(path, show(other), format!("a list; each element is {allowed}"));
                return Vec::new();
            }
        };
        let mut read = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match item.as_str().and_then(|text| text.parse().ok()) {
                Some(value) if read.contains(&value) => {
                    violations.add(format!("{path}[{at}]"), show(item), "each only once");
                }
                Some(value) => read.push(value),
                None => violations.add(format!("{path}[{at}]"), show(item), allowed),
            }
        }
        read
    }

    /// A span of time between two bounds (both allowed); absent is `default`.
    pub fn span(
        &mut self,
        key: &'static str,
        default: TimeDelta,
        (least, most): (TimeDelta, TimeDelta),
        violations: &mut Violations,
    ) -> TimeDelta {
        let allowed =
            format!("{}, between {} and {}", duration::EXPECTED, duration::show(least), duration::show(most));
        let Some(text) = self.text(key, &allowed, violations) else { return default };
        match duration::parse(text) {
            Some(span) if (least..=most).contains(&span) => span,
            _ => {
                violations.add(self.path_of(key), quoted(text), allowed);
                default
            }
        }
    }

    /// A whole number between two bounds (both allowed); absent is `default`.
    pub fn number(
        &mut self,
        key: &'static str,
        default: usize,
        (least, most): (usize, usize),
        violations: &mut Violations,
    ) -> usize {
        let Some(value) = self.take(key) else { return default };
        match value.as_integer().and_then(|number| usize::try_from(number).ok()) {
            Some(number) if (least..=most).contains(&number) => number,
            _ => {
                violations.add(
                    self.path_of(key),
                    show(value),
                    format!("a whole number from {least} to {most}"),
                );
                default
            }
        }
    }

    /// True or false; absent is false.
    pub fn flag(&mut self, key: &'static str, violations: &mut Violations) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Boolean(flag)) => *flag,
            Some(other) => {
                violations.add(self.path_of(key), show(other), "true or false");
                false
            }
        }
    }

    /// All keys with their values, for tables whose keys are the user's own.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.table.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Ends the reading of a table: each field that nobody took is unknown.
    pub fn end(self, violations: &mut Violations) {
        for (key, _) in self.entries().filter(|(key, _)| !self.known.contains(key)) {
            let fields = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            let meant =
                nearest(key, &self.known).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            violations.problem(self.path_of(key), format!("unknown field{meant} (fields: {fields})"));
        }
    }
}

/// The known field that a mistyped one resembles, if any does.
fn nearest<'k>(typed: &str, known: &BTreeSet<&'k str>) -> Option<&'k str> {
    let distance = |field: &str| strsim::damerau_levenshtein(typed, field);
    let (distance, field) = known.iter().map(|field| (distance(field), *field)).min()?;
    (distance <= 1 + field.len() / 4).then_some(field)
}

/// A value as a violation shows it: short.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Table(_) => "a table".into(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(time) => time.to_string(),
    }
}

/// A text in quotes, at most its first 60 characters.
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
