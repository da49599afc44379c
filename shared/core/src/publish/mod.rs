//! Decides whether an image that passed its test is published, and stops it if Amazon Inspector's findings forbid it.

mod mark;
pub mod sharing;
mod watermark;

use chrono::{DateTime, Utc};

use crate::events::outbound::Event;
use crate::inventory::{CloudError, Finding, Image, ImageState, Permissions};
use crate::model::{ImageRecord, Stage};
use crate::plan::reason::{PublishReason, ScanReason};
use crate::plan::{Action, Reason, Sequence, Subject, anchored};
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
    /// What Amazon Inspector found in it; read only if [`wants_findings`] is true.
    pub findings: Result<Vec<Finding>, CloudError>,
}

/// Whether Amazon Inspector's findings must be read before [`decide`] can be called.
pub fn wants_findings(recipe: &Recipe, image: &Image) -> bool {
    recipe.publish.block_on_findings.is_some() && image.scanned.is_some()
}

/// Whether an image is ready to be published: it is an available home image that passed its test.
pub fn is_due(image: &Image, record: &ImageRecord) -> bool {
    image.state == ImageState::Available && record.copied.is_none() && record.stage == Stage::Verified
}

/// Decides whether an image is published, waits for its scan, or is rejected.
pub fn decide(recipe: &Recipe, observed: &Observed, now: DateTime<Utc>) -> Sequence {
    let Observed { image, record, permissions, .. } = observed;
    let keep = |reason| vec![Subject::image(image).decide(Action::Keep, reason)];
    if image.state != ImageState::Available {
        return keep(Reason::ImageNotAvailable(image.state.clone()));
    }
    if !is_due(image, record) {
        return keep(Reason::Publish(PublishReason::NotToPublish(record.stage)));
    }
    match scan_gate(recipe, observed, now) {
        ScanGate::Pass => sharing::publish(
            recipe,
            image,
            record,
            permissions,
            Reason::Publish(PublishReason::Verified),
            now,
        ),
        ScanGate::Wait(reason) => keep(PublishReason::Scan(reason).into()),
        ScanGate::Unknown(error) => vec![Subject::image(image).retry_later(error)],
        ScanGate::Block(reason) => reject(image, record, PublishReason::Scan(reason).into()),
    }
}

/// Whether Amazon Inspector's findings allow an image to be published.
enum ScanGate<'a> {
    Pass,
    Wait(ScanReason),
    Unknown(&'a CloudError),
    Block(ScanReason),
}

fn scan_gate<'a>(recipe: &Recipe, observed: &'a Observed, now: DateTime<Utc>) -> ScanGate<'a> {
    let Some(at_least) = recipe.publish.block_on_findings else { return ScanGate::Pass };
    if observed.image.scanned.is_none() {
        let until = observed.image.under_way_since().unwrap_or(now) + recipe.publish.findings_timeout;
        return match now < until {
            true => ScanGate::Wait(ScanReason::NotScanned(until)),
            false => ScanGate::Block(ScanReason::NeverScanned(until)),
        };
    }
    let findings = match &observed.findings {
        Ok(findings) => findings,
        Err(error) => return ScanGate::Unknown(error),
    };
    let blocking = || findings.iter().filter(|finding| finding.severity >= at_least && finding.fixable);
    match blocking().max_by_key(|finding| finding.severity) {
        None => ScanGate::Pass,
        Some(worst) => ScanGate::Block(ScanReason::Findings {
            count: blocking().count(),
            at_least,
            first: format!("{} ({})", worst.title, worst.severity),
        }),
    }
}

/// Sends the event before it sets the stage, so that no crash can lose the event.
fn reject(image: &Image, record: &ImageRecord, reason: Reason) -> Sequence {
    let news = Event::ImageRejected {
        image: image.id.clone(),
        instance: None,
        reason: reason.to_string(),
        console_tail: String::new(),
        log: None,
    };
    let mut sequence = vec![Subject::image(image).emit(&record.name, news, reason.clone())];
    sequence.extend(anchored::rejected(image, record, &reason));
    sequence
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
