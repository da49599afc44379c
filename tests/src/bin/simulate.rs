//! `make simulate`: runs seeds until a number of pipelines is reached, or runs one seed and prints its trace.
//!
//!     simulate [--pipelines 100000] [--from SEED] [--threads N]
//!     simulate --seed SEED [--bug NAME]

#![allow(clippy::print_stdout, reason = "it is a command")]

use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use kiln_tests::sim::{Bug, Options, run};

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
    let work = || {
        let mut broken_promises = Vec::new();
        while !stop.load(Ordering::Relaxed) && pipelines.load(Ordering::Relaxed) < given.pipelines {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let outcome = run(Options { bug: given.bug, ..Options::seed(seed) });
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
        broken_promises
    };
    let broken_promises: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..given.threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let seeds = next.load(Ordering::Relaxed) - given.from;
    println!(
        "{} pipelines in {seeds} runs (seeds from {}), {:.1} s: {} runs broke a promise",
        pipelines.load(Ordering::Relaxed),
        given.from,
        began.elapsed().as_secs_f64(),
        broken_promises.len()
    );
    let mut all_kept = ExitCode::SUCCESS;
    for (seed, what) in broken_promises {
        all_kept = summarize(seed, &what);
    }
    all_kept
}
