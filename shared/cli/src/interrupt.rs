//! What is told when somebody presses Ctrl-C.

use std::sync::atomic::{AtomicU8, Ordering};

/// What goes on, whether or not anybody waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Begun {
    /// A function of Kiln's.
    Functions = 1,
    /// CloudFormation.
    Stacks,
    /// Recipes were put, one after the other.
    Recipes,
}

static BEGUN: AtomicU8 = AtomicU8::new(0);

/// From now on this is at work, and changes something.
pub fn something_begins(what: Begun) {
    BEGUN.store(what as u8, Ordering::Relaxed);
}

/// The one line that is told.
pub fn told() -> &'static str {
    const FUNCTIONS: u8 = Begun::Functions as u8;
    const STACKS: u8 = Begun::Stacks as u8;
    const RECIPES: u8 = Begun::Recipes as u8;
    match BEGUN.load(Ordering::Relaxed) {
        FUNCTIONS => "Interrupted. What was begun goes on in the functions: kiln status shows it.",
        STACKS => {
            "Interrupted. What CloudFormation was asked for goes on: the same command again shows what is left to do."
        }
        RECIPES => "Interrupted. What was put before stays: the same command again puts the rest.",
        _ => "Interrupted. Nothing was changed.",
    }
}
