//! One example of each event that Kiln sends, for `docs/reference/events.md`.

#![allow(clippy::panic, reason = "a page that cannot be generated stops the run")]

use std::collections::BTreeMap;

use kiln_core::events::outbound::{Envelope, Event, ImageEntry, Transition, UsedBy};
use kiln_core::model::difference::Difference;
use kiln_core::model::{Contents, ImageId, ImageName, InstanceId, Region, SnapshotId, Version};

fn of<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} does not parse"))
}

fn version() -> Version {
    of("20261123T020000Z")
}

fn image() -> ImageId {
    of("ami-0123456789abcdef0")
}

fn images() -> BTreeMap<Region, ImageId> {
    BTreeMap::from([(of("us-east-1"), image()), (of("eu-west-1"), of("ami-0fedcba9876543210"))])
}

fn entries(reason: &str, snapshots: Option<Vec<SnapshotId>>) -> Vec<ImageEntry> {
    let entry = ImageEntry {
        image: of("ami-0a1b2c3d4e5f60718"),
        version: of("20261001T020000Z"),
        region: of("us-east-1"),
        reason: reason.into(),
        snapshots,
    };
    vec![entry]
}

/// One example of every event, in the order of an image's life.
pub fn examples() -> Vec<Envelope> {
    let instance: InstanceId = of("i-0123456789abcdef0");
    let text = |time: &str| time.to_owned();
    let transition = |transition, reason: &str, snapshots| Event::Images {
        transition,
        images: entries(reason, snapshots),
    };
    let snapshots = Some(vec![of("snap-0123456789abcdef0")]);
    let events = vec![
        Event::BakeStarted { instance: instance.clone() },
        Event::BakeRefused {
            reason:
                "there is no base: ssm:/golden/base in us-east-1; correct bake.base, or create what it names"
                    .into(),
        },
        Event::BakeFailed {
            instance: Some(instance.clone()),
            reason: "the script failed with status 1".into(),
            console_tail: "Error: Unable to find a match: ngnix".into(),
            log: Some("s3://kiln-store-1a2b3c4d5e6f/logs/90d/web/20261123T020000Z/builder-us-east-1.log".into()),
        },
        Event::ImageCaptured { image: image(), instance: instance.clone() },
        Event::ImageVerified { image: image(), instance: instance.clone() },
        Event::ImageRejected {
            image: image(),
            instance: Some(of("i-0fedcba9876543210")),
            reason: "its test on i-0fedcba9876543210 failed: the script failed with status 7".into(),
            console_tail: "curl: (7) Failed to connect to localhost port 80".into(),
            log: None,
        },
        Event::ImageUnchanged {
            image: image(),
            instance,
            same_as: of("20261122T020000Z"),
            copies_saved: 2,
            gib_saved: 24,
        },
        Event::ImagePublished { image: image() },
        Event::ImageReplicated { image: of("ami-0fedcba9876543210"), origin: image() },
        Event::ReplicationFailed {
            image: image(),
            reason: "9 attempts to copy it failed within a day, the last one with: Given key ID is not accessible; \
                     remove the cause, then ask for another copy: {\"copy\": \"ami-0123456789abcdef0\"}"
                .into(),
        },
        Event::ImageReleased {
            image: image(),
            images: images(),
            parameter: Some("/golden/web/latest".into()),
            baked: text("2026-11-23T02:00:00Z"),
            released: text("2026-11-23T02:27:00Z"),
            before: None,
            difference: Some(Box::new(Difference::between(
                of("20261122T020000Z"),
                &Contents::new("kernel 6.1.155\nrpm nginx 1.28.0-1 aarch64\nrpm telnet 0.17-1 aarch64\n"),
                &Contents::new("kernel 6.1.156\nrpm nginx 1.28.1-1 aarch64\nrpm jq 1.7.1-1 aarch64\n"),
            ))),
        },
        Event::ImageRolledBack { image: image(), images: images(), from: Some(of("20261124T020000Z")), channel: None },
        Event::ImagePromoted {
            image: image(),
            images: images(),
            channel: "prod".into(),
            parameter: "/golden/web/prod".into(),
        },
        Event::ImageRecalled {
            image: image(),
            images: images(),
            reason: "CVE-2026-12345 in openssl".into(),
            named: Some(of("20261122T020000Z")),
            users: 1,
            used_by: vec![UsedBy {
                kind: "instance".into(),
                arn: "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0".into(),
                region: of("us-east-1"),
                image: image(),
            }],
        },
        Event::ImageReinstated { image: image(), images: images() },
        transition(Transition::Kept, "it is held: kiln:hold = 'audit until June'", None),
        transition(Transition::Deprecated, "5 newer releases are kept, and it is 53d old", None),
        transition(Transition::Disabled, "5 newer releases are kept, and it is 55d old", None),
        transition(
            Transition::Deregistered,
            "its quarantine since 2026-11-25T03:00:00+00:00 is over; 5 newer releases are kept, and it is 62d old",
            snapshots,
        ),
        Event::ImageRestored { image: image() },
        Event::ExpiryBlocked {
            images: 12,
            reason: "blocked: 12 images would be removed, but the limit is 8 (expire.max_per_run = 8); \
                     nothing was removed. Review `kiln plan web`; if it is right, allow it: \
                     `kiln apply web --allow 12`"
                .into(),
        },
        Event::ReleaseLost {
            image: image(),
            images: [(of("us-east-1"), of("ami-0fedcba9876543210"))].into(),
            reason: "what is named can no longer be launched, because somebody deregistered or disabled an image of \
                     it: ami-0fedcba9876543210 in us-east-1. 20261116T020000Z is named instead"
                .into(),
        },
        Event::ReleaseBlocked {
            image: image(),
            reason: "PutParameter on /golden/web/latest in eu-west-1 failed: ParameterMaxVersionLimitExceeded: its oldest \
                     version has a label. What had moved was set back, in us-east-1"
                .into(),
        },
        Event::DriftRepaired {
            actions: vec!["copy"],
            resource: None,
            reason: "the recipe names this Region, and it has no replica yet".into(),
            late_seconds: Some(840),
        },
    ];
    let name = ImageName { recipe: of("web"), version: version() };
    let envelope =
        |news| Envelope { name: name.clone(), region: of("us-east-1"), news, occasion: String::new() };
    events.into_iter().map(envelope).collect()
}
