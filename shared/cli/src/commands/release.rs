//! What moves every Region: a rollback, a recall, and its end. Each shows first from which version to which they go.

use std::time::Duration;

use kiln_catalog::status::Pointer;
use kiln_core::model::{RecipeName, Version};
use serde_json::{Value, json};

use super::{call, status};
use crate::Done;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::functions::{Effect, Functions};
use crate::render::decisions::{decisions, users};
use crate::render::{moves, wrapped};
use crate::screen::Screen;

/// How often it is looked whether all Regions show what was done, and how long to the next look. SSM looks at an image
/// before a parameter names it, and writes it only then.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(1200);

/// Lets every Region name a former release again.
pub(super) async fn rollback<F: Functions>(
    functions: &F,
    recipe: &RecipeName,
    to: Option<Version>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "rollback": recipe });
    if let Some(to) = to {
        payload["to"] = json!(to);
    }
    let shown = Shown::of(functions, recipe, payload, screen).await?;
    // It names the version even where nothing is left to move.
    let to = shown.answer.decisions.iter().find_map(|entry| entry.version.clone());
    let question = to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    shown.ask(&format!("Roll {recipe} back{question}?"), screen).await?;
    let done = shown.carry_out(functions, screen).await?;
    if let Some(to) = to {
        let end = format!("{recipe} stays on {to} until a release is newer than all there were.");
        screen.say([String::new(), end]);
    }
    Ok(done)
}

/// Lets a release come to a channel.
pub(super) async fn approve<F: Functions>(
    functions: &F,
    (recipe, channel): (&RecipeName, &str),
    version: Option<Version>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "approve": recipe, "channel": channel });
    if let Some(version) = version {
        payload["version"] = json!(version);
    }
    let question = |what: &str| format!("Approve {what} of {recipe} for {channel}?");
    in_channel(functions, payload, question, screen).await
}

/// Lets one channel name a former release again.
pub(super) async fn roll_channel_back<F: Functions>(
    functions: &F,
    (recipe, channel): (&RecipeName, &str),
    to: Option<Version>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "rollback": recipe, "channel": channel });
    if let Some(to) = to {
        payload["to"] = json!(to);
    }
    let question = |what: &str| format!("Roll {channel} of {recipe} back to {what}?");
    in_channel(functions, payload, question, screen).await
}

/// Shows what a call would do in a channel, asks, and does it.
async fn in_channel<F: Functions>(
    functions: &F,
    mut payload: Value,
    question: impl FnOnce(&str) -> String,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    payload["dry_run"] = json!(true);
    let (preview, answer) = call(functions, "publish", &payload, Effect::Reads).await?;
    screen.say(decisions(&answer));
    screen.say([String::new()]);
    // What tells it is last: the marks before it may be of other versions.
    let what = answer.decisions.iter().rev().find_map(|entry| entry.version.clone());
    let question = question(&what.unwrap_or_else(|| "it".to_owned()));
    screen.confirm(&question).await.map_err(|failure| failure.after("preview", preview.clone()))?;
    payload["dry_run"] = json!(false);
    let (document, answer) = call(functions, "publish", &payload, Effect::Changes).await?;
    screen.say(decisions(&answer));
    Ok(Done::well(json!({ "preview": preview, "answer": document })))
}

/// Takes a bad release back everywhere.
pub(super) async fn recall<F: Functions>(
    functions: &F,
    (recipe, version): (&RecipeName, Version),
    (why, layers): (&str, bool),
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "recall": recipe, "version": version, "reason": why });
    if layers {
        payload["layers"] = json!(true);
    }
    let shown = Shown::of(functions, recipe, payload, screen).await?;
    screen.say([String::new()]);
    screen.say(users(&shown.answer.used_by));
    screen.say([String::new()]);
    shown.ask(&format!("Recall {version} of {recipe}?"), screen).await?;
    let done = shown.carry_out(functions, screen).await?;
    screen.say([String::new(), format!("To take it back: kiln reinstate {recipe} {version}")]);
    Ok(done)
}

/// Takes a recall back.
pub(super) async fn reinstate<F: Functions>(
    functions: &F,
    (recipe, version): (&RecipeName, Version),
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let payload = json!({ "reinstate": recipe, "version": version });
    let shown = Shown::of(functions, recipe, payload, screen).await?;
    shown.ask(&format!("Bring {version} of {recipe} back?"), screen).await?;
    shown.carry_out(functions, screen).await
}

/// What was shown before anything is changed.
struct Shown<'a> {
    recipe: &'a RecipeName,
    payload: Value,
    preview: Value,
    answer: Answer,
    /// What each Region names; why that cannot be seen holds nothing up.
    before: Result<Vec<Pointer>, Failure>,
}

impl<'a> Shown<'a> {
    /// Asks what would be done, and shows it.
    async fn of<F: Functions>(
        functions: &F,
        recipe: &'a RecipeName,
        mut payload: Value,
        screen: &mut Screen<'_>,
    ) -> Result<Self, Failure> {
        payload["dry_run"] = json!(true);
        let (preview, answer) = call(functions, "publish", &payload, Effect::Reads).await?;
        let before = status::of(functions, recipe).await.map(|found| found.pointers);
        screen.say(decisions(&answer));
        screen.say([String::new()]);
        match &before {
            Ok(before) if before.is_empty() => screen.say(["No parameter and no launch template names it."]),
            Ok(before) => {
                screen.say(moves::planned(before, moves::target(&answer, before)));
                screen.say(moves::of_channels(&answer, before));
            }
            Err(failure) => {
                let text = format!("What each Region names now cannot be seen: {}", failure.what);
                screen.say(wrapped(&text, 0));
            }
        }
        Ok(Self { recipe, payload, preview, answer, before })
    }

    fn before(&self) -> &[Pointer] {
        self.before.as_deref().unwrap_or_default()
    }

    /// What a document tells of it.
    fn with(&self, failure: Failure) -> Failure {
        let to = moves::target(&self.answer, self.before()).map(|to| json!(to));
        failure.after("preview", self.preview.clone()).after("to", to.unwrap_or_default())
    }

    async fn ask(&self, question: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
        screen.say([String::new()]);
        screen.confirm(question).await.map_err(|failure| self.with(failure))
    }

    /// Does it, and shows where each Region went.
    async fn carry_out<F: Functions>(
        mut self,
        functions: &F,
        screen: &mut Screen<'_>,
    ) -> Result<Done, Failure> {
        self.payload["dry_run"] = json!(false);
        let called = call(functions, "publish", &self.payload, Effect::Changes).await;
        let (document, answer) = match called {
            Ok(called) => called,
            Err(failure) => {
                // It goes as far as it can, and may have gone half way.
                let after = status::of(functions, self.recipe).await.map(|found| found.pointers);
                let after = after.unwrap_or_default();
                screen.say(moves::moved(self.before(), &after, None));
                let moved = moves::document(self.before(), &after);
                return Err(self.with(failure).after("moves", moved));
            }
        };
        screen.say(decisions(&answer));
        let to = moves::target(&answer, self.before()).map(str::to_owned);
        let after = self.settled(functions, to.as_deref()).await;
        if !self.before().is_empty() {
            screen.say([String::new()]);
            screen.say(moves::moved(self.before(), &after, to.as_deref()));
            screen.say(moves::of_channels(&answer, self.before()));
        }
        let moved = moves::document(self.before(), &after);
        Ok(Done::well(json!({ "preview": self.preview, "answer": document, "moves": moved })))
    }

    /// What is named once all Regions name that version, or after a while.
    async fn settled<F: Functions>(&self, functions: &F, to: Option<&str>) -> Vec<Pointer> {
        let mut after = Vec::new();
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match status::of(functions, self.recipe).await {
                Ok(found) => after = found.pointers,
                Err(_) => break,
            }
            if to.is_none_or(|to| moves::is_settled(&after, to)) {
                break;
            }
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::failure::Kind;
    use crate::functions::fake::Fake;

    const OLD: &str = "20261116T020000Z";
    const NEW: &str = "20261126T020000Z";

    fn named(version: &str) -> Result<Value, Failure> {
        let pointer = json!({ "region": "us-east-1", "required": true, "kind": "parameter", "name": "/golden/web",
                              "image": "ami-0a1b2c3d", "version": version });
        let recipe = json!({ "name": "web", "under_way": [], "versions": [], "pointers": [pointer] });
        Ok(
            json!({ "status": { "schema": 1, "made_at": "2026-11-27T02:00:00Z", "kiln": "0.1.0", "home": "us-east-1", "gaps": [], "recipes": [recipe] } }),
        )
    }

    fn moving(outcome: &str) -> Result<Value, Failure> {
        let entry = json!({ "recipe": "web", "version": OLD, "region": "us-east-1", "resource": "ami-0a1b2c3d",
                            "action": "move-parameters", "outcome": outcome, "reason": "rolled back" });
        Ok(json!({ "decisions": [entry] }))
    }

    fn web() -> RecipeName {
        "web".parse().unwrap()
    }

    #[test]
    fn a_rollback_shows_from_and_to_before_it_asks_and_where_each_region_went() {
        let functions = Fake::answering([moving("planned"), named(NEW), moving("done"), named(OLD)]);
        let said = Said::default();
        let done = block_on(rollback(&functions, &web(), None, &mut said.screen(true))).unwrap();
        let expected = "\
move-parameters (planned): rolled back
    us-east-1  web 20261116T020000Z  ami-0a1b2c3d

REGION     NAMED BY               FROM              TO
us-east-1  parameter /golden/web  20261126T020000Z  20261116T020000Z

move-parameters (done): rolled back
    us-east-1  web 20261116T020000Z  ami-0a1b2c3d

REGION     NAMED BY               FROM              TO
us-east-1  parameter /golden/web  20261126T020000Z  20261116T020000Z

web stays on 20261116T020000Z until a release is newer than all there were.
";
        assert_eq!(said.text(), expected);
        assert_eq!(done.document["moves"][0]["to"], OLD);
        let asked = functions.asked.borrow();
        assert_eq!(asked[0].1, json!({ "rollback": "web", "dry_run": true }));
        assert_eq!(
            asked[2],
            ("publish".into(), json!({ "rollback": "web", "dry_run": false }), Effect::Changes)
        );
    }

    #[test]
    fn nothing_moves_unless_somebody_says_yes() {
        let functions = Fake::answering([moving("planned"), named(NEW)]);
        let failure =
            block_on(rollback(&functions, &web(), OLD.parse().ok(), &mut Said::default().screen(false)));
        let failure = failure.unwrap_err();
        assert_eq!((failure.kind, functions.asked.borrow().len()), (Kind::NotConfirmed, 2));
        assert_eq!(failure.document()["to"], OLD);
        assert_eq!(functions.asked.borrow()[0].1["to"], OLD);
    }

    #[test]
    fn a_rollback_that_failed_half_way_shows_what_is_named_now() {
        let failed = || Err(Failure::new(Kind::Function, "PutParameter was denied"));
        let functions = Fake::answering([moving("planned"), named(NEW), failed(), named(NEW)]);
        let said = Said::default();
        let failure = block_on(rollback(&functions, &web(), None, &mut said.screen(true))).unwrap_err();
        assert!(said.text().contains("20261126T020000Z (as before)"), "{}", said.text());
        assert_eq!(failure.document()["moves"][0]["to"], NEW);
    }

    #[test]
    fn a_rollback_goes_on_where_it_cannot_be_seen_what_is_named() {
        let failed = || Err(Failure::new(Kind::Denied, "You may not invoke kiln-catalog."));
        let functions = Fake::answering([moving("planned"), failed(), moving("done"), failed()]);
        let said = Said::default();
        block_on(rollback(&functions, &web(), None, &mut said.screen(true))).unwrap();
        assert!(said.text().contains("cannot be seen: You may not invoke kiln-catalog."), "{}", said.text());
    }

    #[test]
    fn a_recall_tells_who_uses_the_images_and_how_it_is_taken_back() {
        let functions = Fake::answering([moving("planned"), named(NEW), moving("done"), named(OLD)]);
        let said = Said::default();
        let version = NEW.parse().unwrap();
        block_on(recall(&functions, (&web(), version), ("CVE-1", true), &mut said.screen(true))).unwrap();
        let asked = functions.asked.borrow();
        let payload =
            json!({ "recall": "web", "version": NEW, "reason": "CVE-1", "layers": true, "dry_run": true });
        assert_eq!(asked[0].1, payload);
        assert!(said.text().contains("Nobody is seen to use it."), "{}", said.text());
        assert!(said.text().ends_with("To take it back: kiln reinstate web 20261126T020000Z\n"));
    }
}
