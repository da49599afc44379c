use serde_json::{Value, json};

use super::*;
use crate::events::wake::Function;
use crate::fixtures::day;

fn message(queue: Queue, body: &Value, attributes: &[(&str, &str)]) -> Message {
    Message {
        queue,
        id: "0a1b2c3d-1111-2222-3333-444455556666".into(),
        receipt: "handle".into(),
        sent: day(9),
        body: body.to_string(),
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

fn of_lambda(function: &str, kind: &str, event: &Value) -> Letter {
    let body = json!({
        "version": "1.0",
        "requestContext": {
            "functionArn": format!("arn:aws:lambda:us-east-1:123456789012:function:{function}:$LATEST"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responsePayload": { "errorType": kind, "errorMessage": "CopyImage on ami-1 in eu-west-1 failed" },
    });
    Letter::read(&message(Queue::Failures, &body, &[]), "kiln")
}

fn stopped() -> Value {
    json!({ "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
            "detail": { "instance-id": "i-0123456789abcdef0", "state": "stopped" } })
}

#[test]
fn an_event_on_which_a_function_failed_tells_event_error_and_advice_and_can_be_sent_again() {
    let letter = of_lambda("kiln-capture", "Kiln.ActionFailed", &stopped());
    let Failure { function, event, error, advice, .. } = &letter.failure;
    assert_eq!(function.as_deref(), Some("capture"));
    assert_eq!(event, "EC2 Instance State-change Notification: i-0123456789abcdef0");
    assert_eq!(error, "CopyImage on ami-1 in eu-west-1 failed");
    assert!(advice.contains("kiln failures redrive"), "{advice}");
    assert_eq!(letter.again, Some((Function::Capture, stopped())));
}

#[test]
fn what_the_next_run_does_anyway_is_not_sent_again() {
    for function in ["kiln-reconcile", "kiln-catalog", "kiln-notify"] {
        let letter = of_lambda(function, "Kiln.CloudError", &json!({}));
        assert_eq!(letter.again, None, "{function}");
        assert!(!letter.failure.advice.contains("redrive"), "{}", letter.failure.advice);
        assert!(
            letter.failure.advice.contains("kiln failures purge removes the message"),
            "{}",
            letter.failure.advice
        );
    }
}

#[test]
fn a_function_of_another_stack_is_never_woken() {
    for other in ["images-capture", "kilncapture", "kiln2-capture", "kiln-capture-2"] {
        assert_eq!(of_lambda(other, "Kiln.ActionFailed", &stopped()).again, None, "{other}");
    }
}

#[test]
fn an_event_that_did_not_reach_its_function_tells_the_rule_and_the_reason() {
    let attributes = [
        ("RULE_ARN", "arn:aws:events:us-east-1:123456789012:rule/kiln-instance-stopped"),
        ("TARGET_ARN", "arn:aws:lambda:us-east-1:123456789012:function:kiln-capture"),
        ("ERROR_CODE", "NO_PERMISSIONS"),
        ("ERROR_MESSAGE", "not authorized to invoke"),
    ];
    let letter = Letter::read(&message(Queue::Undelivered, &stopped(), &attributes), "kiln");
    assert_eq!(
        letter.failure.error,
        "kiln-instance-stopped could not hand it over (NO_PERMISSIONS): not authorized to invoke"
    );
    assert!(letter.failure.advice.starts_with("The stack was changed by hand: deploy it again."));
    assert_eq!(letter.again, Some((Function::Capture, stopped())));
}

#[test]
fn an_end_that_needs_a_person_tells_what_to_do_and_nothing_is_sent_again() {
    let event = json!({ "source": "kiln", "detail-type": "Image Rejected",
                        "detail": { "recipe": "web", "version": "20261109T000000Z", "image": "ami-1", "reason": "port 80 is closed" } });
    let letter = Letter::read(&message(Queue::EndedBadly, &event, &[]), "kiln");
    let Failure { event, error, advice, .. } = &letter.failure;
    assert_eq!(
        (event.as_str(), error.as_str()),
        ("Image Rejected: web 20261109T000000Z", "port 80 is closed")
    );
    assert!(
        advice.contains("kiln retest ami-1") && advice.ends_with("kiln failures purge removes the message.")
    );
    assert_eq!(letter.again, None);
}

#[test]
fn a_message_that_nobody_of_these_wrote_is_shown_as_it_is_and_shortened() {
    let strange = Message { body: "é".repeat(200), ..message(Queue::Failures, &json!(null), &[]) };
    let letter = Letter::read(&strange, "kiln");
    assert_eq!((letter.again, letter.failure.event.as_str()), (None, "null"));
    let event = json!({ "recipe": "x".repeat(200) });
    let shown = of_lambda("kiln-bake", "Kiln.BadRecipe", &event).failure.event;
    assert_eq!((shown.chars().count(), shown.ends_with('…')), (81, true));
}

#[test]
fn messages_are_chosen_by_how_their_ids_begin_and_what_nothing_has_is_told() {
    let found = [message(Queue::Failures, &stopped(), &[])];
    let chosen = Chosen::of(vec!["0a1b".into(), "ffff".into()]);
    assert!(chosen.has(&found[0].id) && !chosen.has("1234"));
    assert_eq!(chosen.missing(found.iter().map(|one| one.id.as_str())), ["ffff"]);
    assert!(Chosen::of(Vec::new()).has("anything"));
}
