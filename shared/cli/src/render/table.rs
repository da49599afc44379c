//! Tables, and sentences that are broken into lines.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

/// The longest line.
pub const WIDTH: usize = 100;
/// Between two columns.
const GAP: usize = 2;
/// A last column that would be narrower than this is not the only one whose cells are broken.
const NARROW: usize = 24;

/// Lines with aligned columns. All columns but the last are as wide as they must be, and the cells of the last one are
/// broken into lines. `right` are columns of numbers.
pub fn table(heading: &[&str], rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    within(WIDTH, heading, rows, right)
}

/// Rows with aligned columns, each in one line, however long: what lists the resources of a stack is looked through by its
/// columns.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let of = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..of).map(|at| width(at).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The same without a heading, indented.
pub fn rows_below(rows: &[Vec<String>]) -> Vec<String> {
    const INDENT: usize = 4;
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let lines = within(WIDTH - INDENT, &vec![""; columns], rows, &[]);
    lines.into_iter().skip(1).map(|line| format!("{}{line}", " ".repeat(INDENT))).collect()
}

fn within(width: usize, heading: &[&str], rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(heading.to_vec());
    for row in rows {
        table.add_row(row.clone());
    }
    let widths = table.column_max_content_widths();
    let others: usize = widths.iter().rev().skip(1).map(|width| usize::from(*width) + GAP).sum();
    let last = widths.len().saturating_sub(1);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if at == last { 0 } else { 2 }));
        if at != last && others + NARROW <= width {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if right.contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A text in lines that begin with so many spaces. A word that is longer than a line stays whole: an ARN that is broken
/// cannot be copied.
pub fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = margin.clone();
        for word in paragraph.split_whitespace() {
            let is_empty = line.len() == margin.len();
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut line, margin.clone()));
            } else if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_stand_at_the_right_and_texts_at_the_left() {
        let rows = [row(&["web", "8", "kept"]), row(&["batch", "112", "gone"])];
        let expected = ["RECIPE   GB  WHY", "web       8  kept", "batch   112  gone"];
        assert_eq!(table(&["RECIPE", "GB", "WHY"], &rows, &[1]), expected);
    }

    #[test]
    fn the_last_cell_is_broken_so_that_no_line_is_too_long() {
        let lines = table(&["IMAGE", "WHY"], &[row(&["ami-0123456789abcdef0", &"word ".repeat(60)])], &[]);
        assert!(lines.len() > 3 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        assert!(lines[1].starts_with("ami-0123456789abcdef0  word"));
    }

    #[test]
    fn a_table_of_many_wide_columns_fits_all_the_same() {
        let cells: Vec<String> = (0..5).map(|_| "a text of several words that is long".to_owned()).collect();
        let lines = table(&["A", "B", "C", "D", "E"], &[cells], &[]);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
    }

    #[test]
    fn a_sentence_is_broken_between_words_and_an_arn_never() {
        let arn = "a".repeat(120);
        let lines = wrapped(&format!("it is used by {arn} and nobody else"), 4);
        assert_eq!(lines, ["    it is used by", &format!("    {arn}"), "    and nobody else"]);
    }
}
