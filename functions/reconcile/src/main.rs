//! `reconcile`: finds what a lost event or a failed function left undone, and wakes the function whose work it is.
//!
//! Woken by EventBridge Scheduler every 15 minutes, and by hand. Answers with each function that it woke and why; what
//! that function then does, it reports as `Drift Repaired`. It may read what Kiln manages, and invoke Kiln's other
//! functions. It changes nothing itself.

use kiln::events::inbound::ReconcileCall;
use kiln::handlers::reconcile::reconcile;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("reconcile", async |kiln, payload, now| {
        ReconcileCall::read(payload)?;
        Ok(reconcile(&kiln.cloud, &kiln.context, now).await?)
    })
    .await
}
