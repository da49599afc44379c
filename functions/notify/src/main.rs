//! `notify`: tells people what happened, in a chat channel, by mail or on a phone.
//!
//! Woken by those of Kiln's own events that the stack's `NotifyOf` chooses, if it has a `NotifyTopic`; by hand with any of
//! them. Sends each to that topic, and answers nothing. It may publish to that one topic, and reads nothing.

use kiln::events::inbound::NotifyCall;
use kiln::handlers::notify::notify;
use kiln::lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve("notify", async |kiln, payload, _now| {
        Ok(notify(&kiln.cloud, &kiln.context, &NotifyCall::read(payload)?).await?)
    })
    .await
}
