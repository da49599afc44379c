//! What every event needs, made before the first one comes.
//!
//! Lambda gives a function a whole core while it starts, and at 128 MB a fourteenth of one while it handles an event. What takes
//! 70 ms of a core takes a second there. (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>)

use std::time::Duration;

use futures::future::join;
use kiln_core::inventory::ImageQuery;
use kiln_engine::ports::Images;
use tokio::time::timeout;

use crate::aws::Aws;

/// Lambda ends a start that takes 10 s. What is not ready until then is made when it is needed.
const DEADLINE: Duration = Duration::from_secs(5);
/// A name that no image of Kiln's has, for that of one ends with its version.
const NO_IMAGE: &str = "kiln-is-there";

impl Aws {
    /// Reads the root certificates and derives the keys of the seals. Asks EC2 for an image that does not exist, so that the
    /// connection stands, and each page of the code that an event runs has been read. What fails is tried again by the event
    /// that needs it.
    pub async fn make_ready(&self) {
        self.config().await;
        if self.seal_keys.is_empty() {
            return;
        }
        let no_image = ImageQuery::Named(NO_IMAGE.to_owned());
        let first = join(self.seals(), self.images(&self.home, &no_image));
        match timeout(DEADLINE, first).await {
            Ok((Ok(_), Ok(_))) => {}
            Ok((Err(error), _)) => tracing::error!(
                %error,
                "the keys of the seals could not be derived; the first event that needs them tries again"
            ),
            Ok((_, Err(error))) => tracing::info!(%error, "EC2 could not be asked at the start"),
            Err(_) => tracing::info!("AWS did not answer at the start; the first event tries again"),
        }
    }
}
