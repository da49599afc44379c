//! The line of each field in the document, for error messages.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of each field, by its path.
pub struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// The lines of a document. There are none if it is not TOML.
    pub fn of(document: &str) -> Self {
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(document) {
            collect(document, "", table.get_ref(), &mut lines);
        }
        Self(lines)
    }

    /// The line of a field. For a missing field, the line of its table; for an element of a list, the line of the list.
    pub fn line(&self, field: &str) -> Option<usize> {
        let mut path = field.split_once('[').map_or(field, |(list, _)| list);
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }
}

fn collect(document: &str, parent: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if parent.is_empty() { name.to_string() } else { format!("{parent}.{name}") };
        lines.insert(path.clone(), line_at(document, key.span().start));
        if let DeValue::Table(nested) = Spanned::get_ref(value) {
            collect(document, &path, nested, lines);
        }
    }
}

/// The line of a byte of the document, counted from 1.
pub fn line_at(document: &str, byte: usize) -> usize {
    document[..byte.min(document.len())].matches('\n').count() + 1
}
