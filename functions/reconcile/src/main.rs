//! `reconcile`: finds what a lost event or a failed function left undone, and wakes the function whose work it is.
//!
//! Woken by EventBridge Scheduler every 15 minutes, and by hand. Answers with each function that it woke and why; what
//! that function then does, it reports as `Drift Repaired`. It may read what Kiln manages, and invoke Kiln's other
//! functions. It changes no image itself.
//!
//! Invoked with `{"failures": "list"}`, shows what waits in the stack's queues, with the event, the error and what to do;
//! with `redrive`, it sends those events to their functions again, and with `purge` it removes the messages.

use kiln::events::inbound::ReconcileCall;
use kiln::handlers::failures::failures;
use kiln::handlers::reconcile::reconcile;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("reconcile", async |kiln, payload, now| match ReconcileCall::read(payload)? {
        ReconcileCall::Sweep => Ok(reconcile(&kiln.cloud, &kiln.context, now).await?),
        ReconcileCall::Failures(call) => Ok(failures(&kiln.cloud, &kiln.stack, &call).await?),
    })
    .await
}
