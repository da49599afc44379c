//! What goes and what stays: the plan, and how it is carried out.

use kiln_core::model::RecipeName;
use serde_json::{Value, json};

use super::call;
use crate::answer::{Answer, Entry};
use crate::failure::Failure;
use crate::functions::{Effect, Functions};
use crate::render;
use crate::render::decisions::decisions;
use crate::screen::Screen;
use crate::{Done, exit};

/// Shows the plan. Its exit code tells whether something would be removed.
pub(super) async fn plan<F: Functions>(
    functions: &F,
    recipe: Option<&RecipeName>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (document, answer) = call(functions, "expire", &payload(recipe, None, true), Effect::Reads).await?;
    screen.say(render::plan::plan(&answer, recipe.is_some()));
    let removes = removes(&answer);
    let code = if removes == 0 { exit::DONE } else { exit::REMOVES };
    Ok(Done { document: json!({ "answer": document, "removes": removes }), code })
}

/// Shows the plan, asks, and carries it out.
pub(super) async fn apply<F: Functions>(
    functions: &F,
    recipe: Option<&RecipeName>,
    allow: Option<usize>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (preview, answer) = call(functions, "expire", &payload(recipe, allow, true), Effect::Reads).await?;
    screen.say(render::plan::plan(&answer, recipe.is_some()));
    let planned = answer.decisions.iter().filter(|entry| entry.outcome == "planned").count();
    if planned == 0 {
        screen.say(["Nothing is to be done."]);
        return Ok(Done::well(json!({ "preview": preview })));
    }
    screen.say([""]);
    let question = format!("Carry out {planned} steps, of which {} remove something?", removes(&answer));
    let shown = |failure: Failure| failure.after("preview", preview.clone());
    screen.confirm(&question).await.map_err(shown)?;
    let payload = payload(recipe, allow, false);
    let (document, answer) = call(functions, "expire", &payload, Effect::Changes).await.map_err(shown)?;
    screen.say(decisions(&changed(answer)));
    Ok(Done::well(json!({ "preview": preview, "answer": document })))
}

/// Lets the images of a deleted recipe go, once somebody saw which these are.
pub(super) async fn retire<F: Functions>(
    functions: &F,
    recipe: &RecipeName,
    only_shown: bool,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "retire_recipe": recipe, "dry_run": true });
    let (preview, answer) = call(functions, "expire", &payload, Effect::Reads).await?;
    screen.say(decisions(&answer));
    if only_shown {
        screen.say([String::new(), format!("Nothing was changed. To do it: kiln retire {recipe}")]);
        return Ok(Done::well(json!({ "preview": preview })));
    }
    screen.say([""]);
    let shown = |failure: Failure| failure.after("preview", preview.clone());
    screen.confirm(&format!("Let the images of {recipe} go?")).await.map_err(shown)?;
    payload["dry_run"] = json!(false);
    let (document, answer) = call(functions, "expire", &payload, Effect::Changes).await.map_err(shown)?;
    screen.say(decisions(&answer));
    Ok(Done::well(json!({ "preview": preview, "answer": document })))
}

fn payload(recipe: Option<&RecipeName>, allow: Option<usize>, dry_run: bool) -> Value {
    let mut payload = json!({ "dry_run": dry_run });
    if let Some(recipe) = recipe {
        payload["recipe"] = json!(recipe);
    }
    if let Some(allow) = allow {
        payload["allow"] = json!(allow);
    }
    payload
}

fn removes(answer: &Answer) -> usize {
    answer.decisions.iter().filter(|entry| entry.would_remove()).count()
}

/// What was not left as it was: who carries a plan out has seen what stays.
fn changed(answer: Answer) -> Answer {
    let is_change = |entry: &Entry| entry.outcome != "unchanged";
    let decisions = answer.decisions.into_iter().filter(is_change).collect();
    Answer { decisions, ..answer }
}

#[cfg(test)]
mod tests {
    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::failure::Kind;
    use crate::functions::fake::Fake;

    fn answer(action: &str, outcome: &str) -> Value {
        let entry =
            json!({ "region": "us-east-1", "action": action, "outcome": outcome, "reason": "it is unused" });
        json!({ "decisions": [entry] })
    }

    fn web() -> RecipeName {
        "web".parse().unwrap()
    }

    #[test]
    fn the_exit_code_of_a_plan_tells_whether_something_is_removed() {
        for (action, code) in [("deregister", exit::REMOVES), ("deprecate", exit::DONE)] {
            let functions = Fake::answering([Ok(answer(action, "planned"))]);
            let done = block_on(plan(&functions, Some(&web()), &mut Said::default().screen(false))).unwrap();
            assert_eq!(done.code, code, "{action}");
        }
    }

    #[test]
    fn nothing_is_carried_out_unless_somebody_says_yes() {
        let (functions, said) = (Fake::answering([Ok(answer("deregister", "planned"))]), Said::default());
        let failure = block_on(apply(&functions, None, None, &mut said.screen(false))).unwrap_err();
        assert_eq!((failure.kind, functions.asked.borrow().len()), (Kind::NotConfirmed, 1));
        assert!(failure.document()["preview"]["decisions"][0]["action"] == "deregister");
    }

    #[test]
    fn what_somebody_allows_goes_with_the_plan_and_with_what_is_carried_out() {
        let answers = [Ok(answer("deregister", "planned")), Ok(answer("deregister", "done"))];
        let (functions, said) = (Fake::answering(answers), Said::default());
        block_on(apply(&functions, Some(&web()), Some(12), &mut said.screen(true))).unwrap();
        let asked = functions.asked.borrow();
        assert_eq!(asked[0].1, json!({ "dry_run": true, "recipe": "web", "allow": 12 }));
        assert_eq!(
            asked[1],
            ("expire".into(), json!({ "dry_run": false, "recipe": "web", "allow": 12 }), Effect::Changes)
        );
        assert!(said.text().ends_with("deregister (done): it is unused\n    us-east-1\n"), "{}", said.text());
    }

    #[test]
    fn a_plan_without_steps_asks_nobody() {
        let (functions, said) = (Fake::answering([Ok(answer("keep", "unchanged"))]), Said::default());
        block_on(apply(&functions, None, None, &mut said.screen(false))).unwrap();
        assert!(said.text().contains("Nothing is to be done."));
    }

    #[test]
    fn of_a_deleted_recipe_it_is_shown_first_what_goes() {
        let answers = [Ok(answer("tag", "planned")), Ok(answer("tag", "done"))];
        let (functions, said) = (Fake::answering(answers), Said::default());
        block_on(retire(&functions, &web(), false, &mut said.screen(true))).unwrap();
        let asked = functions.asked.borrow();
        assert_eq!(asked[0].1, json!({ "retire_recipe": "web", "dry_run": true }));
        assert_eq!(asked[1].1, json!({ "retire_recipe": "web", "dry_run": false }));
    }
}
