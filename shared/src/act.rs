//! Carries decisions out, each idempotent, and reports what became of each.

pub mod report;

use chrono::{DateTime, Utc};
use futures::future::FutureExt;
use futures::stream::{self, StreamExt};

use crate::cloud::image::Deletion;
use crate::cloud::{Cloud, CloudError, Deregistration, Kind, NewBuilder, NewImage, NewReplica, Wanted};
use crate::decide::{Action, Chain, Decision, Reason, capture};
use crate::domain::{ImageId, ImageName, InstanceId, Region, SnapshotId, Stage, Tags, tags};
use crate::events::inbound::Mode;
use crate::events::outbound::{Announcement, News};

pub use report::{Line, Outcome, Report};

/// How many chains are carried out at the same time: enough that Regions do not wait for each other, few enough
/// that EC2's buckets (100 calls at once for most) are not emptied.
const AT_ONCE: usize = 8;

/// What carrying out one action brought.
#[derive(Debug, Default)]
struct Deed {
    /// The id of what it made or found made.
    made: Option<String>,
    /// The snapshots that went.
    deleted: Vec<SnapshotId>,
    /// The snapshots that should have gone and stayed, each with EC2's word for why.
    stayed: Vec<String>,
    /// Whether somebody had done it before.
    before: bool,
}

impl Deed {
    fn of(made: impl ToString) -> Self {
        Self { made: Some(made.to_string()), ..Self::default() }
    }

    /// Somebody, or another run, was faster.
    fn before() -> Self {
        Self { before: true, ..Self::default() }
    }
}

/// Carries chains out, and says on the bus what was done. A chain that fails holds no other one up.
pub async fn act<C: Cloud>(cloud: &C, chains: Vec<Chain>, mode: Mode, now: DateTime<Utc>) -> Report {
    let done: Vec<(Vec<Line>, Vec<Announcement>)> = stream::iter(chains)
        .map(|chain| carry_out(cloud, chain, mode, now).boxed_local())
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut lines, mut news) = (Vec::new(), Vec::new());
    for (of_chain, said) in done {
        lines.extend(of_chain);
        news.extend(said);
    }
    let unsaid = if news.is_empty() { None } else { cloud.send(&news, now).await.err() };
    let report = Report { lines, unsaid };
    report.log_unsaid();
    report
}

async fn carry_out<C: Cloud>(
    cloud: &C,
    chain: Chain,
    mode: Mode,
    now: DateTime<Utc>,
) -> (Vec<Line>, Vec<Announcement>) {
    let (mut lines, mut news) = (Vec::new(), Vec::new());
    let mut repaired: Vec<Decision> = Vec::new();
    let long_lived = chain.iter().any(|decision| matches!(decision.action, Action::StartAgain(_)));
    let (mut broken, mut for_good) = (false, false);
    for decision in chain {
        let outcome = match (&decision.action, mode) {
            (Action::Leave, _) => Outcome::Left,
            // Whatever became of its image: a person's own instance goes back to its work.
            (action @ Action::StartAgain(_), Mode::Carry | Mode::Repair) if broken && for_good => {
                match perform(cloud, &decision, action, mode, now).await {
                    Ok(_) => Outcome::Done { made: None },
                    Err(failure) => Outcome::Failed { error: failure.to_string() },
                }
            }
            (Action::Refuse | Action::LookAgain, _) => {
                broken = true;
                Outcome::Failed { error: decision.because.to_string() }
            }
            _ if broken => Outcome::NotBegun,
            (_, Mode::DryRun) => Outcome::Planned,
            (action, Mode::Carry | Mode::Repair) => {
                match perform(cloud, &decision, action, mode, now).await {
                    Ok(deed) => {
                        news.extend(news_of(&decision, &deed));
                        if mode == Mode::Repair && !deed.before && !matches!(action, Action::Say(_)) {
                            repaired.push(decision.clone());
                        }
                        match deed.stayed.as_slice() {
                            [] => Outcome::Done { made: deed.made },
                            // The image itself is gone, so the chain goes on.
                            stayed => Outcome::Failed { error: snapshots_stayed(stayed) },
                        }
                    }
                    Err(failure) => {
                        broken = true;
                        for_good = failure.is_for_good();
                        news.extend(news_of_failure(&decision, &failure, long_lived));
                        Outcome::Failed { error: failure.to_string() }
                    }
                }
            }
        };
        let line = Line::of(decision, outcome);
        line.log();
        lines.push(line);
    }
    news.extend(news_of_repair(&repaired, now));
    (lines, news)
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Cloud(#[from] CloudError),
    #[error("{0}")]
    Rule(Reason),
}

impl Failure {
    /// Whether trying again cannot help.
    fn is_for_good(&self) -> bool {
        match self {
            Self::Cloud(error) => !error.kind.passes(),
            Self::Rule(_) => true,
        }
    }
}

async fn perform<C: Cloud>(
    cloud: &C,
    decision: &Decision,
    action: &Action,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Deed, Failure> {
    let region = &decision.subject.region;
    match action {
        Action::Leave | Action::Refuse | Action::LookAgain => Ok(Deed::default()),
        Action::Launch(builders) => launch(cloud, builders).await,
        Action::StopForBake { instance, version, deadline } => {
            let marks = Tags::new()
                .with(tags::VERSION, version)
                .with_time(tags::DEADLINE, *deadline)
                .with(tags::BAKED, version);
            cloud.tag_instance(region, instance, &marks).await?;
            match cloud.stop(region, instance).await {
                // Marked and never stopped by Kiln, it would be imaged whenever its owner stops it.
                Err(error) if !error.kind.passes() => {
                    let marks = [tags::VERSION, tags::DEADLINE, tags::BAKED];
                    let _ = cloud.untag_instance(region, instance, &marks).await;
                    return Err(error.into());
                }
                stopped => stopped?,
            }
            Ok(Deed::of(instance))
        }
        Action::Capture(new) => {
            let image = create(cloud, new).await?;
            // Without it nothing is lost but that a person who takes the image away gets it again.
            let begun = Tags::new().with(tags::IMAGE, &image);
            let _ = cloud.tag_instance(region, &new.instance, &begun).await;
            Ok(Deed::of(image))
        }
        Action::StartAgain(instance) => {
            cloud.start(region, instance).await?;
            cloud.untag_instance(region, instance, &[tags::VERSION, tags::DEADLINE]).await?;
            Ok(Deed::default())
        }
        Action::Terminate(instance) => {
            Ok(cloud.terminate(region, instance).await.map(|()| Deed::default())?)
        }
        Action::Copy(new) => match cloud.copy_image(new).await {
            Err(error) if error.kind == Kind::TokenUsed => Ok(Deed::before()),
            Err(error) => Err(error.into()),
            Ok(made) => Ok(Deed {
                before: mode == Mode::Repair && is_gone(cloud, new, &made).await,
                ..Deed::of(made)
            }),
        },
        Action::Mark(image, stage) => {
            let marked = cloud.tag_image(region, image, &Tags::new().with(tags::STAGE, stage)).await;
            Ok(if *stage == Stage::Retired {
                unless_gone(marked)?
            } else {
                marked.map(|()| Deed::default())?
            })
        }
        Action::BringBack(image, now) => {
            let tags = Tags::new().with(tags::STAGE, Stage::Captured).with_time(tags::AGAIN, *now);
            Ok(unless_gone(cloud.tag_image(region, image, &tags).await)?)
        }
        Action::Retire(image, since) => {
            // The tags first: whoever hears of the disabling already reads why.
            let tags = Tags::new().with(tags::STAGE, Stage::Retired).with_time(tags::RETIRED, *since);
            let retire = async {
                cloud.tag_image(region, image, &tags).await?;
                cloud.disable_image(region, image).await
            };
            Ok(unless_gone(retire.await)?)
        }
        Action::Deregister(image) => deregister(cloud, region, image).await,
        Action::MarkOrphan(snapshot, since) => {
            let tags = Tags::new().with_time(tags::ORPHANED, *since);
            Ok(cloud.tag_snapshot(region, snapshot, &tags).await.map(|()| Deed::default())?)
        }
        Action::DeleteSnapshot(snapshot) => match cloud.delete_snapshot(region, snapshot).await {
            Err(error) if error.kind == Kind::InUse => {
                Err(Failure::Rule(Reason::SnapshotUsed(snapshot.clone())))
            }
            outcome => Ok(outcome.map(|()| Deed::default())?),
        },
        Action::Say(announcement) => {
            Ok(cloud.send(std::slice::from_ref(announcement), now).await.map(|()| Deed::default())?)
        }
    }
}

/// Whether the replica that a copy answered with is none that is there: a token answers with what it once made even when
/// somebody has deregistered that since, and then nothing was repaired.
async fn is_gone<C: Cloud>(cloud: &C, new: &NewReplica, made: &ImageId) -> bool {
    cloud.images(&new.region, &Wanted::Id(made.clone())).await.is_ok_and(|images| images.is_empty())
}

/// An image that is gone is more than retired.
fn unless_gone(done: Result<(), CloudError>) -> Result<Deed, CloudError> {
    match done {
        Err(error) if error.kind == Kind::NotFound => Ok(Deed::before()),
        done => done.map(|()| Deed::default()),
    }
}

/// Launches a builder where there is room. A token holds within one zone alone, so before the next zone is tried
/// it is looked up whether the one before has launched after all. A token that was used stands for a builder of
/// this very bake, so this bake has begun before, and may even have ended.
async fn launch<C: Cloud>(cloud: &C, builders: &[NewBuilder]) -> Result<Deed, Failure> {
    let mut no_room = None;
    for new in builders {
        if no_room.is_some()
            && let Some(launched) = launched_already(cloud, new).await?
        {
            return Ok(Deed::of(launched));
        }
        match cloud.launch(new).await {
            Err(error) if error.kind == Kind::NoRoom => no_room = Some(error),
            Err(error) if matches!(error.kind, Kind::TokenSpent | Kind::TokenUsed) => {
                return Ok(Deed::before());
            }
            outcome => return Ok(outcome.map(Deed::of)?),
        }
    }
    Err(no_room.map_or(Failure::Rule(Reason::NoBase("no builder was planned".into())), Failure::Cloud))
}

async fn launched_already<C: Cloud>(cloud: &C, new: &NewBuilder) -> Result<Option<InstanceId>, CloudError> {
    let own = |tags: &Tags| {
        [tags::RECIPE, tags::VERSION, tags::ROLE].iter().all(|key| tags.get(key) == new.tags.get(key))
    };
    let instances = cloud.instances(&new.region).await?;
    let living = |state| state != crate::cloud::InstanceState::Gone;
    Ok(instances
        .into_iter()
        .find(|instance| own(&instance.tags) && living(instance.state))
        .map(|instance| instance.id))
}

/// Makes an image. A name that is taken is success where the image that has it is the one wanted.
async fn create<C: Cloud>(cloud: &C, new: &NewImage) -> Result<ImageId, Failure> {
    let error = match cloud.create_image(new).await {
        Err(error) if error.kind == Kind::NameTaken => error,
        outcome => return Ok(outcome?),
    };
    let wanted: Option<ImageName> = new.name.parse().ok();
    let named = cloud.images(&new.region, &Wanted::Named(new.name.clone())).await?;
    match named
        .iter()
        .find(|image| wanted.as_ref().is_some_and(|name| capture::made_of(image, name, &new.instance)))
    {
        Some(image) => Ok(image.id.clone()),
        None => Err(named
            .first()
            .map_or(Failure::Cloud(error), |image| Failure::Rule(Reason::NameTaken(image.id.clone())))),
    }
}

/// Deregisters an image. EC2 answers with success even where a snapshot stays, so each one's result is read.
async fn deregister<C: Cloud>(cloud: &C, region: &Region, image: &ImageId) -> Result<Deed, Failure> {
    let mut deed = Deed::default();
    let Deregistration::Now(deletions) = cloud.deregister_image(region, image).await? else {
        return Ok(Deed::before());
    };
    for deletion in deletions {
        match deletion.outcome {
            Deletion::Deleted => deed.deleted.push(deletion.snapshot),
            Deletion::UsedElsewhere => {}
            Deletion::Failed(code) => deed.stayed.push(format!("{} ({code})", deletion.snapshot)),
        }
    }
    Ok(deed)
}

fn snapshots_stayed(stayed: &[String]) -> String {
    let stayed = stayed.join(", ");
    format!(
        "the image is deregistered, but its snapshots stay and cost money: {stayed}; a later sweep tries again"
    )
}

/// What is said once something was done.
fn news_of(decision: &Decision, deed: &Deed) -> Option<Announcement> {
    // Whoever did it has said it.
    if deed.before {
        return None;
    }
    let made = deed.made.as_deref();
    let news = match &decision.action {
        Action::Launch(_) => News::BakeStarted { instance: made?.parse().ok()? },
        Action::StopForBake { instance, .. } => News::BakeStarted { instance: instance.clone() },
        Action::Capture(new) => {
            News::ImageCaptured { image: made?.parse().ok()?, instance: new.instance.clone() }
        }
        Action::Retire(image, _) => {
            News::ImageRetired { image: image.clone(), reason: decision.because.to_string() }
        }
        // What never was a good image does not expire: its failure was said.
        Action::Deregister(_)
            if matches!(decision.because, Reason::ImageFailed { .. } | Reason::FailedTry) =>
        {
            return None;
        }
        Action::Deregister(image) => News::ImageExpired {
            image: image.clone(),
            reason: decision.because.to_string(),
            snapshots: deed.deleted.clone(),
        },
        _ => return None,
    };
    announce(decision, news)
}

/// What is said of the repair that one chain was.
fn news_of_repair(repaired: &[Decision], now: DateTime<Utc>) -> Option<Announcement> {
    let last = repaired.last()?;
    let news = News::DriftRepaired {
        actions: repaired.iter().map(|decision| decision.action.word()).collect(),
        resource: last.subject.resource.clone(),
        reason: last.because.to_string(),
        late_seconds: last.since.map(|since| (now - since).num_seconds()),
    };
    announce(last, news)
}

/// What is said when something failed. A launched builder whose image could not be begun is tried again; a long-lived one
/// is not, for it does not wait.
fn news_of_failure(decision: &Decision, failure: &Failure, long_lived: bool) -> Option<Announcement> {
    match &decision.action {
        Action::Capture(new) if long_lived && failure.is_for_good() => announce(
            decision,
            News::BakeFailed {
                instance: new.instance.clone(),
                reason: failure.to_string(),
                console_tail: String::new(),
            },
        ),
        Action::Copy(new) => announce(
            decision,
            News::ReplicationFailed { image: new.image.clone(), reason: failure.to_string() },
        ),
        _ => None,
    }
}

fn announce(decision: &Decision, news: News) -> Option<Announcement> {
    let subject = &decision.subject;
    let name = match &decision.action {
        Action::StopForBake { version, .. } => {
            ImageName { recipe: subject.recipe.clone()?, version: *version }
        }
        _ => ImageName { recipe: subject.recipe.clone()?, version: subject.version? },
    };
    Some(Announcement { name, region: subject.region.clone(), news })
}
