//! Runs many futures, a bounded number of them at the same time.
//!
//! A Lambda function has 1,024 file descriptors, and each call that waits for its answer holds one. So nothing in Kiln
//! waits for all of a collection at once: whatever fans out does it here. Fan-outs stand in each other: recipes fan out
//! to Regions, Regions to images. [`NESTED`] times [`CALLS`] times the few different calls that are made for each is
//! well below that limit.
//! (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>)

// The only place that may.
#![allow(clippy::disallowed_methods)]

use std::future::Future;

use futures::stream::{self, StreamExt, TryStreamExt};

/// How many calls are made at the same time.
pub const CALLS: usize = 16;

/// How many are worked on at the same time if each of them fans out again.
pub const NESTED: usize = 8;

/// How many changes, or requests that EC2 counts strictly, are made at the same time: enough that Regions do not wait
/// for each other, and few enough that EC2's request buckets (100 calls at once for most) are not emptied.
pub const CHANGES: usize = 8;

/// The outputs of all futures, in their order. At most `at_once` of them are under way at any moment.
pub async fn bounded<F: Future>(at_once: usize, futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(futures).buffered(at_once.max(1)).collect().await
}

/// The same for futures that can fail. After the first error, no other future is begun.
///
/// # Errors
/// The first error.
pub async fn try_bounded<T, E, F: Future<Output = Result<T, E>>>(
    at_once: usize,
    futures: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, E> {
    stream::iter(futures).buffered(at_once.max(1)).try_collect().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures::executor::block_on;

    use super::*;

    /// A future that becomes ready at its third poll, and counts how many like it are under way.
    struct Counted<'a> {
        polls: usize,
        number: usize,
        under_way: &'a Cell<usize>,
        most: &'a Cell<usize>,
    }

    impl Future for Counted<'_> {
        type Output = usize;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
            self.polls += 1;
            if self.polls == 1 {
                self.under_way.set(self.under_way.get() + 1);
                self.most.set(self.most.get().max(self.under_way.get()));
            }
            if self.polls == 3 {
                self.under_way.set(self.under_way.get() - 1);
                return Poll::Ready(self.number);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }

    #[test]
    fn of_500_futures_no_more_than_the_bound_are_under_way_and_their_order_stays() {
        let (under_way, most, begun) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let counted = |number| {
            begun.set(begun.get() + 1);
            Counted { polls: 0, number, under_way: &under_way, most: &most }
        };
        let outputs = block_on(bounded(CALLS, (0..500).map(counted)));
        assert_eq!(outputs, (0..500).collect::<Vec<_>>());
        assert_eq!((most.get(), begun.get()), (CALLS, 500));
    }

    #[test]
    fn fan_outs_in_each_other_stay_within_the_descriptors_of_a_function() {
        let (under_way, most) = (Cell::new(0), Cell::new(0));
        let counted = |number| Counted { polls: 0, number, under_way: &under_way, most: &most };
        let recipes = (0..500).map(async |_| bounded(CALLS, (0..30).map(counted)).await.len());
        let outputs: Vec<usize> = block_on(bounded(NESTED, recipes));
        assert_eq!(outputs.iter().sum::<usize>(), 15_000);
        assert!(most.get() <= NESTED * CALLS && NESTED * CALLS * 6 < 1_024, "{}", most.get());
    }

    #[test]
    fn nothing_is_begun_after_an_error_that_was_seen() {
        let begun = Cell::new(0);
        let fails = |number: usize| {
            begun.set(begun.get() + 1);
            async move { if number == 3 { Err(number) } else { Ok(number) } }
        };
        assert_eq!(block_on(try_bounded(2, (0..100).map(fails))), Err(3));
        assert!(begun.get() < 10, "{} were begun", begun.get());
    }
}
