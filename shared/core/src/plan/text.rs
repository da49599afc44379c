//! How several things are told in one sentence.

/// What is to be said after a colon, if anything.
pub fn told(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}

/// The first few, and how many there are beside them.
pub fn some(users: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = list(&users[..users.len().min(SHOWN)]);
    match users.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// All of them.
pub fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
