//! Whether an image is tested, and what its tester tells of it.

pub mod adopt;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::inventory::{
    Candidates, CloudError, Image, ImageState, Instance, InstanceRole, InstanceState, NewInstance,
    StopReason, Subnet,
};
use crate::model::user_data::user_data;
use crate::model::{
    ImageId, ImageRecord, InstanceId, Region, Role, ScriptOutcome, Stage, SubnetId, Tags, Token, tags,
};
use crate::plan::reason::{ScriptReason, VerifyReason};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// What was observed of one image and its testers.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The image, or the replica.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// Its testers, in any state.
    pub testers: Vec<Instance>,
    /// What the console of each tester says for which [`wants_console`] asks.
    pub consoles: BTreeMap<InstanceId, Result<Console, CloudError>>,
    /// Where a tester can be launched; looked for where [`wants_subnets`] says so.
    pub subnets: Result<Vec<Subnet>, CloudError>,
}

/// What a console says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The verdict on it.
    pub verdict: ScriptOutcome,
    /// Its last lines.
    pub tail: String,
}

/// The image that an instance tests.
///
/// # Errors
/// Why it is none of verify's.
pub fn image_under_test(instance: &Instance) -> Result<ImageId, Reason> {
    match instance.purpose() {
        InstanceRole::Tester => {
            instance.tags.read(tags::IMAGE).ok_or(Reason::Verify(VerifyReason::NotATester))
        }
        _ => Err(Reason::Verify(VerifyReason::NotATester)),
    }
}

/// The testers of an image among instances.
pub fn testers_of<'a>(image: &'a ImageId, instances: &'a [Instance]) -> impl Iterator<Item = &'a Instance> {
    instances.iter().filter(move |instance| image_under_test(instance).as_ref() == Ok(image))
}

/// Whether an image is yet to be tested.
///
/// # Errors
/// Why it is not.
pub fn wants_test(recipe: &Recipe, image: &Image, record: &ImageRecord) -> Result<(), Reason> {
    match (&image.state, record.stage) {
        (ImageState::Available, Stage::Captured) if record.copied.is_none() => Ok(()),
        (ImageState::Available, Stage::Captured) if recipe.replicate.verify => Ok(()),
        (ImageState::Available, Stage::Captured) => Err(Reason::Verify(VerifyReason::ReplicasUntested)),
        (ImageState::Available, stage) => Err(Reason::Verify(VerifyReason::NeedsNoTest(stage))),
        (state, _) => Err(Reason::ImageNotAvailable(state.clone())),
    }
}

/// Whether a tester's console must be read before it can be decided.
pub fn wants_console(tester: &Instance, now: DateTime<Utc>) -> bool {
    tester.state == InstanceState::Stopped || (tester.state != InstanceState::Terminated && late(tester, now))
}

/// Whether it must be known where a tester can be launched.
pub fn wants_subnets(recipe: &Recipe, image: &Image, record: &ImageRecord, testers: &[Instance]) -> bool {
    wants_test(recipe, image, record).is_ok() && testers.iter().all(|tester| !lives(tester))
}

/// The subnets that the recipe names for testers. They are of the home Region, since a subnet is of one Region: elsewhere the
/// default ones serve.
pub fn named_subnets<'a>(recipe: &'a Recipe, image: &Image) -> &'a [SubnetId] {
    let at_home = image.tags.get(tags::ORIGIN).is_none();
    if at_home { &recipe.verify.subnets } else { &[] }
}

/// What one tester tells.
enum TesterStatus {
    AtWork,
    Passed,
    Failed { why: ScriptReason, tail: String },
    NotYet,
    Unseen(CloudError),
}

/// What becomes of an image and its testers. `recipe` is `None` where there is none of that name any more.
pub fn decide(recipe: Option<&Recipe>, seen: &Observed, now: DateTime<Utc>) -> Sequence {
    let living: Vec<&Instance> = seen.testers.iter().filter(|tester| lives(tester)).collect();
    let gone = || Reason::RecipeGone(seen.record.name.recipe.to_string());
    let recipe = match recipe
        .ok_or_else(gone)
        .and_then(|recipe| wants_test(recipe, &seen.image, &seen.record).map(|()| recipe))
    {
        Ok(recipe) => recipe,
        Err(reason) => return after_its_test(seen, &living, reason),
    };
    if living.is_empty() {
        return vec![launch(recipe, seen, now)];
    }
    let status: Vec<(&Instance, TesterStatus)> =
        living.iter().map(|tester| (*tester, status(seen, tester, now))).collect();
    if let Some((tester, _)) = status.iter().find(|(_, status)| matches!(status, TesterStatus::Passed)) {
        return pass(seen, tester, &living);
    }
    if let Some((tester, why, tail)) = status.iter().find_map(|(tester, status)| match status {
        TesterStatus::Failed { why, tail } => Some((*tester, why, tail)),
        _ => None,
    }) {
        return fail(seen, tester, why, tail, &living);
    }
    let waits = |(tester, status): (&Instance, TesterStatus)| match status {
        TesterStatus::Unseen(error) => Subject::instance(tester).retry_later(&error),
        TesterStatus::NotYet => Subject::instance(tester).decide(Action::Retry, ScriptReason::NoVerdictYet),
        _ => Subject::instance(tester).decide(Action::Keep, VerifyReason::TesterAtWork(tester.id.clone())),
    };
    status.into_iter().map(waits).collect()
}

/// A tester whose image is gone, or needs no test any more: whoever wrote the verdict may have died before it was said.
fn after_its_test(seen: &Observed, living: &[&Instance], reason: Reason) -> Sequence {
    let Some(tester) = living.first() else {
        return vec![Subject::image(&seen.image).decide(Action::Keep, reason)];
    };
    match seen.record.stage {
        Stage::Verified if seen.image.state == ImageState::Available => {
            let mut sequence = vec![say_passed(seen, tester)];
            sequence.extend(living.iter().map(|tester| end(tester, reason.clone())));
            sequence
        }
        _ => living.iter().map(|tester| end(tester, reason.clone())).collect(),
    }
}

/// A tester whose image nobody can see any more.
pub fn orphan(tester: &Instance) -> Decision {
    match lives(tester) {
        true => end(tester, Reason::Verify(VerifyReason::NothingToTest)),
        false => Subject::instance(tester).decide(Action::Keep, VerifyReason::NothingToTest),
    }
}

fn status(seen: &Observed, tester: &Instance, now: DateTime<Utc>) -> TesterStatus {
    let is_late = late(tester, now);
    if !wants_console(tester, now) {
        return TesterStatus::AtWork;
    }
    let console = match seen.consoles.get(&tester.id) {
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

/// The stage first, for whoever is woken by the word acts on it; the tester last, for while it is there it is known that
/// the word may not have been said.
fn pass(seen: &Observed, tester: &Instance, living: &[&Instance]) -> Sequence {
    let reason = || Reason::Verify(VerifyReason::Passed(tester.id.clone()));
    let image = &seen.image;
    let mut sequence = vec![
        Subject::image(image).decide(Action::SetStage(image.id.clone(), Stage::Verified), reason()),
        say_passed(seen, tester),
    ];
    sequence.extend(living.iter().map(|tester| end(tester, reason())));
    sequence
}

fn say_passed(seen: &Observed, tester: &Instance) -> Decision {
    let news = Event::ImageVerified { image: seen.image.id.clone(), instance: tester.id.clone() };
    say(seen, news, Reason::Verify(VerifyReason::Passed(tester.id.clone())))
}

fn fail(
    seen: &Observed,
    tester: &Instance,
    why: &ScriptReason,
    tail: &str,
    living: &[&Instance],
) -> Sequence {
    let image = &seen.image;
    let reason = || Reason::Verify(VerifyReason::Failed { tester: tester.id.clone(), why: why.clone() });
    let news = Event::ImageRejected {
        image: image.id.clone(),
        reason: reason().to_string(),
        console_tail: tail.to_owned(),
    };
    let mut sequence = vec![
        say(seen, news, reason()),
        Subject::image(image).decide(Action::SetStage(image.id.clone(), Stage::Rejected), reason()),
    ];
    sequence.extend(living.iter().map(|tester| end(tester, reason())));
    sequence
}

fn say(seen: &Observed, news: Event, reason: Reason) -> Decision {
    let said = Envelope { name: seen.record.name.clone(), region: seen.image.region.clone(), news };
    Subject::image(&seen.image).decide(Action::Emit(said), reason)
}

fn end(tester: &Instance, reason: Reason) -> Decision {
    Subject::instance(tester).decide(Action::Terminate(tester.id.clone()), reason)
}

/// Where the image's builder ran.
fn builders_zone(image: &Image) -> Option<String> {
    image.tags.get(tags::ZONE).map(str::to_owned)
}

fn launch(recipe: &Recipe, seen: &Observed, now: DateTime<Utc>) -> Decision {
    let subject = Subject::image(&seen.image);
    let subnets = match &seen.subnets {
        Ok(subnets) => subnets,
        Err(error) => return subject.retry_later(error),
    };
    let zone = builders_zone(&seen.image);
    let mut elsewhere: Vec<&Subnet> =
        subnets.iter().filter(|subnet| zone.as_ref() != Some(&subnet.zone)).collect();
    elsewhere.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
    let testers = elsewhere.into_iter().map(|subnet| new_tester(recipe, seen, subnet, now));
    match Candidates::of(testers) {
        Some(testers) => subject.decide(Action::Launch(testers), VerifyReason::TimeToTest(zone)),
        None => {
            let reason = zone.map_or(VerifyReason::NoSubnet, VerifyReason::OnlyBuildersZone);
            subject.decide(Action::Reject, reason)
        }
    }
}

fn new_tester(recipe: &Recipe, seen: &Observed, subnet: &Subnet, now: DateTime<Utc>) -> NewInstance {
    let name = &seen.record.name;
    let deadline = now + recipe.verify.timeout;
    let own = Tags::new()
        .with("Name", format!("{name} (tester)"))
        .with(tags::RECIPE, &name.recipe)
        .with(tags::VERSION, name.version)
        .with(tags::ROLE, Role::Tester)
        .with(tags::IMAGE, &seen.image.id)
        .with_time(tags::DEADLINE, deadline);
    NewInstance {
        region: seen.image.region.clone(),
        image: seen.image.id.clone(),
        instance_type: recipe.verify.instance_type.as_ref().unwrap_or(&recipe.bake.instance_type).clone(),
        subnet: Some(subnet.id.clone()),
        user_data: user_data(Role::Tester, name, &recipe.verify.script),
        tags: recipe.tags.clone().and(&own),
        persistent_devices: seen.image.persistent_devices.clone(),
        token: Token::launch(Role::Tester, name, &place(&seen.image.region, &seen.image, subnet, now)),
    }
}

/// What makes the launch of a tester one: the image, its subnet, and the hour of the image's life. A token answers for a
/// tester that somebody terminated; in the next hour there can be another one.
fn place(region: &Region, image: &Image, subnet: &Subnet, now: DateTime<Utc>) -> String {
    let hour = image.created.map_or(0, |created| (now - created).num_hours());
    format!("{region} {} {} {hour}", image.id, subnet.id)
}

fn lives(tester: &Instance) -> bool {
    tester.state != InstanceState::Terminated
}

fn late(tester: &Instance, now: DateTime<Utc>) -> bool {
    tester.deadline().is_some_and(|deadline| deadline < now)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
