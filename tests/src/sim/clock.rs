//! Virtual time: a run of days takes milliseconds, and is the same each time.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;

/// The one clock of a run. Time moves only when nothing is left to do at the present moment.
pub struct Clock {
    now: Cell<DateTime<Utc>>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    registered: Cell<u64>,
}

/// A sleeper. Of those that wake at the same moment, `order` tells who comes first.
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

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    /// Sleeps. No time at all still lets everything else of this moment go first.
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

    /// Moves to the next moment at which somebody wakes, if that is not after `end`; tells whether there was one.
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
    /// A stage on which nothing happens yet.
    pub fn new(clock: Rc<Clock>) -> Self {
        Self { pool: LocalPool::new(), clock }
    }

    /// Begins tasks on this stage.
    pub fn spawner(&self) -> LocalSpawner {
        self.pool.spawner()
    }

    /// Runs until nobody wakes before `end`; then it is `end`.
    pub fn run_until(&mut self, end: DateTime<Utc>) {
        loop {
            self.pool.run_until_stalled();
            if !self.clock.advance(end) {
                break;
            }
        }
        self.clock.now.set(self.clock.now().max(end));
    }
}

/// Begins a task.
pub fn begin(spawner: &LocalSpawner, task: impl Future<Output = ()> + 'static) {
    // Spawning fails only once the pool is gone, and then nobody is left to see the task.
    let _ = spawner.spawn_local(task);
}
