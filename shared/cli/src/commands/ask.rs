//! One question, or one order about one image, and its answer.

use kiln_core::model::{ImageId, RecipeName, Region};
use serde_json::{Value, json};

use super::call;
use crate::Done;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::functions::{Effect, Functions};
use crate::render;
use crate::render::decisions::decisions;
use crate::screen::Screen;

/// Tells all about one image.
pub(super) async fn explain<F: Functions>(
    functions: &F,
    image: &ImageId,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let asked = ("expire", json!({ "explain": image }), Effect::Reads);
    told(functions, asked, render::explain::explain, screen).await
}

/// Lists all that a bake would fail for.
pub(super) async fn preflight<F: Functions>(
    functions: &F,
    recipe: &RecipeName,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let asked = ("bake", json!({ "recipe": recipe, "preflight": true }), Effect::Reads);
    told(functions, asked, decisions, screen).await
}

/// Keeps an image, and tells how that is ended: by a person alone, for no function may remove the tag.
pub(super) async fn hold<F: Functions>(
    functions: &F,
    image: &ImageId,
    why: &str,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let payload = json!({ "hold": image, "reason": why });
    let (document, answer) = call(functions, "expire", &payload, Effect::Changes).await?;
    screen.say(decisions(&answer));
    if let Some(entry) =
        answer.decisions.iter().find(|entry| entry.resource.as_deref() == Some(image.as_str()))
    {
        let region = &entry.region;
        screen.say([
            String::new(),
            "To end it:".into(),
            format!("  aws ec2 delete-tags --region {region} --resources {image} --tags Key=kiln:hold"),
        ]);
    }
    Ok(Done::well(json!({ "answer": document })))
}

/// Brings back the release of an image.
pub(super) async fn restore<F: Functions>(
    functions: &F,
    image: &ImageId,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    told(functions, ("expire", json!({ "restore": image }), Effect::Changes), decisions, screen).await
}

/// Tests a rejected image again.
pub(super) async fn retest<F: Functions>(
    functions: &F,
    image: &ImageId,
    region: Option<&Region>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let mut payload = json!({ "retest": image });
    if let Some(region) = region {
        payload["region"] = json!(region);
    }
    told(functions, ("verify", payload, Effect::Changes), decisions, screen).await
}

/// Hands an image over to a recipe.
pub(super) async fn adopt<F: Functions>(
    functions: &F,
    image: &ImageId,
    recipe: &RecipeName,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let asked = ("verify", json!({ "adopt": image, "recipe": recipe }), Effect::Changes);
    told(functions, asked, decisions, screen).await
}

/// Copies an image anew to every Region that lacks it.
pub(super) async fn copy<F: Functions>(
    functions: &F,
    image: &ImageId,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    told(functions, ("replicate", json!({ "copy": image }), Effect::Changes), decisions, screen).await
}

async fn told<F: Functions>(
    functions: &F,
    (function, payload, effect): (&str, Value, Effect),
    lines: fn(&Answer) -> Vec<String>,
    screen: &mut Screen<'_>,
) -> Result<Done, Failure> {
    let (document, answer) = call(functions, function, &payload, effect).await?;
    screen.say(lines(&answer));
    Ok(Done::well(json!({ "answer": document })))
}

#[cfg(test)]
mod tests {
    use super::super::tests_of_commands::{Said, block_on};
    use super::*;
    use crate::functions::fake::Fake;

    #[test]
    fn an_order_is_sent_once_with_its_fields_and_its_answer_is_said() {
        let entry = json!({ "region": "us-east-1", "action": "set-stage", "outcome": "done", "reason": "somebody asked" });
        let (functions, said) = (Fake::answering([Ok(json!({ "decisions": [entry] }))]), Said::default());
        let (image, region) = ("ami-0123456789abcdef0".parse().unwrap(), "eu-west-1".parse().unwrap());
        let done = block_on(retest(&functions, &image, Some(&region), &mut said.screen(false))).unwrap();
        let payload = json!({ "retest": "ami-0123456789abcdef0", "region": "eu-west-1" });
        assert_eq!(*functions.asked.borrow(), [("verify".into(), payload, Effect::Changes)]);
        assert!(said.text().starts_with("set-stage (done): somebody asked\n"));
        assert_eq!(done.document["answer"]["decisions"][0]["action"], "set-stage");
    }

    #[test]
    fn an_answer_that_is_not_understood_is_in_the_document_all_the_same() {
        let functions = Fake::answering([Ok(json!({ "decisions": 3 }))]);
        let image = "ami-0123456789abcdef0".parse().unwrap();
        let failure = block_on(explain(&functions, &image, &mut Said::default().screen(false))).unwrap_err();
        assert_eq!(failure.document()["answer"], json!({ "decisions": 3 }));
    }
}
