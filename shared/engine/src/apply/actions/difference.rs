//! Reads what differs between a release and the one before, just before it is told.

use futures::future::join;
use kiln_core::events::outbound::{Envelope, Event};
use kiln_core::model::contents::contents_key;
use kiln_core::model::difference::Difference;
use kiln_core::model::{Contents, ImageName, Kept};

use crate::ports::Cloud;

/// The same event, with the difference if the contents of both releases can be read. Without it the event is as true.
pub(crate) async fn with_difference<C: Cloud>(cloud: &C, envelope: &Envelope) -> Envelope {
    let mut told = envelope.clone();
    if let Event::ImageReleased { before: Some(version), difference, .. } = &mut told.news {
        let before = ImageName { version: *version, ..envelope.name.clone() };
        let (old, new) = join(contents(cloud, &before), contents(cloud, &envelope.name)).await;
        *difference = old.zip(new).map(|(old, new)| Box::new(Difference::between(*version, &old, &new)));
    }
    told
}

async fn contents<C: Cloud>(cloud: &C, name: &ImageName) -> Option<Contents> {
    match cloud.object(&contents_key(name)).await {
        Ok(content) => Some(Kept::read(&String::from_utf8(content?).ok()?).contents),
        Err(error) => {
            let ImageName { recipe, version } = name;
            tracing::info!(%error, %recipe, %version, "what is in a release could not be read, so its event does not tell what changed");
            None
        }
    }
}
