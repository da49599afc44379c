//! Helpers for sentences: how a list becomes part of one.

/// The reasons after a colon, or nothing if there are none.
pub fn suffix(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}

/// The first five items, and how many more there are.
pub fn first_few(items: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = join(&items[..items.len().min(SHOWN)]);
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// All items, separated by commas.
pub fn join<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
