//! Commands to copy, for what a person may want to do about a version.

use maud::{Markup, html};

use super::text;
use crate::model::{Catalog, Channel, Recipe, Stage, State, Version};

/// A command and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it does.
    pub does: String,
    /// The command.
    pub line: String,
}

/// What can be done about a recipe.
pub fn of_recipe(catalog: &Catalog, recipe: &Recipe) -> Vec<Command> {
    let name = recipe.name.as_str();
    let mut found: Vec<_> = recipe.channels.iter().map(|channel| approval(catalog, name, channel)).collect();
    if recipe.regions.iter().any(|place| place.parameter.is_some() || place.launch_template.is_some()) {
        let does = "Every Region names the release before again";
        found.push(kiln(catalog, does, &["rollback", name]));
    }
    found.push(kiln(catalog, "Which images would go, which stay, and why", &["plan", name]));
    found.push(kiln(catalog, "All that the next bake would fail for", &["preflight", name]));
    found.into_iter().flatten().collect()
}

/// The approval that a channel waits for.
pub fn approval(catalog: &Catalog, recipe: &str, channel: &Channel) -> Option<Command> {
    let waiting = channel.waiting.as_ref().filter(|waiting| waiting.comes_at.is_none())?;
    let does = format!("Let {} come to channel {}", waiting.version, channel.name);
    kiln(catalog, &does, &["approve", recipe, &channel.name])
}

/// What can be done about a version.
pub fn of_version(catalog: &Catalog, recipe: &Recipe, version: &Version) -> Vec<Command> {
    let Some(home) = version.images.first() else { return Vec::new() };
    let (name, text, image) = (recipe.name.as_str(), version.version.as_str(), home.image.as_str());
    let mut found = Vec::new();
    let named = recipe.named_in(text).count();
    let is_named_everywhere = named > 0 && named == recipe.regions.len();
    let is_there = version.stage == Stage::Released && home.state == State::Available;
    if is_there && version.recalled.is_none() {
        let waits = |channel: &&Channel| channel.waiting.as_ref().is_some_and(|one| one.version == text);
        found.extend(recipe.channels.iter().filter(waits).map(|channel| approval(catalog, name, channel)));
        found.push(match is_named_everywhere {
            true => {
                let does = "Get it out of use: every Region names the release before again";
                kiln(catalog, does, &["rollback", name])
            }
            false => {
                kiln(catalog, "Roll back to it: every Region names it", &["rollback", name, "--to", text])
            }
        });
    }
    if version.recalled.is_some() {
        found.push(kiln(catalog, "Take the recall back", &["reinstate", name, text]));
    } else if matches!(version.stage, Stage::Published | Stage::Released | Stage::Disabled) {
        let does = "Recall it, as bad: nobody may use it any more. Write your reason for WHY, and see first who uses it";
        found.push(kiln(catalog, does, &["recall", name, text, "--why", "WHY"]));
    }
    if version.stage == Stage::Disabled || version.next_step.is_some() {
        found.push(kiln(catalog, "Bring it back, with all of its replicas", &["restore", image]));
    }
    if version.stage == Stage::Rejected {
        found.push(kiln(catalog, "Test it again", &["retest", image]));
    }
    if home.state != State::Deregistered {
        let does = "Keep it, whatever its recipe says: write your reason for WHY";
        found.push(kiln(catalog, does, &["hold", image, "--why", "WHY"]));
        let does = "Its origin, its users and its next step, as they are now";
        found.push(kiln(catalog, does, &["explain", image]));
    }
    found.into_iter().flatten().collect()
}

/// A command of `kiln`, in the catalogue's Region: the reader's own may be another. `None` if a word is none of Kiln's names:
/// then nothing is offered that a shell could read as something else.
fn kiln(catalog: &Catalog, does: &str, words: &[&str]) -> Option<Command> {
    let mut line = "kiln".to_owned();
    for word in words {
        line += &format!(" {}", if ["--to", "--why"].contains(word) { word } else { plain(word)? });
    }
    Some(Command { does: does.into(), line: format!("{line} --region {}", plain(&catalog.home)?) })
}

fn plain(word: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!word.is_empty() && !word.starts_with('-') && word.bytes().all(is_plain)).then_some(word)
}

/// The commands as a section.
pub fn section(commands: &[Command]) -> Markup {
    html! {
        section aria-labelledby="commands" {
            h2 #commands { "Commands" }
            @if commands.is_empty() {
                p { (text::nothing("Nothing can be done about it.")) }
            } @else {
                dl.commands {
                    @for command in commands {
                        div { dt { (command.does) } dd { (text::copied(&command.line)) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_read_otherwise_is_in_no_command() {
        for word in ["a;b", "$(id)", "a b", "`id`", "'", "-x", "", "é", "a$b", "a\nb"] {
            assert_eq!(plain(word), None, "{word}");
        }
        assert_eq!(plain("al2023-web"), Some("al2023-web"));
    }
}
