//! The words for each kind of event.

use std::collections::BTreeMap;

use super::message::Message;
use crate::events::inbound::NotifyCall;
use crate::events::inbound::news::{Changes, Entry, Heard, User};
use crate::model::{ImageId, Region};

const STAYS: &str = "What is released stays as it is.";
/// The most images or users that a message lists.
const MOST_LISTED: usize = 5;

/// What is told of an event.
pub(super) fn message(call: &NotifyCall) -> Message {
    let recipe = &call.about.recipe;
    let new = |what: &str, said: &[&str]| Message::new(call, what, said);
    let bake = format!("kiln bake {recipe} --watch");
    let status = format!("kiln status {recipe}");
    match &call.heard {
        Heard::BakeStarted { instance } => {
            new("bake started", &["A builder is at work on a new version."]).fact("Builder", instance)
        }
        Heard::BakeRefused { reason } => {
            new("bake refused", &["This bake did not begin, and nothing was launched.", STAYS])
                .because(reason)
                .then(
                    "Correct what is in the way, and see what is left of it",
                    format!("kiln preflight {recipe}"),
                )
                .then("Bake again", bake)
        }
        Heard::BakeFailed { instance, reason, console_tail, log } => {
            new("bake failed", &["This bake produces no image.", STAYS])
                .because(reason)
                .shows(console_tail)
                .fact_if("Builder", instance.as_ref())
                .log(log.as_deref())
                .then("Correct the recipe, and bake again", bake)
        }
        Heard::ImageCaptured { image, instance } => {
            new("image captured", &["The image is being made. It is tested once it is available."])
                .fact("Image", image)
                .fact("Builder", instance)
        }
        Heard::ImageVerified { image, instance } => {
            new("image verified", &["The image booted, and its test succeeded."])
                .fact("Image", image)
                .fact("Tester", instance)
        }
        Heard::ImageRejected { image, instance, reason, console_tail, log } => {
            new("image rejected", &["The image did not pass. It is not published or released.", STAYS])
                .because(reason)
                .shows(console_tail)
                .fact("Image", image)
                .fact_if("Tester", instance.as_ref())
                .log(log.as_deref())
                .then("See where the image stands", format!("kiln explain {image}"))
                .then("If the image is right, correct its test, and test it again", retest(call, image))
                .then("If it is wrong, bake another", bake)
        }
        Heard::ImageUnchanged { image, same_as, copies_saved, gib_saved } => {
            let said = format!(
                "The image has nothing that {same_as} has not, so it is not published, and is removed."
            );
            let saved = format!(
                "That saves {}, and {gib_saved} GiB of snapshots.",
                counted(*copies_saved, "copy", "copies")
            );
            new("image unchanged", &[&said, &saved]).fact("Image", image)
        }
        Heard::ImagePublished { image } => {
            new("image published", &["Whoever the recipe names may launch the image. Its copies come next."])
                .fact("Image", image)
        }
        Heard::ImageReplicated { image, origin } => {
            let said = format!("{} has its replica.", place(call));
            new("image replicated", &[&said]).fact("Replica", image).fact("Copy of", origin)
        }
        Heard::ImageReleased { image, images, parameter, difference } => {
            let mut message = new("released", &["Every required Region has the image."]);
            if let Some(parameter) = parameter {
                message = message.says(format!(
                    "{parameter} names it in {}, unless a newer release or a rollback came first.",
                    regions(images)
                ));
            }
            if let Some(changes) = difference {
                message = message.says(changed(changes));
            }
            message
                .fact("Image", image)
                .fact("Regions", listed(images))
                .then("See what each Region names", status)
                .then("If it turns out to be bad, name the one before", format!("kiln rollback {recipe}"))
        }
        Heard::ImageRolledBack { image, images, from, channel } => {
            let said = match channel {
                None => "The parameters and launch templates name this earlier release again.".to_owned(),
                Some(channel) => {
                    format!("The parameters of the channel {channel} name this earlier release again.")
                }
            };
            let mut message = new("rolled back", &[&said]);
            if let Some(from) = from {
                message = message.says(format!("They named {from} before."));
            }
            message
                .fact("Image", image)
                .fact("Regions", listed(images))
                .then("See what each Region names", status)
        }
        Heard::ImagePromoted { image, images, channel, parameter } => {
            let said = format!("The release came to the channel {channel}.");
            let names = format!("{parameter} names it, unless a newer release or a rollback came first.");
            new(&format!("promoted to {channel}"), &[&said, &names])
                .fact("Image", image)
                .fact("Regions", listed(images))
                .then("See what each Region names", status)
        }
        Heard::ImageRecalled { image, images, reason, named, users, used_by } => {
            let named = named.map_or_else(
                || "There is no other release to name.".to_owned(),
                |version| format!("{version} is named instead."),
            );
            let used = format!("It is still used in {}.", counted(*users, "place", "places"));
            let mut message = new("recalled", &["Somebody took this release back as bad.", &named, &used])
                .because(reason)
                .fact("Image", image)
                .fact("Regions", listed(images));
            for User { kind, arn } in used_by.iter().take(MOST_LISTED) {
                message = message.fact("Used by", format!("{kind} {arn}"));
            }
            let back = call.about.version.map(|version| format!("kiln reinstate {recipe} {version}"));
            message
                .then("Replace what uses it, and see what each Region names", status)
                .then_if("If the recall was a mistake, take it back", back)
        }
        Heard::ImageReinstated { image, images } => {
            new("reinstated", &["A recall was taken back. The image and its replicas are a release again."])
                .fact("Image", image)
                .fact("Regions", listed(images))
                .then("See what each Region names", status)
        }
        Heard::ReplicationFailed { image, reason } => {
            let said = format!("{} has no replica of this image.", place(call));
            new("copy failed", &[&said])
                .because(reason)
                .fact("Image", image)
                .then("Remove the cause, and have it copied again", format!("kiln copy {image}"))
                .then("See which Regions have it", status)
        }
        Heard::ImagesDeprecated { images } => of_several(call, "deprecated", images)
            .says("Nothing was taken away yet. What stays unused is disabled next.".into())
            .then("See what goes next, and why", format!("kiln plan {recipe}")),
        Heard::ImagesDisabled { images } => of_several(call, "disabled", images)
            .says(
                "What is disabled cannot be launched. It can be restored until its quarantine is over."
                    .into(),
            )
            .then_if("Bring one back", images.first().map(|one| format!("kiln restore {}", one.image))),
        Heard::ImagesDeregistered { images } => of_several(call, "deregistered", images)
            .says("What is deregistered is gone, with its snapshots. This cannot be undone.".into()),
        Heard::ImagesKept { images } => of_several(call, "kept", images)
            .says("The recipe no longer keeps what stays here. Somebody or something else does.".into()),
        Heard::ImageRestored { image } => new("restored", &["The image was brought back."])
            .fact("Image", image)
            .then("See where it stands", format!("kiln explain {image}")),
        Heard::ExpiryBlocked { images, reason } => {
            let said = format!(
                "{} would have been deprecated, disabled or deregistered.",
                counted(*images, "image", "images")
            );
            let allow = reason.contains("--allow").then(|| format!("kiln apply {recipe} --allow {images}"));
            new("expiry blocked", &[&said, "None was."])
                .because(reason)
                .then("Read the plan", format!("kiln plan {recipe}"))
                .then_if("If it is right, allow it once", allow)
        }
        Heard::ReleaseLost { image, images, reason } => {
            new("release lost", &["What the parameters name could no longer be launched."])
                .because(reason)
                .fact("Image", image)
                .fact("Lost", listed(images))
                .then("See what each Region names now", status)
        }
        Heard::ReleaseBlocked { image, reason } => new(
            "release blocked",
            &[
                "A Region's parameter does not take the release.",
                "What had moved was set back, and it is tried again.",
            ],
        )
        .because(reason)
        .fact("Image", image)
        .then("Remove the cause, then see whether it is released", status),
        Heard::DriftRepaired { actions, resource, reason, late_seconds } => {
            let said =
                format!("A sweep found work that an event should have led to: {}.", actions.join(", "));
            let late = late_seconds.map(|seconds| format!("at most {} min", (seconds + 59) / 60));
            new("drift repaired", &[&said, "Usually the event was lost. Nothing is to be done."])
                .because(reason)
                .fact_if("Resource", resource.as_ref())
                .fact_if("Late by", late.as_ref())
        }
    }
}

fn of_several(call: &NotifyCall, what: &str, images: &[Entry]) -> Message {
    let mut message =
        Message::new(call, &format!("{} {what}", counted(images.len(), "image", "images")), &[]);
    for Entry { image, version, region, reason } in images.iter().take(MOST_LISTED) {
        message = message.fact("Image", format!("{image} of {version} in {region}: {reason}"));
    }
    match images.len().saturating_sub(MOST_LISTED) {
        0 => message,
        more => {
            message.fact("And", format!("{more} more, in the event on the bus and in the function's log"))
        }
    }
}

/// A replica is tested where it is.
fn retest(call: &NotifyCall, image: &ImageId) -> String {
    match call.away() {
        Some(region) => format!("kiln retest {image} --in {region}"),
        None => format!("kiln retest {image}"),
    }
}

fn place(call: &NotifyCall) -> &Region {
    call.about.region.as_ref().unwrap_or(&call.home)
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn regions(images: &BTreeMap<Region, ImageId>) -> String {
    counted(images.len(), "Region", "Regions")
}

fn listed(images: &BTreeMap<Region, ImageId>) -> String {
    images.iter().map(|(region, image)| format!("{region} {image}")).collect::<Vec<_>>().join(", ")
}

/// `Since 20261122T020000Z: 1 package added, 2 removed, 3 changed; kernel 6.1.155 to 6.1.156.`
fn changed(changes: &Changes) -> String {
    let mut text = format!(
        "Since {}: {} added, {} removed, {} changed",
        changes.from,
        counted(changes.added.len(), "package", "packages"),
        changes.removed.len(),
        changes.changed.len(),
    );
    if let Some(more) = changes.more {
        text += &format!(", {more} more differ");
    }
    if let Some(kernel) = &changes.kernel {
        text += &format!("; kernel {} to {}", kernel.from, kernel.to);
    }
    text + "."
}
