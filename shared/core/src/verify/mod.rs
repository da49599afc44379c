//! Decides whether an image is tested, and turns the outcome of its tester into a pass or a rejection.

pub mod adopt;
mod launch;
mod observed;
mod unchanged;

pub use launch::network;
pub use observed::{Console, Observed};

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::outbound::Event;
use crate::inventory::{CloudError, Image, ImageState, Instance, InstanceRole, InstanceState, StopReason};
use crate::model::AnchoredEnd;
use crate::model::contents::{Listing, contents_key};
use crate::model::{ImageId, ImageRecord, InstanceId, Kept, ScriptOutcome, Stage, Tags, Version, tags};
use crate::plan::reason::{ScriptReason, VerifyReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject, anchored};
use crate::recipe::Recipe;

/// The image that an instance tests.
///
/// # Errors
/// Why `verify` leaves the instance alone.
pub fn image_under_test(instance: &Instance) -> Result<ImageId, Reason> {
    match instance.purpose() {
        InstanceRole::Tester => {
            instance.tags.read(tags::IMAGE).ok_or(Reason::Verify(VerifyReason::NotATester))
        }
        _ => Err(Reason::Verify(VerifyReason::NotATester)),
    }
}

/// The testers of an image among `instances`.
pub fn testers_of<'a>(image: &'a ImageId, instances: &'a [Instance]) -> impl Iterator<Item = &'a Instance> {
    instances.iter().filter(move |instance| image_under_test(instance).as_ref() == Ok(image))
}

/// Whether an image must still be tested.
///
/// # Errors
/// Why it need not be.
pub fn wants_test(recipe: &Recipe, image: &Image, record: &ImageRecord) -> Result<(), Reason> {
    match (&image.state, record.stage) {
        (ImageState::Available, Stage::Captured) if record.copied.is_none() => Ok(()),
        (ImageState::Available, Stage::Captured) if recipe.replicate.verify => Ok(()),
        (ImageState::Available, Stage::Captured) => Err(Reason::Verify(VerifyReason::ReplicasUntested)),
        (ImageState::Available, stage) => Err(Reason::Verify(VerifyReason::NeedsNoTest(stage))),
        (state, _) => Err(Reason::ImageNotAvailable(state.clone())),
    }
}

/// The record with which a rejected image is tested again, because somebody asked for it.
///
/// # Errors
/// Why it is not.
pub fn retest(image: &Image, record: &ImageRecord, now: DateTime<Utc>) -> Result<ImageRecord, Reason> {
    match (&image.state, record.stage) {
        (ImageState::Available, Stage::Rejected) => Ok(record.asked_again(now)),
        (ImageState::Available, stage) => Err(Reason::Verify(VerifyReason::NotRejected(stage))),
        (state, _) => Err(Reason::ImageNotAvailable(state.clone())),
    }
}

/// Whether a tester's console must be read before [`decide`] can be called.
pub fn wants_console(tester: &Instance, now: DateTime<Utc>) -> bool {
    tester.state == InstanceState::Stopped
        || (tester.state != InstanceState::Terminated && tester.is_late(now))
}

/// Whether it must be read where testers can be launched: the image must be tested, and no tester exists.
pub fn wants_network(recipe: &Recipe, image: &Image, record: &ImageRecord, testers: &[Instance]) -> bool {
    wants_test(recipe, image, record).is_ok() && testers.iter().all(|tester| !exists(tester))
}

/// Whether the home images of the recipe must be read before [`decide`] can be called: a tester has stopped, and an image
/// that is the same as the newest release is not to be published.
pub fn wants_releases(recipe: &Recipe, image: &Image, record: &ImageRecord, testers: &[Instance]) -> bool {
    recipe.publish.skip_unchanged
        && record.copied.is_none()
        && wants_test(recipe, image, record).is_ok()
        && testers.iter().any(|tester| tester.state == InstanceState::Stopped)
}

/// The outcome of one tester so far.
enum TesterStatus {
    AtWork,
    Passed,
    Failed { why: ScriptReason, tail: String },
    NotYet,
    Unseen(CloudError),
}

/// Decides what happens to an image and its testers. `recipe` is `None` if there is no readable recipe of that name.
pub fn decide(recipe: Option<&Recipe>, observed: &Observed, now: DateTime<Utc>) -> Sequence {
    let existing: Vec<&Instance> = observed.testers.iter().filter(|tester| exists(tester)).collect();
    let recipe_gone = || Reason::RecipeGone(observed.record.name.recipe.to_string());
    let readable = recipe;
    let recipe = match readable
        .ok_or_else(recipe_gone)
        .and_then(|recipe| wants_test(recipe, &observed.image, &observed.record).map(|()| recipe))
    {
        Ok(recipe) => recipe,
        Err(reason) => return after_test(readable, observed, &existing, reason),
    };
    if existing.is_empty() {
        if let Some(until) = launch_deadline(observed).filter(|until| *until < now) {
            return reject(observed, None, Reason::Verify(VerifyReason::NoTesterInTime(until)), "", &[]);
        }
        return vec![launch::launch(recipe, observed, now)];
    }
    let status: Vec<(&Instance, TesterStatus)> =
        existing.iter().map(|tester| (*tester, status(observed, tester, now))).collect();
    if let Some((tester, _)) = status.iter().find(|(_, status)| matches!(status, TesterStatus::Passed)) {
        return pass(recipe, observed, tester, &existing);
    }
    if let Some((tester, why, tail)) = status.iter().find_map(|(tester, status)| match status {
        TesterStatus::Failed { why, tail } => Some((*tester, why, tail)),
        _ => None,
    }) {
        return fail(observed, tester, why, tail, &existing);
    }
    let undecided = |(tester, status): (&Instance, TesterStatus)| match status {
        TesterStatus::Unseen(error) => Subject::instance(tester).retry_later(&error),
        TesterStatus::NotYet => Subject::instance(tester).decide(Action::Retry, ScriptReason::NoVerdictYet),
        _ => Subject::instance(tester).decide(Action::Keep, VerifyReason::TesterAtWork(tester.id.clone())),
    };
    status.into_iter().map(undecided).collect()
}

/// Terminates the testers of an image that no longer exists or needs no test any more. If the image is verified, its
/// event is sent again first, because the function that set the stage may have died before it sent it.
fn after_test(
    recipe: Option<&Recipe>,
    observed: &Observed,
    existing: &[&Instance],
    reason: Reason,
) -> Sequence {
    let Some(tester) = existing.first() else {
        return vec![untested(&observed.image, &observed.record, reason)];
    };
    match observed.record.stage {
        Stage::Verified if observed.image.state == ImageState::Available => {
            let mut sequence = vec![emit_verified(observed, tester)];
            sequence.extend(kept_contents(recipe, observed, tester));
            sequence.extend(existing.iter().map(|tester| terminate(tester, reason.clone())));
            sequence
        }
        _ => existing.iter().map(|tester| terminate(tester, reason.clone())).collect(),
    }
}

/// What happens to an image that needs no test: nothing, unless somebody has set its tag back from `rejected`.
pub fn untested(image: &Image, record: &ImageRecord, reason: Reason) -> Decision {
    let right = anchored::set_right(image).filter(|_| record.stage.is_out());
    right.unwrap_or_else(|| Subject::image(image).decide(Action::Keep, reason))
}

/// Decides what happens to a tester whose image no longer exists.
pub fn orphan(tester: &Instance) -> Decision {
    match exists(tester) {
        true => terminate(tester, Reason::Verify(VerifyReason::NothingToTest)),
        false => Subject::instance(tester).decide(Action::Keep, VerifyReason::NothingToTest),
    }
}

fn status(observed: &Observed, tester: &Instance, now: DateTime<Utc>) -> TesterStatus {
    let is_late = tester.is_late(now);
    if !wants_console(tester, now) {
        return TesterStatus::AtWork;
    }
    let console = match observed.consoles.get(&tester.id) {
        Some(Ok(console)) => console,
        Some(Err(error)) => return TesterStatus::Unseen(error.clone()),
        None => return TesterStatus::AtWork,
    };
    let failed = |why| TesterStatus::Failed { why, tail: console.tail.clone() };
    if tester.state != InstanceState::Stopped {
        return failed(ScriptReason::TimeIsUp(tester.deadline().unwrap_or(now)));
    }
    match (&tester.stop_reason, &console.verdict) {
        (StopReason::Api, _) => failed(ScriptReason::StoppedBySomeone),
        (StopReason::Other(code), _) => failed(ScriptReason::StoppedByOther(code.clone())),
        (StopReason::Guest, ScriptOutcome::Passed) => TesterStatus::Passed,
        (StopReason::Guest | StopReason::Unknown, ScriptOutcome::Failed { status, tail }) => {
            TesterStatus::Failed { why: ScriptReason::Failed(*status), tail: tail.clone() }
        }
        _ if is_late => failed(ScriptReason::NoVerdict),
        _ => TesterStatus::NotYet,
    }
}

/// Sets the stage before it sends the event, because the functions that the event wakes read the stage. Terminates
/// the testers last, because a tester that still exists shows that the event may not have been sent.
fn pass(recipe: &Recipe, observed: &Observed, tester: &Instance, existing: &[&Instance]) -> Sequence {
    let reason = || Reason::Verify(VerifyReason::Passed(tester.id.clone()));
    let image = &observed.image;
    let listing = listing(observed, tester);
    let twin = listing.filter(|_| observed.asked.is_none()).and_then(|listing| {
        let one = (image, &observed.record);
        unchanged::same_as(recipe, one, &listing.summary, &observed.releases)
    });
    if let Some(twin) = twin {
        return end_unchanged(recipe, observed, tester, twin, existing);
    }
    let contents = listing.map(|listing| Tags::new().with(tags::CONTENTS, &listing.summary));
    let verified = observed.record.at(Stage::Verified);
    let mut sequence = vec![
        Subject::image(image)
            .decide(Action::SetStage(image.id.clone(), verified, contents.unwrap_or_default()), reason()),
        emit_verified(observed, tester),
    ];
    sequence.extend(kept_contents(Some(recipe), observed, tester));
    sequence.extend(existing.iter().map(|tester| terminate(tester, reason())));
    sequence
}

/// Says that an image is the same as a release, and lets it go no further. The event first, so that no crash can lose it.
fn end_unchanged(
    recipe: &Recipe,
    observed: &Observed,
    tester: &Instance,
    same_as: Version,
    existing: &[&Instance],
) -> Sequence {
    if let Some(builder) = &observed.builder {
        // Without its image, the bake would seem to have failed.
        let reason = VerifyReason::BuilderThere(builder.clone());
        return vec![Subject::image(&observed.image).decide(Action::Retry, reason)];
    }
    let reason = || Reason::Verify(VerifyReason::Unchanged { tester: tester.id.clone(), same_as });
    let image = &observed.image;
    let copies_saved = recipe.replica_regions(&image.region).count();
    let news = Event::ImageUnchanged {
        image: image.id.clone(),
        instance: tester.id.clone(),
        same_as,
        copies_saved,
        gib_saved: u64::from(image.gib) * (copies_saved as u64 + 1),
    };
    let mut sequence = vec![emit(observed, news, reason())];
    sequence.extend(anchored::ended(image, &observed.record, AnchoredEnd::Unchanged, &reason()));
    sequence.extend(existing.iter().map(|tester| terminate(tester, reason())));
    sequence
}

/// What a tester listed.
fn listing<'o>(observed: &'o Observed, tester: &Instance) -> Option<&'o Listing> {
    observed.consoles.get(&tester.id)?.as_ref().ok()?.listing.as_ref()
}

/// Keeps the list of a home image, as long as its tester is there, and the recipe that it was baked by. A replica has the
/// same.
fn kept_contents(recipe: Option<&Recipe>, observed: &Observed, tester: &Instance) -> Option<Decision> {
    let contents = listing(observed, tester)?.contents.clone()?;
    let record = Some(&observed.record).filter(|record| record.copied.is_none())?;
    let recipe = recipe.filter(|recipe| has_baked(recipe, &observed.image));
    let kept = Kept { contents, recipe: recipe.map(|recipe| recipe.document.clone()) };
    let keep = Action::KeepContents { key: contents_key(&record.name), kept };
    Some(Subject::image(&observed.image).decide(keep, VerifyReason::Passed(tester.id.clone())))
}

/// Whether an image was baked by a recipe as that is now: somebody may have changed it since.
fn has_baked(recipe: &Recipe, image: &Image) -> bool {
    let by = recipe.fingerprint();
    by.is_some_and(|by| image.tags.get(tags::BAKED_BY) == Some(by.as_str()))
}

fn emit_verified(observed: &Observed, tester: &Instance) -> Decision {
    let news = Event::ImageVerified { image: observed.image.id.clone(), instance: tester.id.clone() };
    emit(observed, news, Reason::Verify(VerifyReason::Passed(tester.id.clone())))
}

fn fail(
    observed: &Observed,
    tester: &Instance,
    why: &ScriptReason,
    tail: &str,
    existing: &[&Instance],
) -> Sequence {
    let reason = VerifyReason::Failed { tester: tester.id.clone(), why: why.clone() };
    reject(observed, Some(&tester.id), reason.into(), tail, existing)
}

/// How long after an image was made, or brought back, a tester may be launched for it.
const LAUNCH_WINDOW: TimeDelta = TimeDelta::hours(24);

/// When it is no longer waited for a tester: a zone that has no room today has some tomorrow, or never. `None` for what
/// has no such time: an image that was adopted is older than that from the first, and whoever asks for a test gets one.
fn launch_deadline(observed: &Observed) -> Option<DateTime<Utc>> {
    let begun = observed.image.under_way_since()?;
    (!observed.record.adopted && observed.asked.is_none()).then_some(begun + LAUNCH_WINDOW)
}

/// Sends the event before it sets the stage, so that no crash can lose the event.
fn reject(
    observed: &Observed,
    tester: Option<&InstanceId>,
    reason: Reason,
    tail: &str,
    existing: &[&Instance],
) -> Sequence {
    let (image, reason) = (&observed.image, || reason.clone());
    let tested_on = existing.iter().find(|one| Some(&one.id) == tester);
    let news = Event::ImageRejected {
        image: image.id.clone(),
        instance: tester.cloned(),
        reason: reason().to_string(),
        console_tail: tail.to_owned(),
        log: tested_on.and_then(|one| one.tags.get(tags::LOG)).map(str::to_owned),
    };
    let mut sequence = vec![emit(observed, news, reason())];
    sequence.extend(anchored::rejected(image, &observed.record, &reason()));
    sequence.extend(existing.iter().map(|tester| terminate(tester, reason())));
    sequence
}

fn emit(observed: &Observed, news: Event, reason: Reason) -> Decision {
    Subject::image(&observed.image).emit(&observed.record.name, news, reason)
}

fn terminate(tester: &Instance, reason: Reason) -> Decision {
    Subject::instance(tester).decide(Action::Terminate(tester.id.clone()), reason)
}

fn exists(tester: &Instance) -> bool {
    tester.state != InstanceState::Terminated
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "unchanged_tests.rs"]
mod unchanged_tests;
