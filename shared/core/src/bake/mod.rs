//! Decides whether a recipe's next bake begins: it launches a builder from the base, or stops the recipe's long-lived
//! builder.

mod disks;
mod guest;
mod inherited;
pub mod layers;
pub mod network;
pub mod preflight;
pub mod room;
pub mod way_to_s3;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::events::outbound::Event;
use crate::inventory::{
    Architecture, Candidates, CloudError, Image, ImageState, Instance, InstanceRole, InstanceState,
    InstanceType, NewInstance, Platform, Seal,
};
use crate::model::{ImageName, Region, Role, Version, tags};
use crate::plan::reason::{BadBase, BakeReason, PreflightReason, Problem};
use crate::plan::{Action, Decision, Reason, Sequence, Subject};
use crate::recipe::{Base, FoundNetwork, LaunchPlace, Recipe};

/// What `bake` observed for one recipe.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The instances in the home Region that are tagged with this recipe.
    pub instances: Vec<Instance>,
    /// The images in the home Region that are tagged with this recipe.
    pub images: Vec<Image>,
    /// The result of looking up `bake.base`.
    pub base: BaseLookup,
    /// What each of the recipe's instance types boots.
    pub runs: BTreeMap<String, Result<InstanceType, CloudError>>,
    /// What bears the tags of `bake.network`; read only if [`crate::recipe::Network::is_by_tags`] says so.
    pub network: Result<FoundNetwork, CloudError>,
}

/// The result of looking up a recipe's base image.
#[derive(Debug, Clone)]
pub enum BaseLookup {
    /// The base image.
    Found(Box<Image>),
    /// There is no such image; holds what was looked up.
    Missing(String),
    /// The lookup failed.
    LookUpFailed(CloudError),
    /// It was not looked up, because [`without_base`] decides without it.
    NotNeeded,
}

/// A bake that an event asks for.
#[derive(Debug, Clone)]
pub struct BakeRequest {
    /// The name of the image to bake.
    pub name: ImageName,
    /// The home Region, where images are baked.
    pub home: Region,
    /// The current time.
    pub now: DateTime<Utc>,
    /// Whether it was told that this bake waited for room in vain.
    pub has_failed: bool,
}

/// The tag that EC2 Auto Scaling puts on the instances of a group.
const AUTO_SCALING: &str = "aws:autoscaling:groupName";

/// Decides a bake from what is cheap to read: the recipe's instances and images. `None` if they do not settle it;
/// then the base must be looked up, and [`decide`] called.
pub fn without_base(
    request: &BakeRequest,
    recipe: &Recipe,
    instances: &[Instance],
    images: &[Image],
) -> Option<Decision> {
    let decision = |action, reason| Some(Subject::name(&request.name, &request.home).decide(action, reason));
    let version = request.name.version;
    let existing = images.iter().find(|image| {
        request.name.is(&image.name) && matches!(image.state, ImageState::Pending | ImageState::Available)
    });
    if let Some(image) = existing {
        return decision(Action::Keep, Reason::Bake(BakeReason::AlreadyBaked(image.id.clone())));
    }
    if request.has_failed {
        return decision(Action::Keep, Reason::Bake(BakeReason::RoomNeverCame));
    }
    // What is not Kiln's own may bear any version.
    let own_instances = instances.iter().filter(|instance| instance.seal == Seal::Valid);
    let own_images = images.iter().filter(|image| image.record().is_ok());
    let versions = own_instances.map(|instance| &instance.tags).chain(own_images.map(|image| &image.tags));
    // A version in the future was not baked: somebody wrote the tag by hand.
    let begun = |other: &Version| *other > version && !other.is_of_the_future(request.now);
    if let Some(newer) = versions.filter_map(|tags| tags.read(tags::VERSION)).find(begun) {
        return decision(Action::Keep, Reason::Bake(BakeReason::NewerBake(newer)));
    }
    let finished = instances.iter().find(|instance| {
        instance.state == InstanceState::Terminated
            && instance.purpose() == InstanceRole::Builder
            && instance.tags.read(tags::VERSION) == Some(version)
    });
    if let Some(builder) = finished {
        return decision(Action::Keep, Reason::Bake(BakeReason::BakeEnded(builder.id.clone())));
    }
    let mut not_terminated = instances.iter().filter(|one| one.state != InstanceState::Terminated);
    if let Base::Instance(named) = &recipe.bake.base {
        let is_named = |one: &&Instance| one.id == *named && one.purpose() == InstanceRole::LongLived;
        let (action, reason) = match not_terminated.find(is_named) {
            Some(builder) => long_lived_builder(request, recipe, builder),
            None => {
                let reason = BakeReason::NoLongLived { instance: named.clone(), recipe: recipe.name.clone() };
                (Action::Reject, Reason::Bake(reason))
            }
        };
        return decision(action, reason);
    }
    let active = not_terminated
        .filter(|instance| instance.purpose() == InstanceRole::Builder)
        .find(|builder| builder.tags.read(tags::VERSION) == Some(version) || !builder.is_late(request.now))?;
    let reason = Reason::Bake(BakeReason::AlreadyBaking {
        instance: active.id.clone(),
        version: active.tags.read(tags::VERSION),
    });
    decision(Action::Keep, reason)
}

fn long_lived_builder(request: &BakeRequest, recipe: &Recipe, builder: &Instance) -> (Action, Reason) {
    if let Some(group) = builder.tags.get(AUTO_SCALING) {
        let reason = BakeReason::InAutoScaling(builder.id.clone(), group.to_owned());
        return (Action::Reject, Reason::Bake(reason));
    }
    // A version that Kiln did not write is no bake: it is replaced.
    let marked = builder.tags.has(tags::VERSION) && builder.seal == Seal::Valid;
    let version = builder.tags.read(tags::VERSION).filter(|_| marked);
    // This same bake tagged the instance, and died before it stopped it.
    let begun = builder.state == InstanceState::Running && version == Some(request.name.version);
    let last: Option<Version> = builder.tags.read(tags::LAST_BAKE);
    let finished =
        last.is_some_and(|last| last >= request.name.version && !last.is_of_the_future(request.now));
    match builder.state {
        _ if finished && !marked => (Action::Keep, Reason::Bake(BakeReason::BakeEnded(builder.id.clone()))),
        _ if marked && !begun => {
            (Action::Keep, Reason::Bake(BakeReason::AlreadyBaking { instance: builder.id.clone(), version }))
        }
        InstanceState::Running => {
            let stop = Action::StopForBake {
                instance: builder.id.clone(),
                version: request.name.version,
                deadline: request.now + recipe.bake.timeout,
            };
            (stop, Reason::Bake(BakeReason::LongLived(builder.id.clone())))
        }
        state => (Action::Reject, Reason::Bake(BakeReason::LongLivedNotRunning(builder.id.clone(), state))),
    }
}

/// Decides whether the bake begins.
pub fn decide(request: &BakeRequest, recipe: &Recipe, observed: &Observed) -> Decision {
    if let Some(decision) = without_base(request, recipe, &observed.instances, &observed.images) {
        return decision;
    }
    let subject = Subject::name(&request.name, &request.home);
    let base = match &observed.base {
        BaseLookup::Found(image) => image,
        BaseLookup::Missing(what) => {
            return subject.decide(Action::Reject, BakeReason::BadBase(BadBase::NoBase(what.clone())));
        }
        BaseLookup::NotNeeded => {
            return subject
                .decide(Action::Reject, BakeReason::BadBase(BadBase::NoBase(recipe.bake.base.to_string())));
        }
        BaseLookup::LookUpFailed(error) => return subject.retry_later(error),
    };
    if let Some(error) = observed.runs.values().find_map(|runs| runs.as_ref().err()) {
        return subject.retry_later(error);
    }
    if let Some(problem) = base_problem(base, observed, recipe, request.now) {
        return subject.decide(Action::Reject, BakeReason::BadBase(problem));
    }
    let found = match &observed.network {
        Ok(found) => found,
        Err(error) => return subject.retry_later(error),
    };
    if let Some(why) = found.bad_tags(&recipe.bake.network, &request.home).into_iter().next() {
        let problem = Problem::Tags { field: format!("bake.network.{}", why.field()), why };
        return subject.decide(Action::Reject, PreflightReason::Found(Box::new(problem)));
    }
    let reason =
        Reason::Bake(BakeReason::TimeToBake { image: base.id.clone(), base: recipe.bake.base.to_string() });
    let launch = Candidates {
        waits_until: Some(room::until(request.name.version, recipe)),
        ..candidates(request, recipe, base, found)
    };
    subject.decide(Action::Launch(launch), reason)
}

/// The sequence of a bake that does not begin, if whatever stands in its way rejects it: then the event that says so
/// comes first. What could not be read and is tried again is no refusal, and neither is what is only told.
pub fn refused(name: &ImageName, home: &Region, sequence: Sequence) -> Sequence {
    let settled = |one: &&Decision| one.action == Action::Reject && !may_pass(&one.reason);
    let in_the_way: Vec<&Decision> =
        sequence.iter().filter(|one| preflight::stands_in_the_way(one)).collect();
    let Some(first) = in_the_way.first().filter(|_| in_the_way.iter().all(settled)) else {
        return sequence;
    };
    let reasons: Vec<String> = in_the_way.iter().map(|one| one.reason.to_string()).collect();
    let news = Event::BakeRefused { reason: reasons.join("; ") };
    let event = Subject::name(name, home).emit(name, news, first.reason.clone());
    std::iter::once(event).chain(sequence).collect()
}

/// Whether a bake that is refused for this reason may begin if it is tried again at once: a check could not be made.
fn may_pass(reason: &Reason) -> bool {
    let Reason::Preflight(PreflightReason::Found(problem)) = reason else { return false };
    match problem.as_ref() {
        Problem::Unknown(error) | Problem::Parameter { error, .. } => error.kind.is_retryable(),
        _ => false,
    }
}

/// The image that was created last; of two created at the same time, the one with the greater id.
pub fn newest(images: Vec<Image>) -> Option<Image> {
    images.into_iter().max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)))
}

/// The newest of the images that run on an instance type with these architectures. If none does, the newest of all, so
/// that the reason names it. A publisher gives the images of all architectures similar names.
pub fn newest_that_runs(images: Vec<Image>, runs: &[Architecture]) -> Option<Image> {
    let (suitable, others): (Vec<Image>, Vec<Image>) =
        images.into_iter().partition(|image| runs.contains(&image.architecture));
    newest(suitable).or_else(|| newest(others))
}

/// The newest image of each architecture.
pub fn newest_of_each(images: Vec<Image>) -> Vec<Image> {
    let mut by_architecture: BTreeMap<Architecture, Vec<Image>> = BTreeMap::new();
    for image in images {
        by_architecture.entry(image.architecture.clone()).or_default().push(image);
    }
    by_architecture.into_values().filter_map(newest).collect()
}

/// Why nothing can be baked from this base; `None` if it is suitable.
fn base_problem(base: &Image, observed: &Observed, recipe: &Recipe, now: DateTime<Utc>) -> Option<BadBase> {
    if base.state != ImageState::Available {
        return Some(BadBase::BaseNotAvailable(base.id.clone(), base.state.clone()));
    }
    if !base.root_on_ebs {
        return Some(BadBase::BaseNotOnEbs(base.id.clone()));
    }
    if base.features.platform == Platform::MacOs {
        return Some(BadBase::MacOs(base.id.clone()));
    }
    let runs = |name: &str| {
        observed
            .runs
            .get(name)
            .and_then(|runs| runs.as_ref().ok())
            .map_or(&[][..], |runs| &runs.architectures)
    };
    if let Some(other) = recipe.bake.types().find(|name| !runs(name).contains(&base.architecture)) {
        return Some(BadBase::WrongArchitecture {
            image: base.id.clone(),
            base: base.architecture.clone(),
            instance_type: other.to_owned(),
            runs: runs(other).to_vec(),
        });
    }
    let since = base.deprecated.filter(|since| *since <= now && !recipe.bake.allow_deprecated)?;
    Some(BadBase::BaseDeprecated(base.id.clone(), since))
}

/// One builder for each subnet that the recipe names by its id or its tags, with each of its instance types, to be tried in turn: first every
/// subnet with the preferred type. A client token is idempotent within one Availability Zone and for one type only, so
/// each has its own. Before the next subnet is tried, the caller checks whether the call for the previous one launched
/// an instance after all.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
fn candidates(request: &BakeRequest, recipe: &Recipe, base: &Image, found: &FoundNetwork) -> Candidates {
    let name = &request.name;
    let deadline = request.now + recipe.bake.timeout;
    let own_tags = Role::Builder.tags(name, deadline).with(tags::BASE, &base.id);
    let of_base = own_tags.clone().with(tags::BASE_NAME, &base.name);
    let mut tags = recipe.own_tags(&of_base).and(&own_tags);
    if let Some(baked_by) = recipe.fingerprint() {
        tags = tags.with(tags::BAKED_BY, baked_by);
    }
    let builder = |instance_type: &str, (subnet, groups): &LaunchPlace| NewInstance {
        region: request.home.clone(),
        image: base.id.clone(),
        platform: base.features.platform,
        instance_type: instance_type.to_owned(),
        subnet: subnet.clone(),
        role: Role::Builder,
        profile: recipe.bake.profile.clone(),
        name: name.clone(),
        program: recipe.program(Role::Builder),
        launch: further_type(recipe, instance_type),
        tags: tags.clone(),
        security_groups: groups.clone(),
        public_ip: recipe.bake.network.public_ip,
        disks: disks::of_builder(base, &recipe.bake.disks),
    };
    let places = found.places(&recipe.bake.network);
    let of_type = |name| places.iter().map(move |place| (name, place));
    let all = recipe.bake.types().flat_map(of_type).map(|(name, place)| builder(name, place));
    // The recipe has a type, and there is a place for it.
    let preferred = || builder(&recipe.bake.instance_type, &(None, Vec::new()));
    Candidates::of(all).unwrap_or_else(|| Candidates {
        first: preferred(),
        others: Vec::new(),
        waits_until: None,
    })
}

/// What tells the token of a further type from that of the preferred one, which has none of its own.
pub fn further_type(recipe: &Recipe, instance_type: &str) -> String {
    if instance_type == recipe.bake.instance_type { String::new() } else { instance_type.to_owned() }
}

#[cfg(test)]
#[path = "bake_tests.rs"]
mod tests;
