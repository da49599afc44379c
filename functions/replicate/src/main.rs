//! `replicate`: brings an image to every Region of its recipe, and makes it a release.
//!
//! Woken by Kiln's own `Image Published`, by EC2 when an image of a further Region becomes available or fails, by Kiln's own
//! `Image Verified` of a replica, and by SSM when a parameter that names an image was written. Answers with what was decided
//! for each Region, and why. It may copy images, share replicas, write the stage on what bears Kiln's tag, deregister copies
//! of its own that failed, and write the recipes' parameters and launch templates.

use kiln::events::inbound::ReplicateCall;
use kiln::handlers::replicate::replicate;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("replicate", async |kiln, payload, now| {
        Ok(replicate(&kiln.cloud, &kiln.context, &ReplicateCall::read(payload)?, now).await?)
    })
    .await
}
