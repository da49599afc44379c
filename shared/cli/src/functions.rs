//! Kiln's functions, as this program calls them.

use std::future::Future;

use serde_json::Value;

use crate::failure::Failure;

/// Whether a call may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only answers; it may be sent again.
    Reads,
    /// It changes something; it is sent once.
    Changes,
}

/// What can wake a function and wait for its answer.
pub trait Functions {
    /// Wakes a function by its name without the stack's, such as `expire`.
    fn call(
        &self,
        function: &str,
        payload: &Value,
        effect: Effect,
    ) -> impl Future<Output = Result<Value, Failure>>;
}

#[cfg(test)]
pub mod fake {
    //! Functions that answer what a test gave them, and remember what they were asked.

    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    /// What was asked: the function, the payload, and what it may do.
    pub type Asked = (String, Value, Effect);

    /// The functions.
    #[derive(Default)]
    pub struct Fake {
        /// What was asked, in order.
        pub asked: RefCell<Vec<Asked>>,
        answers: RefCell<VecDeque<Result<Value, Failure>>>,
    }

    impl Fake {
        /// Functions that answer these, in order.
        pub fn answering(answers: impl IntoIterator<Item = Result<Value, Failure>>) -> Self {
            Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
        }
    }

    impl Functions for Fake {
        async fn call(&self, function: &str, payload: &Value, effect: Effect) -> Result<Value, Failure> {
            self.asked.borrow_mut().push((function.into(), payload.clone(), effect));
            self.answers.borrow_mut().pop_front().expect("no answer is left")
        }
    }
}
