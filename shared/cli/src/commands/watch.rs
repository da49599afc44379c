//! Follows one bake through all functions until it ends.

use std::time::{Duration, Instant};

use chrono::Utc;
use kiln_catalog::model::{Failure as Told, Stage};
use kiln_catalog::status::RecipeStatus;
use kiln_core::model::RecipeName;
use serde_json::json;

use super::status;
use crate::failure::{Failure, Kind};
use crate::functions::Functions;
use crate::render::status::phase;
use crate::render::wrapped;
use crate::screen::Screen;

/// The first pause between two looks, and the longest: each look is one invocation, and nothing happens within seconds.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How many looks in a row may fail, as they do while a network changes.
const MOST_FAILED: u32 = 5;
/// For how long nothing may be seen of a bake. Between two functions an event is on its way; a sweep, every 15 minutes,
/// finds one that was lost.
const UNSEEN: Duration = Duration::from_secs(20 * 60);

/// How far a bake is.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// It goes on.
    GoesOn(String),
    /// Nothing is seen of it.
    Unseen,
    /// It is released.
    Released,
    /// It has nothing that the newest release has not.
    Unchanged,
    /// It failed, and why; `None` if that is not told yet.
    Failed(Option<String>),
}

/// Follows a version. Answers how it ended well, and how its recipe is then.
pub(super) async fn watch<F: Functions>(
    functions: &F,
    (recipe, version): (&RecipeName, &str),
    patience: Duration,
    screen: &mut Screen<'_>,
) -> Result<(&'static str, RecipeStatus), Failure> {
    let (began, mut seen) = (Instant::now(), Instant::now());
    let (mut pause, mut failed, mut said) = (FIRST_PAUSE, 0, String::new());
    let mut say = |screen: &mut Screen<'_>, text: &str| {
        if said != text {
            screen.say([format!("{}  {recipe} {version}  {text}", Utc::now().format("%H:%M:%S"))]);
            said = text.to_owned();
        }
    };
    let mut is_told = false;
    loop {
        let status = match status::of(functions, recipe).await {
            Ok(status) => status,
            Err(failure) if failed >= MOST_FAILED || failure.kind == Kind::Answer => return Err(failure),
            Err(_) => {
                failed += 1;
                waited(&mut pause, began, patience).await.map_err(|()| late(version, patience))?;
                continue;
            }
        };
        failed = 0;
        let step = step(&status, version);
        if step != Step::Unseen {
            seen = Instant::now();
        }
        match step {
            Step::GoesOn(text) => say(screen, &text),
            Step::Unseen if seen.elapsed() > UNSEEN => return Err(lost(recipe, version, &status)),
            Step::Unseen => {}
            Step::Released => {
                say(screen, "released");
                return Ok(("released", status));
            }
            Step::Unchanged => {
                say(screen, "is no release: it has nothing that the newest one has not");
                return Ok(("unchanged", status));
            }
            // The event that tells why is on its way for a moment.
            Step::Failed(None) if !is_told => is_told = true,
            Step::Failed(why) => {
                let why = why.unwrap_or_else(|| "it was rejected".into());
                let what = format!("{version} of {recipe} failed: {why}");
                let failure = Failure::new(Kind::NotDone, wrapped(&what, 0).join("\n"));
                return Err(failure.after("status", json!(status)));
            }
        }
        waited(&mut pause, began, patience).await.map_err(|()| late(version, patience))?;
    }
}

/// Waits until the next look, unless that would take more patience than there is.
async fn waited(pause: &mut Duration, began: Instant, patience: Duration) -> Result<(), ()> {
    if began.elapsed() + *pause > patience {
        return Err(());
    }
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 3 / 2).min(LONGEST_PAUSE);
    Ok(())
}

fn late(version: &str, patience: Duration) -> Failure {
    let what = format!("{version} has not ended after {} minutes.", patience.as_secs() / 60);
    Failure::new(Kind::NotDone, what)
        .advise("It goes on in the functions: kiln status shows it, and --for follows longer.")
}

fn lost(recipe: &RecipeName, version: &str, status: &RecipeStatus) -> Failure {
    let what = format!("Nothing is seen of {version} any more, and no failure of it is kept.");
    let advice = format!("Somebody may have removed its builder: kiln bake {recipe} begins anew.");
    Failure::new(Kind::NotDone, what).advise(advice).after("status", json!(status))
}

/// How far a version is.
fn step(status: &RecipeStatus, version: &str) -> Step {
    let stage = status.versions.iter().find(|one| one.version == version).map(|one| one.stage);
    let is_newest = status.newest.as_ref().is_some_and(|newest| newest.version == version);
    if is_newest || stage == Some(Stage::Released) {
        return Step::Released;
    }
    if stage == Some(Stage::Unchanged) {
        return Step::Unchanged;
    }
    // While it is under way, a failure is one of a former try.
    if let Some(under_way) = status.under_way.iter().find(|one| one.version == version) {
        // What is told changes with the phase, not with each look.
        let text = phase(under_way, under_way.since);
        let text = text.split(" for ").next().unwrap_or_default();
        return Step::GoesOn(text.to_owned());
    }
    let failure = status.last_failure.as_ref().filter(|failure| failure.version == version);
    if let Some(Told { event, reason, log, .. }) = failure {
        let log = log.as_ref().map(|log| format!(" (log: {})", log.as_str())).unwrap_or_default();
        return Step::Failed(Some(format!("{event}: {reason}{log}")));
    }
    match stage {
        Some(Stage::Rejected | Stage::Recalled | Stage::Disabled | Stage::Deregistered) => Step::Failed(None),
        Some(_) => Step::GoesOn("is on its way to the next function".into()),
        None => Step::Unseen,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::functions::fake::Fake;

    const VERSION: &str = "20261126T020000Z";

    fn recipe(more: &Value) -> Value {
        let mut recipe = json!({ "name": "web", "under_way": [], "versions": [], "pointers": [] });
        for (key, value) in more.as_object().into_iter().flatten() {
            recipe[key] = value.clone();
        }
        recipe
    }

    fn stage(stage: &str) -> Value {
        json!([{ "version": VERSION, "stage": stage }])
    }

    fn failure(version: &str) -> Value {
        json!({ "event": "Bake Failed", "version": version, "at": "2026-11-26T02:20:00Z", "reason": "the script failed" })
    }

    fn under_way(phase: &str) -> Value {
        json!([{ "version": VERSION, "phase": phase, "since": "2026-11-26T02:10:00Z" }])
    }

    fn of(more: &Value) -> Step {
        step(&serde_json::from_value(recipe(more)).unwrap(), VERSION)
    }

    #[test]
    fn a_bake_goes_on_until_its_version_is_released_or_failed() {
        assert_eq!(of(&json!({ "under_way": under_way("testing") })), Step::GoesOn("testing".into()));
        let waits = "is on its way to the next function";
        assert_eq!(of(&json!({ "versions": stage("captured") })), Step::GoesOn(waits.into()));
        assert_eq!(of(&json!({ "versions": stage("released") })), Step::Released);
        assert_eq!(of(&json!({ "newest": { "version": VERSION } })), Step::Released);
        assert_eq!(of(&json!({ "versions": stage("unchanged") })), Step::Unchanged);
        assert_eq!(of(&json!({ "versions": stage("rejected") })), Step::Failed(None));
        let told = Step::Failed(Some("Bake Failed: the script failed".into()));
        assert_eq!(of(&json!({ "last_failure": failure(VERSION) })), told);
        assert_eq!(of(&json!({ "last_failure": failure("20261125T020000Z") })), Step::Unseen);
    }

    #[test]
    fn a_failure_of_a_former_try_ends_nothing() {
        let again = json!({ "under_way": under_way("testing"), "last_failure": failure(VERSION) });
        assert_eq!(of(&again), Step::GoesOn("testing".into()));
    }

    fn answer(more: &Value) -> Result<Value, Failure> {
        Ok(
            json!({ "status": { "schema": 1, "made_at": "2026-11-26T02:30:00Z", "kiln": "0.1.0", "home": "us-east-1", "gaps": [], "recipes": [recipe(more)] } }),
        )
    }

    fn watched(
        answers: Vec<Result<Value, Failure>>,
        seconds: u64,
    ) -> (Result<&'static str, Failure>, String) {
        let (functions, said) = (Fake::answering(answers), Said::default());
        let web: RecipeName = "web".parse().unwrap();
        let patience = Duration::from_secs(seconds);
        let mut screen = said.screen(false);
        let ended = block_on(watch(&functions, (&web, VERSION), patience, &mut screen));
        (ended.map(|(outcome, _)| outcome), said.text())
    }

    #[test]
    fn each_phase_is_told_once_and_the_end_with_its_reason() {
        let answers = vec![
            answer(&json!({ "under_way": under_way("baking") })),
            answer(&json!({ "last_failure": failure(VERSION) })),
        ];
        let (ended, said) = watched(answers, 60);
        assert!(said.ends_with("web 20261126T020000Z  baking\n"), "{said}");
        assert_eq!(ended.unwrap_err().what, "20261126T020000Z of web failed: Bake Failed: the script failed");
    }

    #[test]
    fn a_look_that_fails_is_repeated_and_patience_has_an_end() {
        let failed = || Err(Failure::new(Kind::Network, "no network"));
        let (ended, _) = watched(vec![failed(), answer(&json!({ "versions": stage("released") }))], 60);
        assert_eq!(ended, Ok("released"));
        let (ended, _) = watched(vec![answer(&json!({}))], 1);
        assert_eq!(ended.unwrap_err().what, "20261126T020000Z has not ended after 0 minutes.");
    }
}
