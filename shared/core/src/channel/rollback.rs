//! Decides a rollback of one channel: it names an earlier release that has come to it. The recipe's other channels stay.
//!
//! What the channel is rolled back from is marked so, on its home image first: the mark alone holds the rollback, and a sweep
//! finishes what died half way. It comes to the channel again only if somebody approves that very version; a newer release
//! comes as the recipe says. Whom the channel had shared it with may launch it still, as after a rollback of the recipe.

use std::collections::BTreeMap;

use crate::channel::{Home, Observed, homes, in_channel, known, seen_in, with_state};
use crate::events::outbound::Event;
use crate::inventory::{Image, ImageState, Result};
use crate::model::channels::Entries;
use crate::model::{Region, Version, tags};
use crate::plan::reason::ChannelReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Channel;
use crate::release::move_now;

/// Which channel goes back, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// The channel.
    pub channel: String,
    /// A version that has come to it; `None` for the one before.
    pub to: Option<Version>,
}

/// Moves a channel back to an earlier release: `to`, or the newest earlier one in it that can be launched in all Regions that
/// the recipe requires. Rejects the rollback, with the reason, if there is none.
pub fn roll_back(observed: &Observed<'_>, back: &Back) -> Sequence {
    let channel = match known(observed, &back.channel) {
        Ok(channel) => channel,
        Err(refused) => return refused,
    };
    let Observed { recipe, home, images, .. } = *observed;
    let all = homes(recipe, home, seen_in(images, home));
    let in_it = in_channel(&all, channel);
    // Acting on a partial view would move some Regions and not the others.
    let unread = with_state(observed, channel, images, &in_it, |state| state.unread_where_required());
    if !unread.is_empty() {
        return unread;
    }
    let current = in_it.last().copied();
    let may_go_to = |one: &&Home<'_>| match back.to {
        Some(to) => one.version() == to && one.entries.has_come(&channel.name),
        None => current != Some(one.version()) && in_it.contains(&one.version()),
    };
    let mut why = Vec::new();
    let chosen = all.iter().filter(|one| one.may_be_named()).filter(may_go_to).find(|one| {
        let missing = missing(observed, one);
        if !missing.is_empty() {
            why.push(format!("{} cannot be launched in {}", one.version(), missing.join(", ")));
        }
        missing.is_empty()
    });
    let Some(chosen) = chosen else {
        let reason = ChannelReason::NoRollbackTarget { channel: channel.name.clone(), to: back.to, why };
        return vec![Subject::recipe(&recipe.name, home).decide(Action::Reject, reason)];
    };
    let reason = || {
        Reason::Channel(ChannelReason::RolledBack {
            channel: channel.name.clone(),
            version: chosen.version(),
        })
    };
    let (mut sequence, after) = marked(observed, channel, chosen.version(), &reason);
    let in_it = in_channel(&homes(recipe, home, seen_in(&after, home)), channel);
    // As for a rollback of the recipe, nothing waits until the moves can be seen: a sweep looks.
    sequence.extend(with_state(observed, channel, &after, &in_it, move_now));
    let news = Event::ImageRolledBack {
        image: chosen.image.id.clone(),
        images: of_version(observed, chosen).map(|image| (image.region.clone(), image.id.clone())).collect(),
        from: current.filter(|from| *from != chosen.version()),
        channel: Some(channel.name.clone()),
    };
    sequence.push(Subject::image(chosen.image).emit(&chosen.record.name, news, reason()));
    sequence
}

/// The images of a release that can be launched.
fn of_version<'a>(observed: &Observed<'a>, one: &Home<'_>) -> impl Iterator<Item = &'a Image> {
    let (home, name) = (observed.home, one.record.name.clone());
    let all = observed.images.values().filter_map(|found| found.as_ref().ok()).flatten();
    all.filter(move |image| {
        let its = image.record_for_home(home).ok();
        image.state == ImageState::Available
            && its.is_some_and(|its| its.name == name && its.stage.is_published())
    })
}

/// The Regions that the recipe requires and that cannot launch a release.
fn missing<'a>(observed: &Observed<'a>, one: &Home<'_>) -> Vec<&'a str> {
    let Observed { recipe, home, .. } = *observed;
    let required = recipe.regions(home).filter(|region| *region == home || recipe.replicate.requires(region));
    let is_there = |region: &Region| of_version(observed, one).any(|image| image.region == *region);
    required.filter(|region| !is_there(region)).map(Region::as_str).collect()
}

/// The marks of all that is newer in the channel than the release that it goes back to, and the images as they are then. One
/// that the channel was rolled back from before comes to it again.
fn marked(
    observed: &Observed<'_>,
    channel: &Channel,
    to: Version,
    reason: &impl Fn() -> Reason,
) -> (Sequence, BTreeMap<Region, Result<Vec<Image>>>) {
    let (mut of_homes, mut of_replicas) = (Sequence::new(), Sequence::new());
    let mut after = observed.images.clone();
    for image in after.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
        let is_own = image.tags.get(tags::RECIPE) == Some(observed.recipe.name.as_str());
        let Some(record) = image.record_for_home(observed.home).ok().filter(|_| is_own) else { continue };
        let before = Entries::of(&image.tags);
        let entries = match record.name.version {
            version if version > to => before.clone().taken_back(&channel.name, observed.now),
            version if version == to && before.is_taken_back(&channel.name) => {
                before.clone().with(&channel.name, observed.now).told(&channel.name)
            }
            _ => continue,
        };
        if entries == before || image.state != ImageState::Available {
            continue;
        }
        let tag = entries.missing_on(&image.tags);
        let decision = Subject::image(image).decide(Action::Tag(image.id.clone(), tag.clone()), reason());
        if record.copied.is_none() {
            of_homes.push(decision)
        } else {
            of_replicas.push(decision)
        }
        image.tags = std::mem::take(&mut image.tags).and(&tag);
    }
    of_homes.extend(of_replicas);
    (of_homes, after)
}

#[cfg(test)]
#[path = "rollback_tests.rs"]
mod tests;
