//! `capture`: creates an image of a builder that has finished its work.
//!
//! Woken by EC2 when any instance of the account stops, and when any image becomes available or fails; what Kiln does
//! not manage stays unchanged. Answers with the decision, and why. It may create images of builders, tag and restart
//! long-lived builders, terminate builders that `bake` launched, and deregister its own images that failed.

use kiln::events::inbound::{CaptureCall, Mode};
use kiln::handlers::capture::capture;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("capture", async |kiln, payload, now| {
        Ok(capture(&kiln.cloud, &kiln.context, &CaptureCall::read(payload)?, Mode::of(payload), now).await?)
    })
    .await
}
