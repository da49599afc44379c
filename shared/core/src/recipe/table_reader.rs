//! Reads the fields of a TOML document and collects every mistake, instead of stopping at the first.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::TimeDelta;
use toml::{Table, Value};

use super::lines::path_of;
use super::violation::Violations;
use crate::model::duration;

/// One table of the document. The parser takes each field that it knows; [`TableReader::end`] reports all others as
/// unknown.
pub struct TableReader<'a> {
    path: String,
    table: Option<&'a Table>,
    known: BTreeSet<&'static str>,
}

impl<'a> TableReader<'a> {
    /// The top level of the document.
    pub fn root(table: &'a Table) -> Self {
        Self { path: String::new(), table: Some(table), known: BTreeSet::new() }
    }

    /// The table under `key`; an empty one if the document has none.
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

    /// The table under a key that the user chose.
    pub fn inner(&self, key: &str, violations: &mut Violations) -> TableReader<'a> {
        let path = self.path_of(key);
        let table = match self.table.and_then(|table| table.get(key)) {
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                violations.add(&path, show(other), "a table");
                None
            }
            None => None,
        };
        TableReader { path, table, known: BTreeSet::new() }
    }

    /// The path of a field in this table, such as `bake.timeout`.
    pub fn path_of(&self, key: &str) -> String {
        path_of(&self.path, key)
    }

    /// The value of a field, not checked. The field counts as known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table?.get(key)
    }

    /// A string, or a violation; `None` if the field is absent.
    pub fn text(&mut self, key: &'static str, allowed: &str, violations: &mut Violations) -> Option<&'a str> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                violations.add(self.path_of(key), show(other), allowed);
                None
            }
        }
    }

    /// A string that parses, or a violation; `None` if the field is absent.
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

    /// A list of strings that parse and differ from each other; empty if the field is absent.
    pub fn list<T: FromStr + PartialEq>(
        &mut self,
        key: &'static str,
        allowed: &str,
        violations: &mut Violations,
    ) -> Vec<T> {
        let path = self.path_of(key);
        let items = self.items(key, allowed, violations);
        let mut read = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match item.as_str().and_then(|text| text.parse().ok()) {
                Some(value) if read.contains(&value) => {
                    violations.add(format!("{path}[{at}]"), show(item), "each element only once");
                }
                Some(value) => read.push(value),
                None => violations.add(format!("{path}[{at}]"), show(item), allowed),
            }
        }
        read
    }

    /// A time span between two bounds, both included; `default` if the field is absent.
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

    /// A whole number between two bounds, both included; `default` if the field is absent.
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

    /// Whether a field is there.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.insert(key);
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The elements of a list, not checked; empty if the field is absent.
    pub fn items(&mut self, key: &'static str, allowed: &str, violations: &mut Violations) -> &'a [Value] {
        match self.take(key) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(other) => {
                let allowed = format!("a list; each element is {allowed}");
                violations.add(self.path_of(key), show(other), allowed);
                &[]
            }
        }
    }

    /// The tables of a list; empty if the field is absent.
    pub fn tables(
        &mut self,
        key: &'static str,
        allowed: &str,
        violations: &mut Violations,
    ) -> Vec<TableReader<'a>> {
        let path = self.path_of(key);
        let items = self.items(key, allowed, violations);
        let mut read = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match item {
                Value::Table(table) => {
                    read.push(TableReader { path, table: Some(table), known: BTreeSet::new() });
                }
                other => violations.add(path, show(other), allowed),
            }
        }
        read
    }

    /// True or false; false if the field is absent.
    pub fn flag(&mut self, key: &'static str, violations: &mut Violations) -> bool {
        self.flag_or(key, false, violations)
    }

    /// True or false; `default` if the field is absent.
    pub fn flag_or(&mut self, key: &'static str, default: bool, violations: &mut Violations) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(flag)) => *flag,
            Some(other) => {
                violations.add(self.path_of(key), show(other), "true or false");
                default
            }
        }
    }

    /// All keys and values, for a table whose keys the user chooses.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.table.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Reports each field that was not taken as unknown.
    pub fn end(self, violations: &mut Violations) {
        for (key, _) in self.entries().filter(|(key, _)| !self.known.contains(key)) {
            let fields = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            let hint =
                nearest(key, &self.known).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            violations.problem(self.path_of(key), format!("unknown field{hint} (fields: {fields})"));
        }
    }
}

/// The known field that is most similar to an unknown one, if any is similar enough.
fn nearest<'k>(typed: &str, known: &BTreeSet<&'k str>) -> Option<&'k str> {
    let distance = |field: &str| strsim::damerau_levenshtein(typed, field);
    let (distance, field) = known.iter().map(|field| (distance(field), *field)).min()?;
    (distance <= 1 + field.len() / 4).then_some(field)
}

/// A short form of a value, for error messages.
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

/// A text in quotes, cut after 60 characters.
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
