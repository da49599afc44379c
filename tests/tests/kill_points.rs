//! Each function, killed before and after each call on its path, apart from chance.

#![allow(clippy::print_stdout, reason = "how many points there are is worth to be told")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use kiln_tests::sim::faults::Faults;
use kiln_tests::sim::lambda::{Function, KillPoint};
use kiln_tests::sim::{Options, run};

/// Runs in which all goes well but for the one death: a launched builder, a long-lived one, replicas in two Regions,
/// with and without a quarantine.
const SEEDS: std::ops::Range<u64> = 0..4;

fn options(seed: u64, kill_point: Option<KillPoint>) -> Options {
    Options { faults: Some(Faults::calm()), kill_point, ..Options::seed(seed) }
}

#[test]
fn wherever_a_function_dies_every_promise_is_kept() {
    let points: Vec<(u64, KillPoint)> = SEEDS.flat_map(points_of).collect();
    let functions: BTreeSet<Function> = points.iter().map(|(_, point)| point.function).collect();
    assert_eq!(functions.len(), 7, "{functions:?}");
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((seed, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run(options(*seed, Some(*point)));
            let broken_promises = outcome.broken_promises;
            assert!(
                broken_promises.is_empty(),
                "seed {seed}, {point:?}:\n  {}",
                broken_promises.join("\n  ")
            );
            // Regions that go together are seen half moved for no longer than an invocation and the sweep after it.
            let half = outcome.invariants.releases.half_longest;
            assert!(half <= TimeDelta::minutes(16), "seed {seed}, {point:?}: half moved for {half}");
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    println!("{} points", points.len());
}

/// Every call of a run in which nothing goes wrong, before and after.
fn points_of(seed: u64) -> Vec<(u64, KillPoint)> {
    let mut points = Vec::new();
    for (function, invocations) in run(options(seed, None)).invariants.calls {
        for (invocation, calls) in (0..).zip(invocations).take(most(function)) {
            let both = |call| [false, true].map(|after| KillPoint { function, invocation, call, after });
            points.extend((0..calls).flat_map(both).map(|point| (seed, point)));
        }
    }
    points
}

/// How many invocations of a function are taken: the later ones of a run walk the same paths.
fn most(function: Function) -> usize {
    match function {
        Function::Bake => 3,
        Function::Capture | Function::Replicate => 12,
        Function::Verify | Function::Publish => 8,
        Function::Expire => 8,
        Function::Reconcile => 4,
    }
}
