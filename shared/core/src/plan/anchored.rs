//! The decisions that write a stage together with its anchor, so that no tag takes it back.

use std::collections::BTreeMap;

use crate::inventory::{Image, Result};
use crate::model::{AnchoredEnd, ImageRecord, Region, Tags};
use crate::plan::action::Action;
use crate::plan::decision::{Decision, Sequence, Subject};
use crate::plan::reason::Reason;

/// Sets an image to rejected.
pub fn rejected(image: &Image, record: &ImageRecord, reason: &Reason) -> Sequence {
    ended(image, record, AnchoredEnd::Rejected, reason)
}

/// Ends the way of an image. The anchor first: no tag gives the image another chance then.
pub fn ended(image: &Image, record: &ImageRecord, end: AnchoredEnd, reason: &Reason) -> Sequence {
    let decide = |action| Subject::image(image).decide(action, reason.clone());
    let anchor = Action::anchor(image, image.anchor().ended(end));
    let stage = image.anchor().ended(end).stage(record.stage);
    vec![decide(anchor), decide(Action::SetStage(image.id.clone(), record.at(stage), Tags::new()))]
}

/// Lets an image begin again, so that it is tested, with the record that it has then: the anchor first, after which no
/// tag of before counts.
pub fn begin_again(image: &Image, record: &ImageRecord, reason: &Reason) -> Sequence {
    let decide = |action| Subject::image(image).decide(action, reason.clone());
    let anchor = record.asked_again.map(|at| decide(Action::anchor(image, image.anchor().asked_anew(at))));
    let stage = decide(Action::SetStage(image.id.clone(), record.clone(), Tags::new()));
    anchor.into_iter().chain([stage]).collect()
}

/// Writes the stage of an image again, if somebody has set its tag back. The anchor counts all the while.
pub fn set_right(image: &Image) -> Option<Decision> {
    let (found, record) = (image.set_back()?, image.record().ok()?);
    let reason = Reason::SetBack { found, counts: record.stage };
    Some(Subject::image(image).decide(Action::SetStage(image.id.clone(), record, Tags::new()), reason))
}

/// The images as they are once these decisions have written their anchors and stages: what follows from that can be shown
/// before anything is done.
pub fn after(
    images: &BTreeMap<Region, Result<Vec<Image>>>,
    decided: &[Sequence],
) -> BTreeMap<Region, Result<Vec<Image>>> {
    let mut after = images.clone();
    for image in after.values_mut().filter_map(|found| found.as_mut().ok()).flatten() {
        for decision in decided.iter().flatten() {
            match &decision.action {
                Action::Anchor { image: id, anchor, .. } if *id == image.id => {
                    *image = image.anchored(anchor.clone());
                }
                Action::SetStage(id, record, more) if *id == image.id => {
                    image.tags = std::mem::take(&mut image.tags).and(&record.write()).and(more);
                }
                _ => {}
            }
        }
    }
    after
}
