//! `publish`: shares an image that passed its test, and rolls a recipe back.
//!
//! Woken by Kiln's own `Image Verified`, or by hand with `{"rollback": "web"}`. Answers with what was decided, and why. It may
//! change who may use images that bear Kiln's tag, their deprecation and their protection, and write the recipes'
//! parameters and launch templates.

use kiln::events::inbound::PublishCall;
use kiln::handlers::publish::publish;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("publish", async |kiln, payload, now| {
        Ok(publish(&kiln.cloud, &kiln.context, &PublishCall::read(payload)?, now).await?)
    })
    .await
}
