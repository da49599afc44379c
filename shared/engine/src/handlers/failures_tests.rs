use std::cell::RefCell;

use chrono::DateTime;
use futures::executor::block_on;
use kiln_core::events::wake::Function;
use kiln_core::inventory::CloudError;
use kiln_core::model::Region;
use serde_json::{Value, json};

use super::*;

/// Queues in memory, and functions that remember their payloads.
#[derive(Default)]
struct Queues {
    waiting: RefCell<Vec<Message>>,
    put_back: RefCell<Vec<String>>,
    woken: RefCell<Vec<(Function, Value)>>,
    refuses: bool,
}

impl Letters for Queues {
    async fn messages(&self, queue: Queue) -> Result<Vec<Message>> {
        Ok(self.waiting.borrow().iter().filter(|one| one.queue == queue).cloned().collect())
    }

    async fn put_back(&self, messages: &[&Message]) -> Result<()> {
        self.put_back.borrow_mut().extend(messages.iter().map(|one| one.id.clone()));
        Ok(())
    }

    async fn remove(&self, message: &Message) -> Result<()> {
        self.waiting.borrow_mut().retain(|one| one.id != message.id);
        Ok(())
    }
}

impl Functions for Queues {
    async fn wake(&self, function: Function, payload: &Value) -> Result<()> {
        if self.refuses {
            let home: Region = "us-east-1".parse().unwrap();
            return Err(CloudError::new("Invoke", "kiln-capture", &home, "AccessDeniedException", "no"));
        }
        self.woken.borrow_mut().push((function, payload.clone()));
        Ok(())
    }
}

fn message(queue: Queue, id: &str, body: &Value) -> Message {
    Message {
        queue,
        id: id.into(),
        receipt: String::new(),
        sent: DateTime::UNIX_EPOCH,
        body: body.to_string(),
        attributes: std::collections::BTreeMap::new(),
    }
}

fn failed(id: &str) -> Message {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:kiln-capture";
    let body = json!({ "requestContext": { "functionArn": arn }, "requestPayload": { "detail": id } });
    message(Queue::Failures, id, &body)
}

fn ended(id: &str) -> Message {
    message(Queue::EndedBadly, id, &json!({ "detail-type": "Bake Failed", "detail": { "recipe": "web" } }))
}

fn queues(waiting: Vec<Message>) -> Queues {
    Queues { waiting: RefCell::new(waiting), ..Queues::default() }
}

fn outcomes(queues: &Queues, call: &FailuresCall) -> Vec<(String, Done)> {
    let report = block_on(failures(queues, "kiln", call)).unwrap();
    report.waiting.unwrap().into_iter().map(|one| (one.id, one.outcome)).collect()
}

#[test]
fn looking_at_what_waits_changes_nothing_and_puts_it_back() {
    let queues = queues(vec![failed("a"), ended("b")]);
    let shown = outcomes(&queues, &FailuresCall::List);
    assert_eq!(shown, [("a".into(), Done::Kept), ("b".into(), Done::Kept)]);
    assert_eq!((queues.waiting.borrow().len(), queues.put_back.borrow().len()), (2, 2));
}

#[test]
fn an_event_is_sent_again_before_its_message_goes_and_what_cannot_be_sent_stays() {
    let queues = queues(vec![failed("a"), ended("b")]);
    let done = outcomes(&queues, &FailuresCall::Redrive(Vec::new()));
    assert_eq!(done, [("a".into(), Done::SentAgain), ("b".into(), Done::Kept)]);
    assert_eq!(*queues.woken.borrow(), [(Function::Capture, json!({ "detail": "a" }))]);
    assert_eq!((queues.waiting.borrow().len(), queues.put_back.borrow().clone()), (1, vec!["b".to_owned()]));
}

#[test]
fn a_message_whose_function_was_not_reached_stays_and_tells_why() {
    let queues = Queues { refuses: true, ..queues(vec![failed("a")]) };
    let done = outcomes(&queues, &FailuresCall::Redrive(Vec::new()));
    assert!(matches!(&done[0].1, Done::Failed(why) if why.contains("kiln-capture")), "{done:?}");
    assert_eq!(queues.waiting.borrow().len(), 1);
}

#[test]
fn only_what_was_chosen_is_removed_and_an_id_that_nothing_has_is_told() {
    let queues = queues(vec![failed("abc1"), failed("abd2"), ended("e3")]);
    let call = FailuresCall::Purge(vec!["abc".into(), "zz".into()]);
    let report = block_on(failures(&queues, "kiln", &call)).unwrap();
    assert_eq!(report.unknown, ["zz"]);
    let left: Vec<String> = queues.waiting.borrow().iter().map(|one| one.id.clone()).collect();
    assert_eq!(left, ["abd2", "e3"]);
}
