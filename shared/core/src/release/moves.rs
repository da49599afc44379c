//! Moves what names a release, together or not at all, and sets back what moved in vain.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::Image;
use crate::model::{ImageId, Region, Stage};
use crate::plan::action::{Move, Moves, NoteTry, WaitFor};
use crate::plan::reason::ReleaseReason;
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::ReleaseStrategy;
use crate::release::accounts::Own;
use crate::release::launch_template::template_move;
use crate::release::newest::latest_pin;
use crate::release::state::{Drift, ReadyRelease, ReleaseState, is_repair};
use crate::release::tries::Tries;

/// A value that is not shown so long after it was accepted may have been overwritten since.
const SHOWN_BY: TimeDelta = TimeDelta::hours(6);

/// How parameters and launch templates are moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub drift: Drift,
    pub until: WaitFor,
    /// The current time, if a try that fails is noted and the next one waits; `None` if a person asked.
    pub waits_at: Option<DateTime<Utc>>,
}

impl How {
    /// Somebody asks, so nothing waits.
    pub(super) const NOW: Self = Self { drift: Drift::Repair, until: WaitFor::Accepted, waits_at: None };
}

/// The parameters that are to move.
struct Pending<'a> {
    moves: Vec<Move>,
    /// The first of them: its Region, its new image, and why.
    first: (&'a Region, &'a Image, Reason),
    left: Earlier,
}

/// What earlier moves have left behind.
#[derive(Default)]
struct Earlier {
    /// The Regions that show the new image already.
    moved: Vec<Move>,
    /// The Regions that name an image that is no release yet, the new one or another, and that can be set back.
    half: Vec<Move>,
    /// Whether one of them names an older one: two releases became ready in the same moment, and it was written last.
    is_overwritten: bool,
    /// Whether a Region names what nobody can launch.
    is_lost: bool,
}

/// What the last try means for the next one.
enum Next {
    Now,
    NotBefore(DateTime<Utc>),
    /// SSM accepted the values, and does not show them.
    NeverShown,
}

impl Earlier {
    /// A try that was refused is followed by another after its wait, which is the shortest where a Region names what
    /// nobody can launch. A try that was accepted is followed by none until its values must have been shown: soon where
    /// Regions have moved half.
    fn next(&self, tries: &Tries, is_new: bool, now: DateTime<Utc>) -> Next {
        // Once: after that, SSM does not show the new value.
        let is_overwritten = self.is_overwritten && tries.is_first();
        let shown_by = if self.half.is_empty() { tries.again_at() } else { tries.shown_by() };
        let is_hidden = (shown_by..tries.last() + SHOWN_BY).contains(&now);
        if tries.accepted && !is_overwritten && is_hidden {
            return Next::NeverShown;
        }
        // What was a release before has been shown before: if it is not now, somebody has overwritten it.
        let waits = !tries.accepted || is_new && !is_overwritten;
        // A wait in any case: what is set back after a refusal wakes the function again.
        let again = if self.is_lost { tries.shown_by() } else { tries.again_at() };
        if waits && now < again { Next::NotBefore(again) } else { Next::Now }
    }
}

impl<'a> ReleaseState<'a> {
    /// What names a release in these Regions, moved to where it should be. The error is a decision that says until when
    /// nothing is tried, and sets back what an earlier try left moved.
    pub(super) fn moves(&self, regions: &[&'a Region], how: How) -> Result<Sequence, Box<Decision>> {
        let mut sequence = self.move_parameters(regions, how)?;
        sequence.extend(self.in_accounts(regions, Own::Move(&sequence), how.drift));
        let templates = self.move_templates(regions, how.drift);
        if self.recipe.publish.parameter.is_none() {
            sequence.extend(self.lost_by_templates(regions, &templates));
        }
        sequence.extend(templates);
        Ok(sequence)
    }

    /// The moves of these Regions' parameters, in one action.
    pub(super) fn move_parameters(
        &self,
        regions: &[&'a Region],
        how: How,
    ) -> Result<Sequence, Box<Decision>> {
        let Some(pending) = self.pending(regions, how.drift) else { return Ok(Sequence::new()) };
        let (region, image, reason) = pending.first;
        let subject = Subject {
            version: Subject::image(image).version,
            ..Subject::recipe(&self.recipe.name, self.home)
        };
        let noted_on = self.noted_on(region, image);
        let regions = || pending.moves.iter().map(|one| &one.region);
        let tries = how.waits_at.and_then(|now| Tries::of(noted_on, now));
        let tries = tries.filter(|tries| tries.concerns(regions()));
        let is_new = self.target(region).is_some_and(|(target, ..)| target.record.stage == Stage::Published);
        let next = match (&tries, how.waits_at) {
            (Some(tries), Some(now)) => pending.left.next(tries, is_new, now),
            _ => Next::Now,
        };
        if let (Next::NotBefore(again), Some(version)) = (&next, subject.version) {
            let again = again.to_rfc3339_opts(SecondsFormat::Secs, true);
            let sets_back = tries.is_some_and(|tries| !tries.accepted) && !pending.left.half.is_empty();
            let action = match sets_back {
                true => Action::MoveParameters(Moves::back(pending.left.half)),
                false => Action::Keep,
            };
            return Err(Box::new(subject.decide(action, ReleaseReason::TriedBefore { version, again })));
        }
        let note = |now| NoteTry {
            image: noted_on.id.clone(),
            region: noted_on.region.clone(),
            is_first: tries.is_none(),
            refused: Tries::tag(tries.as_ref(), false, regions(), now),
            accepted: Tries::tag(tries.as_ref(), true, regions(), now),
        };
        let note = how.waits_at.map(note);
        let Earlier { moved, half, .. } = pending.left;
        let moves = Moves { moves: pending.moves, moved, until: how.until, tries: note };
        Ok(match (next, tries) {
            (Next::NeverShown, Some(tries)) => never_shown(&subject, image, moves, half, &tries),
            _ => {
                let mut sequence: Sequence = self
                    .lost(&subject, image, moves.moves.iter().map(|one| &one.region))
                    .into_iter()
                    .collect();
                sequence.push(subject.decide(Action::MoveParameters(moves), reason));
                sequence
            }
        })
    }

    /// What is to move in these Regions; `None` if nothing is.
    fn pending(&self, regions: &[&'a Region], drift: Drift) -> Option<Pending<'_>> {
        let parameter = self.recipe.publish.parameter.as_ref()?;
        let is_readable = |region: &&&Region| {
            self.pointers.get(**region).is_some_and(|pointers| matches!(pointers.parameter, Some(Ok(_))))
        };
        let (mut moves, mut left, mut first) = (Vec::new(), Earlier::default(), None);
        for region in regions.iter().filter(is_readable).copied() {
            let Some((image, reason)) = self.pending_move(region) else { continue };
            let to = |back| Move {
                region: region.clone(),
                parameter: parameter.clone(),
                image: image.id.clone(),
                back,
            };
            // A rollback only goes on: what it comes from is bad.
            let rolls_back = matches!(reason, Reason::Release(ReleaseReason::RolledBackTo(_)));
            let unfinished = self.names_unfinished(region).filter(|_| !rolls_back);
            let (is_unfinished, before) = (unfinished.is_some(), self.release_before(region));
            let before = before.filter(|_| !rolls_back);
            left.half.extend(before.clone().filter(|_| is_unfinished).map(|before| to(Some(before))));
            if self.value(region) == Some(image.id.as_str()) {
                left.moved.extend(before.map(|before| to(Some(before))));
            } else if drift == Drift::Repair || !is_repair(&reason) {
                // Nothing is set back to what nobody can launch.
                let is_dead = self.dead_in(region).is_some();
                left.is_lost |= is_dead;
                left.is_overwritten |= unfinished
                    .zip(image.record().ok())
                    .is_some_and(|(named, new)| named.version() < new.name.version);
                let back = self.value(region).filter(|_| !rolls_back && !is_dead);
                let back = back.and_then(|value| value.parse().ok());
                moves.push(to(if is_unfinished { before } else { back }));
                first.get_or_insert((region, image, reason));
            }
        }
        Some(Pending { moves, left, first: first? })
    }

    /// Says that what some of these Regions named can no longer be launched, before they name another release.
    fn lost<'r>(
        &self,
        subject: &Subject,
        image: &Image,
        regions: impl Iterator<Item = &'r Region>,
    ) -> Option<Decision> {
        let dead = regions.filter_map(|region| {
            let region = self.regions().find(|own| *own == region)?;
            Some((region.clone(), self.dead_in(region)?))
        });
        let images: BTreeMap<Region, ImageId> = dead
            .filter(|(region, image)| !self.is_told(region, image) && !self.is_recalled(region, image))
            .collect();
        if images.is_empty() {
            return None;
        }
        let name = image.record().ok()?.name;
        let reason = ReleaseReason::Lost { images: images.clone(), to: name.version };
        let news = Event::ReleaseLost { image: image.id.clone(), images, reason: reason.to_string() };
        Some(subject.clone().emit(&name, news, reason))
    }

    /// The same, where launch templates alone name releases.
    fn lost_by_templates(&self, regions: &[&'a Region], moves: &Sequence) -> Option<Decision> {
        let moved = || {
            let is_moved = |one: &&Decision| matches!(one.action, Action::MoveTemplate(_));
            moves.iter().filter(is_moved).map(|one| &one.subject.region)
        };
        let first = regions.iter().find(|region| moved().any(|one| one == **region))?;
        let (image, _) = self.pending_move(first)?;
        let subject = Subject {
            version: Subject::image(image).version,
            ..Subject::recipe(&self.recipe.name, self.home)
        };
        self.lost(&subject, image, moved())
    }

    /// The image on which a try is noted: that of the Region, if it moves by itself.
    fn noted_on(&self, region: &'a Region, image: &'a Image) -> &'a Image {
        let together = self.requires(region).then(|| self.target(region)).flatten();
        together.map_or(image, |(target, ..)| target.home)
    }

    /// What a Region that waits for others names, if it is no release yet.
    pub(super) fn names_unfinished(&self, region: &Region) -> Option<&ReadyRelease<'a>> {
        let goes_with_others =
            self.recipe.replicate.release == ReleaseStrategy::AllRegions && self.requires(region);
        self.named(region).filter(|release| goes_with_others && !release.is_released())
    }

    /// The image that a Region's parameter named before it moved to a release that is none yet. Regions that go together
    /// named the same release: the one that somebody had rolled back to, or else the newest that all of them can launch.
    fn release_before(&self, region: &Region) -> Option<ImageId> {
        let (target, ..) = self.target(region)?;
        let is_before =
            |release: &&ReadyRelease<'a>| release.version() < target.version() && release.is_released();
        let before = || self.releases.iter().filter(is_before);
        let newest = before().next()?.version();
        let pinned = || latest_pin(before(), |release| release.home).filter(|(_, over)| newest <= *over);
        let everywhere = || before().find(|release| self.is_everywhere(release));
        let together = match self.recipe.replicate.release {
            ReleaseStrategy::AllRegions => pinned().map(|(release, _)| release).or_else(everywhere),
            ReleaseStrategy::PerRegion => None,
        };
        let image = match together {
            Some(release) => release.ready.get(region),
            None => before().find_map(|release| release.ready.get(region)),
        };
        image.filter(|_| target.record.stage == Stage::Published).map(|image| image.id.clone())
    }

    fn move_templates(&self, regions: &[&'a Region], drift: Drift) -> Sequence {
        let Some(template_setting) = &self.recipe.publish.launch_template else { return Sequence::new() };
        let mut sequence = Sequence::new();
        for region in regions.iter().copied() {
            let Some((image, reason)) = self.pending_move(region) else { continue };
            // A parameter that names another release may have been rolled back just now: then the template goes with it.
            let waits =
                drift == Drift::Ignore && is_repair(&reason) && self.value(region) != Some(image.id.as_str());
            if waits || self.named_by_template(region).is_some_and(|named| self.is_back_from(region, named)) {
                continue;
            }
            let subject = Subject::image(image);
            match self.pointers.get(region).and_then(|pointers| pointers.template.as_ref()) {
                Some(Ok(Some(template))) => {
                    let moved = template_move(template_setting, template, image);
                    sequence.extend(moved.map(|moved| subject.decide(Action::MoveTemplate(moved), reason)));
                }
                Some(Ok(None)) => {
                    sequence.push(
                        subject
                            .decide(Action::Reject, ReleaseReason::NoTemplate(template_setting.name.clone())),
                    );
                }
                Some(Err(error)) => sequence.push(subject.retry_later(error)),
                None => {}
            }
        }
        sequence
    }
}

/// What SSM accepted at the last try, and does not show. It is told; and if other Regions show theirs, they are set back,
/// and the next try waits for all of them again.
fn never_shown(subject: &Subject, image: &Image, moves: Moves, half: Vec<Move>, tries: &Tries) -> Sequence {
    let Some(hidden) = moves.moves.first() else { return Sequence::new() };
    let reason = Reason::Release(ReleaseReason::NeverShown {
        region: hidden.region.clone(),
        parameter: hidden.parameter.clone(),
        image: hidden.image.clone(),
        at: tries.last().to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    let decide = |action| subject.clone().decide(action, reason.clone());
    let mut sequence = Sequence::new();
    if let Ok(record) = image.record() {
        let news = Event::ReleaseBlocked { image: image.id.clone(), reason: reason.to_string() };
        let occasion = moves.tries.as_ref().map(NoteTry::occasion).unwrap_or_default();
        sequence.push(subject.clone().emit_again(&record.name, news, &occasion, reason.clone()));
    }
    if half.is_empty() {
        sequence.push(decide(Action::MoveParameters(moves)));
        return sequence;
    }
    let back = Moves::back(half);
    let note = moves.tries.map(|note| {
        let subject = Subject { region: note.region, ..subject.clone() };
        subject.decide(Action::Tag(note.image, note.refused), reason.clone())
    });
    sequence.extend(note);
    sequence.push(decide(Action::MoveParameters(back)));
    sequence.push(decide(Action::Reject));
    sequence
}

/// What is done once SSM has refused, some time after it accepted it, the image for a Region's parameter. If the image is
/// not a release yet, the Regions that show it are set back. The next try waits.
pub fn refused(state: &ReleaseState<'_>, region: &Region, why: &str) -> Vec<Sequence> {
    let now = state.now;
    let (Some((target, ..)), Some(parameter)) =
        (state.target(region), state.recipe.publish.parameter.as_ref())
    else {
        return Vec::new();
    };
    let Some(image) = target.ready.get(region).filter(|image| state.value(region) != Some(image.id.as_str()))
    else {
        return Vec::new();
    };
    let reason = || {
        let (region, parameter, why) = (region.clone(), parameter.clone(), why.to_owned());
        Reason::Release(ReleaseReason::ParameterRefused { region, parameter, why })
    };
    let (image, together) = match state.requires(region) {
        true => (target.home, state.required().collect()),
        false => (*image, Vec::new()),
    };
    let tries = Tries::of(image, now);
    let tag = |accepted| Tries::tag(tries.as_ref(), accepted, [region].into_iter(), now);
    let (image_id, of_region) = (image.id.clone(), image.region.clone());
    let note = NoteTry {
        image: image_id,
        region: of_region,
        is_first: tries.is_none(),
        refused: tag(false),
        accepted: tag(true),
    };
    let news = Event::ReleaseBlocked { image: target.home.id.clone(), reason: reason().to_string() };
    let mut sequence = vec![
        Subject::image(image).decide(Action::Tag(note.image.clone(), note.refused.clone()), reason()),
        Subject::image(target.home).emit_again(&target.record.name, news, &note.occasion(), reason()),
    ];
    let moved = |region: &&Region| {
        let shown =
            target.ready.get(*region).filter(|image| state.value(region) == Some(image.id.as_str()))?;
        let (region, parameter, image) = ((*region).clone(), parameter.clone(), shown.id.clone());
        Some(Move { back: state.release_before(&region), region, parameter, image })
    };
    let back = Moves::back(together.iter().filter_map(moved).collect());
    if !back.moves.is_empty() {
        sequence.push(
            Subject::recipe(&state.recipe.name, state.home).decide(Action::MoveParameters(back), reason()),
        );
    }
    sequence.push(Subject::resource(parameter, region).decide(Action::Reject, reason()));
    vec![sequence]
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
