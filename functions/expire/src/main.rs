//! `expire`: deprecates, disables and deregisters images that their recipe no longer keeps and nobody uses.
//!
//! Woken by EventBridge Scheduler every night, by Kiln's own `Image Released`, by EC2's `EC2 AMI State Change` when an
//! image was deregistered, and by hand. Called by hand, it only answers with the plan unless the event contains
//! `{"dry_run": false}`; it also restores a release (`{"restore": …}`), holds an image (`{"hold": …, "reason": …}`), explains
//! one (`{"explain": …}`), and lets the images of a deleted recipe go (`{"retire_recipe": …}`). Answers with the decision for every image, and why.
//! It may tag, deprecate, disable, enable and deregister images that have Kiln's tag, delete their snapshots, and
//! request usage reports from EC2. It touches nothing else.

use kiln::events::inbound::{ExpireCall, Mode};
use kiln::handlers::Debounce;
use kiln::handlers::expire::expire;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let debounce = Debounce::default();
    serve("expire", async |kiln, payload, now| {
        Ok(expire(&kiln.cloud, &kiln.context, &ExpireCall::read(payload)?, &debounce, Mode::of(payload), now)
            .await?)
    })
    .await
}
