//! A bake by hand, and how it is followed.

use std::time::Duration;

use kiln_core::model::RecipeName;
use serde_json::json;

use super::{call, watch};
use crate::Done;
use crate::answer::Answer;
use crate::failure::{Failure, Kind};
use crate::functions::{Effect, Functions};
use crate::render::decisions::decisions;
use crate::screen::Screen;

/// What begins a bake: a builder is launched, a long-lived one is stopped, or there is no room for one yet.
const BEGINS: [&str; 3] = ["launch", "stop", "note-waiting"];

/// Bakes a recipe, and follows that as long as `patience` says.
pub(super) async fn bake<F: Functions>(
    functions: &F,
    recipe: &RecipeName,
    patience: Option<Duration>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (document, answer) = call(functions, "bake", &json!({ "recipe": recipe }), Effect::Changes).await?;
    screen.say(decisions(&answer));
    let version = begun(&answer);
    let Some(patience) = patience else {
        if version.is_some() {
            screen.say([String::new(), format!("kiln status {recipe} shows how far it is.")]);
        }
        return Ok(Done::well(json!({ "answer": document, "version": version })));
    };
    let Some(version) = version else {
        let failure = Failure::new(Kind::NotDone, "No bake was begun, so there is none to follow.");
        return Err(failure.after("answer", document));
    };
    screen.say([""]);
    let ended = watch::watch(functions, (recipe, &version), patience, screen).await;
    let (outcome, status) = ended
        .map_err(|failure| failure.after("answer", document.clone()).after("version", json!(version)))?;
    let document = json!({ "answer": document, "version": version, "outcome": outcome, "status": status });
    Ok(Done::well(document))
}

/// The version of the bake that was begun.
fn begun(answer: &Answer) -> Option<String> {
    let begins = answer.decisions.iter().find(|entry| BEGINS.contains(&entry.action.as_str()))?;
    begins.version.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::functions::fake::Fake;

    fn answer(action: &str) -> Value {
        let entry = json!({ "recipe": "web", "version": "20261126T020000Z", "region": "us-east-1", "action": action,
                            "outcome": "done", "reason": "somebody asked" });
        json!({ "decisions": [entry] })
    }

    #[test]
    fn a_bake_tells_its_version_and_how_it_is_looked_at() {
        let (functions, said) = (Fake::answering([Ok(answer("launch"))]), Said::default());
        let done =
            block_on(bake(&functions, &"web".parse().unwrap(), None, &mut said.screen(false))).unwrap();
        assert_eq!(done.document["version"], "20261126T020000Z");
        assert!(said.text().ends_with("kiln status web shows how far it is.\n"));
    }

    #[test]
    fn a_bake_that_was_not_begun_cannot_be_followed() {
        let functions = Fake::answering([Ok(answer("keep"))]);
        let patience = Some(Duration::from_secs(1));
        let screen = &mut Said::default().screen(false);
        let failure = block_on(bake(&functions, &"web".parse().unwrap(), patience, screen)).unwrap_err();
        assert_eq!(failure.kind, Kind::NotDone);
    }
}
