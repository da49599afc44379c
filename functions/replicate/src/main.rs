//! `replicate`: copies an image to every Region of its recipe, and releases it.
//!
//! Woken by Kiln's own `Image Published`, by EC2 when an image in a further Region becomes available or fails, by
//! Kiln's own `Image Verified` of a replica, and by SSM when a parameter names another image or the image was rejected.
//! Answers with the decision for each Region, and why. It may copy images, do with replicas what `publish` does with
//! images, deregister its own copies that failed, and write the recipes' parameters and launch templates.

use kiln::events::inbound::{Mode, ReplicateCall};
use kiln::handlers::replicate::replicate;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("replicate", async |kiln, payload, now| {
        Ok(replicate(&kiln.cloud, &kiln.context, &ReplicateCall::read(payload)?, Mode::of(payload), now)
            .await?)
    })
    .await
}
