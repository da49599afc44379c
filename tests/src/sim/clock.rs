//! Virtual time: a run of several days takes milliseconds, and the same seed gives the same run.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;

/// Many times more sleeps than the longest run has. A run that reaches it would never end.
const MAX_SLEEPS: u64 = 1_000_000;

/// The clock of a run. Time moves on only when every task is waiting.
pub struct Clock {
    now: Cell<DateTime<Utc>>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    registered: Cell<u64>,
}

/// A task that sleeps until `at`. Tasks that wake at the same moment wake in the order in which they went to sleep.
struct Timer {
    at: DateTime<Utc>,
    order: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Clock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(now),
            timers: RefCell::new(BinaryHeap::new()),
            registered: Cell::new(0),
        })
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    /// Sleeps. Even a sleep of length zero lets all other tasks of this moment run first.
    pub async fn sleep(&self, span: TimeDelta) {
        let until = self.now() + span;
        let mut registered = false;
        poll_fn(|context| {
            if registered && self.now() >= until {
                return Poll::Ready(());
            }
            if !registered {
                registered = true;
                let order = self.registered.get();
                self.registered.set(order + 1);
                let waker = context.waker().clone();
                self.timers.borrow_mut().push(Reverse(Timer { at: until, order, waker }));
            }
            Poll::Pending
        })
        .await;
    }

    /// Moves to the next moment at which a task wakes, if that is not after `end`. Returns whether there was one.
    fn advance(&self, end: DateTime<Utc>) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(Reverse(first)) = timers.peek() else { return false };
        if first.at > end {
            return false;
        }
        let Some(Reverse(timer)) = timers.pop() else { return false };
        self.now.set(self.now().max(timer.at));
        drop(timers);
        timer.waker.wake();
        true
    }
}

/// Runs tasks in virtual time, on one thread.
pub struct Executor {
    pool: LocalPool,
    clock: Rc<Clock>,
}

impl Executor {
    /// An executor without tasks.
    pub fn new(clock: Rc<Clock>) -> Self {
        Self { pool: LocalPool::new(), clock }
    }

    /// Starts tasks on this executor.
    pub fn spawner(&self) -> LocalSpawner {
        self.pool.spawner()
    }

    /// Runs all tasks that wake until `end`, and sets the clock to `end`.
    pub fn run_until(&mut self, end: DateTime<Utc>) {
        loop {
            self.pool.run_until_stalled();
            if !self.clock.advance(end) {
                break;
            }
            let sleeps = self.clock.registered.get();
            assert!(
                sleeps < MAX_SLEEPS,
                "the run wakes itself without end: {sleeps} sleeps by {}",
                self.clock.now()
            );
        }
        self.clock.now.set(self.clock.now().max(end));
    }
}

/// Starts a task.
pub fn spawn(spawner: &LocalSpawner, task: impl Future<Output = ()> + 'static) {
    // Spawning fails only after the pool was dropped, and then no task runs any more.
    let _ = spawner.spawn_local(task);
}
