//! Each function, killed before and after each of its calls, apart from chance.

#![allow(clippy::print_stdout, reason = "how many points there are is worth to be told")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use kiln_tests::sim::faults::Faults;
use kiln_tests::sim::lambda::{Function, KillPoint};
use kiln_tests::sim::{Options, run};

/// Runs in which all goes well but for the one death: a launched builder, a long-lived one, replicas in two Regions,
/// with and without a quarantine, launch templates that follow by their latest version and by their default one.
const SEEDS: std::ops::Range<u64> = 0..6;

/// The important changes of each function. The test fails unless the runs reach each of them.
const CHANGES: [(Function, &str); 16] = [
    (Function::Bake, "RunInstances"),
    (Function::Bake, "StopInstances"),
    (Function::Capture, "CreateImage"),
    (Function::Capture, "StartInstances"),
    (Function::Capture, "TerminateInstances"),
    (Function::Verify, "RunInstances"),
    (Function::Verify, "TerminateInstances"),
    (Function::Publish, "ModifyImageAttribute"),
    (Function::Replicate, "CopyImage"),
    (Function::Replicate, "PutParameter"),
    (Function::Replicate, "CreateLaunchTemplateVersion"),
    (Function::Replicate, "ModifyLaunchTemplate"),
    (Function::Expire, "EnableImageDeprecation"),
    (Function::Expire, "DisableImage"),
    (Function::Expire, "DeregisterImage"),
    (Function::Reconcile, "Invoke"),
];

/// One call that a function made in such a run.
#[derive(Clone, Copy)]
struct Made {
    seed: u64,
    function: Function,
    /// Which invocation of the function made it, counted from 0.
    invocation: u32,
    /// Which of its calls it was, counted from 0.
    number: u32,
    /// The call before it in the same invocation.
    before: Option<&'static str>,
    call: &'static str,
}

/// Kills at each call of a function once for each call that may come before it. No call that a function makes in any of
/// these runs is left out.
#[test]
fn wherever_a_function_dies_every_promise_is_kept() {
    let all: Vec<Made> = SEEDS.flat_map(made).collect();
    let mut taken = BTreeSet::new();
    let once: Vec<Made> =
        all.iter().filter(|one| taken.insert((one.function, one.before, one.call))).copied().collect();
    assert_eq!(calls(&once), calls(&all));
    let missing: Vec<_> = CHANGES.iter().filter(|change| !calls(&once).contains(change)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_promises_are_kept_when_killed(&once);
}

/// Kills at every call of the first invocations of each function, however often it was made before.
#[test]
#[ignore = "it takes minutes: make test-full"]
fn wherever_a_function_dies_in_its_first_invocations_every_promise_is_kept() {
    let first: Vec<Made> = SEEDS.flat_map(made).filter(|one| one.invocation < most(one.function)).collect();
    assert_promises_are_kept_when_killed(&first);
}

/// Every call of a run in which nothing goes wrong.
fn made(seed: u64) -> Vec<Made> {
    let mut all = Vec::new();
    for (function, invocations) in run(options(seed, None)).invariants.calls {
        for (invocation, calls) in (0..).zip(invocations) {
            let mut before = None;
            for (number, call) in (0..).zip(calls) {
                all.push(Made { seed, function, invocation, number, before, call });
                before = Some(call);
            }
        }
    }
    all
}

/// Which function makes which call.
fn calls(made: &[Made]) -> BTreeSet<(Function, &'static str)> {
    made.iter().map(|one| (one.function, one.call)).collect()
}

/// Kills before and after each of these calls, and checks every promise.
fn assert_promises_are_kept_when_killed(at: &[Made]) {
    let both = |one: &Made| {
        let Made { seed, function, invocation, number: call, .. } = *one;
        [false, true].map(|after| (seed, KillPoint { function, invocation, call, after }))
    };
    let points: Vec<(u64, KillPoint)> = at.iter().flat_map(both).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((seed, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run(options(*seed, Some(*point)));
            let broken = outcome.broken_promises;
            assert!(broken.is_empty(), "seed {seed}, {point:?}:\n  {}", broken.join("\n  "));
            // Regions that go together are seen half moved for no longer than an invocation and the sweep after it.
            let half = outcome.invariants.releases.half_longest;
            assert!(half <= TimeDelta::minutes(16), "seed {seed}, {point:?}: half moved for {half}");
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    println!("{} points, {} calls", points.len(), calls(at).len());
}

fn options(seed: u64, kill_point: Option<KillPoint>) -> Options {
    Options { faults: Some(Faults::calm()), kill_point, ..Options::seed(seed) }
}

/// How many invocations of a function are taken: the later ones of a run walk the same paths.
fn most(function: Function) -> u32 {
    match function {
        Function::Bake => 3,
        Function::Capture | Function::Replicate => 12,
        Function::Verify | Function::Publish => 8,
        Function::Expire => 8,
        Function::Reconcile | Function::Catalog => 4,
    }
}
