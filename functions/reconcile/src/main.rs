//! `reconcile`: does what a lost event or a failed function left undone.
//!
//! Woken by EventBridge Scheduler every 15 minutes, and by hand. Answers with each repair and why, and reports it as
//! `Drift Repaired`. It may do what every other function except `expire` may do, and tag and delete snapshots that an
//! image left behind.

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
