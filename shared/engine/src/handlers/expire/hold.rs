//! `expire` with `hold`: keeps one image, whatever its recipe says.

use chrono::{DateTime, Utc};
use kiln_core::events::inbound::Mode;
use kiln_core::expire::hold;
use kiln_core::model::ImageId;

use crate::apply::{Report, apply};
use crate::context::{Context, HandlerError};
use crate::observe::find_image::{RegionScope, find_image};
use crate::observe::recipes;
use crate::ports::Cloud;

/// Holds an image, in whichever Region it is.
///
/// # Errors
/// Why nothing was done.
pub async fn hold<C: Cloud>(
    cloud: &C,
    context: &Context,
    (image, why): (&ImageId, &str),
    now: DateTime<Utc>,
) -> Result<Report, HandlerError> {
    let read = recipes::wanted(cloud, context, None).await?;
    let scope = RegionScope::of(cloud, context, &read).await;
    let sequence = match find_image(cloud, context, &scope, image).await? {
        Ok((found, _)) => hold::decide(&found, why),
        Err(rejected) => rejected,
    };
    Ok(apply(cloud, vec![sequence], Mode::Apply, now).await)
}
