//! Lists of facts: a word, and what is known about it.

use maud::{Markup, html};

/// A list of facts, as many beside each other as there is room for.
pub fn facts(rows: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    html! { dl.facts { (all(rows)) } }
}

/// A list of long facts, such as the names of objects: at most two beside each other.
pub fn wide_facts(rows: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    html! { dl.facts.two { (all(rows)) } }
}

fn all(rows: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    html! { @for (word, fact) in rows { div { dt { (word) } dd { (fact) } } } }
}
