//! Decides to which channels of its recipe a release comes, and moves what names it there.
//!
//! That a release has come to a channel stands, with a seal, on its home image and on each replica. A channel names the
//! newest release that has come to it, that can be launched, and that was neither rolled back from nor recalled. So a
//! rollback of the recipe and a recall need no rules of their own here; that of one channel has them in `rollback`.

pub mod rollback;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::events::outbound::Event;
use crate::inventory::{Image, ImageState, Permissions, Result};
use crate::model::channels::Entries;
use crate::model::{ImageId, ImageName, ImageRecord, Region, Stage, Version, tags};
use crate::plan::reason::ChannelReason;
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::publish::sharing;
use crate::recipe::{Channel, Gate, Recipe};
use crate::release::{ChannelMoves, Drift, Pointers, ReleaseState, move_channel};

/// What each channel of a recipe names, by channel and Region.
pub type ChannelPointers = BTreeMap<String, BTreeMap<Region, Pointers>>;

/// What was observed of a recipe with channels.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The home Region.
    pub home: &'a Region,
    /// Its images, by Region.
    pub images: &'a BTreeMap<Region, Result<Vec<Image>>>,
    /// What its channels name.
    pub pointers: &'a ChannelPointers,
    /// Who may use the images of [`wants_permissions`]; what is not there is left to a sweep.
    pub permissions: &'a BTreeMap<(Region, ImageId), Result<Permissions>>,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// Who asks that a release comes to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The channel.
    pub channel: String,
    /// The version; `None` for the newest one that waits.
    pub version: Option<Version>,
}

/// A home image that was released and can be launched, with its record and the channels that it has come to.
struct Home<'a> {
    image: &'a Image,
    record: ImageRecord,
    entries: Entries,
}

impl Home<'_> {
    fn version(&self) -> Version {
        self.record.name.version
    }

    /// Since when it waits for a channel: since it was released, or since it came to the channel before.
    fn waits_since(&self, channel: &Channel) -> Option<DateTime<Utc>> {
        match &channel.follows {
            None => self.image.tags.time(tags::RELEASED_AT),
            Some(before) => self.entries.since(before),
        }
    }

    fn may_be_named(&self) -> bool {
        !self.image.is_out() && !self.image.anchor().is_rolled_back_from()
    }
}

/// The home images of a recipe that were released and are there, newest first, whether or not they may be named.
fn homes<'a>(recipe: &Recipe, home: &Region, images: &'a [Image]) -> Vec<Home<'a>> {
    let own = images.iter().filter(|image| image.tags.get(tags::RECIPE) == Some(recipe.name.as_str()));
    of_members(own.filter_map(|image| Some((image, image.record_for_home(home).ok()?))))
}

fn of_members<'a>(members: impl Iterator<Item = (&'a Image, ImageRecord)>) -> Vec<Home<'a>> {
    let mut homes: Vec<Home<'_>> = members
        .filter(|(image, record)| image.state == ImageState::Available && record.copied.is_none())
        .map(|(image, record)| Home { image, record, entries: Entries::of(&image.tags) })
        .collect();
    homes.sort_by_key(|one| std::cmp::Reverse(one.version()));
    homes
}

/// The version that each channel of a recipe is to name, by the images of the recipe with their records. They are kept.
pub fn named<'a>(
    recipe: &Recipe,
    members: impl Iterator<Item = (&'a Image, ImageRecord)>,
) -> BTreeMap<String, Version> {
    // Expiry asks for every recipe.
    if recipe.channels.is_empty() {
        return BTreeMap::new();
    }
    let homes = of_members(members);
    let named = |channel: &Channel| {
        let mut in_it = homes.iter().filter(|one| one.entries.since(&channel.name).is_some());
        Some((channel.name.clone(), in_it.find(|one| one.may_be_named())?.version()))
    };
    recipe.channels.iter().filter_map(named).collect()
}

/// The newest release that waits for a channel, and since when.
pub fn waiting(
    recipe: &Recipe,
    channel: &Channel,
    home: &Region,
    images: &[Image],
) -> Option<(Version, DateTime<Utc>)> {
    let homes = homes(recipe, home, images);
    candidates(&homes, channel, None).next().map(|(one, since)| (one.version(), since))
}

/// The releases that may come to a channel, the newest first, each with the time since which it waits. Nothing comes to a
/// channel that a newer release has come to before, whatever became of that; but for one that the channel was rolled back
/// from, if somebody asks for it.
fn candidates<'h, 'a>(
    homes: &'h [Home<'a>],
    channel: &'h Channel,
    asked: Option<Version>,
) -> impl Iterator<Item = (&'h Home<'a>, DateTime<Utc>)> {
    let has_come = |one: &&Home<'_>| one.entries.has_come(&channel.name);
    let newest = homes.iter().find(has_come).map(Home::version);
    let comes_again =
        move |one: &Home<'_>| asked == Some(one.version()) && one.entries.is_taken_back(&channel.name);
    homes
        .iter()
        .filter(move |one| newest.is_none_or(|newest| one.version() > newest) || comes_again(one))
        .filter(|one| one.record.stage == Stage::Released && one.may_be_named())
        .filter_map(|one| Some((one, one.waits_since(channel)?)))
}

/// Whether a release that waits since then comes to a channel by itself.
fn is_due(channel: &Channel, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    matches!(channel.gate, Gate::After(after) if since + after <= now)
}

/// What is done for all channels of a recipe, one sequence for each, but for those that mark the same images. Nothing is, if
/// the home Region cannot be read.
pub fn decide(observed: &Observed<'_>, drift: Drift, approved: Option<&Approval>) -> Vec<Sequence> {
    let Some(Ok(_)) = observed.images.get(observed.home) else { return Vec::new() };
    let mut images = own(observed);
    let mut sequences: Vec<Sequence> = Vec::new();
    // Each channel sees what the one before marks.
    for channel in &observed.recipe.channels {
        let approved = approved.filter(|approved| approved.channel == channel.name);
        for sequence in one(observed, channel, &mut images, drift, approved) {
            // All channels of an image stand in one tag: what is written last must be what was decided last.
            match sequences.iter_mut().find(|before| mark_one(before, &sequence)) {
                Some(before) => before.extend(sequence),
                None => sequences.push(sequence),
            }
        }
    }
    sequences.retain(|sequence| !sequence.is_empty());
    sequences
}

/// Whether two sequences mark the same image.
fn mark_one(one: &Sequence, other: &Sequence) -> bool {
    let marked = |sequence: &'_ Sequence| -> BTreeSet<ImageId> {
        let tagged = sequence.iter().filter_map(|decision| match &decision.action {
            Action::Tag(image, tags) if tags.has(tags::CHANNELS) => Some(image.clone()),
            _ => None,
        });
        tagged.collect()
    };
    !marked(one).is_disjoint(&marked(other))
}

/// The images of the recipe, in its Regions: a sweep reads those of all recipes.
fn own(observed: &Observed<'_>) -> BTreeMap<Region, Result<Vec<Image>>> {
    let Observed { recipe, home, images, .. } = *observed;
    let is_own = |image: &&Image| image.tags.get(tags::RECIPE) == Some(recipe.name.as_str());
    let of_region = |region: &Region| {
        let found = images.get(region)?.as_ref();
        let own = found.map(|found| found.iter().filter(is_own).cloned().collect());
        Some((region.clone(), own.map_err(Clone::clone)))
    };
    recipe.regions(home).filter_map(of_region).collect()
}

/// A channel of the recipe, by its name.
fn known<'a>(observed: &Observed<'a>, name: &str) -> std::result::Result<&'a Channel, Sequence> {
    let recipe = observed.recipe;
    recipe.channel(name).ok_or_else(|| {
        let known = recipe.channels.iter().map(|channel| channel.name.clone()).collect();
        let reason = ChannelReason::NoSuchChannel { channel: name.to_owned(), known };
        vec![Subject::recipe(&recipe.name, observed.home).decide(Action::Reject, reason)]
    })
}

/// Refuses what cannot be approved.
///
/// # Errors
/// The decision that says why.
pub fn check(observed: &Observed<'_>, approved: &Approval) -> std::result::Result<(), Sequence> {
    let refused = |reason: ChannelReason| {
        Err(vec![Subject::recipe(&observed.recipe.name, observed.home).decide(Action::Reject, reason)])
    };
    let channel = known(observed, &approved.channel)?;
    let images = match observed.images.get(observed.home) {
        Some(Ok(images)) => images.as_slice(),
        Some(Err(error)) => return Err(vec![Subject::region(observed.home).retry_later(error)]),
        None => &[],
    };
    let homes = homes(observed.recipe, observed.home, images);
    let chosen = approved.version;
    let fits = |(one, _): &(&Home<'_>, DateTime<Utc>)| chosen.is_none_or(|chosen| one.version() == chosen);
    if candidates(&homes, channel, chosen).any(|one| fits(&one)) {
        return Ok(());
    }
    let is_there = homes.iter().find(|one| Some(one.version()) == chosen);
    let (channel, since) = (channel.name.clone(), is_there.and_then(|one| one.entries.since(&channel.name)));
    match (chosen, since) {
        (Some(version), Some(since)) => refused(ChannelReason::IsThere { channel, version, since }),
        (Some(version), None) => refused(ChannelReason::NotWaiting { channel, version }),
        (None, _) => refused(ChannelReason::NothingWaits(channel)),
    }
}

/// The images of which it must be known who may use them before [`decide`] can share them with a channel's accounts.
pub fn wants_permissions(observed: &Observed<'_>, approved: Option<&Approval>) -> Vec<Image> {
    let mut images = own(observed);
    let mut wanted = BTreeMap::new();
    for channel in &observed.recipe.channels {
        let approved = approved.filter(|approved| approved.channel == channel.name);
        let (_, marked) = marks(observed, channel, &mut images, approved);
        wanted.extend(marked.into_iter().map(|image| ((image.region.clone(), image.id.clone()), image)));
    }
    wanted.into_values().collect()
}

/// One channel: what comes to it is marked and shared; then its parameter moves, and it is told.
fn one(
    observed: &Observed<'_>,
    channel: &Channel,
    images: &mut BTreeMap<Region, Result<Vec<Image>>>,
    drift: Drift,
    approved: Option<&Approval>,
) -> Vec<Sequence> {
    let Observed { recipe, home, now, .. } = *observed;
    let (mut sequence, marked) = marks(observed, channel, images, approved);
    for image in &marked {
        let permissions = observed.permissions.get(&(image.region.clone(), image.id.clone()));
        let Some((permissions, record)) = permissions.zip(image.record_for_home(home).ok()) else { continue };
        sequence.extend(sharing::converge(recipe, image, &record, permissions, now).unwrap_or_default());
    }
    let is_marked = !sequence.is_empty();
    let at_home = seen_in(images, home).to_vec();
    let homes = homes(recipe, home, &at_home);
    let in_it = in_channel(&homes, channel);
    let is_untold = |one: &&Home<'_>| in_it.contains(&one.version()) && !one.entries.is_told(&channel.name);
    // What has just come is moved to: that is no drift.
    let drift = if homes.iter().any(|one| is_untold(&one)) { Drift::Repair } else { drift };
    let ChannelMoves { together, alone } =
        with_state(observed, channel, images, &in_it, |state| move_channel(state, drift));
    let moved = match together {
        Ok(moves) => {
            sequence.extend(moves);
            true
        }
        Err(waits) => {
            sequence.push(*waits);
            false
        }
    };
    for one in homes.iter().filter(is_untold).filter(|_| moved) {
        sequence.extend(told(one, channel, images, home));
    }
    if is_marked {
        // Behind everything else, for it must not go before the marks: what fails there stops nothing, and a sweep goes on.
        sequence.extend(alone.into_iter().flatten());
        return vec![sequence];
    }
    std::iter::once(sequence).chain(alone).collect()
}

/// The releases in a channel that may be named.
fn in_channel(homes: &[Home<'_>], channel: &Channel) -> BTreeSet<Version> {
    let in_it = homes.iter().filter(|one| one.may_be_named() && one.entries.since(&channel.name).is_some());
    in_it.map(Home::version).collect()
}

/// What `act` makes of the releases in a channel, `in_it`, once these are the images of the recipe.
fn with_state<R>(
    observed: &Observed<'_>,
    channel: &Channel,
    images: &BTreeMap<Region, Result<Vec<Image>>>,
    in_it: &BTreeSet<Version>,
    act: impl FnOnce(&ReleaseState<'_>) -> R,
) -> R {
    let Observed { recipe, home, now, .. } = *observed;
    let (view, nothing) = (recipe.of_channel(channel), BTreeMap::new());
    let pointers = observed.pointers.get(&channel.name).unwrap_or(&nothing);
    act(&ReleaseState::of_some(&view, home, images, pointers, now, |version| in_it.contains(&version)))
}

/// The images that were seen in a Region; none if it could not be read.
fn seen_in<'a>(images: &'a BTreeMap<Region, Result<Vec<Image>>>, region: &Region) -> &'a [Image] {
    images.get(region).and_then(|found| found.as_ref().ok()).map_or(&[], Vec::as_slice)
}

/// The marks of what comes to a channel, and of replicas that came later; and all images that have a mark that is not told
/// yet. `images` are as they will be.
fn marks(
    observed: &Observed<'_>,
    channel: &Channel,
    images: &mut BTreeMap<Region, Result<Vec<Image>>>,
    approved: Option<&Approval>,
) -> (Sequence, Vec<Image>) {
    let Observed { recipe, home, now, .. } = *observed;
    let all = homes(recipe, home, seen_in(images, home));
    let chosen = |(one, since): &(&Home<'_>, DateTime<Utc>)| match approved {
        Some(approved) => approved.version.is_none_or(|version| version == one.version()),
        None => is_due(channel, *since, now),
    };
    // What has just come to the channel before was tried by nobody there yet, so it comes to this one by a later call.
    let before = homes(recipe, home, seen_in(observed.images, home));
    let asked = approved.and_then(|approved| approved.version);
    let coming = candidates(&before, channel, asked).find(chosen);
    let reason = |version, since| match approved {
        Some(_) => ChannelReason::Approved { channel: channel.name.clone(), version },
        None => ChannelReason::Comes { channel: channel.name.clone(), version, since },
    };
    let mut wanted: BTreeMap<ImageName, (Entries, Reason)> = BTreeMap::new();
    for one in all.iter().filter(|one| one.may_be_named() && !one.entries.is_empty()) {
        let later = ChannelReason::CameLater { version: one.version() };
        wanted.insert(one.record.name.clone(), (one.entries.clone(), later.into()));
    }
    if let Some((one, since)) = coming {
        let now_there = all.iter().find(|it| it.version() == one.version()).unwrap_or(one);
        let entries = now_there.entries.clone().with(&channel.name, now);
        wanted.insert(one.record.name.clone(), (entries, reason(one.version(), since).into()));
    }
    let (mut sequence, mut of_home, mut marked) = (Sequence::new(), Sequence::new(), Vec::new());
    for image in images.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
        let Ok(record) = image.record_for_home(home) else { continue };
        let Some((entries, reason)) = wanted.get(&record.name) else { continue };
        if image.state != ImageState::Available || !record.stage.is_published() {
            continue;
        }
        let tag = entries.missing_on(&image.tags);
        if !tag.is_empty() {
            let decision =
                Subject::image(image).decide(Action::Tag(image.id.clone(), tag.clone()), reason.clone());
            // The home image last: as long as it is not marked, the next call marks what is left.
            if record.copied.is_some() {
                sequence.push(decision)
            } else {
                of_home.push(decision)
            }
            image.tags = std::mem::take(&mut image.tags).and(&tag);
        }
        if entries.since(&channel.name).is_some() && !entries.is_told(&channel.name) {
            marked.push(image.clone());
        }
    }
    sequence.extend(of_home);
    (sequence, marked)
}

/// Tells that a release has come to a channel, and notes that on all its images.
fn told(
    one: &Home<'_>,
    channel: &Channel,
    images: &mut BTreeMap<Region, Result<Vec<Image>>>,
    home: &Region,
) -> Sequence {
    let reason = || Reason::Channel(ChannelReason::Told(channel.name.clone()));
    let all = images.values_mut().filter_map(|found| found.as_mut().ok()).flatten();
    let mut members: Vec<(&mut Image, ImageRecord)> = all
        .filter(|image| image.state == ImageState::Available)
        .filter_map(|image| image.record_for_home(home).ok().map(|record| (image, record)))
        .filter(|(_, record)| record.name == one.record.name && record.stage.is_published())
        .collect();
    let by_region: BTreeMap<Region, ImageId> =
        members.iter().map(|(image, _)| (image.region.clone(), image.id.clone())).collect();
    let news = Event::ImagePromoted {
        image: one.image.id.clone(),
        images: by_region,
        channel: channel.name.clone(),
        parameter: channel.parameter.clone(),
    };
    // It may come again, once the channel was rolled back from it.
    let came = one.entries.since(&channel.name).map(|at| at.to_rfc3339()).unwrap_or_default();
    let occasion = format!("{}{came}", one.image.occasion());
    let mut sequence =
        vec![Subject::image(one.image).emit_again(&one.record.name, news, &occasion, reason())];
    // The home image last: as long as it is not noted, the next call tells it.
    members.sort_by_key(|(_, its)| its.copied.is_none());
    sequence.extend(members.into_iter().filter_map(|(image, _)| {
        let noted = Entries::of(&image.tags).told(&channel.name).missing_on(&image.tags);
        if noted.is_empty() {
            return None;
        }
        let tag = Action::Tag(image.id.clone(), noted.clone());
        let decision = Subject::image(image).decide(tag, reason());
        image.tags = std::mem::take(&mut image.tags).and(&noted);
        Some(decision)
    }));
    sequence
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
