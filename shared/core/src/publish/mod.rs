//! Whether an image that passed its test is published.

pub mod sharing;

use chrono::{DateTime, Utc};

use crate::events::outbound::{Envelope, Event};
use crate::inventory::{CloudError, Finding, Image, ImageState, Permissions};
use crate::model::{ImageRecord, Stage};
use crate::plan::reason::{PublishReason, ScanReason};
use crate::plan::{Action, Reason, Sequence, Subject};
use crate::recipe::Recipe;

/// What was observed of one home image.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The image.
    pub image: Image,
    /// Its record.
    pub record: ImageRecord,
    /// Who may use it.
    pub permissions: Result<Permissions, CloudError>,
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
pub fn decide(recipe: &Recipe, seen: &Observed, now: DateTime<Utc>) -> Sequence {
    let Observed { image, record, permissions, .. } = seen;
    let leave = |reason| vec![Subject::image(image).decide(Action::Keep, reason)];
    if image.state != ImageState::Available {
        return leave(Reason::ImageNotAvailable(image.state.clone()));
    }
    if !is_due(image, record) {
        return leave(Reason::Publish(PublishReason::NotToPublish(record.stage)));
    }
    match gate(recipe, seen, now) {
        ScanGate::Pass => sharing::publish(
            recipe,
            image,
            record,
            permissions,
            Reason::Publish(PublishReason::Verified),
            now,
        ),
        ScanGate::Wait(reason) => leave(reason),
        ScanGate::Unknown(error) => vec![Subject::image(image).retry_later(error)],
        ScanGate::Block(reason) => reject(image, record, reason),
    }
}

/// Whether an image may pass.
enum ScanGate<'a> {
    Pass,
    Wait(Reason),
    Unknown(&'a CloudError),
    Block(Reason),
}

fn gate<'a>(recipe: &Recipe, seen: &'a Observed, now: DateTime<Utc>) -> ScanGate<'a> {
    let Some(at_least) = recipe.publish.block_on_findings else { return ScanGate::Pass };
    if seen.image.scanned.is_none() {
        let until = seen.image.created.unwrap_or(now) + recipe.publish.findings_timeout;
        return match now < until {
            true => ScanGate::Wait(Reason::Publish(PublishReason::Scan(ScanReason::NotScanned(until)))),
            false => ScanGate::Block(Reason::Publish(PublishReason::Scan(ScanReason::NeverScanned(until)))),
        };
    }
    let findings = match &seen.findings {
        Ok(findings) => findings,
        Err(error) => return ScanGate::Unknown(error),
    };
    let barred = || findings.iter().filter(|found| found.severity >= at_least && found.fixable);
    match barred().max_by_key(|found| found.severity) {
        None => ScanGate::Pass,
        Some(worst) => ScanGate::Block(Reason::Publish(PublishReason::Scan(ScanReason::Findings {
            count: barred().count(),
            at_least,
            first: format!("{} ({})", worst.title, worst.severity),
        }))),
    }
}

/// Said first, so that no crash makes it silent.
fn reject(image: &Image, record: &ImageRecord, reason: Reason) -> Sequence {
    let news = Event::ImageRejected {
        image: image.id.clone(),
        reason: reason.to_string(),
        console_tail: String::new(),
    };
    let said = Envelope { name: record.name.clone(), region: image.region.clone(), news };
    vec![
        Subject::image(image).decide(Action::Emit(said), reason.clone()),
        Subject::image(image).decide(Action::SetStage(image.id.clone(), Stage::Rejected), reason),
    ]
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
