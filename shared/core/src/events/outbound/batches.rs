//! Events together: those of one recipe's images as one, and as many in one call as EventBridge takes.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::envelope::{Envelope, SOURCE};
use super::event::{Event, MOST_IMAGES};
use crate::model::RecipeName;

impl Envelope {
    /// The size of this event in a PutEvents call, in bytes.
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
    fn size(&self) -> usize {
        const TIME: usize = 14;
        TIME + SOURCE.len() + self.detail_type().len() + self.detail(DateTime::UNIX_EPOCH).len()
    }

    /// Adds the other event's images to this one, if recipe and transition are the same and there is room. Otherwise
    /// returns the other event.
    fn merge(&mut self, other: Self) -> Option<Self> {
        let same = self.name.recipe == other.name.recipe;
        match (&mut self.news, other.news) {
            (
                Event::Images { transition, images },
                Event::Images { transition: other_transition, images: more },
            ) if same && *transition == other_transition && images.len() + more.len() <= MOST_IMAGES => {
                images.extend(more);
                None
            }
            (_, news) => Some(Self { news, ..other }),
        }
    }
}

/// Combines events about several images of one recipe. The order is that of the first event of each combination.
pub fn coalesce(news: Vec<Envelope>) -> Vec<Envelope> {
    let mut events: Vec<Envelope> = Vec::new();
    let mut open: BTreeMap<(RecipeName, &str), usize> = BTreeMap::new();
    for one in news {
        let key = (one.name.recipe.clone(), one.detail_type());
        let rest = match open.get(&key).and_then(|at| events.get_mut(*at)) {
            Some(event) => event.merge(one),
            None => Some(one),
        };
        if let Some(one) = rest {
            open.insert(key, events.len());
            events.push(one);
        }
    }
    events
}

/// The most events in one PutEvents call, and their most bytes together: a little below EventBridge's 1 MiB.
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>)
const MOST_EVENTS: usize = 10;
const MOST_BYTES: usize = 1_000_000;

/// Splits events into PutEvents calls that stay within EventBridge's limits.
pub fn batches(news: &[Envelope]) -> Vec<&[Envelope]> {
    let (mut batches, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, size) in news.iter().map(Envelope::size).enumerate() {
        if at > from && (at - from == MOST_EVENTS || bytes + size > MOST_BYTES) {
            batches.push(&news[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    if from < news.len() {
        batches.push(&news[from..]);
    }
    batches
}
