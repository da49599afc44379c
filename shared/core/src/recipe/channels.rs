//! The table `[channels]` of a recipe: the same images, released wider later.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::publish::{PARAMETER, is_parameter, share};
use super::table_reader::{TableReader, quoted};
use super::types::{Channel, Gate, Publish, Recipe};
use super::validate::checked;
use super::violation::Violations;
use crate::model::channels::{MOST_CHANNELS, MOST_OF_NAME};

impl Recipe {
    /// The recipe as one of its channels has it: what names its releases is the channel's parameter.
    pub fn of_channel(&self, channel: &Channel) -> Self {
        let publish = Publish {
            parameter: Some(channel.parameter.clone()),
            parameter_accounts: Vec::new(),
            launch_template: None,
            ..self.publish.clone()
        };
        Self { publish, ..self.clone() }
    }

    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// Every parameter that names a release of the recipe: its own, and those of its channels.
    pub fn parameters(&self) -> impl Iterator<Item = &String> {
        self.publish.parameter.iter().chain(self.channels.iter().map(|channel| &channel.parameter))
    }
}

const NAME: &str = "a name of 1 to 20 of a-z, 0-9 and -, beginning with a letter";

fn is_name(text: &str) -> bool {
    (1..=MOST_OF_NAME).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Reads `[channels]`, each channel behind the one that it follows.
pub(super) fn channels(root: &mut TableReader<'_>, violations: &mut Violations) -> Vec<Channel> {
    let table = root.table("channels", violations);
    let mut found = Vec::new();
    for (name, _) in table.entries() {
        if !is_name(name) {
            violations.add(table.path_of(name), quoted(name), NAME);
        }
        found.extend(channel(name, table.inner(name, violations), violations));
    }
    if found.len() > MOST_CHANNELS {
        violations.add("channels", format!("{} channels", found.len()), format!("at most {MOST_CHANNELS}"));
    }
    in_order(found, violations)
}

fn channel(name: &str, mut table: TableReader<'_>, violations: &mut Violations) -> Option<Channel> {
    let parameter = checked(&mut table, "parameter", PARAMETER, is_parameter, violations);
    let follows = table.text("follows", "the name of another channel", violations).map(str::to_owned);
    let waits = table.has("after");
    let after = table.span("after", TimeDelta::zero(), (TimeDelta::zero(), TimeDelta::days(90)), violations);
    let approval = table.flag("approval", violations);
    if approval && waits {
        violations.problem(table.path_of("approval"), "it is named beside after; name one of them");
    }
    let path = table.path_of("share");
    let share = share(&mut table, violations);
    if share.public {
        violations.add(
            format!("{path}.public"),
            "true",
            "no value: what is public is so from its release on",
        );
    }
    table.end(violations);
    let gate = if approval { Gate::Approval } else { Gate::After(after) };
    Some(Channel { name: name.to_owned(), parameter: parameter?, share, follows, gate })
}

/// The channels, each behind the one that it follows.
fn in_order(found: Vec<Channel>, violations: &mut Violations) -> Vec<Channel> {
    let names: BTreeSet<String> = found.iter().map(|channel| channel.name.clone()).collect();
    let (mut left, mut ordered): (Vec<Channel>, Vec<Channel>) = (found, Vec::new());
    for channel in &left {
        if let Some(before) = channel.follows.as_ref().filter(|before| !names.contains(*before)) {
            let field = format!("channels.{}.follows", channel.name);
            violations.add(field, quoted(before), "the name of another channel of the recipe");
        }
    }
    loop {
        let is_next = |channel: &Channel| {
            channel.follows.as_ref().is_none_or(|before| ordered.iter().any(|one| one.name == *before))
        };
        let (next, rest): (Vec<Channel>, Vec<Channel>) = left.into_iter().partition(is_next);
        left = rest;
        if next.is_empty() {
            break;
        }
        ordered.extend(next);
    }
    for channel in left.iter().filter(|one| one.follows.as_ref().is_some_and(|name| names.contains(name))) {
        let field = format!("channels.{}.follows", channel.name);
        violations.problem(field, "it comes behind itself; let one of the channels follow none");
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(channels: &str) -> Result<Vec<Channel>, Vec<String>> {
        let document = format!(
            "name = \"web\"\n[bake]\nbase = \"ami-0a\"\ninstance_type = \"t4g.small\"\n[publish]\nparameter = \"/golden/web\"\n{channels}"
        );
        let told = |bad: crate::recipe::BadRecipe| bad.violations.iter().map(ToString::to_string).collect();
        Recipe::parse("web", &document).map(|recipe| recipe.channels).map_err(told)
    }

    #[test]
    fn each_channel_stands_behind_the_one_that_it_follows() {
        let channels = read(
            r#"
[channels.prod]
parameter = "/golden/web/prod"
follows = "stage"
approval = true
share = { accounts = ["111122223333"], snapshots = true }
[channels.stage]
parameter = "/golden/web/stage"
after = "3d"
"#,
        )
        .unwrap();
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["stage", "prod"]);
        assert_eq!(channels[0].gate, Gate::After(TimeDelta::days(3)));
        assert_eq!((channels[1].gate, channels[1].follows.as_deref()), (Gate::Approval, Some("stage")));
        assert_eq!(channels[1].share.accounts, ["111122223333"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_field() {
        let cases = [
            ("[channels.prod]\n", "channels.prod.parameter"),
            ("[channels.Prod]\nparameter = \"/p\"\n", "channels.Prod"),
            ("[channels.prod]\nparameter = \"/aws/p\"\n", "channels.prod.parameter"),
            ("[channels.prod]\nparameter = \"/p\"\nfollows = \"stage\"\n", "channels.prod.follows"),
            ("[channels.prod]\nparameter = \"/p\"\nfollows = \"prod\"\n", "channels.prod.follows"),
            (
                "[channels.prod]\nparameter = \"/p\"\nafter = \"1d\"\napproval = true\n",
                "channels.prod.approval",
            ),
            ("[channels.prod]\nparameter = \"/p\"\nafter = \"91d\"\n", "channels.prod.after"),
            (
                "[channels.prod]\nparameter = \"/p\"\nshare = { public = true }\n",
                "channels.prod.share.public",
            ),
            (
                "[channels.prod]\nparameter = \"/p\"\nshare = { accounts = [\"1\"] }\n",
                "channels.prod.share.accounts[0]",
            ),
            ("[channels.prod]\nparameter = \"/p\"\nshared = 1\n", "channels.prod.shared"),
            ("[channels.prod]\nparameter = \"/golden/web\"\n", "channels.prod.parameter"),
            ("channels = 3\n", "channels"),
        ];
        for (text, field) in cases {
            let told = read(text).unwrap_err();
            assert!(told.iter().any(|one| one.contains(&format!("{field}:"))), "{text}: {told:?}");
        }
    }

    #[test]
    fn there_are_at_most_four_and_no_two_have_one_parameter() {
        let channel = |n: usize, to: usize| format!("[channels.c{n}]\nparameter = \"/golden/web/{to}\"\n");
        let all = |most: usize| (0..most).map(|n| channel(n, n)).collect::<String>();
        assert_eq!(read(&all(4)).unwrap().len(), 4);
        assert!(read(&all(5)).unwrap_err()[0].contains("at most 4"));
        assert!(read(&format!("{}{}", channel(1, 0), channel(2, 0))).is_err());
    }
}
