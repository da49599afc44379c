//! A value with its history, so that a stale read can return an older state.

use chrono::{DateTime, Utc};

/// A resource with all its past states. EC2's reads are eventually consistent: each returns a state of the last
/// seconds. Writes always work on the current state.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>)
#[derive(Debug, Clone)]
pub struct History<T> {
    /// Each state with the time from which it held; `None`: the resource does not exist.
    states: Vec<(DateTime<Utc>, Option<T>)>,
}

impl<T: Clone> History<T> {
    /// A resource that is created now.
    pub fn new(now: DateTime<Utc>, thing: T) -> Self {
        Self { states: vec![(now, Some(thing))] }
    }

    /// The current state; `None` if it does not exist.
    pub fn now(&self) -> Option<&T> {
        self.states.last().and_then(|(_, thing)| thing.as_ref())
    }

    /// The first state.
    pub fn first(&self) -> Option<&T> {
        self.states.first().and_then(|(_, thing)| thing.as_ref())
    }

    /// The state at a moment, as a stale read returns it.
    pub fn at(&self, moment: DateTime<Utc>) -> Option<&T> {
        let seen = self.states.iter().rev().find(|(since, _)| *since <= moment);
        seen.and_then(|(_, thing)| thing.as_ref())
    }

    /// Changes the current state; does nothing if the resource does not exist.
    pub fn change(&mut self, now: DateTime<Utc>, change: impl FnOnce(&mut T)) {
        if let Some(mut thing) = self.now().cloned() {
            change(&mut thing);
            self.put(now, Some(thing));
        }
    }

    /// Removes the resource.
    pub fn remove(&mut self, now: DateTime<Utc>) {
        self.put(now, None);
    }

    fn put(&mut self, now: DateTime<Utc>, thing: Option<T>) {
        match self.states.last_mut() {
            Some((since, last)) if *since == now => *last = thing,
            _ => self.states.push((now, thing)),
        }
    }
}
