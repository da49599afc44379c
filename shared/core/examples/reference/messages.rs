//! What people are told of each event, as they see it.

#![allow(clippy::panic, reason = "a page that cannot be generated stops the run")]

use std::fmt::Write;

use chrono::DateTime;
use kiln_core::events::inbound::NotifyCall;
use kiln_core::events::outbound::Envelope;
use kiln_core::news::{Post, post};
use serde_json::{Value, json};

use crate::events::examples;

const HEAD: &str = "# Messages

<!-- Made from shared/core/src/news by `make docs`: change it there. -->

What people are told of each [event](events.md), one of each kind. [News](../guides/news.md) sets it up, and says who
is told of what. Each is shown as a mail; a chat channel shows the same, with fewer lines of the console.
";

/// The page with all messages.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for example in examples() {
        write!(page, "\n## {}\n\n{}\n", example.detail_type(), mail(&told(&example))).unwrap_or_default();
    }
    page
}

/// The guide with a mail and a card in their places.
pub fn in_guide(guide: &str) -> String {
    let failed = examples().into_iter().find(|one| one.detail_type() == "Bake Failed");
    let post = told(&failed.unwrap_or_else(|| panic!("there is no bake that failed")));
    let with_mail =
        between(guide, "<!-- a mail, as the code makes it -->", "<!-- end of the mail -->", &mail(&post));
    between(&with_mail, "<!-- a card, as the code makes it -->", "<!-- end of the card -->", &card(&post))
}

fn between(text: &str, begin: &str, end: &str, shown: &str) -> String {
    let parts = text.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("the guide has no place between {begin} and {end}"));
    format!("{before}{begin}\n{shown}\n{end}{after}")
}

fn told(example: &Envelope) -> Post {
    let detail: Value = serde_json::from_str(&example.detail(DateTime::UNIX_EPOCH)).unwrap_or_default();
    let event = json!({
        "detail-type": example.detail_type(), "source": "kiln", "account": "123456789012", "region": "us-east-1",
        "detail": detail,
    });
    let call = NotifyCall::read(&event);
    post(&call.unwrap_or_else(|error| panic!("{}: {error}", example.detail_type())))
}

fn mail(post: &Post) -> String {
    format!("```text\nSubject: {}\n\n{}```", post.subject, post.mail)
}

/// A card in words: its title, its text, and what to do next.
fn card(post: &Post) -> String {
    let card: Value = serde_json::from_str(&post.card).unwrap_or_default();
    let content = &card["content"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut shown = format!("**{}**\n\n{}\n", text(&content["title"]), text(&content["description"]));
    for step in content["nextSteps"].as_array().into_iter().flatten() {
        write!(shown, "\n- {}", text(step)).unwrap_or_default();
    }
    let lines: Vec<&str> = shown.lines().collect();
    let mut is_code = false;
    let mut quoted = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        is_code ^= line.starts_with("```");
        let next = lines.get(at + 1).copied().unwrap_or_default();
        // A chat keeps the ends of lines, Markdown needs to be told.
        let is_broken = !is_code && !line.starts_with("```") && !line.is_empty() && !next.is_empty();
        let end = if is_broken && !next.starts_with("- ") { "\\" } else { "" };
        quoted.push(format!("> {line}{end}").trim_end().to_owned());
    }
    quoted.join("\n")
}
