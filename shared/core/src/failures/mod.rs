//! What did not end well and waits in a queue of the stack: what each message tells, and whether it can be sent again.

mod failure;
mod letter;
mod message;

pub use failure::{Done, Failure};
pub use letter::Letter;
pub use message::{Chosen, Message, Queue};

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
