//! `expire`: retires what the recipes keep no longer and nobody uses.
//!
//! Woken by EventBridge Scheduler every night, by `Image Released`, by `EC2 AMI State PermissionChange` of an image that was
//! deregistered, and by hand: then it only answers with the plan unless told `{"dry_run": false}`, brings back
//! (`{"restore": …}`), explains (`{"explain": …}`), or lets the images of a deleted recipe go (`{"retire_recipe": …}`).
//! Answers with every image, what becomes of it and why. It may deprecate, disable and deregister images that bear Kiln's
//! tag, with their snapshots, and ask EC2 for usage reports; nothing else.

use kiln::events::inbound::ExpireCall;
use kiln::handlers::Debounce;
use kiln::handlers::expire::expire;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let debounce = Debounce::default();
    serve("expire", async |kiln, payload, now| {
        Ok(expire(&kiln.cloud, &kiln.context, &ExpireCall::read(payload)?, &debounce, now).await?)
    })
    .await
}
