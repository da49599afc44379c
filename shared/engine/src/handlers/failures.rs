//! What waits in the stack's queues: shown, sent to its functions again, or removed.

use kiln_core::events::inbound::FailuresCall;
use kiln_core::failures::{Chosen, Done, Failure, Letter, Message, Queue};
use kiln_core::inventory::Result;

use crate::apply::Report;
use crate::bounded::{CALLS, CHANGES, bounded};
use crate::context::HandlerError;
use crate::ports::{Functions, Letters};

/// Shows what waits in the queues, and does with it what is asked. A message is removed only once its function has the event
/// again, so nothing is lost if this ends half way: the event then comes twice, which does no harm.
///
/// # Errors
/// A queue could not be read; nothing was done.
pub async fn failures<C: Letters + Functions>(
    cloud: &C,
    stack: &str,
    call: &FailuresCall,
) -> Result<Report, HandlerError> {
    let reads = Queue::ALL.into_iter().map(|queue| cloud.messages(queue));
    let found: Vec<Result<Vec<Message>>> = bounded(CALLS, reads).await;
    let found: Vec<Message> = found.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let chosen = match call {
        FailuresCall::List => None,
        FailuresCall::Redrive(ids) | FailuresCall::Purge(ids) => Some(Chosen::of(ids.clone())),
    };
    let ids = found.iter().map(|message| message.id.as_str());
    let unknown = chosen.as_ref().map_or_else(Vec::new, |chosen| chosen.missing(ids));
    let unknown = unknown.into_iter().map(str::to_owned).collect();
    let dealt = found.iter().map(async |message| {
        let letter = Letter::read(message, stack);
        let is_chosen = chosen.as_ref().is_some_and(|chosen| chosen.has(&message.id));
        let outcome = match (call, &letter.again) {
            (FailuresCall::Redrive(_), Some((function, payload))) if is_chosen => {
                match cloud.wake(*function, payload).await {
                    Ok(()) => removed(cloud, message, Done::SentAgain).await,
                    Err(error) => Done::Failed(error.to_string()),
                }
            }
            (FailuresCall::Purge(_), _) if is_chosen => removed(cloud, message, Done::Removed).await,
            _ => Done::Kept,
        };
        (message, Failure { outcome, ..letter.failure })
    });
    let mut dealt: Vec<(&Message, Failure)> = bounded(CHANGES, dealt).await;
    dealt.sort_by(|(_, one), (_, other)| (&one.at, &one.id).cmp(&(&other.at, &other.id)));
    let kept = dealt.iter().filter(|(_, one)| matches!(one.outcome, Done::Kept | Done::Failed(_)));
    let kept: Vec<&Message> = kept.map(|(message, _)| *message).collect();
    // What is not put back comes back by itself, a minute later.
    let _ = bounded(CHANGES, kept.chunks(10).map(|some| cloud.put_back(some))).await as Vec<Result<()>>;
    let waiting = dealt.into_iter().map(|(_, failure)| failure).collect();
    Ok(Report { waiting: Some(waiting), unknown, ..Report::default() })
}

async fn removed<C: Letters>(cloud: &C, message: &Message, done: Done) -> Done {
    match cloud.remove(message).await {
        Ok(()) => done,
        Err(error) => Done::Failed(error.to_string()),
    }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
