//! What is told when somebody presses Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};

static BEGUN: AtomicBool = AtomicBool::new(false);

/// From now on a function is at work that changes something, whether or not anybody waits for it.
pub fn something_begins() {
    BEGUN.store(true, Ordering::Relaxed);
}

/// The one line that is told.
pub fn told() -> &'static str {
    match BEGUN.load(Ordering::Relaxed) {
        true => "Interrupted. What was begun goes on in the functions: kiln status shows it.",
        false => "Interrupted. Nothing was changed.",
    }
}
