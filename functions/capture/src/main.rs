//! `capture`: makes an image of a builder that has done its work.
//!
//! Woken by EC2 when any instance of the account stops, and when any image becomes available or fails; what is not
//! Kiln's is left alone. Answers with what was decided, and why. It may make images of Kiln's instances, start those that
//! a person gave it, terminate those that `bake` launched, and deregister images of its own that failed.

use kiln::events::inbound::CaptureCall;
use kiln::handlers::capture::capture;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("capture", async |kiln, payload, now| {
        Ok(capture(&kiln.cloud, &kiln.context, &CaptureCall::read(payload)?, now).await?)
    })
    .await
}
