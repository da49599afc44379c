//! Applies decisions and reports the outcome of each. Applying a decision twice does no more than applying it once.

mod actions;
mod batch_tags;
mod effect;
mod notify;
pub mod report;

use chrono::{DateTime, Utc};
use futures::future::FutureExt;
use kiln_core::events::inbound::Mode;
use kiln_core::events::outbound::{Envelope, coalesce};
use kiln_core::numbers::Numbers;
use kiln_core::plan::action::Moves;
use kiln_core::plan::{Action, Decision, Sequence};

use crate::bounded::{CHANGES, bounded};
use crate::ports::Cloud;

use actions::apply_one;
use batch_tags::BatchedTags;
use effect::ApplyError;
use notify::{event_for, event_for_failure, event_for_keeping, event_for_repair};

pub use report::{Catalogued, Entry, Outcome, Report};

/// Applies sequences, and sends the events that report what was done. A sequence that fails does not stop the others.
pub async fn apply<C: Cloud>(cloud: &C, sequences: Vec<Sequence>, mode: Mode, now: DateTime<Utc>) -> Report {
    let written = match mode {
        Mode::DryRun => BatchedTags::default(),
        Mode::Apply | Mode::Repair { .. } => BatchedTags::by(cloud, &sequences).await,
    };
    let applied = sequences
        .into_iter()
        .map(|sequence| apply_sequence(cloud, sequence, &written, mode, now).boxed_local());
    let (mut entries, mut events, mut told) = (Vec::new(), Vec::new(), 0);
    let mut numbers = Vec::new();
    for applied in bounded(CHANGES, applied).await {
        entries.extend(applied.entries);
        numbers.extend(applied.numbers);
        events.extend(applied.events);
        told += applied.told;
    }
    let events = coalesce(events);
    numbers.extend(events.iter().filter_map(Numbers::of_event));
    let event_error = if events.is_empty() { None } else { cloud.send(&events, now).await.err() };
    let report = Report { entries, event_error, told, numbers, ..Report::default() };
    report.log_event_error();
    report
}

/// One sequence, applied.
struct Applied {
    entries: Vec<Entry>,
    /// The events that report it, still to be sent.
    events: Vec<Envelope>,
    /// What is counted of the events that it has sent.
    numbers: Vec<Numbers>,
    /// How many of its failures an event tells, and no retry helps against.
    told: usize,
}

async fn apply_sequence<C: Cloud>(
    cloud: &C,
    sequence: Sequence,
    written: &BatchedTags,
    mode: Mode,
    now: DateTime<Utc>,
) -> Applied {
    let (mut entries, mut events) = (Vec::new(), Vec::new());
    let (mut said, mut told, mut numbers) = (false, 0, Vec::new());
    let mut repaired: Vec<Decision> = Vec::new();
    let long_lived = sequence.iter().any(|decision| matches!(decision.action, Action::Restart(_)));
    let (mut aborted, mut permanent) = (false, false);
    for decision in sequence {
        let outcome = match (&decision.action, mode) {
            (Action::Keep, _) => {
                events.extend(event_for_keeping(&decision).filter(|_| mode == Mode::Apply));
                Outcome::Unchanged
            }
            // A long-lived builder is a person's own instance: it is restarted even if its image failed for good.
            (Action::Restart(_), Mode::Apply | Mode::Repair { .. }) if aborted && permanent => {
                match apply_one(cloud, &decision, written, mode, now).await {
                    Ok(_) => Outcome::Done { made: None },
                    Err(failure) => Outcome::Failed { error: failure.to_string() },
                }
            }
            (Action::Reject | Action::Retry, _) => {
                aborted = true;
                told += usize::from(said && decision.action == Action::Reject);
                Outcome::Failed { error: decision.reason.to_string() }
            }
            _ if aborted => Outcome::Skipped,
            (_, Mode::DryRun) => Outcome::Planned,
            (action, Mode::Apply | Mode::Repair { .. }) => {
                match apply_one(cloud, &decision, written, mode, now).await {
                    Ok(effect) => {
                        events.extend(event_for(&decision, &effect));
                        said |= matches!(action, Action::Emit(_));
                        if let (Action::Emit(envelope), false) = (action, effect.before) {
                            numbers.extend(Numbers::of_event(envelope));
                        }
                        let speaks = matches!(action, Action::Emit(_) | Action::Wake(_));
                        if mode.is_repair() && !effect.before && effect.forgone.is_none() && !speaks {
                            repaired.push(decision.clone());
                        }
                        match effect.undeleted.as_slice() {
                            [] if effect.forgone.is_some() => {
                                Outcome::Forgone { error: effect.forgone.unwrap_or_default() }
                            }
                            [] if effect.missed.is_some() => Outcome::Failed {
                                error: effect.missed.map(|error| error.to_string()).unwrap_or_default(),
                            },
                            [] => Outcome::Done { made: effect.made },
                            // The image itself is deregistered, so the sequence continues.
                            undeleted => Outcome::Failed { error: actions::snapshots_stayed(undeleted) },
                        }
                    }
                    Err(ApplyError::NotYet(reason)) => {
                        aborted = true;
                        // It is done, and most often no later look has anything to repair. It is told once.
                        let is_first = |moves: &Moves| moves.tries.as_ref().is_some_and(|note| note.is_first);
                        if mode.is_repair()
                            && matches!(action, Action::MoveParameters(moves) if is_first(moves))
                        {
                            repaired.push(decision.clone());
                        }
                        Outcome::Waiting { waiting_for: reason.to_string() }
                    }
                    Err(failure) => {
                        aborted = true;
                        permanent = failure.is_permanent();
                        let event = event_for_failure(&decision, &failure, long_lived);
                        told += usize::from(event.is_some() && permanent);
                        events.extend(event);
                        Outcome::Failed { error: failure.to_string() }
                    }
                }
            }
        };
        let entry = Entry::of(decision, outcome);
        entry.log();
        entries.push(entry);
    }
    if let Mode::Repair { since } = mode {
        events.extend(event_for_repair(&repaired, since, now));
    }
    Applied { entries, events, numbers, told }
}
