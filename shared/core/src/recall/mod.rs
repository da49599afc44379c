//! Decides a recall: a release that turned out to be bad is taken back, in one step and everywhere, and may be brought back.
//!
//! That it was recalled stands in the description of each image, which no tag changes; so nothing names, shares, copies or
//! counts it again, whatever dies half way.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Event, UsedBy};
use crate::inventory::{CloudError, Description, Image, ImageState, Permissions, Result};
use crate::model::{
    Anchor, AnchoredEnd, ImageId, ImageName, ImageRecord, Region, Stage, Tags, Version, tags,
};
use crate::plan::reason::RecallReason;
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::publish::sharing;
use crate::recipe::Recipe;
use crate::release::{Pointers, ReleaseState, move_now};

pub mod users;

/// The time of a recall that was told, and that some Region still holds up.
const TOLD: &str = "told";
/// The most users that an event names; the answer names all.
const MOST_USERS: usize = 100;

/// What was observed of the recipe of a release that is recalled, or brought back.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The home Region.
    pub home: &'a Region,
    /// The images of the recipe, by Region: also in those that left the recipe.
    pub images: &'a BTreeMap<Region, Result<Vec<Image>>>,
    /// What each Region names.
    pub pointers: &'a BTreeMap<Region, Pointers>,
    /// Who may use each image of the release.
    pub permissions: &'a BTreeMap<(Region, ImageId), Result<Permissions>>,
    /// Who uses them.
    pub users: &'a [UsedBy],
    /// The current time.
    pub now: DateTime<Utc>,
}

/// An image of the release, with its record.
type Member<'a> = (&'a Image, ImageRecord);

/// The images of a release that are left, the home image first.
pub fn members<'a>(
    images: &'a BTreeMap<Region, Result<Vec<Image>>>,
    home: &Region,
    name: &ImageName,
) -> Vec<Member<'a>> {
    let all = images.values().filter_map(|found| found.as_ref().ok()).flatten();
    let there = all.filter(|image| matches!(image.state, ImageState::Available | ImageState::Disabled));
    let mut members: Vec<Member<'_>> = there
        .filter_map(|image| Some((image, image.record_for_home(home).ok()?)))
        .filter(|(_, record)| record.name == *name)
        .collect();
    members.sort_by_key(|(image, record)| (record.copied.is_some(), image.region.clone(), image.id.clone()));
    members
}

/// Marks the home image, before anything else: from then on a sweep finishes what dies half way. Empty if it is marked. If the
/// home Region cannot be read, nothing may follow.
pub fn begin(observed: &Observed<'_>, version: Version, why: &str) -> Sequence {
    let name = ImageName { recipe: observed.recipe.name.clone(), version };
    if let Some(Err(error)) = observed.images.get(observed.home) {
        return vec![Subject::region(observed.home).retry_later(error)];
    }
    match members(observed.images, observed.home, &name).first() {
        Some(first) if !is_marked(first) => marked(first, why, &reason(version, why)),
        _ => Sequence::new(),
    }
}

/// Takes a release back, image by image: each is marked, and what it granted is taken back. One sequence for each, so that a
/// Region that fails holds up no other; and one for each Region that cannot be read.
pub fn withdraw(observed: &Observed<'_>, version: Version, why: &str) -> Vec<Sequence> {
    let name = ImageName { recipe: observed.recipe.name.clone(), version };
    let members = members(observed.images, observed.home, &name);
    let mut sequences = unreadable(observed);
    if members.is_empty() {
        sequences.push(refused(observed, RecallReason::NoSuchVersion(version)));
        return sequences;
    }
    let reason = reason(version, why);
    let one = |(at, member): (usize, &Member<'_>)| -> Sequence {
        let (image, _) = member;
        // The first was marked before.
        let mut sequence =
            if at == 0 || is_marked(member) { Sequence::new() } else { marked(member, why, &reason) };
        match observed.permissions.get(&(image.region.clone(), image.id.clone())) {
            Some(Ok(permissions)) => {
                sequence.extend(sharing::withdrawn(
                    observed.recipe,
                    image,
                    permissions,
                    &reason,
                    observed.now,
                ));
            }
            Some(Err(error)) => sequence.push(Subject::image(image).retry_later(error)),
            None => {}
        }
        sequence
    };
    sequences.extend(members.iter().enumerate().map(one).filter(|sequence| !sequence.is_empty()));
    sequences
}

/// Then every Region names the newest release that is left, and it is told, with who uses the images. `is_whole`: every image
/// was withdrawn; if not, the next sweep goes on.
pub fn conclude(observed: &Observed<'_>, version: Version, why: &str, is_whole: bool) -> Vec<Sequence> {
    let (recipe, home) = (observed.recipe, observed.home);
    let name = ImageName { recipe: recipe.name.clone(), version };
    let members = members(observed.images, home, &name);
    let Some((first, record)) = members.first() else { return Vec::new() };
    let ends = |(image, record): &Member<'_>| with(image, record, recalled_anchor(image), Stage::Recalled);
    let (mut sequence, named) = moved(observed, &members, ends);
    let decide = |action| Subject::image(first).decide(action, reason(version, why));
    let is_home = record.copied.is_none();
    if is_whole && is_home {
        let done = Tags::new().with_time(tags::RECALLED_AT, observed.now);
        sequence.push(decide(Action::Tag(first.id.clone(), done)));
    }
    if named.is_none() && names_any(observed, &members) {
        // It can still be launched by what names it, if only by this account.
        let nothing = Subject::recipe(&recipe.name, home);
        sequence.push(nothing.decide(Action::Reject, RecallReason::NothingInItsPlace(version)));
    }
    let news = Event::ImageRecalled {
        image: first.id.clone(),
        images: by_region(&members),
        reason: why.to_owned(),
        named,
        users: observed.users.len(),
        used_by: observed.users.iter().take(MOST_USERS).cloned().collect(),
    };
    let mut told = Sequence::new();
    if first.tags.get(tags::RECALLED_AT) != Some(TOLD) {
        told.push(Subject::image(first).emit_again(&name, news, &occasion(first), reason(version, why)));
        if !is_whole && is_home {
            told.push(decide(Action::Tag(first.id.clone(), Tags::new().with(tags::RECALLED_AT, TOLD))));
        }
    }
    vec![told, sequence].into_iter().filter(|sequence| !sequence.is_empty()).collect()
}

/// Brings a recalled release back: it is a release as before, and gets what its recipe's `[publish]` says now. One that had
/// not been released begins anew. The home image comes last, so that nothing is named before all Regions have it again.
pub fn reinstate(observed: &Observed<'_>, version: Version) -> Vec<Sequence> {
    let (recipe, home) = (observed.recipe, observed.home);
    let name = ImageName { recipe: recipe.name.clone(), version };
    let members = members(observed.images, home, &name);
    let unread = unreadable(observed);
    if unread.iter().flatten().any(|one| one.action == Action::Retry) {
        return unread;
    }
    let is_recalled = |(image, _): &&Member<'_>| image.anchor().end == Some(AnchoredEnd::Recalled);
    let Some((first, _)) = members.iter().find(is_recalled) else {
        return vec![refused(observed, RecallReason::NotRecalled(version))];
    };
    let reason = || Reason::Recall(RecallReason::BroughtBack(version));
    let was_released = first.tags.time(tags::RELEASED_AT).is_some();
    let cleared = Tags::new().with(tags::RECALLED, "no").with(tags::RECALLED_AT, "no");
    let mut sequence = Sequence::new();
    for (image, record) in members.iter().rev().filter(is_recalled) {
        let decide = |action| Subject::image(image).decide(action, reason());
        sequence.push(decide(Action::Tag(image.id.clone(), cleared.clone())));
        match was_released && image.state == ImageState::Available {
            true => {
                let anchor = image.anchor().ended(AnchoredEnd::Released);
                sequence.push(decide(Action::anchor(image, anchor)));
                let record = record.at(Stage::Released);
                sequence.push(decide(Action::SetStage(image.id.clone(), record, Tags::new())));
            }
            false if image.state == ImageState::Available => {
                sequence.push(decide(Action::reactivate(image, record, observed.now)));
            }
            false => {
                let anchor = Action::anchor(image, Anchor { end: None, ..image.anchor().clone() });
                let disabled = RecallReason::BroughtBackDisabled(version);
                sequence.push(Subject::image(image).decide(anchor, disabled));
            }
        }
    }
    if !was_released {
        return vec![sequence];
    }
    let back = |(image, record): &Member<'_>| {
        with(image, record, image.anchor().ended(AnchoredEnd::Released), Stage::Released)
    };
    let after: Vec<(Image, ImageRecord)> =
        members.iter().map(|one| (back(one), one.1.at(Stage::Released))).collect();
    for (image, record) in &after {
        if let Some(permissions) = observed.permissions.get(&(image.region.clone(), image.id.clone())) {
            sequence.extend(
                sharing::converge(recipe, image, record, permissions, observed.now).unwrap_or_default(),
            );
        }
    }
    let (moves, _) = moved(observed, &members, back);
    sequence.extend(moves);
    let news = Event::ImageReinstated { image: first.id.clone(), images: by_region(&members) };
    sequence.push(Subject::image(first).emit(&name, news, reason()));
    vec![sequence]
}

/// The home images whose recall died half way, with the versions and why they were recalled.
pub fn unfinished<'a>(
    images: impl IntoIterator<Item = &'a Image>,
) -> impl Iterator<Item = (&'a Image, ImageName, String)> {
    images.into_iter().filter_map(|image| {
        let record = image.record().ok()?;
        let is_open = image.anchor().end == Some(AnchoredEnd::Recalled)
            && record.copied.is_none()
            && image.state == ImageState::Available
            && image.tags.time(tags::RECALLED_AT).is_none();
        is_open.then(|| (image, record.name, why(image)))
    })
}

/// Why an image was recalled, as its tag says.
pub fn why(image: &Image) -> String {
    image.tags.get(tags::RECALLED).unwrap_or("no reason was given").to_owned()
}

fn reason(version: Version, why: &str) -> Reason {
    Reason::Recall(RecallReason::Recalled { version, why: why.to_owned() })
}

fn refused(observed: &Observed<'_>, reason: RecallReason) -> Sequence {
    vec![Subject::recipe(&observed.recipe.name, observed.home).decide(Action::Reject, reason)]
}

fn unreadable(observed: &Observed<'_>) -> Vec<Sequence> {
    let names = |region: &Region| observed.recipe.regions(observed.home).any(|named| named == region);
    let failed = |(region, found): (&Region, &Result<Vec<Image>>)| {
        let error: &CloudError = found.as_ref().err()?;
        let subject = Subject::region(region);
        // Whoever closed a Region that the recipe does not name knows of it.
        Some(vec![if names(region) {
            subject.retry_later(error)
        } else {
            subject.retry_unless_denied(error)
        }])
    };
    observed.images.iter().filter_map(failed).collect()
}

fn is_marked((image, record): &Member<'_>) -> bool {
    let why = image.tags.get(tags::RECALLED);
    // What was disabled keeps that stage, also when somebody enabled it again.
    let is_staged = match record.stage {
        Stage::Recalled => true,
        Stage::Disabled => why.is_some_and(|why| why != "no"),
        _ => false,
    };
    image.is_out() && is_staged
}

/// A rollback to it ends with it.
fn recalled_anchor(image: &Image) -> Anchor {
    Anchor { pin: None, ..image.anchor().ended(AnchoredEnd::Recalled) }
}

/// The anchor first: after it, no tag names the image again.
fn marked((image, record): &Member<'_>, why: &str, reason: &Reason) -> Vec<Decision> {
    let decide = |action| Subject::image(image).decide(action, reason.clone());
    let told: String = why.chars().take(tags::MOST_CHARACTERS).collect();
    let mut more = Tags::new().with(tags::RECALLED, told).with(tags::RECALLED_AT, "no");
    if image.tags.get(tags::PIN_HOLDS) == Some("yes") {
        more = more.with(tags::PIN_HOLDS, "no");
    }
    let anchor = recalled_anchor(image);
    let record = record.at(anchor.stage(record.stage));
    // With the stage, if that can be written: one call less.
    vec![decide(Action::anchor(image, anchor)), decide(Action::SetStage(image.id.clone(), record, more))]
}

/// An image as it will be.
fn with(image: &Image, record: &ImageRecord, anchor: Anchor, stage: Stage) -> Image {
    let stage = if record.stage == Stage::Disabled { Stage::Disabled } else { stage };
    let own = image.description.as_ref().map_or(String::new(), |one| one.own.clone());
    let tags = image.tags.clone().with(tags::STAGE, stage);
    Image { tags, description: Some(Box::new(Description { own, anchor, set_back: None })), ..image.clone() }
}

/// What moves once the members of the release are as `change` makes them, and what the home Region names then.
fn moved(
    observed: &Observed<'_>,
    members: &[Member<'_>],
    change: impl Fn(&Member<'_>) -> Image,
) -> (Sequence, Option<Version>) {
    let mut after = observed.images.clone();
    for member in members {
        let (image, _) = member;
        let found = after.get_mut(&image.region).and_then(|found| found.as_mut().ok());
        for one in found.into_iter().flatten().filter(|one| one.id == image.id) {
            *one = change(member);
        }
    }
    let state = ReleaseState::of(observed.recipe, observed.home, &after, observed.pointers, observed.now);
    let moves = move_now(&state);
    (moves, state.to_name())
}

fn names_any(observed: &Observed<'_>, members: &[Member<'_>]) -> bool {
    let named = |(image, _): &Member<'_>| {
        let pointers = observed.pointers.get(&image.region);
        pointers.and_then(|pointers| pointers.named(observed.recipe)).as_ref() == Some(&image.id)
    };
    members.iter().any(named)
}

fn by_region(members: &[Member<'_>]) -> BTreeMap<Region, ImageId> {
    members.iter().map(|(image, _)| (image.region.clone(), image.id.clone())).collect()
}

/// What tells this recall from an earlier one of the same image.
fn occasion(image: &Image) -> String {
    image.tags.get(tags::RELEASED_AT).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "recall_tests.rs"]
mod tests;
