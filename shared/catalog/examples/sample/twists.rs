//! What makes each recipe of the story different: one was recalled, one failed, one is baking, some images leave.

use std::cmp::Reverse;

use chrono::TimeDelta;
use kiln_catalog::model::*;

use crate::story::{ACCOUNT, cost, entry, id, named, now, time};

/// What makes each recipe different from the others.
pub fn twist(recipe: &mut Recipe) {
    match recipe.name.as_str() {
        "base-al2023" => channels(recipe),
        "bastion" => roll_back_and_recall(recipe),
        "build-agent" => scan(recipe),
        "edge" => fail(recipe),
        "gpu-train" => begin(recipe),
        "web" => let_go(recipe, "unused", None),
        "worker" => let_go(recipe, "used", Some(("i-0c63af1c4c6783eee4", "eu-west-1"))),
        _ => {}
    }
}

fn channels(recipe: &mut Recipe) {
    let named = |at: usize| recipe.versions.get(at).map(|one| one.version.clone());
    let channel = |name: &str, at, days, waiting| Channel {
        name: name.into(),
        version: named(at),
        since: Some(now() - TimeDelta::days(days)),
        waiting,
    };
    let waits = |version: Option<String>, comes_at| {
        Some(Wait { version: version?, since: time("2026-11-26T02:27:00Z"), comes_at })
    };
    let soon = time("2026-11-29T02:27:00Z");
    recipe.channels = vec![
        channel("next", 0, 1, None),
        channel("stable", 1, 6, waits(named(0), Some(soon))),
        channel("certified", 2, 9, waits(named(1), None)),
    ];
    let stable = recipe.versions[1].version.clone();
    recipe.history.insert(
        1,
        Entry {
            who: Some("arn:aws:sts::111122223333:assumed-role/platform/maria".into()),
            reason: Some("ran in staging for five days".into()),
            regions: Vec::new(),
            ..entry(time("2026-11-21T09:12:00Z"), Event::Promoted, &stable)
        },
    );
    let gone = recipe.versions.last_mut();
    if let Some(gone) = gone {
        gone.stage = Stage::Deregistered;
        gone.images.clear();
        gone.shared_with = None;
        gone.cost = None;
        gone.decision = Some(Decision { action: "deregister".into(), reason: "its quarantine since 2026-11-04T03:00:00+00:00 is over; 5 newer releases are kept, and it is 48d old".into() });
        gone.contents = None;
        gone.findings = None;
        gone.difference = None;
        let version = gone.version.clone();
        recipe.history.push(entry(time("2026-11-11T03:04:00Z"), Event::Deregistered, &version));
        recipe.history.sort_by_key(|entry| Reverse(entry.at));
    }
}

fn roll_back_and_recall(recipe: &mut Recipe) {
    let who = Some("arn:aws:sts::111122223333:assumed-role/security/jun".to_owned());
    let (bad, good) = (recipe.versions[0].version.clone(), recipe.versions[1].version.clone());
    let reason = "its sshd accepts passwords: the drop-in of the recipe is not read".to_owned();
    let at = time("2026-11-25T08:41:00Z");
    recipe.versions[0].recalled = Some(Recall { reason: reason.clone(), at, who: who.clone() });
    recipe.versions[0].users = Some(vec![
        User { arn: "arn:aws:ec2:us-east-1:111122223333:instance/i-0aa41be3c21d9f001".into(), region: "us-east-1".into() },
        User { arn: "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:7c1e:autoScalingGroupName/bastion".into(), region: "eu-west-1".into() },
    ]);
    recipe.versions[0].usage = Some(Usage::InUse);
    recipe.versions[1].pinned = Some(Pin { from: Some(bad.clone()), at: Some(at + TimeDelta::minutes(3)) });
    for place in &mut recipe.regions {
        let image = recipe.versions[1].images.iter().find(|image| image.region == place.region);
        (place.version, place.image) = (Some(good.clone()), image.map(|image| image.image.clone()));
    }
    let recalled = Entry {
        who: who.clone(),
        reason: Some(reason),
        regions: Vec::new(),
        ..entry(at, Event::Recalled, &bad)
    };
    let back = Entry { who, from: Some(bad), ..entry(at + TimeDelta::minutes(3), Event::RolledBack, &good) };
    recipe.history.splice(0..0, [back, recalled]);
}

fn scan(recipe: &mut Recipe) {
    recipe.versions[0].findings = Some(Findings { critical: 1, high: 4, medium: 11, low: 30 });
    recipe.findings = recipe.versions[0].findings;
    recipe.regions.truncate(2);
    recipe.regions[1].required = false;
}

fn fail(recipe: &mut Recipe) {
    let version = named(0);
    let reason = "its test on i-0fedcba9876543210 failed: the script failed with status 7: \"haproxy: line 12: unknown keyword 'blind'\"";
    let at = time("2026-11-27T02:13:00Z");
    let mut rejected = recipe.versions[0].clone();
    rejected.version.clone_from(&version);
    rejected.stage = Stage::Rejected;
    rejected.released_at = None;
    rejected.images.truncate(1);
    rejected.images[0].image = id("ami", "edge rejected");
    rejected.images[0].deprecated_at = None;
    rejected.images[0].sharing = Some(Sharing::default());
    rejected.shared_with = Some(Vec::new());
    rejected.decision = Some(Decision {
        action: "keep".into(),
        reason: "it is rejected: still on its way, or waiting for somebody to look at it".into(),
    });
    rejected.test = Some(TestResult {
        outcome: TestOutcome::Failed,
        at: Some(at),
        zone: Some("us-east-1b".into()),
        reason: Some(reason.into()),
    });
    rejected.findings = None;
    rejected.cost = Some(cost(2.3));
    let log = Link(format!("s3://kiln-store-1a2b3c4d5e6f/logs/90d/edge/{version}/tester-us-east-1.log"));
    rejected.logs.test = Some(log.clone());
    rejected.logs.bake = Some(Link(log.0.replace("tester", "builder")));
    recipe.versions.insert(0, rejected);
    recipe.last_failure = Some(Failure {
        event: "Image Rejected".into(),
        version: version.clone(),
        at,
        reason: reason.into(),
        log: Some(log),
    });
    recipe.history.insert(
        0,
        Entry {
            reason: Some(reason.into()),
            regions: vec!["us-east-1".into()],
            ..entry(at, Event::Rejected, &version)
        },
    );
}

fn begin(recipe: &mut Recipe) {
    recipe.under_way = vec![UnderWay {
        version: "20261127T174000Z".into(),
        phase: Phase::Baking,
        since: time("2026-11-27T17:40:09Z"),
        deadline: Some(time("2026-11-27T19:40:00Z")),
    }];
    recipe.regions.truncate(1);
    recipe.regions[0].version = None;
    if let Some(layer) = recipe.base.as_mut().and_then(|base| base.layer.as_mut()) {
        layer.baked_from = None;
    }
}

/// The oldest version leaves, or stays because of somebody.
fn let_go(recipe: &mut Recipe, how: &str, user: Option<(&str, &str)>) {
    let Some(last) = recipe.versions.last_mut() else { return };
    if let Some((instance, region)) = user {
        let arn = format!("arn:aws:ec2:{region}:{ACCOUNT}:instance/{instance}");
        last.decision = Some(Decision { action: "keep".into(), reason: format!("it is used by {arn}") });
        last.usage = Some(Usage::InUse);
        last.users = Some(vec![User { arn, region: region.into() }]);
    } else if how == "unused" {
        last.stage = Stage::Disabled;
        last.usage = Some(Usage::Unused);
        last.users = Some(Vec::new());
        last.shared_with = Some(Vec::new());
        last.decision = Some(Decision {
            action: "keep".into(),
            reason: "it is in quarantine until 2026-12-02T03:00:00+00:00".into(),
        });
        last.next_step = Some(NextStep { step: Step::Deregister, at: Some(time("2026-12-02T03:00:00Z")) });
        for image in &mut last.images {
            image.state = State::Disabled;
            image.disabled_at = Some(time("2026-11-25T03:00:00Z"));
            image.sharing = Some(Sharing::default());
        }
    }
}
