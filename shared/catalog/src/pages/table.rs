//! Tables that become cards on narrow screens.
//!
//! A browser may forget that something is a table once its style says otherwise, so each part says its role itself; and
//! each cell bears the head of its column, which a card shows beside it.

use maud::{Markup, html};

/// A column: its head, and how its cells stand.
#[derive(Debug, Clone, Copy)]
pub struct Column(pub &'static str, pub Kind);

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Numbers, which line up at their right.
    Number,
}

impl Kind {
    fn class(self) -> Option<&'static str> {
        (self == Self::Number).then_some("number")
    }
}

/// A column of texts.
pub const fn text(head: &'static str) -> Column {
    Column(head, Kind::Text)
}

/// A column of numbers.
pub const fn number(head: &'static str) -> Column {
    Column(head, Kind::Number)
}

/// A table below the heading with this id. The first cell of each row is the row's head.
pub fn table(heading: &str, columns: &[Column], rows: impl IntoIterator<Item = Vec<Markup>>) -> Markup {
    html! {
        table role="table" aria-labelledby=(heading) {
            thead role="rowgroup" {
                tr role="row" {
                    @for Column(head, kind) in columns {
                        th role="columnheader" scope="col" class=[kind.class()] { (head) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for row in rows { tr role="row" { (cells(columns, &row)) } }
            }
        }
    }
}

fn cells(columns: &[Column], row: &[Markup]) -> Markup {
    html! {
        @for (at, (Column(head, kind), cell)) in columns.iter().zip(row).enumerate() {
            @if at == 0 {
                th role="rowheader" scope="row" data-label=(head) { (cell) }
            } @else {
                td role="cell" data-label=(head) class=[kind.class()] { (cell) }
            }
        }
    }
}
