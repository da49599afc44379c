//! What is to be told of an event, before it takes a form.

use crate::events::inbound::NotifyCall;

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is about and what happened, in one line: `web 20261126T020000Z: bake failed`.
    pub title: String,
    /// What happened and what follows, as sentences.
    pub said: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// The last lines of the console; empty if there are none.
    pub console: String,
    /// What else is known, each with its name.
    pub facts: Vec<(&'static str, String)>,
    /// What a person may do next.
    pub next: Vec<Step>,
}

/// Something that a person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What, and when.
    pub what: String,
    /// The command that does it.
    pub command: String,
}

impl Message {
    pub(super) fn new(call: &NotifyCall, what: &str, said: &[&str]) -> Self {
        let recipe = &call.about.recipe;
        let title = match call.about.version {
            Some(version) => format!("{recipe} {version}: {what}"),
            None => format!("{recipe}: {what}"),
        };
        let facts = call.away().map(|region| ("Region", region.to_string()));
        Self {
            title,
            said: said.iter().map(|one| (*one).to_owned()).collect(),
            reason: None,
            console: String::new(),
            facts: facts.into_iter().collect(),
            next: Vec::new(),
        }
    }

    pub(super) fn says(mut self, sentence: String) -> Self {
        self.said.push(sentence);
        self
    }

    pub(super) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    pub(super) fn shows(self, console: &str) -> Self {
        Self { console: console.to_owned(), ..self }
    }

    pub(super) fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    pub(super) fn fact_if(self, name: &'static str, value: Option<&impl ToString>) -> Self {
        match value {
            Some(value) => self.fact(name, value.to_string()),
            None => self,
        }
    }

    /// Where the whole log lies, and how it is read.
    pub(super) fn log(self, place: Option<&str>) -> Self {
        let command = place.map(|place| format!("aws s3 cp {place} -"));
        self.fact_if("Whole log", place.as_ref()).then_if("Read the whole log", command)
    }

    pub(super) fn then(mut self, what: &str, command: String) -> Self {
        self.next.push(Step { what: what.to_owned(), command });
        self
    }

    pub(super) fn then_if(self, what: &str, command: Option<String>) -> Self {
        match command {
            Some(command) => self.then(what, command),
            None => self,
        }
    }
}
