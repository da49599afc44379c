//! A thing with its history: what a read that lags behind still sees.

use chrono::{DateTime, Utc};

/// A thing of the cloud. EC2's reads are eventually consistent: each sees it as it was at some moment of the last
/// seconds. Its writes are not.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>)
#[derive(Debug, Clone)]
pub struct History<T> {
    /// From when on it was what; `None`: gone.
    history: Vec<(DateTime<Utc>, Option<T>)>,
}

impl<T: Clone> History<T> {
    /// A thing that is made now.
    pub fn new(now: DateTime<Utc>, thing: T) -> Self {
        Self { history: vec![(now, Some(thing))] }
    }

    /// What it is.
    pub fn now(&self) -> Option<&T> {
        self.history.last().and_then(|(_, thing)| thing.as_ref())
    }

    /// What a read sees that lags behind until then.
    pub fn at(&self, moment: DateTime<Utc>) -> Option<&T> {
        let seen = self.history.iter().rev().find(|(since, _)| *since <= moment);
        seen.and_then(|(_, thing)| thing.as_ref())
    }

    /// Changes it now.
    pub fn change(&mut self, now: DateTime<Utc>, change: impl FnOnce(&mut T)) {
        if let Some(mut thing) = self.now().cloned() {
            change(&mut thing);
            self.put(now, Some(thing));
        }
    }

    /// It is gone from now on.
    pub fn remove(&mut self, now: DateTime<Utc>) {
        self.put(now, None);
    }

    fn put(&mut self, now: DateTime<Utc>, thing: Option<T>) {
        match self.history.last_mut() {
            Some((since, last)) if *since == now => *last = thing,
            _ => self.history.push((now, thing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_read_that_lags_sees_what_was() {
        let start = DateTime::UNIX_EPOCH;
        let after = |seconds| start + TimeDelta::seconds(seconds);
        let mut held = History::new(start, 1);
        held.change(after(10), |value| *value = 2);
        held.remove(after(20));
        assert_eq!(held.at(after(-1)), None);
        assert_eq!((held.at(after(9)), held.at(after(10)), held.at(after(20))), (Some(&1), Some(&2), None));
        assert_eq!(held.now(), None);
    }
}
