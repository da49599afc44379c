//! `catalog`: keeps what happened, and makes the catalogue of all images in the stack's bucket: `catalog.json`, and pages
//! for people.
//!
//! Woken by Kiln's own events that tell of a release or of a failure, by EventBridge Scheduler every night after
//! `expire`, and by hand with `{}`. Answers how much it made. `{"status": true}` asks how the recipes are: that is answered,
//! and nothing is made. It may read what `expire` reads, and write below
//! `catalog/` and `history/` in the stack's bucket. It changes nothing else, and sends no event.

use kiln::events::inbound::CatalogCall;
use kiln::handlers::catalog::catalog;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("catalog", async |kiln, payload, now| {
        Ok(catalog(&kiln.cloud, &kiln.context, &CatalogCall::read(payload)?, now).await?)
    })
    .await
}
