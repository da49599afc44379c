//! What failed and waits in the stack's queues: shown, sent again, or removed.

use kiln_core::failures::Chosen;
use serde_json::json;

use super::call;
use crate::Done;
use crate::answer::{Answer, Waiting};
use crate::arguments::Failures;
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::render::failures::{listed, short};
use crate::screen::Screen;

/// Shows what waits, or shows it, asks, and deals with it.
pub(super) async fn failures<F: Functions>(
    functions: &F,
    wanted: &Failures,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (document, answer) =
        call(functions, "reconcile", &json!({ "failures": "list" }), Effect::Reads).await?;
    let waiting = answer.waiting.unwrap_or_default();
    let (word, ids) = match wanted {
        Failures::List => {
            screen.say(listed(&waiting));
            return Ok(Done::well(json!({ "answer": document })));
        }
        Failures::Redrive { ids } => ("redrive", ids),
        Failures::Purge { ids } => ("purge", ids),
    };
    let choice = Chosen::of(ids.clone());
    let chosen: Vec<Waiting> = waiting.iter().filter(|one| choice.has(&one.id)).cloned().collect();
    if let [strange, ..] = choice.missing(waiting.iter().map(|one| one.id.as_str())).as_slice() {
        let what = format!("No failure has an id that begins with {strange}, so nothing was done.");
        return Err(Failure::new(Kind::NotDone, what).advise("kiln failures list shows the ids."));
    }
    screen.say(listed(&chosen));
    if chosen.is_empty() {
        return Ok(Done::well(json!({ "answer": document })));
    }
    screen.say([String::new()]);
    let question = match word {
        "redrive" => "Send these events to their functions again?",
        _ => "Remove these messages?",
    };
    screen.confirm(question).await.map_err(|failure| failure.after("preview", document.clone()))?;
    // By their whole ids: what came since was not shown.
    let whole: Vec<&str> = chosen.iter().map(|one| one.id.as_str()).collect();
    let (done, answer) =
        call(functions, "reconcile", &json!({ "failures": word, "ids": whole }), Effect::Changes).await?;
    told(&answer, &chosen, screen);
    let document = json!({ "preview": document, "answer": done });
    match undone(&answer) {
        Some(why) => Err(Failure::new(Kind::NotDone, why).after("answer", document["answer"].clone())),
        None => Ok(Done::well(document)),
    }
}

/// Says what came of each that was chosen.
fn told(answer: &Answer, chosen: &[Waiting], screen: &mut Screen<'_>) {
    let found = |id: &str| answer.waiting.iter().flatten().find(|one| one.id == id);
    let gone = chosen.iter().filter(|one| found(&one.id).is_some_and(Waiting::is_gone)).count();
    let stay: Vec<&Waiting> =
        chosen.iter().filter(|one| !found(&one.id).is_some_and(Waiting::is_gone)).collect();
    screen.say([String::new(), format!("{gone} of {} are dealt with.", chosen.len())]);
    if !stay.is_empty() {
        let ids: Vec<&str> = stay.iter().map(|one| short(&one.id)).collect();
        screen.say([format!("These stay, for they are not sent again: {}", ids.join(", "))]);
    }
}

/// What could not be done.
fn undone(answer: &Answer) -> Option<String> {
    let failed =
        |one: &Waiting| Some(format!("{}: {}", short(&one.id), one.outcome.get("failed")?.as_str()?));
    let failed: Vec<String> = answer.waiting.iter().flatten().filter_map(failed).collect();
    (!failed.is_empty()).then(|| format!("What could not be done waits as before.\n{}", failed.join("\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::functions::fake::Fake;

    fn waiting(id: &str, outcome: Value) -> Value {
        json!({ "queue": "failures", "id": id, "at": "2026-11-26T02:00:00Z", "function": "capture", "event": "EC2: i-1",
                "error": "CreateImage was denied", "advice": "Remove the cause.", "outcome": outcome })
    }

    fn answered(all: &[Value]) -> Result<Value, Failure> {
        Ok(json!({ "decisions": [], "waiting": all }))
    }

    #[test]
    fn what_waits_is_shown_before_it_is_sent_again_by_its_whole_ids() {
        let id = "0a1b2c3d-1111-2222-3333-444455556666";
        let functions = Fake::answering([
            answered(&[waiting(id, json!("kept")), waiting("ffff", json!("kept"))]),
            answered(&[waiting(id, json!("sent-again"))]),
        ]);
        let said = Said::default();
        let wanted = Failures::Redrive { ids: vec!["0a1b".into()] };
        block_on(failures(&functions, &wanted, &mut said.screen(true))).unwrap();
        let asked = functions.asked.borrow();
        assert_eq!(asked[1].1, json!({ "failures": "redrive", "ids": [id] }));
        assert!(
            said.text().contains("CreateImage was denied")
                && said.text().ends_with("1 of 1 are dealt with.\n")
        );
    }

    #[test]
    fn nothing_is_removed_unless_somebody_says_yes_or_if_an_id_is_wrong() {
        for (wanted, kind) in [
            (Failures::Purge { ids: vec![] }, Kind::NotConfirmed),
            (Failures::Purge { ids: vec!["zz".into()] }, Kind::NotDone),
        ] {
            let functions = Fake::answering([answered(&[waiting("0a1b", json!("kept"))])]);
            let failure =
                block_on(failures(&functions, &wanted, &mut Said::default().screen(false))).unwrap_err();
            assert_eq!((failure.kind, functions.asked.borrow().len()), (kind, 1));
        }
    }

    #[test]
    fn what_could_not_be_sent_is_a_failure_with_its_reason() {
        let functions = Fake::answering([
            answered(&[waiting("0a1b", json!("kept"))]),
            answered(&[waiting("0a1b", json!({ "failed": "Invoke was denied" }))]),
        ]);
        let wanted = Failures::Redrive { ids: vec![] };
        let failure = block_on(failures(&functions, &wanted, &mut Said::default().screen(true))).unwrap_err();
        assert!(failure.what.contains("0a1b: Invoke was denied"), "{}", failure.what);
    }

    #[test]
    fn where_nothing_waits_nobody_is_asked() {
        let functions = Fake::answering([answered(&[])]);
        let said = Said::default();
        block_on(failures(&functions, &Failures::Purge { ids: vec![] }, &mut said.screen(false))).unwrap();
        assert_eq!(said.text(), "Nothing waits: no failure is new, or all were dealt with.\n");
    }
}
