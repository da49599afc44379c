//! Where a command says what it did, and asks before it changes anything.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::arguments::{Global, Output};
use crate::failure::{Failure, Kind};

/// The standard output, or what a test has in its place.
pub struct Screen<'a> {
    out: Box<dyn Write + 'a>,
    output: Output,
    yes: bool,
    is_terminal: bool,
    /// Whether something was confirmed before.
    is_agreed: bool,
    answer: fn() -> io::Result<String>,
}

impl<'a> Screen<'a> {
    /// The screen of these flags.
    pub fn of(global: &Global, out: Box<dyn Write + 'a>) -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self { out, output: global.output, yes: global.yes, is_terminal, is_agreed: false, answer: line }
    }

    /// The same, with or without a person at it, who answers so.
    #[must_use]
    pub fn with_person(mut self, is_terminal: bool, answer: fn() -> io::Result<String>) -> Self {
        self.is_terminal = is_terminal;
        self.answer = answer;
        self
    }

    /// Says lines, unless the output is one document.
    pub fn say<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) {
        if self.output == Output::Table {
            for line in lines {
                self.write(line.as_ref());
            }
            // Who follows a bake reads each line when it is said.
            let _ = self.out.flush();
        }
    }

    /// Writes the document of `--output json`.
    pub fn document(&mut self, document: &Value) {
        self.write(&serde_json::to_string_pretty(document).unwrap_or_default());
    }

    /// Writes a text that is the same for every output.
    pub fn write(&mut self, text: &str) {
        // A reader that went away, such as head, wants no more; that is no failure.
        let _ = writeln!(self.out, "{text}");
    }

    /// Asks a person before anything is changed.
    ///
    /// # Errors
    /// Nobody said yes.
    pub async fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.is_terminal || self.output == Output::Json {
            let why = match self.output {
                Output::Json => "for --output json asks nobody",
                Output::Table => "for there is no terminal to ask at",
            };
            let what = format!("Nothing was changed, {why}.");
            return Err(Failure::new(Kind::NotConfirmed, what).advise("To go on, say it with --yes."));
        }
        if self.is_yes(question).await {
            self.is_agreed = true;
            return Ok(());
        }
        let more = if self.is_agreed { "more " } else { "" };
        Err(Failure::new(Kind::NotConfirmed, format!("Nothing {more}was changed.")))
    }

    /// Whether a person says yes to what `--yes` does not mean. Where nobody is asked, nobody does.
    pub async fn is_agreed_by_a_person(&mut self, question: &str) -> bool {
        let is_asked = self.is_terminal && self.output == Output::Table && !self.yes;
        is_asked && self.is_yes(question).await
    }

    async fn is_yes(&mut self, question: &str) -> bool {
        let _ = write!(self.out, "{question} [y/N] ");
        let _ = self.out.flush();
        // On a thread of its own, so that Ctrl-C is heard.
        let said = tokio::task::spawn_blocking(self.answer).await;
        let said = said.ok().and_then(Result::ok).unwrap_or_default();
        matches!(said.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

fn line() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_line(&mut text)?;
    Ok(text)
}
