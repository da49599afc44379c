//! Whether an image is tested, and what its tester tells of it.

pub mod adopt;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Announcement, News};
use crate::inventory::{
    Candidates, CloudError, Image, ImageState, Instance, InstanceState, NewInstance, Purpose, StopCause,
    Subnet,
};
use crate::model::user_data::user_data;
use crate::model::{
    ImageId, ImageRecord, InstanceId, Region, Role, Stage, SubnetId, Tags, Token, Verdict, tags,
};
use crate::plan::reason::{ScriptReason, VerifyReason};
use crate::plan::{Action, Chain, Decision, Reason, Subject};
use crate::recipe::Recipe;

/// What was observed of one image and its testers.
#[derive(Debug, Clone)]
pub struct Seen {
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
    pub verdict: Verdict,
    /// Its last lines.
    pub tail: String,
}

/// The image that an instance tests.
///
/// # Errors
/// Why it is none of verify's.
pub fn image_under_test(instance: &Instance) -> Result<ImageId, Reason> {
    match instance.purpose() {
        Purpose::Tester => instance.tags.read(tags::IMAGE).ok_or(Reason::Verify(VerifyReason::NotATester)),
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
    tester.state == InstanceState::Stopped || (tester.state != InstanceState::Gone && late(tester, now))
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
enum Told {
    AtWork,
    Passed,
    Failed { why: ScriptReason, tail: String },
    NotYet,
    Unseen(CloudError),
}

/// What becomes of an image and its testers. `recipe` is `None` where there is none of that name any more.
pub fn decide(recipe: Option<&Recipe>, seen: &Seen, now: DateTime<Utc>) -> Chain {
    let living: Vec<&Instance> = seen.testers.iter().filter(|tester| lives(tester)).collect();
    let gone = || Reason::RecipeGone(seen.record.name.recipe.to_string());
    let recipe = match recipe
        .ok_or_else(gone)
        .and_then(|recipe| wants_test(recipe, &seen.image, &seen.record).map(|()| recipe))
    {
        Ok(recipe) => recipe,
        Err(because) => return beyond(seen, &living, because),
    };
    if living.is_empty() {
        return vec![launch(recipe, seen, now)];
    }
    let told: Vec<(&Instance, Told)> =
        living.iter().map(|tester| (*tester, told(seen, tester, now))).collect();
    if let Some((tester, _)) = told.iter().find(|(_, told)| matches!(told, Told::Passed)) {
        return pass(seen, tester, &living);
    }
    if let Some((tester, why, tail)) = told.iter().find_map(|(tester, told)| match told {
        Told::Failed { why, tail } => Some((*tester, why, tail)),
        _ => None,
    }) {
        return fail(seen, tester, why, tail, &living);
    }
    let waits = |(tester, told): (&Instance, Told)| match told {
        Told::Unseen(error) => Subject::instance(tester).unseen(&error),
        Told::NotYet => Subject::instance(tester).so(Action::LookAgain, ScriptReason::NoVerdictYet),
        _ => Subject::instance(tester).so(Action::Leave, VerifyReason::TesterAtWork(tester.id.clone())),
    };
    told.into_iter().map(waits).collect()
}

/// A tester whose image is gone, or needs no test any more: whoever wrote the verdict may have died before it was said.
fn beyond(seen: &Seen, living: &[&Instance], because: Reason) -> Chain {
    let Some(tester) = living.first() else {
        return vec![Subject::image(&seen.image).so(Action::Leave, because)];
    };
    match seen.record.stage {
        Stage::Verified if seen.image.state == ImageState::Available => {
            let mut chain = vec![say_passed(seen, tester)];
            chain.extend(living.iter().map(|tester| end(tester, because.clone())));
            chain
        }
        _ => living.iter().map(|tester| end(tester, because.clone())).collect(),
    }
}

/// A tester whose image nobody can see any more.
pub fn orphan(tester: &Instance) -> Decision {
    match lives(tester) {
        true => end(tester, Reason::Verify(VerifyReason::NothingToTest)),
        false => Subject::instance(tester).so(Action::Leave, VerifyReason::NothingToTest),
    }
}

fn told(seen: &Seen, tester: &Instance, now: DateTime<Utc>) -> Told {
    let is_late = late(tester, now);
    if !wants_console(tester, now) {
        return Told::AtWork;
    }
    let console = match seen.consoles.get(&tester.id) {
        Some(Ok(console)) => console,
        Some(Err(error)) => return Told::Unseen(error.clone()),
        None => return Told::AtWork,
    };
    let failed = |why| Told::Failed { why, tail: console.tail.clone() };
    if tester.state != InstanceState::Stopped {
        return failed(ScriptReason::TimeIsUp(tester.deadline().unwrap_or(now)));
    }
    match (&tester.stop_cause, &console.verdict) {
        (StopCause::Someone, _) => failed(ScriptReason::StoppedBySomeone),
        (StopCause::Other(code), _) => failed(ScriptReason::StoppedByOther(code.clone())),
        (StopCause::Itself, Verdict::Passed) => Told::Passed,
        (StopCause::Itself | StopCause::Unknown, Verdict::Failed { status, tail }) => {
            Told::Failed { why: ScriptReason::Failed(*status), tail: tail.clone() }
        }
        _ if is_late => failed(ScriptReason::NoVerdict),
        _ => Told::NotYet,
    }
}

/// The stage first, for whoever is woken by the word acts on it; the tester last, for while it is there it is known that
/// the word may not have been said.
fn pass(seen: &Seen, tester: &Instance, living: &[&Instance]) -> Chain {
    let because = || Reason::Verify(VerifyReason::Passed(tester.id.clone()));
    let image = &seen.image;
    let mut chain = vec![
        Subject::image(image).so(Action::Mark(image.id.clone(), Stage::Verified), because()),
        say_passed(seen, tester),
    ];
    chain.extend(living.iter().map(|tester| end(tester, because())));
    chain
}

fn say_passed(seen: &Seen, tester: &Instance) -> Decision {
    let news = News::ImageVerified { image: seen.image.id.clone(), instance: tester.id.clone() };
    say(seen, news, Reason::Verify(VerifyReason::Passed(tester.id.clone())))
}

fn fail(seen: &Seen, tester: &Instance, why: &ScriptReason, tail: &str, living: &[&Instance]) -> Chain {
    let image = &seen.image;
    let because = || Reason::Verify(VerifyReason::Failed { tester: tester.id.clone(), why: why.clone() });
    let news = News::ImageRejected {
        image: image.id.clone(),
        reason: because().to_string(),
        console_tail: tail.to_owned(),
    };
    let mut chain = vec![
        say(seen, news, because()),
        Subject::image(image).so(Action::Mark(image.id.clone(), Stage::Rejected), because()),
    ];
    chain.extend(living.iter().map(|tester| end(tester, because())));
    chain
}

fn say(seen: &Seen, news: News, because: Reason) -> Decision {
    let said = Announcement { name: seen.record.name.clone(), region: seen.image.region.clone(), news };
    Subject::image(&seen.image).so(Action::Say(said), because)
}

fn end(tester: &Instance, because: Reason) -> Decision {
    Subject::instance(tester).so(Action::Terminate(tester.id.clone()), because)
}

/// Where the image's builder ran.
fn builders_zone(image: &Image) -> Option<String> {
    image.tags.get(tags::ZONE).map(str::to_owned)
}

fn launch(recipe: &Recipe, seen: &Seen, now: DateTime<Utc>) -> Decision {
    let subject = Subject::image(&seen.image);
    let subnets = match &seen.subnets {
        Ok(subnets) => subnets,
        Err(error) => return subject.unseen(error),
    };
    let zone = builders_zone(&seen.image);
    let mut elsewhere: Vec<&Subnet> =
        subnets.iter().filter(|subnet| zone.as_ref() != Some(&subnet.zone)).collect();
    elsewhere.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
    let testers = elsewhere.into_iter().map(|subnet| new_tester(recipe, seen, subnet, now));
    match Candidates::of(testers) {
        Some(testers) => subject.so(Action::Launch(testers), VerifyReason::TimeToTest(zone)),
        None => {
            let reason = zone.map_or(VerifyReason::NoSubnet, VerifyReason::OnlyBuildersZone);
            subject.so(Action::Refuse, reason)
        }
    }
}

fn new_tester(recipe: &Recipe, seen: &Seen, subnet: &Subnet, now: DateTime<Utc>) -> NewInstance {
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
        ephemeral_devices: seen.image.lasting_devices.clone(),
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
    tester.state != InstanceState::Gone
}

fn late(tester: &Instance, now: DateTime<Utc>) -> bool {
    tester.deadline().is_some_and(|deadline| deadline < now)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
