//! Whether a recipe's next image is begun, and on what.

pub mod layers;
pub mod preflight;

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::{
    Architecture, Candidates, CloudError, Image, ImageState, Instance, InstanceRole, InstanceState,
    NewInstance,
};
use crate::model::user_data::user_data;
use crate::model::{ImageName, InstanceId, Region, Role, SubnetId, Tags, Token, Version, tags};
use crate::plan::reason::{BadBase, BakeReason};
use crate::plan::{Action, Decision, Reason, Subject};
use crate::recipe::Recipe;

/// What was observed for one recipe.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The instances of the home Region that bear this recipe's tag.
    pub instances: Vec<Instance>,
    /// The images of the home Region that bear this recipe's tag.
    pub images: Vec<Image>,
    /// The base, as the recipe names it.
    pub base: BaseLookup,
    /// What the recipe's instance type can boot.
    pub runs: Result<Vec<Architecture>, CloudError>,
}

/// The base that was looked for.
#[derive(Debug, Clone)]
pub enum BaseLookup {
    /// It was found.
    Found(Box<Image>),
    /// There is none, and what was looked for.
    Missing(String),
    /// It could not be looked up.
    LookUpFailed(CloudError),
    /// It was not looked for, since it is not needed.
    NotNeeded,
}

/// A recipe's bake, before it is decided whether it begins.
#[derive(Debug, Clone)]
pub struct BakeRequest {
    /// The image that is to be.
    pub name: ImageName,
    /// Where.
    pub home: Region,
    /// What time it is.
    pub now: DateTime<Utc>,
}

/// How far ahead of the present the time of a bake may be: more than any clock is off.
pub const LEAD: TimeDelta = TimeDelta::hours(1);

/// EC2 Auto Scaling's own tag on the instances of a group.
const AUTO_SCALING: &str = "aws:autoscaling:groupName";

/// What stands in the way of a bake, or goes before it, told by what is cheap to observe: the instances and the
/// images of the recipe. `None`: the base must be looked up, and [`decide`] asked.
pub fn without_base(
    request: &BakeRequest,
    recipe: &Recipe,
    instances: &[Instance],
    images: &[Image],
) -> Option<Decision> {
    let decision = |action, reason| Some(Subject::name(&request.name, &request.home).decide(action, reason));
    let version = request.name.version;
    let made = images.iter().find(|image| {
        image.name == request.name.to_string()
            && matches!(image.state, ImageState::Pending | ImageState::Available)
    });
    if let Some(image) = made {
        return decision(Action::Keep, Reason::Bake(BakeReason::AlreadyBaked(image.id.clone())));
    }
    let versions =
        instances.iter().map(|instance| &instance.tags).chain(images.iter().map(|image| &image.tags));
    // What bears a time that is yet to come was not baked: somebody wrote it.
    let begun = |other: &Version| *other > version && other.time() <= request.now + LEAD;
    if let Some(newer) = versions.filter_map(|of| of.read(tags::VERSION)).find(begun) {
        return decision(Action::Keep, Reason::Bake(BakeReason::NewerBake(newer)));
    }
    let ended = instances.iter().find(|instance| {
        instance.state == InstanceState::Terminated
            && instance.purpose() == InstanceRole::Builder
            && instance.tags.read(tags::VERSION) == Some(version)
    });
    if let Some(builder) = ended {
        return decision(Action::Keep, Reason::Bake(BakeReason::BakeEnded(builder.id.clone())));
    }
    let living = || instances.iter().filter(|instance| instance.state != InstanceState::Terminated);
    let long_lived: Vec<&Instance> =
        living().filter(|instance| instance.purpose() == InstanceRole::LongLived).collect();
    match long_lived.as_slice() {
        [] => {}
        [builder] if builder.tags.has(AUTO_SCALING) => {
            let group = builder.tags.get(AUTO_SCALING).unwrap_or_default().to_owned();
            return decision(
                Action::Reject,
                Reason::Bake(BakeReason::InAutoScaling(builder.id.clone(), group)),
            );
        }
        [builder] => {
            let (action, reason) = long_lived_builder(request, recipe, builder);
            return decision(action, reason);
        }
        several => {
            let ids: Vec<InstanceId> = several.iter().map(|instance| instance.id.clone()).collect();
            return decision(Action::Reject, Reason::Bake(BakeReason::SeveralLongLived(ids)));
        }
    }
    let at_work =
        living().filter(|instance| instance.purpose() == InstanceRole::Builder).find(|builder| {
            let late = builder.deadline().is_some_and(|deadline| deadline < request.now);
            builder.tags.read(tags::VERSION) == Some(version) || !late
        })?;
    let reason = Reason::Bake(BakeReason::AlreadyBaking {
        instance: at_work.id.clone(),
        version: at_work.tags.read(tags::VERSION),
    });
    decision(Action::Keep, reason)
}

fn long_lived_builder(request: &BakeRequest, recipe: &Recipe, builder: &Instance) -> (Action, Reason) {
    let marked = builder.tags.has(tags::VERSION);
    let version = builder.tags.read(tags::VERSION);
    // This very bake marked it and died before it stopped it.
    let begun = builder.state == InstanceState::Running && version == Some(request.name.version);
    let ended = builder.tags.read(tags::LAST_BAKE).is_some_and(|last: Version| last >= request.name.version);
    match builder.state {
        _ if ended && !marked => (Action::Keep, Reason::Bake(BakeReason::BakeEnded(builder.id.clone()))),
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

/// Whether the bake begins.
pub fn decide(request: &BakeRequest, recipe: &Recipe, seen: &Observed) -> Decision {
    if let Some(decision) = without_base(request, recipe, &seen.instances, &seen.images) {
        return decision;
    }
    let subject = Subject::name(&request.name, &request.home);
    let base = match &seen.base {
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
    let runs = match &seen.runs {
        Ok(runs) => runs,
        Err(error) => return subject.retry_later(error),
    };
    if let Some(reason) = unfit(base, runs, recipe, request.now) {
        return subject.decide(Action::Reject, reason);
    }
    let reason =
        Reason::Bake(BakeReason::TimeToBake { image: base.id.clone(), base: recipe.bake.base.to_string() });
    subject.decide(Action::Launch(candidates(request, recipe, base)), reason)
}

/// The newest of several images.
pub fn newest(images: Vec<Image>) -> Option<Image> {
    images.into_iter().max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)))
}

/// Why a base cannot serve.
fn unfit(base: &Image, runs: &[Architecture], recipe: &Recipe, now: DateTime<Utc>) -> Option<Reason> {
    if base.state != ImageState::Available {
        return Some(Reason::Bake(BakeReason::BadBase(BadBase::BaseNotAvailable(
            base.id.clone(),
            base.state.clone(),
        ))));
    }
    if !base.root_on_ebs {
        return Some(Reason::Bake(BakeReason::BadBase(BadBase::BaseNotOnEbs(base.id.clone()))));
    }
    if !runs.contains(&base.architecture) {
        return Some(Reason::Bake(BakeReason::BadBase(BadBase::WrongArchitecture {
            image: base.id.clone(),
            base: base.architecture.clone(),
            instance_type: recipe.bake.instance_type.clone(),
            runs: runs.to_vec(),
        })));
    }
    let since = base.deprecated.filter(|since| *since <= now && !recipe.bake.allow_deprecated)?;
    Some(Reason::Bake(BakeReason::BadBase(BadBase::BaseDeprecated(base.id.clone(), since))))
}

/// The builder, once for each subnet that the recipe names. The token of a RunInstances call holds within one
/// zone alone, so each subnet has its own, and whoever tries the next one looks first whether the one before
/// has launched after all.
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>)
fn candidates(request: &BakeRequest, recipe: &Recipe, base: &Image) -> Candidates {
    let name = &request.name;
    let deadline = request.now + recipe.bake.timeout;
    let tags = recipe
        .tags
        .clone()
        .with("Name", format!("{name} (builder)"))
        .and(&builder_tags(name, deadline).with(tags::BASE, &base.id));
    let builder = |subnet: Option<&SubnetId>| NewInstance {
        region: request.home.clone(),
        image: base.id.clone(),
        instance_type: recipe.bake.instance_type.clone(),
        token: Token::launch(Role::Builder, name, subnet.map_or("", |subnet| subnet.as_str())),
        subnet: subnet.cloned(),
        user_data: user_data(Role::Builder, name, &recipe.bake.script),
        tags: tags.clone(),
        persistent_devices: base.persistent_devices.clone(),
    };
    let named = recipe.bake.subnets.iter().map(|subnet| builder(Some(subnet)));
    Candidates::of(named).unwrap_or_else(|| Candidates { first: builder(None), others: Vec::new() })
}

/// The tags by which a builder is known.
fn builder_tags(name: &ImageName, deadline: DateTime<Utc>) -> Tags {
    Tags::new()
        .with(tags::RECIPE, &name.recipe)
        .with(tags::VERSION, name.version)
        .with(tags::ROLE, Role::Builder)
        .with_time(tags::DEADLINE, deadline)
}

#[cfg(test)]
#[path = "bake_tests.rs"]
mod tests;
