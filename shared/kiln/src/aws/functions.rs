//! Kiln's own functions, on Lambda.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use kiln_core::events::wake::Function;
use kiln_core::inventory::Result;
use kiln_engine::ports::Functions;
use serde_json::Value;

use crate::aws::Aws;
use crate::aws::errors::Call;

impl Functions for Aws {
    /// Lambda accepts the payload at once, tries a failed invocation twice more, and then sends the payload to the
    /// failure queue.
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>)
    async fn wake(&self, function: Function, payload: &Value) -> Result<()> {
        let call = Call::new("Invoke", &self.home);
        let name = format!("{}-{}", self.stack, function.name());
        self.lambda()
            .await
            .invoke()
            .function_name(&name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await
            .map_err(call.on(&name))?;
        Ok(())
    }
}
