//! `verify`: proves an image before it is used.
//!
//! Woken by EC2, at home and from every other Region, when any image becomes available or any instance stops; what is not
//! Kiln's is left alone. Launches a tester in another Availability Zone than the image's builder ran in, reads its verdict,
//! writes the stage on the image, and terminates the tester. An image that somebody else made and tagged `kiln:recipe` is
//! taken in here. It may launch and terminate testers, and tag images.

use kiln::events::inbound::VerifyCall;
use kiln::handlers::verify::verify;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("verify", async |kiln, payload, now| {
        Ok(verify(&kiln.cloud, &kiln.context, &VerifyCall::read(payload)?, now).await?)
    })
    .await
}
