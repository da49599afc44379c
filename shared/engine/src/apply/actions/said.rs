//! Whether an event has been sent already by another invocation that does the same.

use kiln_core::events::outbound::{Envelope, Event};
use kiln_core::inventory::{ImageQuery, InstanceState};
use kiln_core::model::{ImageId, Stage};

use crate::ports::Cloud;

/// Whether the mark that follows an event is there: then another invocation, woken by another event of the same moment,
/// has sent it. A night's release is reported by SSM once for each Region, and each report wakes `replicate`.
///
/// Two that read at the same time still both send it: copies have the same id. What cannot be read is sent.
pub(crate) async fn is_said<C: Cloud>(cloud: &C, envelope: &Envelope) -> bool {
    match &envelope.news {
        Event::ImageReleased { image, .. } => is_at(cloud, envelope, image, Stage::Released).await,
        Event::ImageRejected { image, .. } => is_at(cloud, envelope, image, Stage::Rejected).await,
        // The tester is terminated after the event.
        Event::ImageVerified { instance, .. } => {
            let tester = cloud.instance(&envelope.region, instance).await;
            tester.is_ok_and(|found| found.is_some_and(|one| one.state == InstanceState::Terminated))
        }
        _ => false,
    }
}

async fn is_at<C: Cloud>(cloud: &C, envelope: &Envelope, image: &ImageId, stage: Stage) -> bool {
    let found = cloud.images(&envelope.region, &ImageQuery::Id(image.clone())).await;
    let is_there = |images: &[kiln_core::inventory::Image]| {
        images.iter().any(|image| image.record().is_ok_and(|record| record.stage == stage))
    };
    found.is_ok_and(|images| is_there(&images))
}
