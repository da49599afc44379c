//! What an image grants, and to whom, as its recipe's `[publish]` says: what the recipe no longer names is taken away.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::inventory::{
    CloudError, Deprecation, Grantee, Image, ImageState, PermissionChange, Permissions, Protection,
};
use crate::model::token::nonce;
use crate::model::{ImageRecord, Stage, Tags, tags};
use crate::plan::reason::PublishReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// The value of EC2's field for the guard that Kiln itself sets.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deregistration-protection.html>)
const OWN_GUARD: &str = "enabled-without-cooldown";
/// What begins the mark of an image that was guarded for its recipe: such a guard is Kiln's own to take away.
const GUARDED: &str = "protected-";
/// The mark of an image on which a change was begun.
const HALF: &str = "half-way";
/// EC2 takes no deprecation in the past, and counts in minutes.
const SOON: TimeDelta = TimeDelta::minutes(2);

/// Who may launch an image of that recipe.
pub fn launchers(recipe: &Recipe) -> BTreeSet<Grantee> {
    let share = &recipe.publish.share;
    let accounts = share.accounts.iter().cloned().map(Grantee::Account);
    let organizations = share.organizations.iter().cloned().map(Grantee::Organization);
    let units = share.organizational_units.iter().cloned().map(Grantee::Unit);
    accounts.chain(organizations).chain(units).chain(share.public.then_some(Grantee::Everyone)).collect()
}

/// Who may make volumes of its snapshots: EC2 knows accounts alone here.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html>)
pub fn copiers(recipe: &Recipe) -> BTreeSet<Grantee> {
    let share = &recipe.publish.share;
    share.accounts.iter().filter(|_| share.snapshots).cloned().map(Grantee::Account).collect()
}

/// The mark of an image on which all of a recipe's `[publish]` was carried out. Another recipe has another mark, so that a
/// sweep needs to look closely only at images whose mark is not that of their recipe.
pub fn mark(recipe: &Recipe) -> String {
    let publish = &recipe.publish;
    let text = |of: BTreeSet<Grantee>| of.iter().map(|one| format!("{one} ")).collect::<String>();
    let after = publish.deprecate_after.map_or(String::new(), |after| after.num_seconds().to_string());
    let word = nonce(&["publish", &text(launchers(recipe)), &text(copiers(recipe)), &after]);
    if publish.protect { format!("{GUARDED}{word}") } else { word }
}

/// Whether a recipe asks for nothing that must be carried out.
fn asks_nothing(recipe: &Recipe) -> bool {
    let publish = &recipe.publish;
    launchers(recipe).is_empty() && publish.deprecate_after.is_none() && !publish.protect
}

/// Whether an image that was published must be looked at closely: its recipe's wishes have changed since.
pub fn is_due(recipe: &Recipe, image: &Image, record: &ImageRecord) -> bool {
    let published = matches!(record.stage, Stage::Published | Stage::Released);
    let settled = match image.tags.get(tags::PUBLISHED_AS) {
        Some(carried_out) => carried_out == mark(recipe),
        // Released before Kiln shared images.
        None => asks_nothing(recipe),
    };
    image.state == ImageState::Available && published && !settled
}

/// What must be done on an image so that it grants what its recipe says, and no more. Empty: nothing.
pub fn steps(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    permissions: &Permissions,
    now: DateTime<Utc>,
) -> Sequence {
    let subject = || Subject::image(image);
    let mut sequence = Sequence::new();
    // The snapshots first: whoever may launch it may then copy it as well.
    for (snapshot, may) in &permissions.volumes {
        if let Some(change) = PermissionChange::between(may, &copiers(recipe)) {
            let reason = Reason::Publish(PublishReason::SharedOtherwise(change.clone()));
            let of = Subject { resource: Some(snapshot.to_string()), ..subject() };
            sequence.push(of.decide(Action::ShareSnapshot(snapshot.clone(), change), reason));
        }
    }
    if let Some(change) = PermissionChange::between(&permissions.launch, &launchers(recipe)) {
        let reason = Reason::Publish(PublishReason::SharedOtherwise(change.clone()));
        sequence.push(subject().decide(Action::Share(image.id.clone(), change), reason));
    }
    sequence.extend(deprecation(recipe, image, record, now).map(|at| {
        let reason = match at {
            Deprecation::At(at) => format!("deprecated from {}", at.to_rfc3339()),
            Deprecation::Never => "never deprecated".into(),
        };
        subject().decide(Action::SetDeprecation(image.id.clone(), at), PublishReason::RecipeRequires(reason))
    }));
    let guarded = matches!(&image.protection, Protection::On(_));
    if recipe.publish.protect && !guarded {
        let reason = Reason::Publish(PublishReason::RecipeRequires("guarded against deregistration".into()));
        sequence.push(subject().decide(Action::Protect(image.id.clone()), reason));
    }
    if !recipe.publish.protect && is_guarded_by_kiln(image) {
        let reason =
            Reason::Publish(PublishReason::RecipeRequires("no longer guarded against deregistration".into()));
        sequence.push(subject().decide(Action::Unprotect(image.id.clone()), reason));
    }
    sequence
}

/// The first moment from which EC2 takes a deprecation.
pub fn soon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + SOON
}

/// Whether an image is deprecated, or will be in a moment.
pub fn is_deprecated(image: &Image, now: DateTime<Utc>) -> bool {
    image.deprecated.is_some_and(|at| at <= now + SOON * 2)
}

/// From when on the recipe wants an image to be deprecated, as EC2 takes it now. EC2 itself deprecates public images two
/// years after they were made.
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html>)
pub fn deprecation_by_recipe(recipe: &Recipe, record: &ImageRecord, now: DateTime<Utc>) -> Deprecation {
    let of_public = recipe.publish.share.public.then(|| TimeDelta::days(2 * 365));
    match recipe.publish.deprecate_after.or(of_public) {
        Some(after) => Deprecation::At((record.name.version.time() + after).max(soon(now))),
        None => Deprecation::Never,
    }
}

/// Whether the guard on an image is one that Kiln set for its recipe; any other is a person's, and holds.
pub fn is_guarded_by_kiln(image: &Image) -> bool {
    let own = |mark: &str| mark.starts_with(GUARDED);
    image.tags.get(tags::PUBLISHED_AS).is_some_and(own)
        && matches!(&image.protection, Protection::On(guard) if guard == OWN_GUARD)
}

/// The deprecation that an image must get; `None` where it has the right one.
fn deprecation(
    recipe: &Recipe,
    image: &Image,
    record: &ImageRecord,
    now: DateTime<Utc>,
) -> Option<Deprecation> {
    // Deprecated since nobody uses it: whoever wants it otherwise says so to `expire`.
    if image.unused_since().is_some() {
        return None;
    }
    let Some(after) = recipe.publish.deprecate_after else {
        // Public images are deprecated by EC2 itself, and cannot be otherwise.
        return (image.deprecated.is_some() && !recipe.publish.share.public).then_some(Deprecation::Never);
    };
    let wanted = record.name.version.time() + after;
    let near = |is: DateTime<Utc>| (is - wanted).abs() < TimeDelta::minutes(1);
    let past = |is: DateTime<Utc>| wanted <= now + SOON && is <= now + SOON * 2;
    let as_wanted = image.deprecated.is_some_and(|is| near(is) || past(is));
    (!as_wanted).then(|| Deprecation::At(wanted.max(now + SOON)))
}

/// Brings a published image to what its recipe says now; `None`: there is nothing to do.
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
    let note = |mark: String| {
        let note = Action::Tag(image.id.clone(), Tags::new().with(tags::PUBLISHED_AS, mark));
        Subject::image(image).decide(note, PublishReason::RecipeChanged)
    };
    let steps = steps(recipe, image, record, permissions, now);
    // Should this die half way and the recipe go back to what it was, the old mark must not vouch for what is no more.
    let guarded = image.tags.get(tags::PUBLISHED_AS).is_some_and(|mark| mark.starts_with(GUARDED));
    let half = format!("{}{HALF}", if guarded { GUARDED } else { "" });
    let mut sequence: Sequence = steps.first().map(|_| note(half)).into_iter().collect();
    sequence.extend(steps);
    sequence.push(note(mark(recipe)));
    Some(sequence)
}

/// Publishes an image or a replica: brings it to what its recipe says, and writes that on it.
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
            let mut sequence = steps(recipe, image, record, permissions, now);
            let publish = Action::Publish(image.id.clone(), mark(recipe));
            sequence.push(Subject::image(image).decide(publish, reason.clone()));
            sequence.push(Subject::image(image).decide(Action::Emit(published(image, record)), reason));
            sequence
        }
        Err(error) => vec![Subject::image(image).retry_later(error)],
    }
}

fn published(image: &Image, record: &ImageRecord) -> Envelope {
    let news = match &record.copied {
        None => Event::ImagePublished { image: image.id.clone() },
        Some(copied) => {
            Event::ImageReplicated { image: image.id.clone(), origin: copied.origin.image.clone() }
        }
    };
    Envelope { name: record.name.clone(), region: image.region.clone(), news }
}

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod tests;
