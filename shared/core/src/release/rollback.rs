//! Decides a rollback: every Region names an earlier release, and nothing moves forward until there is a newer one.

use crate::events::outbound::Event;
use crate::inventory::Image;
use crate::model::{Pin, Region, Tags, Version, tags};
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::release::moves::How;
use crate::release::state::{ReadyRelease, ReleaseState};

/// Moves every Region back to an earlier release: `to`, or the newest earlier one that can be launched in all Regions
/// that the recipe requires. Rejects the rollback, with the reason, if there is none. A Region of best effort that
/// cannot follow is told, and follows with a sweep.
pub fn rollback(state: &ReleaseState<'_>, to: Option<Version>) -> Vec<Sequence> {
    let recipe = Subject::recipe(&state.recipe.name, state.home);
    let publish = &state.recipe.publish;
    if publish.parameter.is_none() && publish.launch_template.is_none() {
        return vec![vec![recipe.decide(Action::Reject, ReleaseReason::NothingNamesIt)]];
    }
    let (required, told): (Sequence, Sequence) =
        state.unreadable().into_iter().partition(|one| state.requires(&one.subject.region));
    if !required.is_empty() {
        return vec![required];
    }
    let all: Vec<&Region> = state.required().collect();
    let complete = || state.releases.iter().filter(|release| state.is_complete(release));
    let by_template =
        || state.named_by_template(state.home).and_then(|image| state.release_of(state.home, image));
    let current = state.named(state.home).or_else(by_template).or_else(|| complete().next());
    // An interrupted rollback is finished before another one begins.
    let is_move = |one: &Decision| matches!(one.action, Action::MoveParameters(_) | Action::MoveTemplate(_));
    let moves_on = || state.moves(&all, How::NOW).is_ok_and(|moves| moves.iter().any(is_move));
    let unfinished = state.pinned().filter(|_| to.is_none() && moves_on());
    let unfinished = unfinished.map(|(pinned, _)| pinned);
    let mut why = Vec::new();
    let mut launchable_everywhere = |release: &&ReadyRelease<'_>| {
        let missing_regions: Vec<&str> =
            state.missing_regions(release).iter().map(|region| region.as_str()).collect();
        if !missing_regions.is_empty() {
            why.push(format!("{} cannot be launched in {}", release.version(), missing_regions.join(", ")));
        }
        missing_regions.is_empty()
    };
    let chosen = unfinished.or_else(|| match to {
        Some(to) => complete().filter(|release| release.version() == to).find(&mut launchable_everywhere),
        None => complete()
            .filter(|release| current.is_some_and(|current| release.version() < current.version()))
            .find(&mut launchable_everywhere),
    });
    let (Some(chosen), Some(newest)) = (chosen, complete().next()) else {
        return vec![vec![recipe.decide(Action::Reject, ReleaseReason::NoRollbackTarget { to, why })]];
    };
    // What is named in any Region counts too: its home image may be what was lost.
    let seen = state.versions.values().copied().max().unwrap_or_else(|| newest.version());
    let over = newest.version().max(chosen.version());
    let over = if state.rolls_back_to().is_some() { over.max(seen) } else { over };
    let pin = Pin { at: state.now, over };
    let anchor = chosen.home.anchor().pinned(pin);
    let pinned = chosen.home.anchored(anchor.clone());
    let mut after_pin = state.clone();
    for release in &mut after_pin.releases {
        if release.home.id == pinned.id {
            release.home = &pinned;
        }
    }
    let reason = || Reason::Release(ReleaseReason::RolledBackTo(chosen.version()));
    let home = || Subject::image(chosen.home);
    // What holds it first, so that it is not removed; then the pin: if this dies half way, the next sweep finishes the
    // rollback.
    let holds = Tags::new().with(tags::PIN_HOLDS, "yes");
    let mut sequence = vec![
        home().decide(Action::Tag(chosen.home.id.clone(), holds), reason()),
        home().decide(Action::anchor(chosen.home, anchor), reason()),
    ];
    // So that they are not named again if the image of the pin goes.
    sequence.extend(complete().filter(|release| release.version() > chosen.version()).map(|release| {
        let anchor = release.home.anchor().rolled_back_from(state.now);
        Subject::image(release.home).decide(Action::anchor(release.home, anchor), reason())
    }));
    sequence.extend(after_pin.moves(&all, How::NOW).unwrap_or_default());
    let news = Event::ImageRolledBack {
        image: chosen.home.id.clone(),
        images: chosen.images(),
        from: current.map(ReadyRelease::version).filter(|from| *from != chosen.version()),
        channel: None,
    };
    sequence.push(home().emit(&chosen.record.name, news, reason()));
    let mut told_alone = Vec::new();
    for region in after_pin.best_effort() {
        let unread = told.iter().find(|one| one.subject.region == *region);
        let behind = || ReleaseReason::StaysBehind { region: region.clone(), version: chosen.version() };
        match unread {
            Some(unread) => told_alone.push(vec![Decision { action: Action::Keep, ..unread.clone() }]),
            // Behind everything else: what fails there stops nothing, and a sweep undoes nothing once the pin is there.
            None if chosen.ready.contains_key(region) => {
                sequence.extend(after_pin.moves(&[region], How::NOW).unwrap_or_default());
            }
            None if state.value(region).is_some() => {
                told_alone.push(vec![Subject::region(region).decide(Action::Keep, behind())]);
            }
            None => {}
        }
    }
    let mut sequences = vec![sequence];
    sequences.extend(told_alone);
    sequences.retain(|sequence| !sequence.is_empty());
    sequences
}

/// What a rollback reads back: whether the release that it chose can still be launched where it must. Expiry may have
/// begun to remove it, in the moment before the rollback could be seen.
pub fn read_back(state: &ReleaseState<'_>, sequences: &[Sequence]) -> Sequence {
    let chosen = sequences.iter().flatten().find_map(|decision| match &decision.reason {
        Reason::Release(ReleaseReason::RolledBackTo(version)) => Some(*version),
        _ => None,
    });
    let Some(chosen) = chosen else { return Sequence::new() };
    let release = state.releases.iter().find(|release| release.version() == chosen);
    let missing: Vec<Region> = match release {
        Some(release) => state.missing_regions(release).into_iter().cloned().collect(),
        None => state.required().cloned().collect(),
    };
    if missing.is_empty() {
        return Sequence::new();
    }
    let recipe = Subject::recipe(&state.recipe.name, state.home);
    vec![
        recipe.decide(Action::Reject, ReleaseReason::RollbackOvertaken { version: chosen, regions: missing }),
    ]
}

impl<'a> ReleaseState<'a> {
    /// The Regions that the recipe requires and that cannot launch a release.
    fn missing_regions(&self, release: &ReadyRelease<'_>) -> Vec<&'a Region> {
        self.required().filter(|region| !release.ready.contains_key(region)).collect()
    }
}

/// Whether an image was pinned by a rollback and no newer release has come since. Such an image is kept, with all its
/// replicas.
pub fn is_pinned(image: &Image, newest: Option<Version>) -> bool {
    image.anchor().pin.is_some_and(|pin| newest.is_none_or(|newest| newest <= pin.over))
}
