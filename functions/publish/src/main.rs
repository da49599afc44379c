//! `publish`: shares an image that passed its test, or rolls a recipe back.
//!
//! Woken by Kiln's own `Image Verified`, and by hand with `{"rollback": "web"}`. Answers with the decision, and why.
//! It may tag images that have Kiln's tag, change who may use them and their snapshots, set their deprecation and
//! protection, and write the recipes' parameters and launch templates.

use kiln::events::inbound::{Mode, PublishCall};
use kiln::handlers::publish::publish;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("publish", async |kiln, payload, now| {
        Ok(publish(&kiln.cloud, &kiln.context, &PublishCall::read(payload)?, Mode::of(payload), now).await?)
    })
    .await
}
