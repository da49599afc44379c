//! In which steps a release goes, each on its own waiting time, and each undone by `restore` but the last: deprecated when
//! nobody uses it, disabled when that is so a second time, deregistered with its snapshots after its quarantine.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::expire::fleet_size::Census;
use crate::inventory::{Image, ImageState};
use crate::model::{ImageId, ImageRecord, Stage};
use crate::plan::{Action, Chain, Decision, Reason, Subject};
use crate::publish::sharing::{is_deprecated, is_guarded_by_kiln};
use crate::recipe::Expire;

/// An image or a replica of a release, with its record.
pub type Member<'a> = (&'a Image, ImageRecord);

/// What lets a release go, and when it is asked.
pub struct Fate<'a> {
    /// Why the recipe lets it go.
    pub because: Reason,
    /// How many images there are, which is written down with each step.
    pub census: &'a Census,
    /// The time.
    pub now: DateTime<Utc>,
}

/// The next step of a release that its recipe lets go, and that nobody uses. `members`: replicas first, home image last.
pub fn next_step(expire: &Expire, members: &[Member<'_>], fate: &Fate<'_>) -> Chain {
    let first = first_verdict(expire, members, fate);
    first.unwrap_or_else(|| match expire.quarantine {
        none if none.is_zero() => at_once(members, fate),
        quarantine => disable_then_deregister(members, quarantine, fate),
    })
}

/// Deprecated, and looked at again later. `None`: that is over, or has no sense any more.
fn first_verdict(expire: &Expire, members: &[Member<'_>], fate: &Fate<'_>) -> Option<Chain> {
    let (confirm_after, now) = (expire.confirm_after, fate.now);
    let begun = members.iter().any(|(_, record)| record.stage == Stage::Retired);
    // What cannot be launched has nobody who could begin to use it.
    let launchable = |image: &Image| !matches!(image.state, ImageState::Failed | ImageState::Disabled);
    if confirm_after.is_zero() || begun || !members.iter().any(|(image, _)| launchable(image)) {
        return None;
    }
    let known = |image: &Image| image.unused().filter(|since| *since <= now && is_deprecated(image, now));
    let looked_at = members.iter().map(|(image, _)| *image).filter(|image| launchable(image));
    // All of them, or the youngest verdict is this one.
    let youngest =
        looked_at.map(known).try_fold(DateTime::<Utc>::MIN_UTC, |max, one| one.map(|one| max.max(one)));
    if youngest.is_some_and(|youngest| youngest + confirm_after <= now) {
        return None;
    }
    let counted = |image: &Image| fate.census.in_region(&image.region);
    let step = |(image, record): &Member<'_>| match (known(image), launchable(image)) {
        // Also where somebody took the deprecation away: who looks for what is deprecated must have had the time.
        (None, true) => {
            let mark = Action::MarkUnused(image.id.clone(), now, counted(image));
            Subject::member(image, &record.name).so(mark, fate.because.clone())
        }
        (known, _) => {
            let since = known.unwrap_or(now);
            let until = youngest.unwrap_or(now) + confirm_after;
            Subject::member(image, &record.name).so(Action::Leave, Reason::FoundUnused { since, until })
        }
    };
    Some(members.iter().map(step).collect())
}

/// The home images that are not marked as retired yet. They are before any replica goes, so that none is copied anew.
fn unmarked<'a>(members: &'a [Member<'_>]) -> impl Iterator<Item = &'a Image> {
    let home = |(_, record): &&Member<'_>| record.copied.is_none() && record.stage != Stage::Retired;
    members.iter().filter(home).map(|(image, _)| *image)
}

/// Without a quarantine.
fn at_once(members: &[Member<'_>], fate: &Fate<'_>) -> Chain {
    let mark = unmarked(members).map(|image| {
        Subject::image(image).so(Action::Mark(image.id.clone(), Stage::Retired), fate.because.clone())
    });
    let go = members.iter().flat_map(|member| deregister(member, fate.because.clone()));
    mark.chain(go).collect()
}

/// Disabled first, and deregistered once the quarantine of all is over.
fn disable_then_deregister(members: &[Member<'_>], quarantine: TimeDelta, fate: &Fate<'_>) -> Chain {
    let now = fate.now;
    let waiting: BTreeSet<&ImageId> = members
        .iter()
        // What failed cannot be launched, and so needs no quarantine of its own.
        .filter(|(image, _)| image.state != ImageState::Failed)
        .filter(|(image, _)| image.retired().is_none() || image.state == ImageState::Available)
        .map(|(image, _)| &image.id)
        .collect();
    let over = |image: &Image| match image.state {
        ImageState::Failed => Some(image.created.unwrap_or(now)),
        _ => image.retired().filter(|since| *since + quarantine <= now),
    };
    let all_over = waiting.is_empty() && members.iter().all(|(image, _)| over(image).is_some());
    // They go together, so the last of them tells when.
    let disabled = members.iter().filter(|(image, _)| image.state != ImageState::Failed);
    let since = |image: &Image| image.retired().filter(|_| !waiting.contains(&image.id)).unwrap_or(now);
    let until = disabled.map(|(image, _)| since(image)).max().unwrap_or(now) + quarantine;
    let mut members: Vec<&Member<'_>> = members.iter().collect();
    if !all_over {
        // The home image first, so that what is half disabled after a crash is known as retired.
        members.sort_by_key(|(_, record)| record.copied.is_some());
    }
    members
        .into_iter()
        .flat_map(|member @ (image, record)| match over(image) {
            Some(since) if all_over => {
                deregister(member, Reason::QuarantineOver { since, why: Box::new(fate.because.clone()) })
            }
            _ if waiting.contains(&image.id) => {
                let retire = Action::Retire(image.id.clone(), now, fate.census.in_region(&image.region));
                vec![Subject::member(image, &record.name).so(retire, fate.because.clone())]
            }
            _ => vec![Subject::member(image, &record.name).so(Action::Leave, Reason::InQuarantine(until))],
        })
        .collect()
}

/// A guard that Kiln set for the recipe is Kiln's own to take away.
fn deregister((image, record): &Member<'_>, because: Reason) -> Vec<Decision> {
    let guarded = is_guarded_by_kiln(image).then(|| {
        Subject::member(image, &record.name).so(Action::Unprotect(image.id.clone()), because.clone())
    });
    let go = Subject::member(image, &record.name).so(Action::Deregister(image.id.clone()), because);
    guarded.into_iter().chain([go]).collect()
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
