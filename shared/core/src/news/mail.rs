//! A message as plain text: for mail, and for a phone.

use super::message::Message;
use super::text::{ascii_line, clipped, last_lines};
use crate::events::inbound::NotifyCall;

/// SNS takes fewer than 100 characters.
const MOST_SUBJECT: usize = 99;
/// A text message is sent as one up to here.
const MOST_SMS: usize = 140;
const MOST_REASON: usize = 4_000;
const MOST_LINES: usize = 20;
const MOST_CONSOLE: usize = 4_000;

/// The subject: it begins with a letter, has no line break, and is ASCII.
pub(super) fn subject(message: &Message) -> String {
    clipped(&format!("Kiln: {}", ascii_line(&message.title)), MOST_SUBJECT)
}

/// The text for a phone.
pub(super) fn sms(message: &Message) -> String {
    let why = message.reason.as_ref().or_else(|| message.said.first());
    let why = why.map(|why| format!(". {why}")).unwrap_or_default();
    clipped(&ascii_line(&format!("Kiln: {}{why}", message.title)), MOST_SMS)
}

/// The text of a mail.
pub(super) fn mail(call: &NotifyCall, message: &Message) -> String {
    let mut text = format!("{}\n\n{}\n", message.title, message.said.join(" "));
    if let Some(reason) = &message.reason {
        text += &format!("\nWhy: {}\n", clipped(reason, MOST_REASON));
    }
    let lines = last_lines(&message.console, MOST_LINES, MOST_CONSOLE);
    if !lines.is_empty() {
        text += "\nThe last lines of the console:\n\n";
        for line in &lines {
            text += &format!("    {line}\n");
        }
    }
    if !message.next.is_empty() {
        text += "\nWhat to do next:\n\n";
        for step in &message.next {
            text += &format!("- {}:\n      {}\n", step.what, step.command);
        }
    }
    text += "\n";
    let own = [
        ("Account", format!("{}, home Region {}", call.account, call.home)),
        ("Event", format!("{}, id {}", call.kind, call.about.id)),
    ];
    let facts: Vec<&(&str, String)> = message.facts.iter().chain(&own).collect();
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 1;
    for (name, value) in facts {
        text += &format!("{:width$} {}\n", format!("{name}:"), clipped(value, 1_000));
    }
    text
}
