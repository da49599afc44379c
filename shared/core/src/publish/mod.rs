//! Whether an image that passed its test is published.

pub mod sharing;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Announcement, News};
use crate::inventory::{CloudError, Finding, Granted, Image, ImageState};
use crate::model::{ImageRecord, Stage};
use crate::plan::reason::{PublishReason, ScanReason};
use crate::plan::{Action, Chain, Reason, Subject};
use crate::recipe::Recipe;

/// What was observed of one home image.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The image.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// Who may use it.
    pub granted: Result<Granted, CloudError>,
    /// What Amazon Inspector found in it; looked for where [`wants_findings`] says so.
    pub findings: Result<Vec<Finding>, CloudError>,
}

/// Whether it must be known what Amazon Inspector found before it can be decided.
pub fn wants_findings(recipe: &Recipe, image: &Image) -> bool {
    recipe.publish.block_on_findings.is_some() && image.scanned.is_some()
}

/// Whether an image stands where it is published.
pub fn is_due(image: &Image, record: &ImageRecord) -> bool {
    image.state == ImageState::Available && record.copied.is_none() && record.stage == Stage::Verified
}

/// What becomes of an image.
pub fn decide(recipe: &Recipe, seen: &Seen, now: DateTime<Utc>) -> Chain {
    let Seen { image, record, granted, .. } = seen;
    let leave = |because| vec![Subject::image(image).so(Action::Leave, because)];
    if image.state != ImageState::Available {
        return leave(Reason::ImageNotAvailable(image.state.clone()));
    }
    if !is_due(image, record) {
        return leave(Reason::Publish(PublishReason::NotToPublish(record.stage)));
    }
    match gate(recipe, seen, now) {
        Gate::Open => {
            sharing::publish(recipe, image, record, granted, Reason::Publish(PublishReason::Verified), now)
        }
        Gate::Wait(because) => leave(because),
        Gate::Blind(error) => vec![Subject::image(image).unseen(error)],
        Gate::Shut(because) => reject(image, record, because),
    }
}

/// Whether an image may pass.
enum Gate<'a> {
    Open,
    Wait(Reason),
    Blind(&'a CloudError),
    Shut(Reason),
}

fn gate<'a>(recipe: &Recipe, seen: &'a Seen, now: DateTime<Utc>) -> Gate<'a> {
    let Some(at_least) = recipe.publish.block_on_findings else { return Gate::Open };
    if seen.image.scanned.is_none() {
        let until = seen.image.created.unwrap_or(now) + recipe.publish.findings_timeout;
        return match now < until {
            true => Gate::Wait(Reason::Publish(PublishReason::Scan(ScanReason::NotScanned(until)))),
            false => Gate::Shut(Reason::Publish(PublishReason::Scan(ScanReason::NeverScanned(until)))),
        };
    }
    let findings = match &seen.findings {
        Ok(findings) => findings,
        Err(error) => return Gate::Blind(error),
    };
    let barred = || findings.iter().filter(|found| found.severity >= at_least && found.fixable);
    match barred().max_by_key(|found| found.severity) {
        None => Gate::Open,
        Some(worst) => Gate::Shut(Reason::Publish(PublishReason::Scan(ScanReason::Findings {
            count: barred().count(),
            at_least,
            first: format!("{} ({})", worst.title, worst.severity),
        }))),
    }
}

/// Said first, so that no crash makes it silent.
fn reject(image: &Image, record: &ImageRecord, because: Reason) -> Chain {
    let news = News::ImageRejected {
        image: image.id.clone(),
        reason: because.to_string(),
        console_tail: String::new(),
    };
    let said = Announcement { name: record.name.clone(), region: image.region.clone(), news };
    vec![
        Subject::image(image).so(Action::Say(said), because.clone()),
        Subject::image(image).so(Action::Mark(image.id.clone(), Stage::Rejected), because),
    ]
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
