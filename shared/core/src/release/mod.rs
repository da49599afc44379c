//! Decides which release the parameters and launch templates of each Region name, and when an image becomes a
//! release.
//!
//! With `release = "together"` nothing moves until every required Region is ready, and then all Regions move at once;
//! with `"each"` every Region moves on its own. Kiln never moves back to an older release on its own. Only a rollback
//! does, and after it nothing moves forward until there is a newer release.

mod accounts;
pub mod launch_template;
mod moves;
pub mod newest;
pub mod rollback;
mod state;
mod target;
mod tries;

pub use moves::refused;
pub use state::{Drift, Pointers, ReleaseState};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::events::outbound::Event;
use crate::inventory::Image;
use crate::model::{AnchoredEnd, Stage, Tags, tags};
use crate::plan::action::WaitFor;
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Decision, Reason, Sequence, Subject, anchored};
use crate::release::accounts::Own;
use crate::release::moves::How;
use crate::release::state::ReadyRelease;

/// Moves parameters and launch templates that name the wrong image, and makes releases of the images that are ready
/// in every required Region.
pub fn decide(state: &ReleaseState<'_>, drift: Drift) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> =
        state.unreadable().into_iter().chain(state.left()).map(|one| vec![one]).collect();
    // Acting on a partial view would move some Regions and not the others.
    if state.unreadable().iter().any(|one| state.requires(&one.subject.region)) {
        return sequences;
    }
    if let Some(to) = state.rolls_back_to().filter(|_| drift == Drift::Repair) {
        sequences.extend(rollback::rollback(state, Some(to)));
        return sequences;
    }
    let how = How { drift, until: WaitFor::Visible, waits_at: Some(state.now) };
    let required: Vec<_> = state.required().collect();
    match state.moves(&required, how) {
        Err(waits) => {
            sequences.push(vec![*waits]);
            sequences.push(state.in_accounts(&required, Own::Wait, drift));
        }
        Ok(moves) => sequences.extend(released(state, moves, drift)),
    }
    sequences.extend(
        state.releases.iter().filter_map(|release| anchored::set_right(release.home)).map(|one| vec![one]),
    );
    sequences.extend([state.untold_loss(), state.came_later()]);
    let alone = state.best_effort().map(|region| state.moves(&[region], how));
    sequences.extend(alone.map(|moved| moved.unwrap_or_else(|waits| vec![*waits])));
    sequences.retain(|sequence| !sequence.is_empty());
    sequences
}

/// Moves every Region to the release that it should name, because somebody asks. If a Region that is required cannot be
/// read, none moves: the next sweep moves all of them.
pub fn move_now(state: &ReleaseState<'_>) -> Sequence {
    if state.unreadable().iter().any(|one| state.requires(&one.subject.region)) {
        return Sequence::new();
    }
    let mut sequence =
        state.moves(&state.required().collect::<Vec<_>>(), How::NOW).unwrap_or_else(|waits| vec![*waits]);
    for region in state.best_effort() {
        sequence.extend(state.moves(&[region], How::NOW).unwrap_or_default());
    }
    sequence
}

/// What names the release of a channel, moved.
#[derive(Debug, Clone)]
pub struct ChannelMoves {
    /// The Regions that the recipe requires. The error says until when nothing is tried.
    pub together: Result<Sequence, Box<Decision>>,
    /// Each Region of best effort, and what could not be read.
    pub alone: Vec<Sequence>,
}

/// Moves the parameter of a channel. `state` has the releases that have come to it and no others.
pub fn move_channel(state: &ReleaseState<'_>, drift: Drift) -> ChannelMoves {
    let unreadable = state.unreadable();
    let how = How { drift, until: WaitFor::Visible, waits_at: Some(state.now) };
    // Acting on a partial view would move some Regions and not the others.
    let together = match unreadable.iter().find(|one| state.requires(&one.subject.region)) {
        Some(unread) => Err(Box::new(Decision { action: Action::Keep, ..unread.clone() })),
        None => state.moves(&state.required().collect::<Vec<_>>(), how),
    };
    let mut alone: Vec<Sequence> = unreadable.into_iter().map(|one| vec![one]).collect();
    let best_effort = state.best_effort().map(|region| state.moves(&[region], how));
    alone.extend(best_effort.map(|moved| moved.unwrap_or_else(|waits| vec![*waits])));
    ChannelMoves { together, alone }
}

/// The moves, and behind them the end of each release that is complete; and the releases that another invocation ends.
fn released(state: &ReleaseState<'_>, moves: Sequence, drift: Drift) -> Vec<Sequence> {
    let (mut sequence, mut sequences) = (moves, Vec::new());
    let complete_now: Vec<&ReadyRelease<'_>> = state
        .releases
        .iter()
        .rev()
        .filter(|release| release.record.stage == Stage::Published && state.is_complete(release))
        .collect();
    for release in complete_now {
        if release.is_being_finished(state.now) {
            let reason = ReleaseReason::BeingFinished(release.version());
            let left = Subject::image(release.home).decide(Action::Keep, reason);
            // What was published just now, from an older view, may have been marked by the other invocation before.
            let marked = if drift == Drift::Repair { mark_replicas(release) } else { Sequence::new() };
            sequences.push(marked.into_iter().chain([left]).collect());
        } else {
            sequence.extend(finish(state, release));
        }
    }
    sequences.push(sequence);
    sequences
}

/// Makes an image a release. The release time is written before the event is sent, so that a repeated event has the
/// same time. The stage of the home image is set last, because it marks the release as complete.
fn finish(state: &ReleaseState<'_>, release: &ReadyRelease<'_>) -> Sequence {
    let reason = || Reason::Release(ReleaseReason::Ready(release.version()));
    let home = || Subject::image(release.home);
    let text = |time: DateTime<Utc>, form| time.to_rfc3339_opts(form, true);
    let recorded = release.home.tags.get(tags::RELEASED_AT).map(str::to_owned);
    // In milliseconds, because of two invocations in one second the later one finishes the release.
    let released = recorded.clone().unwrap_or_else(|| text(state.now, SecondsFormat::Millis));
    let mut sequence = Sequence::new();
    if recorded.is_none() {
        let tag = Tags::new().with(tags::RELEASED_AT, &released);
        let regions = release.ready.keys().map(|region| region.as_str()).collect::<Vec<_>>().join(" ");
        // Without it, it counts as released in every Region.
        let tag = if regions.len() > tags::MOST_OF_LIST { tag } else { tag.with(tags::RELEASED_IN, regions) };
        sequence.push(home().decide(Action::Tag(release.home.id.clone(), tag), reason()));
    }
    let news = Event::ImageReleased {
        image: release.home.id.clone(),
        images: release.images(),
        parameter: state.recipe.publish.parameter.clone(),
        baked: text(release.version().time(), SecondsFormat::Secs),
        released,
        before: state.compared_with(release),
        difference: None,
    };
    sequence.extend(mark_replicas(release));
    sequence.extend(state.ended_rollbacks(release));
    // Just before the last tag: the event wakes `expire`, which counts the release only once it bears that tag.
    sequence.push(home().emit_again(&release.record.name, news, release.home.occasion(), reason()));
    let anchor = release.home.anchor().ended(AnchoredEnd::Released);
    if anchor != *release.home.anchor() {
        sequence.push(home().decide(Action::anchor(release.home, anchor), reason()));
    }
    sequence.extend(mark(release, release.home));
    sequence
}

/// Gives the replicas of a release that do not bear it yet their stage.
fn mark_replicas(release: &ReadyRelease<'_>) -> Sequence {
    let replicas = release.ready.values().filter(|image| image.id != release.home.id);
    let unmarked = replicas.filter(|image| image.tags.get(tags::STAGE) != Some(Stage::Released.word()));
    unmarked.filter_map(|image| mark(release, image)).collect()
}

fn mark(release: &ReadyRelease<'_>, image: &Image) -> Option<Decision> {
    let record = image.record().ok()?.at(Stage::Released);
    let action = Action::SetStage(image.id.clone(), record, Tags::new());
    Some(Subject::image(image).decide(action, ReleaseReason::Ready(release.version())))
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "template_tests.rs"]
mod template_tests;
