//! The simulation, as far as a test has time for it: fixed seeds, and fresh ones in each run.

#![allow(clippy::print_stdout, reason = "a fresh seed that breaks a promise must be told")]

use std::time::{Duration, Instant, SystemTime};

use kiln_tests::sim::faults::Faults;
use kiln_tests::sim::{Bug, Options, Outcome, run};

fn kept(seed: u64) -> Outcome {
    let outcome = run(Options::seed(seed));
    assert!(
        outcome.broken_promises.is_empty(),
        "seed {seed} (make simulate SEED={seed}):\n  {}",
        outcome.broken_promises.join("\n  ")
    );
    outcome
}

#[test]
fn every_promise_is_kept_in_a_thousand_fixed_runs() {
    let pipelines: u32 = (0..1_000).map(|seed| kept(seed).pipelines).sum();
    assert!(pipelines > 5_000, "{pipelines}");
}

/// For ten seconds, seeds that nobody has seen before.
#[test]
fn every_promise_is_kept_in_fresh_runs() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let first = u64::try_from(now.as_nanos() % 1_000_000_000_000).unwrap() * 1_000_000;
    let (began, mut seeds) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(10) {
        kept(first + seeds);
        seeds += 1;
    }
    println!("{seeds} fresh seeds from {first}");
}

/// What the same seed does is the same, to the last line.
#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in [3, 14, 159] {
        let traced = || run(Options { traced: true, ..Options::seed(seed) }).trace;
        assert_eq!(traced(), traced());
    }
}

/// The faults do happen: else nothing would be proved by surviving them.
#[test]
fn with_faults_things_do_go_wrong_and_without_them_nothing_does() {
    let faulty: Vec<Outcome> = (0..100).map(kept).collect();
    let said =
        |what: &str| faulty.iter().filter_map(|outcome| outcome.invariants.news.get(what)).sum::<u32>();
    for news in [
        "Bake Failed",
        "Image Verified",
        "Image Rejected",
        "Replication Failed",
        "Image Released",
        "Image Rolled Back",
        "Drift Repaired",
        "Image Disabled",
        "Image Deregistered",
    ] {
        assert!(said(news) > 10, "{news}: {}", said(news));
    }
    assert!(faulty.iter().map(|outcome| outcome.invariants.dead_letters).sum::<u32>() > 100);
    for seed in 0..20 {
        let calm = run(Options { faults: Some(Faults::calm()), ..Options::seed(seed) });
        assert_eq!((calm.broken_promises, calm.invariants.dead_letters), (vec![], 0));
        for news in ["Bake Failed", "Replication Failed"] {
            assert_eq!(calm.invariants.news.get(news), None, "{news}");
        }
    }
}

/// The first seed at which a bug breaks this promise, of so many.
fn caught(bug: Bug, promise: &str, seeds: u64) -> Option<u64> {
    (0..seeds).find(|seed| {
        let broken_promises = run(Options { bug, ..Options::seed(*seed) }).broken_promises;
        broken_promises.iter().any(|what| what.contains(promise))
    })
}

#[test]
fn each_planted_bug_is_caught_by_the_promise_that_it_breaks() {
    for (bug, promise) in [
        (Bug::NoClientToken, "a second"),
        (Bug::TagsAfterCreation, "lacked its tags when it was made"),
        (Bug::TrustsTheEvent, "whose script had not succeeded"),
        (Bug::ExpiryWithoutRecheck, "used it"),
        (Bug::KeepsOneFewer, "newer releases were there, and the recipe keeps"),
        (Bug::CopiesWithoutLooking, "in the end"),
        (Bug::FailedLookUpIsUnused, "a look-up of its use failed"),
        (Bug::DefaultVersionAlone, "named it"),
        (Bug::OthersUnseen, "account 111111111111 used it since"),
        (Bug::SharedSnapshotGoes, "stands on it"),
        (Bug::SweepWithoutDeadline, "is left behind"),
        (Bug::TerminatesTooEarly, "was being made of it"),
        (Bug::NoSweep, "in the end"),
        (Bug::MovesBeforeTheLast, "it moved before the last Region was ready"),
        (Bug::PermissionsOnlyAdded, "may be launched by"),
        (Bug::RollbackUndone, "somebody had rolled back"),
    ] {
        let seed = caught(bug, promise, 2_500).unwrap_or_else(|| panic!("{bug:?} is not caught"));
        println!("{bug:?}: caught by seed {seed}");
    }
}
