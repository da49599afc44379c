//! Whether another invocation that does the same sends an event, or has sent it.

use kiln_core::events::outbound::{Envelope, Event};
use kiln_core::inventory::{Image, ImageQuery, InstanceState};
use kiln_core::model::{ImageId, Stage, tags};
use kiln_core::plan::Reason;
use kiln_core::plan::reason::ReleaseReason;

use crate::apply::effect::ApplyError;
use crate::ports::Cloud;

/// Who sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// This invocation.
    Own,
    /// Another one, which has done so: the mark that follows the event is there.
    Other,
}

/// Who sends an event. SSM reports a release once for each Region, and each report wakes `replicate`: the mark that the
/// others left, and the time of the release that only one of them wrote last, tell who goes on.
///
/// Two may still both send it if each reads before the other writes: copies have the same id. An event whose mark cannot
/// be read is sent.
///
/// # Errors
/// Another invocation is about to send it, and goes on with the rest as well.
pub(crate) async fn sender<C: Cloud>(cloud: &C, envelope: &Envelope) -> Result<Sender, ApplyError> {
    let has_stage = |image: &Image, stage| image.record().is_ok_and(|record| record.stage == stage);
    let is_said = match &envelope.news {
        Event::ImageReleased { image, released, .. } => match read(cloud, envelope, image).await {
            Some(image) if has_stage(&image, Stage::Released) => true,
            Some(image) if image.tags.get(tags::RELEASED_AT).is_some_and(|at| at != released) => {
                let reason = ReleaseReason::BeingFinished(envelope.name.version);
                return Err(ApplyError::NotYet(Reason::Release(reason)));
            }
            _ => false,
        },
        Event::ImageRejected { image, .. } => {
            read(cloud, envelope, image).await.is_some_and(|image| has_stage(&image, Stage::Rejected))
        }
        Event::ImageUnchanged { image, .. } => {
            read(cloud, envelope, image).await.is_some_and(|image| has_stage(&image, Stage::Unchanged))
        }
        // The tester is terminated after the event.
        Event::ImageVerified { instance, .. } => {
            let tester = cloud.instance(&envelope.region, instance).await;
            tester.is_ok_and(|found| found.is_some_and(|one| one.state == InstanceState::Terminated))
        }
        _ => false,
    };
    Ok(if is_said { Sender::Other } else { Sender::Own })
}

async fn read<C: Cloud>(cloud: &C, envelope: &Envelope, image: &ImageId) -> Option<Image> {
    cloud.images(&envelope.region, &ImageQuery::Id(image.clone())).await.ok()?.pop()
}
