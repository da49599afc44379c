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
            fields(document, "", table.get_ref(), &mut lines);
        }
        Self(lines)
    }

    /// The line of a field; `None` if the document does not have it.
    pub fn exactly(&self, field: &str) -> Option<usize> {
        self.0.get(field).copied()
    }

    /// The line of a field, or of an element of a list. For one that is missing, the line of its table or list.
    pub fn line(&self, field: &str) -> Option<usize> {
        let mut path = field;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The path of a field of the table at `table`, such as `bake.timeout`. A key without characters is `""`, as in TOML.
pub fn path_of(table: &str, key: &str) -> String {
    let key = if key.is_empty() { "\"\"" } else { key };
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

fn fields(document: &str, parent: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = path_of(parent, key.get_ref());
        lines.insert(path.clone(), line_at(document, key.span().start));
        inside(document, &path, value.get_ref(), lines);
    }
}

fn inside(document: &str, path: &str, value: &DeValue<'_>, lines: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => fields(document, path, table, lines),
        DeValue::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let path = format!("{path}[{at}]");
                lines.insert(path.clone(), line_at(document, Spanned::span(item).start));
                inside(document, &path, item.get_ref(), lines);
            }
        }
        _ => {}
    }
}

/// The line of a byte of the document, counted from 1.
pub fn line_at(document: &str, byte: usize) -> usize {
    let before = document.as_bytes().iter().take(byte);
    before.filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;

    /// What a recipe of these lines is refused for, beside what it lacks: each field with its line.
    fn told(document: &str) -> Vec<(String, Option<usize>)> {
        let violations = Recipe::parse("web", document).unwrap_err().violations;
        let given = violations.into_iter().filter(|one| !one.problem.contains("missing"));
        given.map(|one| (one.field, one.line)).collect()
    }

    #[test]
    fn a_mistake_in_a_list_is_told_with_its_own_line() {
        let found = told(
            "[bake]\nsubnets = [\n  \"subnet-0a\",\n  \"sg-0a\",\n]\n[[bake.volumes]]\ndevice = \"/dev/sdf\"\nsize = \"1G\"\n\
             [[bake.volumes]]\ndevice = \"sdg\"\nsize = \"1G\"\n",
        );
        assert_eq!(found, [("bake.subnets[1]".into(), Some(4)), ("bake.volumes[1].device".into(), Some(10))]);
    }

    #[test]
    fn what_is_missing_in_a_table_of_a_list_is_told_with_the_line_of_that_table() {
        let violations = Recipe::parse("web", "[[bake.volumes]]\nsize = \"1G\"\n\n[[bake.volumes]]\n")
            .unwrap_err()
            .violations;
        let line = |field: &str| violations.iter().find(|one| one.field == field).unwrap().line;
        assert_eq!((line("bake.volumes[0].device"), line("bake.volumes[1].size")), (Some(1), Some(4)));
    }

    #[test]
    fn a_dotted_key_is_told_with_its_own_line() {
        let found = told("bake.timeout = 1\nbake.root.size = \"x\"\nbake.root.type = \"y\"\n");
        let expected = [("bake.timeout", 1), ("bake.root.size", 2), ("bake.root.type", 3)];
        assert_eq!(found, expected.map(|(field, line)| (field.to_owned(), Some(line))));
    }

    #[test]
    fn a_key_without_characters_is_told_as_it_is_written() {
        assert_eq!(
            told("\"\" = 1\n[tags]\n\"\" = \"x\"\n"),
            [("tags.\"\"".into(), Some(3)), ("\"\"".into(), Some(1))]
        );
    }
}
