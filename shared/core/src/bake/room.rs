//! Decides what follows if no subnet has room for a builder: the bake waits, and each sweep tries it again, until its window
//! is over. Then it has failed.

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::{Image, Instance, Seal, Waiting};
use crate::model::{ImageName, Region, Version, tags};
use crate::plan::reason::BakeReason;
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// How long it is remembered that a bake has failed: no event is delivered so late.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// Until when a bake waits for room.
pub fn until(version: Version, recipe: &Recipe) -> DateTime<Utc> {
    version.time() + recipe.bake.window
}

/// What follows for a bake that found no room before, from what `decided` says of it now. It is told once, and before that
/// is remembered: a crash between the two repeats the event.
pub fn again(
    waiting: &Waiting,
    recipe: &Recipe,
    home: &Region,
    decided: Decision,
    now: DateTime<Utc>,
) -> Sequence {
    let name = &waiting.name;
    let until = until(name.version, recipe);
    let is_over = now >= until;
    let is_begun = match (&decided.action, &decided.reason) {
        (Action::Launch(_) | Action::StopForBake { .. }, _) => !is_over,
        (Action::Keep, Reason::Bake(BakeReason::AlreadyBaking { version, .. })) => {
            *version == Some(name.version)
        }
        (Action::Keep, Reason::Bake(BakeReason::AlreadyBaked(_) | BakeReason::BakeEnded(_))) => true,
        _ => false,
    };
    let may_pass = match (&decided.action, &decided.reason) {
        (Action::Retry, _) | (_, Reason::Bake(BakeReason::AlreadyBaking { .. })) => !is_over,
        _ => false,
    };
    match (&decided.action, waiting.why.clone()) {
        _ if is_begun => vec![decided, forgotten(name, home)],
        _ if may_pass => vec![decided],
        (Action::Launch(_) | Action::StopForBake { .. }, Some(why)) => {
            ended(name, home, Reason::Bake(BakeReason::NoRoom { why, until }))
        }
        _ => ended(name, home, decided.reason),
    }
}

/// What follows for a bake whose recipe cannot be used any more: it has failed, unless it has begun meanwhile.
pub fn without_usable_recipe(
    name: &ImageName,
    home: &Region,
    why: Reason,
    (instances, images): (&[Instance], &[Image]),
) -> Sequence {
    let is_builder = |one: &Instance| {
        one.seal == Seal::Valid
            && one.tags.get(tags::RECIPE) == Some(name.recipe.as_str())
            && one.tags.read(tags::VERSION) == Some(name.version)
    };
    match instances.iter().any(is_builder) || images.iter().any(|image| name.is(&image.name)) {
        true => vec![forgotten(name, home)],
        false => ended(name, home, why),
    }
}

fn forgotten(name: &ImageName, home: &Region) -> Decision {
    Subject::name(name, home).decide(Action::ForgetWaiting(name.clone()), BakeReason::RoomCame)
}

/// What follows for a bake that is noted, where its recipe does not matter; `None` if it does.
pub fn without_recipe(
    waiting: &Waiting,
    noted: &[Waiting],
    home: &Region,
    now: DateTime<Utc>,
) -> Option<Sequence> {
    let name = &waiting.name;
    if waiting.why.is_none() {
        let (action, reason) = match now - name.version.time() > REMEMBERED {
            true => (Action::ForgetWaiting(name.clone()), BakeReason::RoomNeverCame),
            false => (Action::Keep, BakeReason::RoomNeverCame),
        };
        return Some(vec![Subject::name(name, home).decide(action, reason)]);
    }
    let of_recipe = noted.iter().filter(|other| other.name.recipe == name.recipe);
    let newer = of_recipe.map(|other| other.name.version).filter(|other| *other > name.version).max()?;
    Some(ended(name, home, Reason::Bake(BakeReason::NewerBake(newer))))
}

/// The end of a bake that waited: it is told, and then remembered.
fn ended(name: &ImageName, home: &Region, reason: Reason) -> Sequence {
    let news = Event::BakeFailed {
        instance: None,
        reason: reason.to_string(),
        console_tail: String::new(),
        log: None,
    };
    let failed = Action::NoteWaiting(Waiting { name: name.clone(), why: None });
    vec![
        Subject::name(name, home).emit(name, news, reason.clone()),
        Subject::name(name, home).decide(failed, reason),
    ]
}

/// Whether a bake has waited for room in vain.
pub fn has_failed(noted: &[Waiting], name: &ImageName) -> bool {
    noted.iter().any(|one| one.name == *name && one.why.is_none())
}

/// The bakes for which something is left to do.
pub fn due<'a>(
    noted: &'a [Waiting],
    home: &Region,
    now: DateTime<Utc>,
) -> impl Iterator<Item = &'a ImageName> {
    let is_due = move |one: &&Waiting| {
        let settled = without_recipe(one, noted, home, now);
        settled.is_none_or(|settled| settled.iter().any(|one| one.action != Action::Keep))
    };
    noted.iter().filter(is_due).map(|one| &one.name)
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
