//! A message as a chat channel shows it: the custom notification of Amazon Q in chat applications, formerly AWS Chatbot.
//! What is not in its form is dropped without a word.
//! (<https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>)

use serde_json::{Value, json};

use super::message::{Message, Step};
use super::text::{clipped, harmless, last_lines};
use crate::events::inbound::NotifyCall;

/// The most characters of a title, and of each other short text.
const MOST_TITLE: usize = 250;
/// The most characters of each part of a description, which stays below the 3,000 that Slack takes in one block, even if
/// some of them are written as entities.
const MOST_REASON: usize = 800;
const MOST_CONSOLE: usize = 900;
const MOST_FACT: usize = 250;
const MOST_DESCRIPTION: usize = 2_900;
/// The most lines of a console.
const MOST_LINES: usize = 10;

/// The card, as JSON.
pub(super) fn card(call: &NotifyCall, message: &Message) -> String {
    let title = clipped(&harmless(&message.title), MOST_TITLE);
    let next: Vec<String> = message.next.iter().map(step).collect();
    let version = call.about.version.map(|version| version.to_string());
    let keywords: Vec<&str> =
        [Some(call.about.recipe.as_str()), version.as_deref()].into_iter().flatten().collect();
    let mut context = json!({
        "account": call.account,
        "region": call.about.region.as_ref().unwrap_or(&call.home),
        "recipe": call.about.recipe,
        "event": call.about.id,
    });
    if let Some(version) = &version {
        context["version"] = Value::from(version.as_str());
    }
    let mut card = json!({
        "version": "1.0",
        "source": "custom",
        "id": call.about.id,
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": description(call, message),
            "keywords": keywords,
        },
        "metadata": {
            "threadId": thread(call),
            "summary": title,
            // Actions that people attach to a notification name its type in letters, digits and hyphens.
            "eventType": call.kind.replace(' ', "-"),
            "relatedResources": resources(message),
            "additionalContext": context,
        },
    });
    if !next.is_empty() {
        card["content"]["nextSteps"] = json!(next);
    }
    card.to_string()
}

/// The messages of one thread are about one bake; those about images of several bakes are the recipe's.
pub(super) fn thread(call: &NotifyCall) -> String {
    let recipe = &call.about.recipe;
    call.about.version.map_or_else(|| recipe.to_string(), |version| format!("{recipe}-{version}"))
}

fn description(call: &NotifyCall, message: &Message) -> String {
    let mut parts = vec![message.said.join(" ")];
    if let Some(reason) = &message.reason {
        parts.push(format!("Why: {}", fitting(reason, MOST_REASON)));
    }
    let lines = last_lines(&message.console, MOST_LINES, MOST_CONSOLE);
    if !lines.is_empty() {
        let shown = lines.iter().rev().scan(MOST_CONSOLE, |left, line| {
            let line = harmless(line);
            *left = left.checked_sub(line.chars().count() + 1)?;
            Some(line)
        });
        let mut shown: Vec<String> = shown.collect();
        shown.reverse();
        parts.push(format!("```\n{}\n```", shown.join("\n")));
    }
    let mut facts: Vec<String> = message
        .facts
        .iter()
        .map(|(name, value)| format!("{name}: `{}`", fitting(value, MOST_FACT)))
        .collect();
    facts.push(format!("Account: `{}`, home Region {}", harmless(&call.account), call.home));
    let mut text = parts.join("\n\n");
    // Whole lines alone: half of one would leave a code open.
    for (at, fact) in facts.iter().enumerate() {
        let before = if at == 0 { "\n\n" } else { "\n" };
        if text.chars().count() + before.len() + fact.chars().count() <= MOST_DESCRIPTION {
            text = text + before + fact;
        }
    }
    text
}

/// A harmless text of at most so many characters. No entity is cut in two.
fn fitting(text: &str, most: usize) -> String {
    let whole = harmless(text);
    if whole.chars().count() <= most {
        return whole;
    }
    let mut kept = most;
    while harmless(&clipped(text, kept)).chars().count() > most {
        kept = kept * 9 / 10;
    }
    harmless(&clipped(text, kept))
}

fn step(Step { what, command }: &Step) -> String {
    format!("{what}: `{}`", fitting(command, MOST_TITLE - what.chars().count() - 4))
}

/// The ids and ARNs that the message names.
fn resources(message: &Message) -> Vec<String> {
    let is_one = |word: &&str| ["ami-", "i-", "snap-", "arn:"].iter().any(|start| word.starts_with(start));
    let words = message.facts.iter().flat_map(|(_, value)| value.split([' ', ',']));
    let mut found: Vec<String> = Vec::new();
    for word in words.filter(is_one).map(|word| word.trim_end_matches(':').to_owned()) {
        if !found.contains(&word) && found.len() < 10 {
            found.push(word);
        }
    }
    found
}
