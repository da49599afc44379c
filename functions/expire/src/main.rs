//! `expire`: retires what the recipes keep no longer and nobody uses.
//!
//! Woken by EventBridge Scheduler every night, by `Image Replicated`, and by hand, where it only answers with the plan
//! unless told `{"dry_run": false}`. Answers with every image, what becomes of it and why. It may disable and deregister
//! images that bear Kiln's tag, with their snapshots; nothing else.

use kiln::events::inbound::ExpireCall;
use kiln::handle::expire::expire;
use kiln::runtime::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("expire", async |kiln, payload, now| {
        Ok(expire(&kiln.cloud, &kiln.place, &ExpireCall::read(payload)?, now).await?)
    })
    .await
}
