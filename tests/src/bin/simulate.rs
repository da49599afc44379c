//! `make simulate`: runs seeds until a number of pipelines is reached, or runs one seed and prints its trace.
//!
//!     simulate [--pipelines 100000] [--from SEED] [--threads N]
//!     simulate --seed SEED [--bug NAME]

#![allow(clippy::print_stdout, reason = "it is a command")]

use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use kiln_tests::sim::excuses::Excuses;
use kiln_tests::sim::{Bug, Options, run};

/// The broken promises of each seed.
type Broken = Vec<(u64, Vec<String>)>;

struct Arguments {
    pipelines: u64,
    from: u64,
    threads: usize,
    seed: Option<u64>,
    bug: Bug,
}

fn arguments() -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut given = Arguments { pipelines: 100_000, from: 0, threads, seed: None, bug: Bug::None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} needs a number, not {value:?}"));
        match word.as_str() {
            "--pipelines" => given.pipelines = number()?,
            "--from" => given.from = number()?,
            "--threads" => given.threads = usize::try_from(number()?.max(1)).unwrap_or(1),
            "--seed" => given.seed = Some(number()?),
            "--bug" => {
                let found = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == value);
                given.bug = found.ok_or(format!("--bug is one of {:?}", Bug::ALL))?;
            }
            _ => return Err(format!("{word} is none of --pipelines, --from, --threads, --seed and --bug")),
        }
    }
    Ok(given)
}

fn main() -> ExitCode {
    let given = match arguments() {
        Ok(given) => given,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    match given.seed {
        Some(seed) => replay(seed, given.bug),
        None => many(&given),
    }
}

/// Runs one seed and prints its trace.
fn replay(seed: u64, bug: Bug) -> ExitCode {
    let outcome = run(Options { traced: true, bug, ..Options::seed(seed) });
    for line in &outcome.trace {
        println!("{line}");
    }
    summarize(seed, &outcome.broken_promises)
}

fn summarize(seed: u64, broken_promises: &[String]) -> ExitCode {
    if broken_promises.is_empty() {
        println!("seed {seed}: every promise was kept");
        return ExitCode::SUCCESS;
    }
    println!("seed {seed}: {} promises were broken", broken_promises.len());
    for what in broken_promises {
        println!("  - {what}");
    }
    println!("replay it with: make simulate SEED={seed}");
    ExitCode::FAILURE
}

fn many(given: &Arguments) -> ExitCode {
    let began = Instant::now();
    let (next, pipelines, stop) = (AtomicU64::new(given.from), AtomicU64::new(0), AtomicBool::new(false));
    let half_moved = AtomicI64::new(0);
    let work = || {
        let (mut broken_promises, excuses) = (Vec::new(), Excuses::default());
        while !stop.load(Ordering::Relaxed) && pipelines.load(Ordering::Relaxed) < given.pipelines {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let outcome = run(Options { bug: given.bug, ..Options::seed(seed) });
            excuses.add(&outcome.invariants.excuses);
            let half = outcome.invariants.releases.half_longest.num_minutes();
            half_moved.fetch_max(half, Ordering::Relaxed);
            let before = pipelines.fetch_add(u64::from(outcome.pipelines), Ordering::Relaxed);
            let after = before + u64::from(outcome.pipelines);
            if before / 10_000 != after / 10_000 {
                println!("  {after:>7} pipelines after {:.0} s", began.elapsed().as_secs_f64());
            }
            if !outcome.broken_promises.is_empty() {
                stop.store(true, Ordering::Relaxed);
                broken_promises.push((seed, outcome.broken_promises));
            }
        }
        (broken_promises, excuses)
    };
    let ended: Vec<(Broken, Excuses)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..given.threads).map(|_| scope.spawn(work)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect()
    });
    let (mut broken_promises, all_excuses) = (Vec::new(), Excuses::default());
    for (broken, excuses) in ended {
        broken_promises.extend(broken);
        all_excuses.add(&excuses);
    }
    let seeds = next.load(Ordering::Relaxed) - given.from;
    println!(
        "{} pipelines in {seeds} runs (seeds from {}), {:.1} s: {} runs broke a promise",
        pipelines.load(Ordering::Relaxed),
        given.from,
        began.elapsed().as_secs_f64(),
        broken_promises.len()
    );
    println!(
        "Regions that go together named different releases for at most {} minutes, with every fault",
        half_moved.load(Ordering::Relaxed)
    );
    println!("Promises were not asked for because of:");
    for (excuse, times) in all_excuses.all() {
        println!("  {times:>7} × {excuse:?}");
    }
    let mut all_kept = ExitCode::SUCCESS;
    for (excuse, times) in all_excuses.too_often(pipelines.load(Ordering::Relaxed)) {
        println!("{excuse:?} was used {times} times, which is too often");
        all_kept = ExitCode::FAILURE;
    }
    for (seed, what) in broken_promises {
        all_kept = summarize(seed, &what);
    }
    all_kept
}
