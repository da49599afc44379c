//! What is said on the bus of what was done, and of what failed.

use chrono::{DateTime, Utc};
use kiln_core::events::outbound::{Announcement, Became, News, Told};
use kiln_core::model::{ImageId, ImageName, SnapshotId, tags};
use kiln_core::plan::reason::{CaptureReason, ReplicateReason, RestoreReason};
use kiln_core::plan::{Action, Decision, Reason};

use crate::apply::effect::{Deed, Failure};

/// What is said once something was done.
pub(crate) fn news_of(decision: &Decision, deed: &Deed) -> Option<Announcement> {
    // Whoever did it has said it.
    if deed.before {
        return None;
    }
    let made = deed.made.as_deref();
    let news = match &decision.action {
        // A tester is told of once it has ended.
        Action::Launch(launched) if launched.iter().any(|new| new.tags.has(tags::IMAGE)) => return None,
        Action::Launch(_) => News::BakeStarted { instance: made?.parse().ok()? },
        Action::StopForBake { instance, .. } => News::BakeStarted { instance: instance.clone() },
        Action::Capture(new) => {
            News::ImageCaptured { image: made?.parse().ok()?, instance: new.instance.clone() }
        }
        Action::MarkUnused(image, ..) => became(decision, Became::Deprecated, image, None)?,
        Action::Retire(image, ..) => became(decision, Became::Retired, image, None)?,
        Action::Spare(image, _) if decision.because == Reason::Restore(RestoreReason::AskedBack) => {
            News::ImageRestored { image: image.clone() }
        }
        Action::Enable(image) => News::ImageRestored { image: image.clone() },
        // What never was a good image does not expire: its failure was said.
        Action::Deregister(_)
            if matches!(
                decision.because,
                Reason::Capture(CaptureReason::ImageFailed { .. })
                    | Reason::Replicate(ReplicateReason::FailedTry)
            ) =>
        {
            return None;
        }
        Action::Deregister(image) => became(decision, Became::Expired, image, Some(deed.deleted.clone()))?,
        _ => return None,
    };
    announce(decision, news)
}

/// What is said of an image that stays though its recipe lets it go: not what uses it, which is how it should be, but
/// that somebody holds it.
pub(crate) fn news_of_keeping(decision: &Decision) -> Option<Announcement> {
    decision.retention.filter(|known| known.by_choice)?;
    let image = decision.subject.resource.as_deref()?.parse().ok()?;
    announce(decision, became(decision, Became::Kept, &image, None)?)
}

/// What is said of the repair that one chain was.
pub(crate) fn news_of_repair(repaired: &[Decision], now: DateTime<Utc>) -> Option<Announcement> {
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
pub(crate) fn news_of_failure(
    decision: &Decision,
    failure: &Failure,
    long_lived: bool,
) -> Option<Announcement> {
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

/// What became of one image. Those of many are told together.
fn became(
    decision: &Decision,
    became: Became,
    image: &ImageId,
    snapshots: Option<Vec<SnapshotId>>,
) -> Option<News> {
    let told = Told {
        image: image.clone(),
        version: decision.subject.version?,
        region: decision.subject.region.clone(),
        reason: decision.because.to_string(),
        snapshots,
    };
    Some(News::Images { became, images: vec![told] })
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
