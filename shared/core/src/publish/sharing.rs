//! Makes an image's permissions, deprecation and deregistration protection what the recipe's `[publish]` says. What
//! the recipe no longer names is removed.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::{
    CloudError, Deprecation, Grantee, Image, ImageState, PermissionChange, Permissions, Protection,
};
use crate::model::channels::Entries;
use crate::model::token::nonce;
use crate::model::{ImageRecord, Stage, Tags, tags};
use crate::plan::reason::PublishReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::publish::mark::Mark;
use crate::publish::watermark;
use crate::recipe::{Channel, Recipe, Share};

/// EC2's value for the deregistration protection that Kiln itself enables.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deregistration-protection.html>)
const KILN_PROTECTION: &str = "enabled-without-cooldown";
/// The mark of an image while its settings are being changed.
const INCOMPLETE: &str = "half-way";
/// The mark of an image that was recalled.
const RECALLED: &str = "recalled";
/// How far ahead a deprecation must lie: EC2 rejects times in the past, and rounds to minutes.
const DEPRECATION_LEAD: TimeDelta = TimeDelta::minutes(2);

/// Who may launch any image of a recipe, in whichever channels it is.
pub fn launchers(recipe: &Recipe) -> BTreeSet<Grantee> {
    let of_channels = recipe.channels.iter().map(|channel| &channel.share);
    std::iter::once(&recipe.publish.share).chain(of_channels).flat_map(may_launch).collect()
}

/// What the recipe shares an image with: whom all its images are shared with, and those of the channels it has come to.
fn shares<'r>(recipe: &'r Recipe, tags: &Tags) -> impl Iterator<Item = &'r Share> {
    let entries = Entries::of(tags);
    // As after a rollback of the recipe, whoever launched it goes on launching it.
    let has_come = move |channel: &&Channel| entries.has_come(&channel.name);
    std::iter::once(&recipe.publish.share)
        .chain(recipe.channels.iter().filter(has_come).map(|one| &one.share))
}

fn may_launch(share: &Share) -> impl Iterator<Item = Grantee> {
    let accounts = share.accounts.iter().cloned().map(Grantee::Account);
    let organizations = share.organizations.iter().cloned().map(Grantee::Organization);
    let units = share.organizational_units.iter().cloned().map(Grantee::Unit);
    accounts.chain(organizations).chain(units).chain(share.public.then_some(Grantee::Everyone))
}

/// Who may launch an image with these tags.
fn launchers_of(recipe: &Recipe, tags: &Tags) -> BTreeSet<Grantee> {
    shares(recipe, tags).flat_map(may_launch).collect()
}

/// Who may launch an image beside its own account, as far as its mark tells: all of its recipe's `[publish]`, as that is now,
/// was applied to it. `None` if it was not, or somebody must look.
pub fn known_launchers(recipe: &Recipe, image: &Image) -> Option<BTreeSet<Grantee>> {
    let is_shared = image.state == ImageState::Available && !image.is_out();
    let applied = Mark::on(image).filter(|_| is_shared)?;
    (applied.word == mark(recipe, &image.tags).word).then(|| launchers_of(recipe, &image.tags))
}

/// Who may create volumes from the snapshots of an image with these tags: only accounts, because EC2 shares snapshots with
/// nobody else.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html>)
fn copiers_of(recipe: &Recipe, tags: &Tags) -> BTreeSet<Grantee> {
    let accounts = shares(recipe, tags).filter(|share| share.snapshots).flat_map(|share| &share.accounts);
    accounts.cloned().map(Grantee::Account).collect()
}

/// The mark of an image with these tags to which all of a recipe's `[publish]` was applied. It changes with `[publish]`, and
/// when the image comes to a channel, so a sweep inspects only the images whose mark is not the one of their recipe.
pub fn mark(recipe: &Recipe, tags: &Tags) -> Mark {
    let publish = &recipe.publish;
    let text = |grantees: BTreeSet<Grantee>| grantees.iter().map(|one| format!("{one} ")).collect::<String>();
    let after = publish.deprecate_after.map_or(String::new(), |after| after.num_seconds().to_string());
    let launchers = launchers_of(recipe, tags);
    let (may_launch, may_copy) = (text(launchers.clone()), text(copiers_of(recipe, tags)));
    let mut parts = vec!["publish", &may_launch, &may_copy, &after];
    // As the marks were before images could be asked for that.
    parts.extend(recipe.image.imds_v2.then_some("imds v2"));
    parts.extend(watermark::wanted(recipe).into_iter().flat_map(|name| ["watermark", name]));
    let word = nonce(&parts);
    Mark {
        protected: publish.protect,
        shared: !launchers.is_empty(),
        watermark: watermark::wanted(recipe).map(str::to_owned),
        word,
    }
}

/// Whether somebody else was ever allowed to launch an image, as its mark says. EC2 forgets that: a disabled image has
/// no launch permissions, and an account that lost its permission may still run what it launched.
pub fn was_shared(image: &Image) -> bool {
    Mark::on(image).is_some_and(|mark| mark.shared)
}

fn marked_as_protected(image: &Image) -> bool {
    Mark::on(image).is_some_and(|mark| mark.protected)
}

/// The mark of an image with these permissions to which its recipe's `[publish]` was applied. A disabled image is not
/// protected anew.
fn applied_mark(recipe: &Recipe, image: &Image, permissions: &Permissions) -> Mark {
    let mark = mark(recipe, &image.tags);
    let shared = mark.shared || was_shared(image) || !permissions.launch.is_empty();
    let (protected, watermark) = match image.state {
        ImageState::Disabled => (marked_as_protected(image), watermark::put_on_before(image)),
        _ => (mark.protected, mark.watermark),
    };
    Mark { protected, shared, watermark, word: mark.word }
}

/// Whether a recipe's `[publish]` requires no change to an image.
fn requires_nothing(recipe: &Recipe) -> bool {
    let publish = &recipe.publish;
    launchers(recipe).is_empty()
        && publish.deprecate_after.is_none()
        && !publish.protect
        && !recipe.image.imds_v2
        && watermark::wanted(recipe).is_none()
}

/// Whether a published image must be inspected, because its recipe's `[publish]` has changed since. A disabled image has
/// lost its launch permissions, but its snapshots keep theirs.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/disable-an-ami.html>)
pub fn is_due(recipe: &Recipe, image: &Image, record: &ImageRecord) -> bool {
    let may_change = match image.state {
        ImageState::Available => record.stage.is_published(),
        ImageState::Disabled => was_shared(image),
        _ => false,
    };
    may_change
        && match Mark::on(image) {
            Some(applied) if image.state == ImageState::Disabled => {
                applied.word != mark(recipe, &image.tags).word
            }
            Some(applied) => {
                let mark = mark(recipe, &image.tags);
                // That it was shared before changes nothing about what it grants now.
                let forgotten = mark.shared && !applied.shared;
                forgotten || applied.protected != mark.protected || applied.word != mark.word
            }
            // It was published before Kiln wrote marks.
            None => !requires_nothing(recipe),
        }
}

/// The changes after which an image grants exactly what its recipe says; empty if it already does.
pub fn steps(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    permissions: &Permissions,
    now: DateTime<Utc>,
) -> Sequence {
    let subject = || Subject::image(image);
    let mut sequence = Sequence::new();
    if image.state == ImageState::Disabled {
        // Nobody is added, and nothing else of it changes: it is on its way out.
        let lost = |current: &BTreeSet<Grantee>| current - &copiers_of(recipe, &image.tags);
        for (snapshot, current) in &permissions.volumes {
            let remove = lost(current);
            if !remove.is_empty() {
                let change = PermissionChange { add: BTreeSet::new(), remove };
                let reason = Reason::Publish(PublishReason::SharedOtherwise(change.clone()));
                let subject = Subject { resource: Some(snapshot.to_string()), ..subject() };
                sequence.push(subject.decide(Action::ShareSnapshot(snapshot.clone(), change), reason));
            }
        }
        return sequence;
    }
    // Before anybody else may launch it.
    if recipe.image.imds_v2 && !image.features.imds_v2 {
        let reason = Reason::Publish(PublishReason::RecipeRequires("image.imds = \"v2.0\"".into()));
        sequence.push(subject().decide(Action::RequireImdsV2(image.id.clone()), reason));
    }
    sequence.extend(watermark::taken_off(recipe, image));
    // EC2 puts no watermark on a public image, so that is taken back first.
    let is_public = permissions.launch.contains(&Grantee::Everyone);
    sequence.extend(watermark::put_on(recipe, image).filter(|_| !is_public));
    // The snapshots first, so that everyone who can launch the image can also copy it.
    for (snapshot, current) in &permissions.volumes {
        if let Some(change) = PermissionChange::between(current, &copiers_of(recipe, &image.tags)) {
            let reason = Reason::Publish(PublishReason::SharedOtherwise(change.clone()));
            let snapshot_subject = Subject { resource: Some(snapshot.to_string()), ..subject() };
            sequence.push(snapshot_subject.decide(Action::ShareSnapshot(snapshot.clone(), change), reason));
        }
    }
    if let Some(change) = PermissionChange::between(&permissions.launch, &launchers_of(recipe, &image.tags)) {
        let reason = Reason::Publish(PublishReason::SharedOtherwise(change.clone()));
        sequence.push(subject().decide(Action::Share(image.id.clone(), change), reason));
    }
    sequence.extend(watermark::put_on(recipe, image).filter(|_| is_public));
    sequence.extend(deprecation(recipe, image, record, now).map(|at| {
        let reason = match at {
            Deprecation::At(at) => format!("deprecation at {} (publish.deprecate_after)", at.to_rfc3339()),
            Deprecation::Never => "no deprecation (publish.deprecate_after is not set)".into(),
        };
        subject().decide(Action::SetDeprecation(image.id.clone(), at), PublishReason::RecipeRequires(reason))
    }));
    let protected = matches!(&image.protection, Protection::On(_));
    if recipe.publish.protect && !protected {
        let reason = Reason::Publish(PublishReason::RecipeRequires("publish.protect = true".into()));
        sequence.push(subject().decide(Action::Protect(image.id.clone()), reason));
    }
    if !recipe.publish.protect && is_protected_by_kiln(image) {
        let reason = Reason::Publish(PublishReason::RecipeRequires("publish.protect = false".into()));
        sequence.push(subject().decide(Action::Unprotect(image.id.clone()), reason));
    }
    sequence
}

/// Takes back what an image grants to others, because it was recalled, with its watermark, and deprecates it. Its mark fits no recipe any more:
/// should the recall be taken back, the recipe's `[publish]` is applied anew.
pub fn withdrawn(
    recipe: &Recipe,
    image: &Image,
    permissions: &Permissions,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Sequence {
    let decide = |action| Subject::image(image).decide(action, reason.clone());
    let mut sequence = Sequence::new();
    let mark = Mark {
        protected: marked_as_protected(image),
        shared: was_shared(image) || !permissions.launch.is_empty(),
        watermark: watermark::put_on_before(image),
        word: RECALLED.into(),
    };
    if Mark::on(image).as_ref() != Some(&mark) {
        let tag = Tags::new().with(tags::PUBLISHED_AS, mark);
        sequence.push(decide(Action::Tag(image.id.clone(), tag)));
    }
    let nobody = BTreeSet::new();
    if image.state == ImageState::Available {
        let change = PermissionChange::between(&permissions.launch, &nobody);
        sequence.extend(change.map(|change| decide(Action::Share(image.id.clone(), change))));
    }
    for (snapshot, current) in &permissions.volumes {
        if let Some(change) = PermissionChange::between(current, &nobody) {
            let subject = Subject { resource: Some(snapshot.to_string()), ..Subject::image(image) };
            sequence.push(subject.decide(Action::ShareSnapshot(snapshot.clone(), change), reason.clone()));
        }
    }
    if image.state == ImageState::Available && !is_deprecated(image, now) {
        sequence.push(decide(Action::SetDeprecation(image.id.clone(), Deprecation::At(soon(now)))));
    }
    sequence.extend(watermark::taken_back(recipe, image).map(decide));
    sequence
}

/// The earliest deprecation time that EC2 accepts.
pub fn soon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + DEPRECATION_LEAD
}

/// Whether an image is deprecated, or will be within a few minutes.
pub fn is_deprecated(image: &Image, now: DateTime<Utc>) -> bool {
    image.deprecated.is_some_and(|at| at <= now + DEPRECATION_LEAD * 2)
}

/// When the recipe deprecates an image, as a time that EC2 accepts now. EC2 itself deprecates public images two years
/// after they were created.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html>)
pub fn deprecation_by_recipe(recipe: &Recipe, record: &ImageRecord, now: DateTime<Utc>) -> Deprecation {
    let default_of_public = recipe.publish.share.public.then(|| TimeDelta::days(2 * 365));
    match recipe.publish.deprecate_after.or(default_of_public) {
        Some(after) => Deprecation::At((record.name.version.time() + after).max(soon(now))),
        None => Deprecation::Never,
    }
}

/// Whether an image has the deregistration protection that Kiln enabled for its recipe. Any other protection was
/// enabled by a user, and stays.
pub fn is_protected_by_kiln(image: &Image) -> bool {
    marked_as_protected(image)
        && matches!(&image.protection, Protection::On(protection) if protection == KILN_PROTECTION)
}

/// The deprecation to set on an image; `None` if it already has the right one.
fn deprecation(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    now: DateTime<Utc>,
) -> Option<Deprecation> {
    // `expire` deprecated it because it is unused; only `expire` takes that back.
    if image.unused_since().is_some() {
        return None;
    }
    let Some(after) = recipe.publish.deprecate_after else {
        // EC2 itself deprecates public images, and Kiln cannot change that.
        return (image.deprecated.is_some() && !recipe.publish.share.public).then_some(Deprecation::Never);
    };
    let desired = record.name.version.time() + after;
    let close = image.deprecated.is_some_and(|at| (at - desired).abs() < TimeDelta::minutes(1));
    let already_due = desired <= soon(now) && is_deprecated(image, now);
    (!close && !already_due).then(|| deprecation_by_recipe(recipe, record, now))
}

/// Makes a published image match its recipe again; `None` if there is nothing to do.
pub fn converge(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    permissions: &Result<Permissions, CloudError>,
    now: DateTime<Utc>,
) -> Option<Sequence> {
    if !is_due(recipe, image, record) {
        return None;
    }
    let permissions = match permissions {
        Ok(permissions) => permissions,
        Err(error) => return Some(vec![Subject::image(image).retry_later(error)]),
    };
    let tag = |mark: Mark| {
        let tag = Action::Tag(image.id.clone(), Tags::new().with(tags::PUBLISHED_AS, mark));
        Subject::image(image).decide(tag, PublishReason::RecipeChanged)
    };
    let steps = steps(recipe, image, record, permissions, now);
    // If this dies half way and the recipe is changed back, the old mark must not claim that the image still matches.
    let applied = applied_mark(recipe, image, permissions);
    let incomplete = Mark {
        protected: marked_as_protected(image),
        shared: applied.shared,
        watermark: watermark::put_on_before(image),
        word: INCOMPLETE.into(),
    };
    let mut sequence: Sequence = steps.first().map(|_| tag(incomplete)).into_iter().collect();
    sequence.extend(steps);
    sequence.push(tag(applied));
    Some(sequence)
}

/// Publishes an image or a replica: makes it match its recipe, writes the stage and the mark, and sends the event.
pub fn publish(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    permissions: &Result<Permissions, CloudError>,
    reason: Reason,
    now: DateTime<Utc>,
) -> Sequence {
    match permissions {
        Ok(permissions) => {
            let mut sequence = Sequence::new();
            if !permissions.launch.is_empty() && !was_shared(image) {
                // If this dies half way, somebody may have lost a permission of which nothing tells any more.
                let mark = Mark { protected: false, shared: true, watermark: None, word: INCOMPLETE.into() };
                let tag = Action::Tag(image.id.clone(), Tags::new().with(tags::PUBLISHED_AS, mark));
                sequence.push(Subject::image(image).decide(tag, reason.clone()));
            }
            sequence.extend(steps(recipe, image, record, permissions, now));
            let mark = applied_mark(recipe, image, permissions).to_string();
            let publish = Action::Publish(image.id.clone(), record.at(Stage::Published), mark);
            sequence.push(Subject::image(image).decide(publish, reason.clone()));
            let news = published_event(image, record);
            sequence.push(Subject::image(image).emit_again(&record.name, news, image.occasion(), reason));
            sequence
        }
        Err(error) => vec![Subject::image(image).retry_later(error)],
    }
}

fn published_event(image: &Image, record: &ImageRecord) -> Event {
    match &record.copied {
        None => Event::ImagePublished { image: image.id.clone() },
        Some(copied) => {
            Event::ImageReplicated { image: image.id.clone(), origin: copied.origin.image.clone() }
        }
    }
}

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod tests;
