use proptest::prelude::*;
use serde_json::{Value, json};

use super::payload::{IMAGE_CHANGE, INSTANCE_CHANGE, PARAMETER_CHANGE};
use super::*;
use crate::model::ImageId;

fn event(detail_type: &str, region: &str, detail: Value) -> Value {
    json!({"version": "0", "id": "1", "detail-type": detail_type, "source": "aws.ec2", "account": "123456789012",
           "time": "2026-11-23T02:05:00Z", "region": region, "resources": [], "detail": detail})
}

#[test]
fn only_ids_are_taken_from_an_event() {
    let stopped = event(INSTANCE_CHANGE, "us-east-1", json!({"instance-id": "i-0a1b", "state": "running"}));
    assert_eq!(
        CaptureCall::read(&stopped),
        Ok(CaptureCall::Stopped("us-east-1".parse().unwrap(), "i-0a1b".parse().unwrap()))
    );
}

#[test]
fn an_image_event_carries_the_region_of_the_image() {
    let detail = json!({"RequestId": "r", "ImageId": "ami-0a1b", "State": "failed", "ErrorMessage": "no"});
    let call = ReplicateCall::read(&event(IMAGE_CHANGE, "eu-west-1", detail)).unwrap();
    let expected = ReplicateCall::Image("eu-west-1".parse().unwrap(), "ami-0a1b".parse().unwrap());
    assert_eq!(call, expected);
    // Kiln sends its events in the home Region; their detail has the Region of the image.
    let detail =
        json!({"recipe": "web", "version": "20261123T020000Z", "region": "eu-west-1", "image": "ami-0a1b"});
    assert_eq!(ReplicateCall::read(&event("Image Verified", "us-east-1", detail)), Ok(expected));
}

#[test]
fn a_rejected_parameter_carries_the_reason() {
    let detail = json!({"name": "/golden/web", "type": "String", "operation": "Update", "exception": "Unable to Resolve Resource"});
    let call = ReplicateCall::read(&event(PARAMETER_CHANGE, "eu-west-1", detail)).unwrap();
    assert!(matches!(call, ReplicateCall::Parameter { refused: Some(_), .. }), "{call:?}");
}

#[test]
fn a_rollback_has_a_recipe_and_optionally_a_version() {
    let call = PublishCall::read(&json!({"rollback": "web", "to": "20261123T020000Z"})).unwrap();
    let (recipe, to) = ("web".parse().unwrap(), "20261123T020000Z".parse().ok());
    assert_eq!(call, PublishCall::Rollback { recipe, channel: None, to, mode: Mode::Apply });
    let shown = PublishCall::read(&json!({"rollback": "web", "dry_run": true})).unwrap();
    let recipe = "web".parse().unwrap();
    assert_eq!(shown, PublishCall::Rollback { recipe, channel: None, to: None, mode: Mode::DryRun });
    let one = PublishCall::read(&json!({"rollback": "web", "channel": "prod"})).unwrap();
    let (recipe, channel) = ("web".parse().unwrap(), Some("prod".to_owned()));
    assert_eq!(one, PublishCall::Rollback { recipe, channel, to: None, mode: Mode::Apply });
    let error = PublishCall::read(&json!({"rollback": "web", "too": "x"})).unwrap_err().to_string();
    assert!(error.contains("unknown field `too`"), "{error}");
    assert!(PublishCall::read(&json!({"rollback": "web", "to": "1.2"})).is_err());
}

#[test]
fn a_preflight_is_a_dry_run_and_a_release_bakes_its_layers() {
    let call = BakeCall::read(&json!({"recipe": "web", "preflight": true})).unwrap();
    assert_eq!((call.what, call.mode), (BakeTarget::One("web".parse().unwrap()), Mode::DryRun));
    let released = event("Image Released", "us-east-1", json!({"recipe": "base"}));
    assert_eq!(BakeCall::read(&released).unwrap().what, BakeTarget::LayersOn("base".parse().unwrap()));
}

#[test]
fn expire_by_hand_is_a_dry_run_unless_dry_run_is_false() {
    let run = |payload: Value| match ExpireCall::read(&payload).unwrap() {
        ExpireCall::Run(run) => run,
        other => panic!("{other:?}"),
    };
    assert_eq!(run(json!({})).mode, Mode::DryRun);
    assert_eq!(run(json!({"recipe": "web"})).mode, Mode::DryRun);
    assert_eq!(run(json!({"dry_run": false})).mode, Mode::Apply);
    assert_eq!(run(json!({"recipe": "web", "dry_run": false, "allow": 3})).allow, Some(3));
    let released =
        event("Image Released", "us-east-1", json!({"recipe": "web", "version": "20261123T020000Z"}));
    let call = run(released);
    assert_eq!((call.recipe.unwrap().as_str(), call.mode), ("web", Mode::Apply));
}

#[test]
fn restore_takes_an_image_id_and_no_other_field() {
    let call = ExpireCall::read(&json!({"restore": "ami-0123456789abcdef0"})).unwrap();
    assert_eq!(call, ExpireCall::Restore("ami-0123456789abcdef0".parse().unwrap()));
    assert!(ExpireCall::read(&json!({"restore": "ami-0123456789abcdef0", "dry_run": true})).is_err());
    assert!(ExpireCall::read(&json!({"restore": "web"})).is_err());
}

#[test]
fn explain_takes_no_other_field_and_retire_recipe_only_dry_run() {
    let read = |payload: Value| ExpireCall::read(&payload);
    let image: ImageId = "ami-0123456789abcdef0".parse().unwrap();
    assert_eq!(read(json!({"explain": image})), Ok(ExpireCall::Explain(image.clone())));
    assert!(read(json!({"explain": image, "recipe": "web"})).is_err());
    let web = || "web".parse().unwrap();
    assert_eq!(read(json!({"retire_recipe": "web"})), Ok(ExpireCall::RetireRecipe(web(), Mode::Apply)));
    let planned = read(json!({"retire_recipe": "web", "dry_run": true}));
    assert_eq!(planned, Ok(ExpireCall::RetireRecipe(web(), Mode::DryRun)));
    let detail = json!({"RequestId": "r", "ImageId": image, "State": "deregistered", "ErrorMessage": ""});
    let gone = read(event(IMAGE_CHANGE, "eu-west-1", detail));
    assert_eq!(gone, Ok(ExpireCall::ImageDeregistered("eu-west-1".parse().unwrap(), image)));
}

#[test]
fn an_approval_is_a_preview_unless_it_says_otherwise() {
    let approved = |version, mode| PublishCall::Approve {
        recipe: "web".parse().unwrap(),
        channel: "prod".into(),
        version,
        mode,
    };
    let by_hand = PublishCall::read(&json!({"approve": "web", "channel": "prod"}));
    assert_eq!(by_hand, Ok(approved(None, Mode::DryRun)));
    let of_one =
        json!({"approve": "web", "channel": "prod", "version": "20261123T020000Z", "dry_run": false});
    let version = "20261123T020000Z".parse().ok();
    assert_eq!(PublishCall::read(&of_one), Ok(approved(version, Mode::Apply)));
    for bad in [json!({"approve": "web"}), json!({"approve": "web", "channel": "prod", "layers": true})] {
        assert!(PublishCall::read(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_retest_takes_an_image_and_a_region_and_a_copy_an_image_alone() {
    let image: ImageId = "ami-0123456789abcdef0".parse().unwrap();
    assert_eq!(VerifyCall::read(&json!({"retest": image})), Ok(VerifyCall::Retest(image.clone(), None)));
    let there = VerifyCall::read(&json!({"retest": image, "region": "eu-west-1"}));
    assert_eq!(there, Ok(VerifyCall::Retest(image.clone(), "eu-west-1".parse().ok())));
    assert!(VerifyCall::read(&json!({"retest": image, "recipe": "web"})).is_err());
    let adopted = VerifyCall::read(&json!({"adopt": image, "recipe": "web"}));
    assert_eq!(adopted, Ok(VerifyCall::Adopt(image.clone(), "web".parse().unwrap())));
    assert!(VerifyCall::read(&json!({"adopt": image})).is_err());
    assert_eq!(ReplicateCall::read(&json!({"copy": image})), Ok(ReplicateCall::CopyAgain(image.clone())));
    assert!(ReplicateCall::read(&json!({"copy": image, "region": "eu-west-1"})).is_err());
}

#[test]
fn a_misspelt_field_is_rejected_and_named() {
    let error = ExpireCall::read(&json!({"dryrun": false})).unwrap_err().to_string();
    assert!(error.contains("unknown field `dryrun`") && error.contains("expected {}"), "{error}");
    let error = BakeCall::read(&json!({"recipe": "We b"})).unwrap_err().to_string();
    assert!(error.contains("'We b' is not a recipe name: 1 to 64 of a-z"), "{error}");
}

#[test]
fn a_malformed_event_is_rejected_and_the_error_says_what_is_expected() {
    let detail = json!({"instance-id": "ami-1", "state": "stopped"});
    let error = CaptureCall::read(&event(INSTANCE_CHANGE, "us-east-1", detail)).unwrap_err().to_string();
    assert!(error.contains("'ami-1' is not an instance id"), "{error}");
    assert!(CaptureCall::read(&json!({})).unwrap_err().to_string().contains("no detail-type"));
    assert!(ReplicateCall::read(&event("EBS Snapshot Notification", "us-east-1", json!({}))).is_err());
}

proptest! {
    #[test]
    fn no_json_makes_the_parsers_panic(a in ".*", b in ".*", number in any::<i64>()) {
        for payload in [json!(a), json!(number), json!({ a.clone(): b }), event(&a, &b, json!({"ImageId": a})),
                        event(IMAGE_CHANGE, &b, json!({"ImageId": number})), event(INSTANCE_CHANGE, "x", json!([]))] {
            let _ = (BakeCall::read(&payload), CaptureCall::read(&payload));
            let _ = (ReplicateCall::read(&payload), ExpireCall::read(&payload));
            let _ = (VerifyCall::read(&payload), PublishCall::read(&payload));
        }
    }
}

#[test]
fn a_hold_has_an_image_and_a_reason_in_one_line() {
    let read = |reason: &str| {
        ExpireCall::read(&json!({ "hold": "ami-0123456789abcdef0", "reason": reason }))
            .map_err(|bad| bad.problem)
    };
    let expected = ExpireCall::Hold("ami-0123456789abcdef0".parse().unwrap(), "audit until June".into());
    assert_eq!(read(" audit until June "), Ok(expected));
    for wrong in ["", " ", "two\nlines", &"x".repeat(257)] {
        assert!(read(wrong).unwrap_err().contains("a reason in one line"), "{wrong}");
    }
    let without = ExpireCall::read(&json!({ "hold": "ami-0123456789abcdef0" }));
    assert!(without.unwrap_err().problem.contains("reason"));
}
