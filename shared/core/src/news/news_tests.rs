use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A bake that failed, whose script printed this.
fn failed(recipe: &str, reason: &str, console: &str) -> NotifyCall {
    let detail = json!({
        "id": "00ff", "schema": "1", "recipe": recipe, "version": "20261126T020000Z", "region": "us-east-1",
        "instance": "i-0123456789abcdef0", "reason": reason, "console-tail": console, "log": "s3://store/logs/web.log",
    });
    call("Bake Failed", detail)
}

fn call(kind: &str, detail: Value) -> NotifyCall {
    let event = json!({ "version": "0", "id": "1", "detail-type": kind, "source": "kiln", "account": "123456789012",
                        "time": "2026-11-26T02:13:00Z", "region": "us-east-1", "resources": [], "detail": detail });
    NotifyCall::read(&event).unwrap()
}

fn card_of(call: &NotifyCall) -> Value {
    serde_json::from_str(&post(call).card).unwrap()
}

#[test]
fn a_mail_says_what_happened_why_and_what_to_do() {
    let post = post(&failed(
        "web",
        "the script failed with status 1",
        "step 1\n\u{1b}[31mNo match: ngnix\u{1b}[0m\n\n",
    ));
    assert_eq!(post.subject, "Kiln: web 20261126T020000Z: bake failed");
    assert_eq!(post.sms, "Kiln: web 20261126T020000Z: bake failed. the script failed with status 1");
    assert_eq!(
        post.mail,
        "web 20261126T020000Z: bake failed\n\n\
         This bake produces no image. What is released stays as it is.\n\n\
         Why: the script failed with status 1\n\n\
         The last lines of the console:\n\n    step 1\n    [31mNo match: ngnix[0m\n\n\
         What to do next:\n\n\
         - Read the whole log:\n      aws s3 cp s3://store/logs/web.log -\n\
         - Correct the recipe, and bake again:\n      kiln bake web --watch\n\n\
         Builder:   i-0123456789abcdef0\n\
         Whole log: s3://store/logs/web.log\n\
         Account:   123456789012, home Region us-east-1\n\
         Event:     Bake Failed, id 00ff\n"
    );
}

#[test]
fn the_messages_of_one_bake_are_one_thread_and_those_of_several_are_the_recipes() {
    let of_bake = card_of(&failed("web", "", ""));
    assert_eq!(of_bake["metadata"]["threadId"], "web-20261126T020000Z");
    let entry = json!({ "image": "ami-01", "version": "20261001T020000Z", "region": "eu-west-1", "reason": "unused" });
    let several = card_of(&call("Image Disabled", json!({ "id": "0a", "recipe": "web", "images": [entry] })));
    assert_eq!(several["metadata"]["threadId"], "web");
    assert_eq!(several["content"]["title"], "web: 1 image disabled");
}

#[test]
fn a_replica_is_told_with_its_region_and_tested_where_it_is() {
    let detail = json!({ "id": "0a", "recipe": "web", "version": "20261126T020000Z", "region": "eu-west-1",
                         "image": "ami-01", "reason": "its test failed", "console-tail": "" });
    let post = post(&call("Image Rejected", detail));
    assert!(post.mail.contains("Region:  eu-west-1\n"), "{}", post.mail);
    assert!(post.mail.contains("kiln retest ami-01 --in eu-west-1\n"), "{}", post.mail);
}

#[test]
fn what_a_script_prints_mentions_nobody_and_ends_no_code_block() {
    let card = card_of(&failed("web", "<!channel> `x`", "<!here>\n```\nand <https://a|b> & more"));
    let text = card["content"]["description"].as_str().unwrap();
    assert!(!text.contains('<') && text.matches("```").count() == 2, "{text}");
    assert!(text.contains("&lt;!channel&gt; 'x'"), "{text}");
}

#[test]
fn a_limit_that_can_be_allowed_is_allowed_by_a_command_and_another_is_not() {
    let blocked = |reason: &str| {
        let detail = json!({ "id": "0a", "recipe": "web", "version": "20261126T020000Z", "region": "us-east-1",
                             "images": 12, "reason": reason });
        post(&call("Expiry Blocked", detail)).mail
    };
    assert!(blocked("too many: kiln apply web --allow 12").contains("kiln apply web --allow 12"));
    assert!(!blocked("a Region showed none of 12 images").contains("--allow"));
}

proptest! {
    #[test]
    fn whatever_is_told_fits_what_shows_it(recipe in "[a-z]{1,40}", reason in ".{0,3000}", console in "(.{0,400}\n){0,40}") {
        let call = failed(&recipe, &reason, &console);
        let post = post(&call);
        prop_assert!(post.subject.len() < 100 && post.subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert!(post.sms.len() <= 140 && post.sms.is_ascii());
        prop_assert!(post.by_protocol().len() < 262_144);
        let card = card_of(&call);
        let text = card["content"]["description"].as_str().unwrap_or_default();
        prop_assert!(text.chars().count() <= 3_000, "{}", text.chars().count());
        prop_assert_eq!(text.matches("```").count() % 2, 0);
        prop_assert!(text.contains("home Region us-east-1"), "no part pushes another out");
        for step in card["content"]["nextSteps"].as_array().into_iter().flatten() {
            prop_assert!(step.as_str().is_some_and(|step| step.chars().count() <= 250));
        }
    }
}
