//! What people are told of an event: in a chat channel, by mail, on a phone. It says what the event says, and nothing else.

mod card;
mod mail;
mod message;
mod text;
mod words;

use serde_json::json;

use crate::events::inbound::NotifyCall;

/// What goes to the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The subject of a mail: fewer than 100 characters, ASCII, without a line break.
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>)
    pub subject: String,
    /// What a chat channel shows, as JSON.
    pub card: String,
    /// The text of a mail.
    pub mail: String,
    /// The text for a phone, of at most 140 characters.
    pub sms: String,
}

impl Post {
    /// The same for SNS, by the kind of subscriber. Amazon Q in chat applications gets the default.
    /// (<https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html>)
    pub fn by_protocol(&self) -> String {
        json!({ "default": self.card, "email": self.mail, "sms": self.sms }).to_string()
    }
}

/// What people are told of an event. Copies of an event give the same post.
pub fn post(call: &NotifyCall) -> Post {
    let message = words::message(call);
    Post {
        subject: mail::subject(&message),
        card: card::card(call, &message),
        mail: mail::mail(call, &message),
        sms: mail::sms(&message),
    }
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
