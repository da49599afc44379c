//! On which line of a document each field stands.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of each field, by its path.
pub struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Those of a document; none where it is not TOML.
    pub fn of(document: &str) -> Self {
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(document) {
            collect(document, "", table.get_ref(), &mut lines);
        }
        Self(lines)
    }

    /// The line of a field, or of the table that it is missing from. An element of a list stands where its list does.
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

fn collect(document: &str, above: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if above.is_empty() { name.to_string() } else { format!("{above}.{name}") };
        lines.insert(path.clone(), line_at(document, key.span().start));
        if let DeValue::Table(below) = Spanned::get_ref(value) {
            collect(document, &path, below, lines);
        }
    }
}

/// The line, counted from 1, on which a byte of the document stands.
pub fn line_at(document: &str, byte: usize) -> usize {
    document[..byte.min(document.len())].matches('\n').count() + 1
}
