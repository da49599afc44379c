//! `replicate`: brings an image to every Region of its recipe.
//!
//! Woken by EC2, in the home Region and from every other one, when any image becomes available or fails; what is not
//! Kiln's is left alone. Answers with what was decided for each Region, and why. It may copy images, write the stage on
//! those that bear Kiln's tag, and deregister copies of its own that failed.

use kiln::events::inbound::ReplicateCall;
use kiln::handle::replicate::replicate;
use kiln::runtime::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("replicate", async |kiln, payload, now| {
        Ok(replicate(&kiln.cloud, &kiln.place, &ReplicateCall::read(payload)?, now).await?)
    })
    .await
}
