//! Commands to copy, for what a person may want to do about a version.

use maud::{Markup, html};

use super::text;
use crate::model::{Catalog, Recipe, Stage, State, Version};

/// The Region that the Makefile takes if none is given.
const DEFAULT_REGION: &str = "us-east-1";

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
    let name = &recipe.name;
    let mut found = Vec::new();
    if recipe.regions.iter().any(|place| place.parameter.is_some() || place.launch_template.is_some()) {
        let does = "Every Region names the release before again";
        found.push(make(catalog, does, "rollback", &[("RECIPE", name)]));
    }
    found.push(make(catalog, "Which images would go, which stay, and why", "plan", &[("RECIPE", name)]));
    found.push(make(catalog, "All that the next bake would fail for", "preflight", &[("RECIPE", name)]));
    found.into_iter().flatten().collect()
}

/// What can be done about a version.
pub fn of_version(catalog: &Catalog, recipe: &Recipe, version: &Version) -> Vec<Command> {
    let Some(home) = version.images.first() else { return Vec::new() };
    let mut found = Vec::new();
    let named = recipe.named_in(&version.version).count();
    let is_named_everywhere = named > 0 && named == recipe.regions.len();
    if version.stage == Stage::Released && home.state == State::Available {
        if is_named_everywhere {
            let does = "Get it out of use: every Region names the release before again";
            found.push(make(catalog, does, "rollback", &[("RECIPE", &recipe.name)]));
        } else if version.recalled.is_none() {
            let to = [("RECIPE", recipe.name.as_str()), ("TO", &version.version)];
            found.push(make(catalog, "Roll back to it: every Region names it", "rollback", &to));
        }
    }
    let image = [("IMAGE", home.image.as_str())];
    if version.stage == Stage::Disabled || version.next_step.is_some() {
        let does = "Bring it back, with all of its replicas";
        found.push(make(catalog, does, "restore", &image));
    }
    if version.stage == Stage::Rejected {
        found.push(make(catalog, "Test it again", "retest", &image));
    }
    if home.state != State::Deregistered {
        found.push(hold(&home.region, &home.image));
        found.push(make(
            catalog,
            "Its origin, its users and its next step, as they are now",
            "explain",
            &image,
        ));
    }
    found.into_iter().flatten().collect()
}

/// A command of the Makefile. `None` if a word is none of Kiln's names: then nothing is offered that a shell or make
/// could read as something else.
fn make(catalog: &Catalog, does: &str, target: &str, words: &[(&str, &str)]) -> Option<Command> {
    let home = ("REGION", catalog.home.as_str());
    let words = words.iter().chain((catalog.home != DEFAULT_REGION).then_some(&home));
    let mut line = format!("make {target}");
    for (key, value) in words {
        line += &format!(" {key}={}", plain(value)?);
    }
    Some(Command { does: does.into(), line })
}

/// Tags an image, so that Kiln keeps the whole release until the tag is removed.
fn hold(region: &str, image: &str) -> Option<Command> {
    let (region, image) = (plain(region)?, plain(image)?);
    Some(Command {
        does: "Keep it, whatever its recipe says: write your reason for WHY".into(),
        line: format!(
            "aws ec2 create-tags --region {region} --resources {image} --tags 'Key=kiln:hold,Value=WHY'"
        ),
    })
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
