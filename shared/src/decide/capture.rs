//! Whether a stopped builder becomes an image, and when it has done its work.

use chrono::{DateTime, SecondsFormat, Utc};

use super::reason::Begun;
use super::{Action, Chain, Decision, Reason, Subject};
use crate::cloud::{Image, ImageState, Instance, InstanceState, NewImage, Purpose, StopCause};
use crate::domain::record::NoRecord;
use crate::domain::{ImageId, ImageName, ImageRecord, InstanceId, Stage, Verdict, tags};
use crate::events::outbound::{Announcement, News};
use crate::recipe::Recipe;

/// What was observed of one instance.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The instance.
    pub instance: Instance,
    /// The images of its Region that have the name of its bake.
    pub images: Vec<Image>,
    /// What its console says; read only where [`wants_console`] asks for it.
    pub verdict: Verdict,
    /// The last lines of its console, where it was read.
    pub console_tail: String,
}

/// The bake that an instance belongs to, where its tags tell one that capture cares for.
///
/// # Errors
/// Why it is left alone.
pub fn bake_of(instance: &Instance) -> Result<ImageName, Reason> {
    match instance.purpose() {
        Purpose::NotKilns => Err(Reason::NotKilns(NoRecord::NotKilns)),
        Purpose::Tester | Purpose::Unknown => Err(Reason::NotABuilder),
        Purpose::Builder | Purpose::LongLived => {
            match (instance.tags.read(tags::RECIPE), instance.tags.read(tags::VERSION)) {
                (Some(recipe), Some(version)) => Ok(ImageName { recipe, version }),
                _ => Err(Reason::NoBakeOnIt),
            }
        }
    }
}

/// Whether the console must be read before it can be decided: a launched builder whose image was not begun.
pub fn wants_console(instance: &Instance, images: &[Image], now: DateTime<Utc>) -> bool {
    let own = |image: &Image| image.source_instance.as_ref() == Some(&instance.id);
    instance.purpose() == Purpose::Builder
        && !images.iter().any(own)
        && (instance.state == InstanceState::Stopped || (running(instance) && late(instance, now)))
}

/// What becomes of a builder. `recipe` is `None` where there is none of that name any more.
pub fn decide(name: &ImageName, recipe: Option<&Recipe>, seen: &Seen, now: DateTime<Utc>) -> Chain {
    let instance = &seen.instance;
    let so = |action, because| Subject::instance(instance).so(action, because);
    let long_lived = instance.purpose() == Purpose::LongLived;
    if instance.state == InstanceState::Gone {
        return vec![so(Action::Leave, Reason::NotStopped(instance.state))];
    }
    // A deregistered image is shown for a while; it is nobody's.
    let mut images = seen.images.iter().filter(|image| image.state != ImageState::Deregistered);
    if let Some(image) = images.next() {
        return match made_of(image, name, &instance.id) {
            false => vec![so(Action::Refuse, Reason::NameTaken(image.id.clone()))],
            true if long_lived => with_image_of_long_lived(instance, image, name),
            true => with_image(instance, image, name),
        };
    }
    if running(instance) && !long_lived && late(instance, now) {
        let because = Reason::TimeIsUp(instance.deadline().unwrap_or(now));
        return fail(seen, name, because);
    }
    if instance.state != InstanceState::Stopped {
        return vec![so(Action::Leave, Reason::NotStopped(instance.state))];
    }
    let Some(recipe) = recipe else {
        return vec![so(Action::Refuse, Reason::RecipeGone(name.recipe.to_string()))];
    };
    let capture = |because| so(Action::Capture(new_image(name, recipe, instance)), because);
    if long_lived {
        return vec![
            capture(Reason::StoppedForBake),
            so(Action::StartAgain(instance.id.clone()), Reason::ImageBegun(Begun::JustNow)),
        ];
    }
    match (&instance.stop_cause, &seen.verdict) {
        (StopCause::Someone, _) => fail(seen, name, Reason::StoppedBySomeone),
        (StopCause::Other(code), _) => fail(seen, name, Reason::StoppedByOther(code.clone())),
        (StopCause::Itself, Verdict::Passed) => vec![capture(Reason::ScriptSucceeded)],
        (StopCause::Itself | StopCause::Unknown, Verdict::Failed { status, .. }) => {
            fail(seen, name, Reason::ScriptFailed(*status))
        }
        _ if late(instance, now) => fail(seen, name, Reason::NoVerdict),
        _ => vec![so(Action::LookAgain, Reason::NoVerdictYet)],
    }
}

/// Whether an image that has the name is the one that was made of this builder: it bears the tags that the call
/// put on it, and names the instance. What only looks alike is never adopted.
pub fn made_of(image: &Image, name: &ImageName, instance: &InstanceId) -> bool {
    image.record().is_ok_and(|record| record.name == *name)
        && image.source_instance.as_ref() == Some(instance)
}

fn with_image(instance: &Instance, image: &Image, name: &ImageName) -> Chain {
    let so = |action, because| Subject::instance(instance).so(action, because);
    let terminate = |because| so(Action::Terminate(instance.id.clone()), because);
    match image.state {
        ImageState::Available | ImageState::Disabled => {
            vec![terminate(Reason::ImageAvailable(image.id.clone()))]
        }
        ImageState::Failed => {
            let because = Reason::ImageFailed { image: image.id.clone(), why: image.state_reason.clone() };
            let mut chain = vec![say_failed(instance, name, &because, String::new())];
            chain.push(Subject::image(image).so(Action::Deregister(image.id.clone()), because.clone()));
            chain.push(terminate(because));
            chain
        }
        _ => vec![so(Action::Leave, Reason::ImagePending(image.id.clone()))],
    }
}

fn with_image_of_long_lived(instance: &Instance, image: &Image, name: &ImageName) -> Chain {
    let so = |action, because| Subject::instance(instance).so(action, because);
    let start = |because| so(Action::StartAgain(instance.id.clone()), because);
    match image.state {
        ImageState::Failed => {
            let because = Reason::ImageFailed { image: image.id.clone(), why: image.state_reason.clone() };
            vec![
                say_failed(instance, name, &because, String::new()),
                Subject::image(image).so(Action::Deregister(image.id.clone()), because.clone()),
                start(because),
            ]
        }
        _ => vec![start(Reason::ImageBegun(Begun::Before(image.id.clone())))],
    }
}

/// What becomes of an image whose making failed when its builder is gone already.
pub fn failed_image(image: &Image, record: &ImageRecord) -> Chain {
    let because = Reason::ImageFailed { image: image.id.clone(), why: image.state_reason.clone() };
    let mut chain = Chain::new();
    if let Some(instance) = &image.source_instance {
        let news = News::BakeFailed {
            instance: instance.clone(),
            reason: because.to_string(),
            console_tail: String::new(),
        };
        let announcement = Announcement { name: record.name.clone(), region: image.region.clone(), news };
        chain.push(Subject::image(image).so(Action::Say(announcement), because.clone()));
    }
    chain.push(Subject::image(image).so(Action::Deregister(image.id.clone()), because));
    chain
}

/// A bake that ends without an image: said first, so that no crash makes it silent, then cleared away.
fn fail(seen: &Seen, name: &ImageName, because: Reason) -> Chain {
    let instance = &seen.instance;
    let tail = match &seen.verdict {
        Verdict::Failed { tail, .. } => tail.clone(),
        _ => seen.console_tail.clone(),
    };
    vec![
        say_failed(instance, name, &because, tail),
        Subject::instance(instance).so(Action::Terminate(instance.id.clone()), because),
    ]
}

fn say_failed(instance: &Instance, name: &ImageName, because: &Reason, console_tail: String) -> Decision {
    let news = News::BakeFailed { instance: instance.id.clone(), reason: because.to_string(), console_tail };
    let announcement = Announcement { name: name.clone(), region: instance.region.clone(), news };
    Subject::instance(instance).so(Action::Say(announcement), because.clone())
}

fn new_image(name: &ImageName, recipe: &Recipe, instance: &Instance) -> NewImage {
    let base: Option<ImageId> = instance.tags.read(tags::BASE).or_else(|| instance.image.clone());
    let from = base.as_ref().map_or(String::new(), |base| format!(" from {base}"));
    let record = ImageRecord { name: name.clone(), stage: Stage::Captured, base, copied: None };
    NewImage {
        region: instance.region.clone(),
        instance: instance.id.clone(),
        name: name.to_string(),
        description: format!(
            "{} baked at {}{from}",
            name.recipe,
            name.version.time().to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
        tags: recipe.tags.clone().with("Name", name).and(&record.write()),
    }
}

fn running(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Pending | InstanceState::Running)
}

fn late(instance: &Instance, now: DateTime<Utc>) -> bool {
    instance.deadline().is_some_and(|deadline| deadline < now)
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
