//! `verify`: tests an image before it is used, and adopts images that somebody else made.
//!
//! Woken by EC2, in the home Region and in every other Region of Kiln, when any image becomes available or any instance
//! stops; what Kiln does not manage stays unchanged. Launches a tester in another Availability Zone than the image's
//! builder, reads its result from the console, sets the stage of the image, and terminates the tester. Adopts an image
//! that its recipe asks for. Invoked with `{"retest": "ami-…"}`, tests a rejected image again. Answers with the decision,
//! and why. It may launch and terminate testers, and tag images and their snapshots.

use kiln::events::inbound::{Mode, VerifyCall};
use kiln::handlers::verify::verify;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("verify", async |kiln, payload, now| {
        Ok(verify(&kiln.cloud, &kiln.context, &VerifyCall::read(payload)?, Mode::of(payload), now).await?)
    })
    .await
}
