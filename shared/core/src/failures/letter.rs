//! Reads what Lambda, EventBridge and Scheduler write into the queues, and Kiln's own events in the third one.

use chrono::SecondsFormat;
use serde_json::Value;

use crate::events::wake::Function;

use super::failure::{Done, Failure};
use super::message::{Message, Queue};

/// The most characters of an event that nothing is known of.
const MOST_SHOWN: usize = 80;

/// What to do where the function's next run does all that is left.
const UNSENT: &str = "Remove the cause, which the error names. The function's next run does what is left; kiln failures purge removes the message.";
/// What to do where nobody was told of an event.
const UNTOLD: &str = "Remove the cause, which the error names. Nobody was told of this event; kiln failures purge removes the message.";

/// A message that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// What it tells.
    pub failure: Failure,
    /// What sends it again; `None` if nothing does.
    pub again: Option<(Function, Value)>,
}

/// What a queue's message has in it, whoever wrote it.
struct Parts {
    function: Option<String>,
    event: Value,
    error: String,
    advice: String,
}

impl Letter {
    /// Reads a message of the stack's queues. One that nobody of these wrote is shown as it is.
    pub fn read(message: &Message, stack: &str) -> Self {
        let body: Value = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::from(&*message.body));
        let parts = match message.queue {
            Queue::Failures => of_lambda(&body),
            Queue::Undelivered => of_bus(message, body),
            Queue::EndedBadly => of_kiln(body),
        };
        let own = parts.function.as_deref().and_then(|name| name.strip_prefix(stack)?.strip_prefix('-'));
        let function =
            own.and_then(|name| Function::ALL.into_iter().find(|function| function.name() == name));
        let again = function.filter(|_| parts.event.is_object()).map(|to| (to, parts.event.clone()));
        let advice = match (message.queue, &again) {
            (Queue::EndedBadly, _) | (_, Some(_)) => parts.advice,
            (_, None) if own == Some("notify") => UNTOLD.into(),
            (_, None) => UNSENT.into(),
        };
        let failure = Failure {
            queue: message.queue,
            id: message.id.clone(),
            at: message.sent.to_rfc3339_opts(SecondsFormat::Secs, true),
            function: own.map(str::to_owned).or(parts.function),
            event: shown(&parts.event),
            error: parts.error,
            advice,
            outcome: Done::Kept,
        };
        Self { failure, again }
    }
}

/// What Lambda sends to a function's destination on failure.
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>)
fn of_lambda(body: &Value) -> Parts {
    let answer = &body["responsePayload"];
    let kind = answer["errorType"].as_str().unwrap_or_default();
    let condition = body["requestContext"]["condition"].as_str().unwrap_or("an unknown condition");
    let message = answer["errorMessage"].as_str();
    let error = message.map_or_else(|| format!("Lambda gave up ({condition})"), str::to_owned);
    let advice = match kind {
        "Kiln.BadSettings" => "Deploy the stack again: it sets the function's environment.",
        "Kiln.BadRecipe" | "Kiln.NoRecipe" => {
            "Correct the recipe, and put it again (kiln recipes push). The next night, or kiln bake, goes on."
        }
        "Kiln.BadEvent" => {
            "Nobody of Kiln sends such an event: look at who does, and remove the message (kiln failures purge)."
        }
        kind if kind.starts_with("Kiln.") => {
            "Remove the cause, which the error names. The next sweep goes on by itself; kiln failures redrive does it at once."
        }
        _ if condition == "EventAgeExceeded" => {
            "It waited longer than six hours. The next sweep goes on by itself; kiln failures redrive does it at once."
        }
        // Lambda's own types: a timeout, no memory left, a process that ended.
        _ => {
            "The function ended before it was done. Its log tells how far it came; kiln failures redrive is safe at any time."
        }
    };
    let function = body["requestContext"]["functionArn"].as_str().and_then(function_name);
    Parts { function, event: body["requestPayload"].clone(), error, advice: advice.into() }
}

/// What EventBridge and Scheduler send to a dead-letter queue: the event, and attributes that say why.
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>)
fn of_bus(message: &Message, event: Value) -> Parts {
    let attribute = |name: &str| message.attributes.get(name).map(String::as_str);
    let code = attribute("ERROR_CODE").unwrap_or("an unknown error");
    let from = attribute("RULE_ARN").or(attribute("SCHEDULE_ARN"));
    let from = from.and_then(|arn| arn.rsplit('/').next()).unwrap_or("an unknown rule");
    let told = attribute("ERROR_MESSAGE").map(|text| format!(": {text}")).unwrap_or_default();
    let advice = match code {
        "NO_PERMISSIONS" | "NO_RESOURCE" | "INVALID_PARAMETER" => {
            "The stack was changed by hand: deploy it again. Then kiln failures redrive sends the event."
        }
        _ => "Nothing is to be done where a sweep has gone on since; kiln failures redrive does it at once.",
    };
    Parts {
        function: attribute("TARGET_ARN").and_then(function_name),
        event,
        error: format!("{from} could not hand it over ({code}){told}"),
        advice: advice.into(),
    }
}

/// An event of Kiln's own for which a person is needed.
fn of_kiln(event: Value) -> Parts {
    let detail = &event["detail"];
    let error = detail["reason"].as_str().unwrap_or("the event tells no reason").to_owned();
    let recipe = detail["recipe"].as_str().unwrap_or("<recipe>");
    let advice = match event["detail-type"].as_str().unwrap_or_default() {
        "Bake Refused" => format!("Correct what it names; kiln preflight {recipe} shows it again."),
        "Bake Failed" => {
            format!("Correct the recipe or its base; then kiln bake {recipe} --watch, or wait for the night.")
        }
        "Image Rejected" => match detail["image"].as_str() {
            Some(image) => format!(
                "Correct what the test found and bake again; kiln retest {image} tests the same image again."
            ),
            None => format!("Correct what the test found; then kiln bake {recipe} --watch."),
        },
        "Replication Failed" => match detail["image"].as_str() {
            Some(image) => format!("Remove the cause; then kiln copy {image}."),
            None => "Remove the cause; then kiln copy and the image.".into(),
        },
        "Expiry Blocked" => format!(
            "Look at kiln plan {recipe}; if it is right, kiln apply {recipe} --allow and the number lets it go."
        ),
        "Release Blocked" | "Release Lost" => {
            format!("kiln status {recipe} shows what each Region names; the next sweep tries again.")
        }
        _ => format!("kiln status {recipe} shows how the recipe is."),
    };
    Parts {
        function: None,
        event,
        error,
        advice: format!("{advice} kiln failures purge removes the message."),
    }
}

/// The name in a function's ARN, which may end with a version.
fn function_name(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    (parts.nth(2)? == "lambda").then_some(())?;
    parts.nth(3).map(str::to_owned)
}

/// What an event is about, in a few words.
fn shown(event: &Value) -> String {
    let detail = &event["detail"];
    let text = |name: &str| detail[name].as_str();
    let name = text("recipe").map(|recipe| match text("version") {
        Some(version) => format!("{recipe} {version}"),
        None => recipe.to_owned(),
    });
    let about = name.or_else(|| text("ImageId").or(text("instance-id")).or(text("name")).map(str::to_owned));
    match (event["detail-type"].as_str(), about) {
        (Some(kind), Some(about)) => format!("{kind}: {about}"),
        (Some(kind), None) => kind.to_owned(),
        (None, _) => short(&event.to_string()),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
